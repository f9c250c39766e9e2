// Random fused pieces against the reference: whatever the analysis accepts must be right at every size; and it must
// accept most.
#include <gtest/gtest.h>

#include <cstring>

#include "base/error.h"
#include "op/reference.h"
#include "support.h"

namespace neve::test {
namespace {

/// Grows a piece op by op over a few shapes that broadcast with one another.
class Grower {
 public:
  explicit Grower(uint32_t seed) : random_(seed) {
    const Dim b = Dim::symbol("b"), n = Dim::symbol("n");
    b_ = b, n_ = n;
    const std::vector<Shape> shapes = {{b, n}, {b, 4, n}, {b, n, 6}, {n, b}, {b, 4, 3, n}};
    full_ = shapes[pick(shapes.size())];
  }
  size_t pick(size_t n) { return size_t(random_() % n); }

  /// An input that broadcasts to the full shape.
  Value fresh_input() {
    Shape s = full_;
    switch (pick(5)) {
      case 0:
        break;
      case 1:
        s = Shape(s.begin() + long(pick(s.size())), s.end());
        break;
      case 2:
        s[pick(s.size())] = 1;
        break;
      case 3:
        s[s.size() - 1] = 1;
        break;
      case 4:
        s[0] = 1;
        break;
    }
    return piece.input(DType::f32, s);
  }
  Value any() { return values_.empty() || pick(3) == 0 ? fresh_input() : values_[pick(values_.size())]; }

  void grow(int steps) {
    values_.push_back(piece.input(DType::f32, full_));
    for (int i = 0; i < steps; ++i) step();
  }
  void step() {
    static const char* unary[] = {"relu", "exp", "neg", "tanh", "sigmoid", "abs", "erf"};
    static const char* binary[] = {"add", "sub", "mul", "max", "min"};
    const auto name = [&](auto& list) { return list[pick(std::size(list))]; };
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        return keep(piece.call(name(unary), {any()}));
      case 3:
      case 4:
      case 5:
        return keep(piece.call(name(binary), {any(), any()}));
      case 6: {
        const Value x = any();
        return keep(piece.call("where", {piece.call("less", {x, any()}), any(), piece.scalar(DType::f32, 0.5)}));
      }
      case 7: {  // a reduction over the last axis, or all but the first
        const Value x = full_value();
        std::vector<int64_t> axes = {-1};
        if (reduce_axes_.empty()) {
          if (pick(3) == 0) axes = {int64_t(pick(full_.size()))};
          reduce_axes_ = axes;
        }
        static const char* reduce[] = {"reduce_sum", "reduce_max", "reduce_mean", "reduce_min"};
        return keep(piece.call(name(reduce), {x}, {{"axes", reduce_axes_}, {"keepdims", true}}));
      }
      case 8:
        return keep(
            piece.call("softmax", {full_value()}, {{"axis", reduce_axes_.empty() ? int64_t(-1) : reduce_axes_[0]}}));
      case 9: {  // there and back
        const Value x = full_value();
        std::vector<int64_t> perm(full_.size());
        for (size_t i = 0; i < perm.size(); ++i) perm[i] = int64_t(perm.size() - 1 - i);
        return keep(piece.call("transpose", {piece.call("relu", {piece.call("transpose", {x}, {{"perm", perm}})})},
                               {{"perm", perm}}));
      }
      case 10: {  // flat and back
        const Value x = full_value();
        const Value flat =
            piece.graph.reshape(x, std::vector<Dim>{full_[0], element_count(full_) == full_[0] ? Dim(1) : rest()});
        return keep(piece.graph.reshape(piece.call("abs", {flat}), std::span<const Dim>(full_.begin(), full_.size())));
      }
      case 11: {
        // What jumps is only done to inputs: near a jump, one unit of the last place is a whole step.
        if (pick(2))
          return keep(
              piece.graph.cast(piece.graph.cast(fresh_input(), pick(2) ? DType::i32 : DType::bf16), DType::f32));
        return keep(piece.call("floor", {fresh_input()}));
      }
    }
  }
  Dim rest() const {
    Dim d = 1;
    for (size_t i = 1; i < full_.size(); ++i) d *= full_[i];
    return d;
  }
  Value full_value() {
    for (size_t i = values_.size(); i-- > 0;)
      if (piece.graph.type(values_[i]).shape == full_) return values_[i];
    return values_[0];
  }
  void keep(Value v) { values_.push_back(v); }

  void finish() {
    Value out = full_value();
    const Value last = values_.back();
    if (piece.graph.type(last).shape != full_) out = piece.call("add", {out, last});
    switch (pick(6)) {
      case 0: {  // a transpose that stays
        std::vector<int64_t> perm(full_.size());
        for (size_t i = 0; i < perm.size(); ++i) perm[i] = int64_t(i);
        std::shuffle(perm.begin(), perm.end(), random_);
        out = piece.call("transpose", {out}, {{"perm", perm}});
        break;
      }
      case 1:
        out = piece.call("concat", {out, piece.call("neg", {fresh_full()})}, {{"axis", int64_t(0)}});
        break;
      case 2:
        out = piece.call("slice", {out, piece.graph.ints({1}), piece.graph.ints({1 << 30}), piece.graph.ints({-1}),
                                   piece.graph.ints({2})});
        break;
      case 3:
        if (pick(2)) piece.output(piece.call("mul", {out, out}));
        break;
      default:
        break;
    }
    piece.output(out);
  }
  Value fresh_full() { return piece.input(DType::f32, full_); }

  std::vector<SymbolValues> sizes() {
    std::vector<SymbolValues> s;
    for (auto [x, y] : std::initializer_list<std::pair<int64_t, int64_t>>{
             {3, 5}, {1, 1}, {2, 0}, {0, 3}, {1, 67}, {5, 16}, {2, 130}, {40, 33}, {1, 3000}})
      s.push_back({{id(b_), x}, {id(n_), y}});
    return s;
  }

  Piece piece;

 private:
  std::mt19937 random_;
  Dim b_, n_;
  Shape full_;
  std::vector<Value> values_;
  std::vector<int64_t> reduce_axes_;
};

TEST(LoopRandom, PiecesAgreeWithTheReference) {
  const char* count_text = std::getenv("NEVE_FUZZ_LOOPS");
  const uint32_t count = count_text ? uint32_t(std::atoi(count_text)) : 60;
  const char* first_text = std::getenv("NEVE_FUZZ_SEED");
  const uint32_t first = first_text ? uint32_t(std::atoi(first_text)) : 1;
  uint32_t accepted = 0;
  for (uint32_t seed = first; seed < first + count; ++seed) {
    Grower grower(seed);
    grower.grow(2 + int(grower.pick(7)));
    grower.finish();
    const Subgraph g = grower.piece.primitives();
    const LoopAnalysis a = make_loop_nest(g);
    if (!a.nest) {
      ASSERT_FALSE(a.refusal.empty());
      if (std::getenv("NEVE_SHOW_REFUSALS")) std::printf("seed %u: %s\n", seed, a.refusal.c_str());
      continue;
    }
    ++accepted;
    SCOPED_TRACE(str("seed ", seed));
    expect_reference(g, grower.sizes(), 2e-4, 5, Isa(std::min(int(cpu_info().isa), int(seed % 3))));
    if (testing::Test::HasFailure()) break;
  }
  // Refusals are allowed (reductions over unlike axes), but not as the rule.
  EXPECT_TRUE(testing::Test::HasFailure() || accepted * 3 >= count * 2) << accepted << " of " << count << " accepted";
}

}  // namespace
}  // namespace neve::test
