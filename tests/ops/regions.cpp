// Ops with regions: types with joined and widened sizes, and runs by functions and by subgraphs.
#include <gtest/gtest.h>

#include "op/reference.h"
#include "op/regions.h"
#include "op/registry.h"

namespace neve::test {
namespace {

Tensor vec(std::initializer_list<double> v) { return Tensor::of(DType::f32, {int64_t(v.size())}, v); }
std::vector<double> values(const Tensor& t) {
  std::vector<double> r;
  for (int64_t k = 0; k < t.element_count(); ++k) r.push_back(t.item(k));
  return r;
}
using Numbers = std::vector<double>;

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

// Types of a node whose inputs have the given types.
NodeTypes types(std::string_view op, const AttrList& attrs, const std::vector<TensorType>& in,
                const std::vector<RegionFn>& regions, const std::vector<Facts>& facts = {}) {
  std::vector<const TensorType*> p;
  for (const TensorType& t : in) p.push_back(&t);
  const OpDef& def = find_op(op);
  return infer_node(def, def.defaults().with(attrs), p, facts, regions);
}
std::vector<Tensor> run(std::string_view op, const AttrList& attrs, const std::vector<Tensor>& in,
                        const std::vector<RegionFn>& regions) {
  const OpDef& def = find_op(op);
  return evaluate(def, def.defaults().with(attrs), in, 1, regions);
}

const TensorType one_bool{DType::boolean, {}}, one_int{DType::i64, {}};
Tensor flag(bool v) { return Tensor::scalar_int(DType::boolean, v); }

const RegionFn twice = [](Builder& b, std::span<const Value> p) {
  return Values{b.call("concat", {p[0], p[0]}, {{"axis", int64_t(0)}})};
};
const RegionFn same = [](Builder& b, std::span<const Value> p) { return Values{b.call("neg", {p[0]})}; };

TEST(If, RunsOneRegion) {
  for (bool c : {true, false})
    EXPECT_EQ(values(run("if", {}, {flag(c), vec({1, 2})}, {twice, same})[0]),
              c ? (Numbers{1, 2, 1, 2}) : (Numbers{-1, -2}));
}

TEST(If, BranchThatFailsMattersWhenItIsTaken) {
  const RegionFn broken = [](Builder& b, std::span<const Value> p) {
    return Values{b.call("fail", {b.dims(b.type(p[0]).shape, p)}, {{"message", std::string("no 8 kHz here")}})};
  };
  EXPECT_EQ(values(run("if", {}, {flag(false), vec({1, 2})}, {broken, same})[0]), (Numbers{-1, -2}));
  EXPECT_EQ(message([&] { run("if", {}, {flag(true), vec({1, 2})}, {broken, same}); }), "no 8 kHz here");
  const Dim n = Dim::symbol("n", 2, 10);
  EXPECT_EQ(to_string(types("if", {}, {one_bool, {DType::f32, {n}}}, {broken, same}).out[0]), "f32[n]");
  EXPECT_EQ(message([&] { types("fail", {{"message", std::string("x")}}, {{DType::i64, {n}}}, {}); }),
            "fail: the content of shape is not known (sizes, or what is computed from sizes, are right)");
}

TEST(If, JoinsSizes) {
  const Dim n = Dim::symbol("n", 2, 10);
  const NodeTypes t = types("if", {}, {one_bool, {DType::f32, {n}}}, {twice, same});
  ASSERT_EQ(t.out.size(), 1u);
  const Dim d = t.out[0].shape[0];
  ASSERT_TRUE(d.is_symbol());
  EXPECT_FALSE(d == n);
  EXPECT_EQ(lower_bound(d), 2);
  EXPECT_EQ(upper_bound(d), 20);
  EXPECT_EQ(to_string(types("if", {}, {one_bool, {DType::f32, {n}}}, {same, same}).out[0]), "f32[n]");
}

TEST(If, RefusesWhatCannotBeOneType) {
  const RegionFn flat = [](Builder& b, std::span<const Value> p) { return Values{b.reshape(p[0], Shape{2, 1})}; };
  EXPECT_EQ(message([&] { types("if", {}, {one_bool, {DType::f32, {2}}}, {same, flat}); }),
            "if: result 0 is f32[2] or f32[2, 1] (dtype and rank must be the same)");
  EXPECT_EQ(message([&] { types("if", {}, {one_int, {DType::f32, {2}}}, {same, same}); }),
            "if: cond is i64[] (it must be one bool)");
  EXPECT_EQ(message([&] { types("if", {}, {one_bool}, {}); }), "if: got 0 regions (it takes 2)");
}

// (iteration, cond, x, step) -> (true, x + step, x)
const RegionFn count_up = [](Builder& b, std::span<const Value> p) {
  return Values{b.constant(flag(true)), b.call("add", {p[2], p[3]}), b.call("identity", {p[2]})};
};

TEST(Loop, CarriesAndStacks) {
  const std::vector<Tensor> y =
      run("loop", {{"carried", int64_t(1)}, {"scan_outputs", int64_t(1)}},
          {Tensor::scalar_int(DType::i64, 3), Tensor(), vec({1, 2}), vec({10, 20})}, {count_up});
  EXPECT_EQ(values(y[0]), (Numbers{31, 62}));
  EXPECT_EQ(y[1].shape(), (Sizes{3, 2}));
  EXPECT_EQ(values(y[1]), (Numbers{1, 2, 11, 22, 21, 42}));
}

TEST(Loop, NoIterationKeepsTheStart) {
  const AttrList attrs = {{"carried", int64_t(1)}, {"scan_outputs", int64_t(1)}};
  for (const auto& [trips, cond] : {std::pair(0, true), std::pair(5, false)}) {
    const std::vector<Tensor> y =
        run("loop", attrs, {Tensor::scalar_int(DType::i64, trips), flag(cond), vec({1, 2}), vec({1, 1})}, {count_up});
    EXPECT_EQ(values(y[0]), (Numbers{1, 2}));
    EXPECT_EQ(y[1].shape(), (Sizes{0, 2}));
  }
}

TEST(Loop, StopsWhenTheRegionSaysSo) {
  // (i, cond, x) -> (x + 1 < 4, x + 1)
  const RegionFn body = [](Builder& b, std::span<const Value> p) {
    const Value x = b.call("add", {p[2], b.scalar(DType::f32, 1)});
    return Values{b.call("less", {x, b.scalar(DType::f32, 4)}), x};
  };
  EXPECT_EQ(
      run("loop", {{"carried", int64_t(1)}}, {Tensor(), Tensor(), Tensor::scalar(DType::f32, 0)}, {body})[0].item(), 4);
}

// (i, cond, x) -> (true, concat(x, x[:1]))
const RegionFn grow = [](Builder& b, std::span<const Value> p) {
  const Value head = b.call("slice", {p[2], b.ints({0}), b.ints({1}), b.ints({0})});
  return Values{b.constant(flag(true)), b.call("concat", {p[2], head}, {{"axis", int64_t(0)}})};
};

TEST(Loop, WidensCarriedSizes) {
  const NodeTypes t = types("loop", {{"carried", int64_t(1)}}, {one_int, one_bool, {DType::f32, {1}}}, {grow});
  EXPECT_TRUE(t.out[0].shape[0].is_symbol());
  EXPECT_EQ(values(run("loop", {{"carried", int64_t(1)}}, {Tensor::scalar_int(DType::i64, 3), Tensor(), vec({5})},
                       {grow})[0]),
            (Numbers{5, 5, 5, 5}));
}

TEST(Loop, SizesThatStayAreKept) {
  const Dim n = Dim::symbol("n");
  const NodeTypes t = types("loop", {{"carried", int64_t(1)}, {"scan_outputs", int64_t(1)}},
                            {one_int, one_bool, {DType::f32, {n}}, {DType::f32, {n}}}, {count_up}, {Facts::of({7})});
  EXPECT_EQ(to_string(t.out[0]), "f32[n]");
  EXPECT_TRUE(t.out[1].shape[1] == n);
  EXPECT_EQ(upper_bound(t.out[1].shape[0]), 7);
}

TEST(Loop, RefusesAChangingDtype) {
  const RegionFn body = [](Builder& b, std::span<const Value> p) {
    return Values{b.constant(flag(true)), b.cast(p[2], DType::f64)};
  };
  EXPECT_EQ(message([&] { types("loop", {{"carried", int64_t(1)}}, {one_int, one_bool, {DType::f32, {2}}}, {body}); }),
            "loop: carried value 0 is f32[2] before an iteration and f64[2] after it (dtype and rank must stay)");
}

// (sum, x, scale) -> (sum + x * scale, sum)
const RegionFn running = [](Builder& b, std::span<const Value> p) {
  return Values{b.call("add", {p[0], b.call("mul", {p[1], p[2]})}), b.call("identity", {p[0]})};
};

TEST(Scan, WalksForwardAndBackwardAlongAnyAxis) {
  const Tensor x = Tensor::of(DType::f32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor scale = Tensor::scalar(DType::f32, 10), zero3 = vec({0, 0, 0}), zero2 = vec({0, 0});
  const std::vector<Tensor> y = run("scan", {{"carried", int64_t(1)}}, {zero3, x, scale}, {running});
  EXPECT_EQ(values(y[0]), (Numbers{50, 70, 90}));
  EXPECT_EQ(values(y[1]), (Numbers{0, 0, 0, 10, 20, 30}));
  const std::vector<Tensor> z = run("scan",
                                    {{"carried", int64_t(1)},
                                     {"scan_input_axes", std::vector<int64_t>{1}},
                                     {"scan_input_directions", std::vector<int64_t>{1}},
                                     {"scan_output_axes", std::vector<int64_t>{-1}},
                                     {"scan_output_directions", std::vector<int64_t>{1}}},
                                    {zero2, x, scale}, {running});
  EXPECT_EQ(values(z[0]), (Numbers{60, 150}));
  EXPECT_EQ(z[1].shape(), (Sizes{2, 3}));
  EXPECT_EQ(values(z[1]), (Numbers{50, 30, 0, 110, 60, 0}));
}

TEST(Scan, TypesAreSymbolic) {
  const Dim n = Dim::symbol("n"), t = Dim::symbol("t");
  const NodeTypes y =
      types("scan", {{"carried", int64_t(1)}}, {{DType::f32, {n}}, {DType::f32, {t, n}}, {DType::f32, {}}}, {running});
  EXPECT_EQ(to_string(y.out[0]), "f32[n]");
  EXPECT_EQ(to_string(y.out[1]), "f32[t, n]");
}

// ---- subgraphs ------------------------------------------------------------------------------------------------
Subgraph relu_of_sum() {
  const Dim n = Dim::symbol("n");
  Subgraph g;
  for (int i = 0; i < 4; ++i) g.add_value({DType::f32, {n}});
  g.inputs = {0, 1};
  g.nodes.push_back({.op = &find_op("add"),
                     .attrs = find_op("add").defaults(),
                     .in = {0, 1},
                     .out = {2},
                     .regions = {},
                     .name = "sum"});
  g.nodes.push_back({.op = &find_op("relu"),
                     .attrs = find_op("relu").defaults(),
                     .in = {2},
                     .out = {3},
                     .regions = {},
                     .name = "act"});
  g.outputs = {3};
  return g;
}

TEST(Subgraph, FusedRunsItsRegion) {
  Subgraph g;
  const Dim n = Dim::symbol("n");
  for (int i = 0; i < 3; ++i) g.add_value({DType::f32, {n}});
  g.inputs = {0, 1};
  g.nodes.push_back({.op = &find_op("fused"),
                     .attrs = find_op("fused").defaults(),
                     .in = {0, 1},
                     .out = {2},
                     .regions = {std::make_shared<Subgraph>(relu_of_sum())},
                     .name = "f"});
  g.outputs = {2};
  const Tensor in[] = {vec({1, -2, 3}), vec({1, 1, -5})};
  EXPECT_EQ(values(evaluate(g, in)[0]), (Numbers{2, 0, 0}));
}

TEST(Subgraph, ErrorsNameTheNode) {
  const Tensor in[] = {vec({1, 2}), vec({1, 2, 3})};
  EXPECT_EQ(message([&] { evaluate(relu_of_sum(), in); }),
            "add: shapes [2] and [3] do not broadcast: sizes 2 and 3 of axis -1 (they must be equal, or one of them "
            "1)\n  at node 'sum'");
}

TEST(Registry, NearestNames) {
  EXPECT_EQ(message([] { find_op("sigmoyd"); }), "find_op: no op is named 'sigmoyd' (nearest: sigmoid)");
  EXPECT_EQ(message([] { find_op("zzzzzzzz"); }), "find_op: no op is named 'zzzzzzzz'");
  EXPECT_EQ(find_op_or_null("zzzzzzzz"), nullptr);
  EXPECT_EQ(message([] { register_op(&find_op("add")); }), "register_op: the name 'add' is taken (choose another)");
  for (size_t i = 1; i < all_ops().size(); ++i) EXPECT_LT(all_ops()[i - 1]->info.name, all_ops()[i]->info.name);
}

TEST(Weight, HasNoValueOfItsOwn) {
  const OpDef& w = find_op("weight");
  const Attrs a = w.defaults().with({{"name", std::string("w")}, {"shape", std::vector<int64_t>{2}}});
  EXPECT_EQ(message([&] { evaluate(w, a, {}); }),
            "weight: 'w' has no value here (a graph with weights needs a store of weights to run)");
}

}  // namespace
}  // namespace neve::test
