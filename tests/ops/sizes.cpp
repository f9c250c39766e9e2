// Sizes of results where the sizes of inputs are symbols: what must be exact, what becomes a constraint, what is left
// open.
#include <gtest/gtest.h>

#include "op/reference.h"
#include "op/registry.h"

namespace neve::test {
namespace {

struct Given {
  TensorType type;
  Facts facts = {};
};
Given tensor(Shape s, DType t = DType::f32) { return {{t, std::move(s)}, {}}; }
Given ints(Shape content) {
  const Dim n = int64_t(content.size());
  return {{DType::i64, {n}}, Facts::of(std::move(content))};
}
Given open_ints(int64_t n) { return {{DType::i64, {Dim(n)}}, {}}; }

struct Result {
  std::string type, content, constraints, error;
};

Result infer_of(const char* name, const std::vector<Given>& in, const AttrList& attrs = {}) {
  const OpDef& op = find_op(name);
  const Attrs a = op.defaults().with(attrs);
  std::vector<const TensorType*> types;
  for (const Given& g : in) types.push_back(&g.type);
  Inferring t(op.info, types);
  for (const Given& g : in) t.in_facts.push_back(g.facts);
  Result r;
  try {
    infer(op, a, t);
  } catch (const Error& e) {
    r.error = e.message();
    return r;
  }
  for (const TensorType& y : t.out) r.type += (r.type.empty() ? "" : ", ") + to_string(y);
  if (!t.out_content.empty() && t.out_content[0]) r.content = to_string(*t.out_content[0]);
  for (const Constraint& c : t.constraints)
    r.constraints += (r.constraints.empty() ? "" : "; ") + to_string(c.a) +
                     (c.kind == Constraint::divides    ? " % "
                      : c.kind == Constraint::at_least ? " >= "
                                                       : " == ") +
                     to_string(c.b);
  return r;
}

const Dim b = Dim::symbol("b"), s = Dim::symbol("s"), c = Dim::symbol("c"), one_up = Dim::symbol("p", 1);
constexpr int64_t far = INT64_MAX, low = INT64_MIN + (int64_t(1) << 32) + 1;  // what facts_of makes of INT64_MIN

TEST(Sizes, ReshapeKeepsWhatIsKnown) {
  EXPECT_EQ(infer_of("reshape", {tensor({b, s, 768}), ints({0, 0, 12, 64})}).type, "f32[b, s, 12, 64]");
  EXPECT_EQ(infer_of("reshape", {tensor({b, s, 768}), ints({0, -1, 12, 64})}).type, "f32[b, s, 12, 64]");
  EXPECT_EQ(infer_of("reshape", {tensor({b, s, 768}), ints({b, s, -1, 64})}).type, "f32[b, s, 12, 64]");
  EXPECT_EQ(infer_of("reshape", {tensor({b, s, 12, 64}), ints({b, s, 768})}).constraints, "");
  EXPECT_EQ(infer_of("reshape", {tensor({b, 3, 4}), ints({b, -1})}).type, "f32[b, 12]");
  EXPECT_EQ(infer_of("reshape", {tensor({b, s, 8}), ints({-1, 8})}).type, "f32[b*s, 8]");
  EXPECT_EQ(infer_of("reshape", {tensor({b * s, 8}), ints({b, -1, 8})}).type, "f32[b, s, 8]");
  EXPECT_EQ(infer_of("reshape", {tensor({b, s}), ints({-1})}).type, "f32[b*s]");
  EXPECT_EQ(infer_of("reshape", {tensor({b, s}), open_ints(1)}).type, "f32[b*s]");
}

TEST(Sizes, ReshapeRecordsWhatIsNotProven) {
  const Result halves = infer_of("reshape", {tensor({b}), ints({-1, 2})});
  EXPECT_EQ(halves.type, "f32[floordiv(b, 2), 2]");
  EXPECT_EQ(halves.constraints, "b % 2");
  EXPECT_EQ(infer_of("reshape", {tensor({b}), ints({s})}).constraints, "b == s");
  EXPECT_EQ(infer_of("reshape", {tensor({Dim(3)}), ints({2})}).error.substr(0, 8), "reshape:");
  EXPECT_NE(infer_of("reshape", {tensor({Dim(4)}), ints({-1, -1})}).error, "");
  EXPECT_NE(infer_of("reshape", {tensor({Dim(4)}), ints({-1, 3})}).error, "");
  // Lengths, but not values, of the target: one open size each.
  EXPECT_EQ(infer_of("reshape", {tensor({b, s}), open_ints(2)}).type, "f32[reshape0, reshape1]");
}

TEST(Sizes, SliceIsExactForKnownBounds) {
  EXPECT_EQ(infer_of("slice", {tensor({b, s}), ints({0}), ints({far}), ints({1})}).type, "f32[b, s]");
  EXPECT_EQ(infer_of("slice", {tensor({b, one_up}), ints({-1}), ints({far}), ints({1})}).type, "f32[b, 1]");
  EXPECT_EQ(infer_of("slice", {tensor({b, s}), ints({0}), ints({s}), ints({1})}).type, "f32[b, s]");
  EXPECT_EQ(infer_of("slice", {tensor({Dim(1024), Dim(8)}), ints({0}), ints({s}), ints({0})}).type,
            "f32[min(s, 1024), 8]");
  EXPECT_EQ(infer_of("slice", {tensor({s}), ints({0}), ints({far}), ints({0}), ints({2})}).type,
            "f32[floordiv(s + 1, 2)]");
  EXPECT_EQ(infer_of("slice", {tensor({s}), ints({-1}), ints({low}), ints({0}), ints({-1})}).type, "f32[s]");
  EXPECT_EQ(infer_of("slice", {tensor({b, s}), open_ints(1), open_ints(1), ints({1})}).type, "f32[b, slice1]");
  EXPECT_EQ(infer_of("slice", {tensor({b, s}), open_ints(1), open_ints(1), open_ints(1)}).type, "f32[slice0, slice1]");
  EXPECT_EQ(infer_of("slice", {ints({b, s, 3}), ints({1}), ints({3})}).content, "[s, 3]");
  EXPECT_EQ(infer_of("slice", {ints({b, s, 3}), ints({-1}), ints({low}), ints({0}), ints({-2})}).content, "[3, b]");
}

TEST(Sizes, ContentFlows) {
  EXPECT_EQ(infer_of("shape", {tensor({b, 3, s})}).content, "[b, 3, s]");
  EXPECT_EQ(infer_of("shape", {tensor({b, 3, s})}, {{"start", int64_t(-1)}}).content, "[s]");
  EXPECT_EQ(infer_of("size", {tensor({b, 3, s})}).content, "[3*b*s]");
  EXPECT_EQ(infer_of("gather", {ints({b, 3, s}), {{DType::i64, {}}, Facts::of({Dim(-1)})}}).content, "[s]");
  EXPECT_EQ(infer_of("gather", {ints({b, 3, s}), ints({2, 0})}).content, "[s, b]");
  EXPECT_EQ(infer_of("concat", {ints({b}), ints({-1}), ints({s, 2})}).content, "[b, -1, s, 2]");
  EXPECT_EQ(infer_of("concat", {ints({b}), open_ints(1)}).content, "");
  EXPECT_EQ(infer_of("unsqueeze", {{{DType::i64, {}}, Facts::of({b})}}, {{"axes", std::vector<int64_t>{0}}}).content,
            "[b]");
  EXPECT_EQ(infer_of("squeeze", {ints({b})}, {{"axes", std::vector<int64_t>{0}}}).content, "[b]");
  EXPECT_EQ(infer_of("reduce_prod", {ints({b, 3, s})}, {{"keepdims", false}}).content, "[3*b*s]");
  EXPECT_EQ(infer_of("split", {ints({b, 3, s})}, {{"split", std::vector<int64_t>{1, 2}}}).content, "[b]");
  EXPECT_EQ(infer_of("tile", {ints({b, 3}), ints({2})}).content, "[b, 3, b, 3]");
  EXPECT_EQ(infer_of("expand", {ints({b}), ints({3})}).content, "[b, b, b]");
  EXPECT_EQ(infer_of("constant_of_shape", {ints({2})}, {{"value", Tensor::of(DType::i64, {1}, {-1})}}).content,
            "[-1, -1]");
  EXPECT_EQ(infer_of("scatter_elements", {ints({b, 3}), ints({-1}), ints({s})}).content, "[b, s]");
  EXPECT_EQ(infer_of("cum_sum", {ints({b, 3})}).content, "[b, b + 3]");
}

TEST(Sizes, ContentIsDroppedRatherThanWrong) {
  // 2^62 * 4 fits no size, and 200 + 100 no u8.
  EXPECT_EQ(infer_of("reduce_prod", {ints({int64_t(1) << 61, 8})}).error, "");
  EXPECT_EQ(infer_of("reduce_prod", {ints({int64_t(1) << 61, 8})}).content, "");
  EXPECT_EQ(infer_of("reduce_sum", {{{DType::u8, {Dim(2)}}, Facts::of({Dim(200), Dim(100)})}}).content, "");
  EXPECT_EQ(infer_of("reduce_sum", {{{DType::i32, {Dim(2)}}, Facts::of({Dim(INT32_MAX), Dim(1)})}}).content, "");
}

TEST(Sizes, RangeAndFillings) {
  const auto number = [](Dim d) { return Given{{DType::i64, {}}, Facts::of({d})}; };
  EXPECT_EQ(infer_of("range", {number(0), number(s), number(1)}).type, "i64[s]");
  EXPECT_EQ(infer_of("range", {number(b), number(b + s), number(1)}).type, "i64[s]");
  EXPECT_EQ(infer_of("range", {number(0), number(4), number(2)}).content, "[0, 2]");
  EXPECT_EQ(infer_of("range", {number(s), number(0), number(-1)}).type, "i64[s]");
  EXPECT_EQ(infer_of("constant_of_shape", {ints({b, 4})}).type, "f32[b, 4]");
  EXPECT_EQ(infer_of("expand", {tensor({Dim(1), s}), ints({b, 1})}).type, "f32[b, s]");
  EXPECT_EQ(infer_of("tile", {tensor({b, 2}), ints({3, s})}).type, "f32[3*b, 2*s]");
}

TEST(Sizes, JoinsAndCuts) {
  EXPECT_EQ(infer_of("concat", {tensor({b, s}), tensor({b, 1})}, {{"axis", int64_t(1)}}).type, "f32[b, s + 1]");
  EXPECT_EQ(infer_of("concat", {tensor({b, s}), tensor({c, s})}, {{"axis", int64_t(1)}}).constraints, "b == c");
  EXPECT_EQ(infer_of("split", {tensor({b, s * 3})}, {{"axis", int64_t(1)}, {"num_outputs", int64_t(3)}}).type,
            "f32[b, s], f32[b, s], f32[b, s]");
  EXPECT_EQ(infer_of("split", {tensor({b, s * 3})}, {{"axis", int64_t(1)}, {"num_outputs", int64_t(3)}}).constraints,
            "");
  EXPECT_EQ(infer_of("pad", {tensor({b, s}), ints({0, 1, 0, 2})}).type, "f32[b, s + 3]");
  EXPECT_EQ(infer_of("flatten", {tensor({b, 3, s})}).type, "f32[b, 3*s]");
  EXPECT_EQ(infer_of("squeeze", {tensor({b, s})}, {{"axes", std::vector<int64_t>{1}}}).constraints, "s == 1");
  EXPECT_NE(infer_of("squeeze", {tensor({b, s})}).error.find("may be 1 or not"), std::string::npos);
  EXPECT_EQ(infer_of("top_k", {tensor({b, 10}), ints({3})}).type, "f32[b, 3], i64[b, 3]");
  EXPECT_EQ(infer_of("depth_to_space", {tensor({b, 8, s, s})}, {{"blocksize", int64_t(2)}}).type,
            "f32[b, 2, 2*s, 2*s]");
}

TEST(Sizes, EinsumAndTransforms) {
  EXPECT_EQ(
      infer_of("einsum", {tensor({b, s, 64}), tensor({b, c, 64})}, {{"equation", std::string("bqd,bkd->bqk")}}).type,
      "f32[b, s, c]");
  EXPECT_EQ(infer_of("dft", {tensor({b, s, 1})}, {{"axis", int64_t(1)}, {"onesided", true}}).type,
            "f32[b, floordiv(s, 2) + 1, 2]");
  const Given step{{DType::i64, {}}, Facts::of({Dim(100)})};
  EXPECT_EQ(infer_of("stft", {tensor({b, s, 1}), step, tensor({Dim(400)})}).type,
            "f32[b, floordiv(s, 100) - 3, 201, 2]");
}

}  // namespace
}  // namespace neve::test
