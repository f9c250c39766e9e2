// A quantisation and its inverse behind a convolution or product, in the same kernel.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/cpu/native/simd.h"
#include "kernels/support.h"

namespace neve::test {
namespace {

using namespace images;
using Ints = std::vector<int64_t>;

/// y as integers of this dtype and back.
Value requantized(Piece& p, Value y, float scale, std::optional<Tensor> zero, AttrList attrs = {}) {
  Values q{y, p.constant(Tensor::scalar(DType::f32, scale))};
  if (zero) q.push_back(p.constant(*zero));
  const Value n = p.call("quantize_linear", q, attrs)[0];
  q[0] = n;
  return p.call("dequantize_linear", q)[0];
}

struct Tail {
  const char* follows = nullptr;  ///< before the integers
  DType integer = DType::u8;
  float scale = 0.03f;
  int zero = 0;
  bool bounded = false;  ///< by a clip before them, too
};

Value ended(Piece& p, Value y, const Tail& t) {
  if (t.follows) y = p.call(t.follows, {y})[0];
  if (t.bounded)
    y = p.call("clip",
               {y, p.constant(Tensor::scalar(DType::f32, -0.5)), p.constant(Tensor::scalar(DType::f32, 0.7))})[0];
  return requantized(p, y, t.scale, Tensor::scalar(t.integer, t.zero));
}

Subgraph conv(int64_t channels, int64_t outputs, int64_t taps, int64_t groups, const Tail& t,
              std::string_view op = "conv") {
  Piece p;
  const bool transposed = op == "conv_transpose";
  const Value x = p.input(DType::f32, {n, channels, h, w}),
              weight = p.weight(DType::f32, {transposed ? channels : outputs,
                                             (transposed ? outputs : channels) / groups, taps, taps});
  Values in{x, weight, p.weight(DType::f32, {outputs})};
  const int64_t stride = transposed ? taps : 1;
  p.output(ended(p, p.call(op, in, {{"group", groups}, {"strides", Ints{stride, stride}}})[0], t));
  return p.subgraph();
}

Subgraph product(Dim m, int64_t k, int64_t columns, const Tail& t) {
  Piece p;
  const Value x = p.input(DType::f32, {m, k});
  p.output(ended(p, p.call("matmul", {x, p.weight(DType::f32, {k, columns})})[0], t));
  return p.subgraph();
}

const Tail tails[] = {{},
                      {nullptr, DType::i8, 0.02f, -3},
                      {"relu", DType::u8, 0.01f, 7},
                      {"relu", DType::i8, 0.01f, -128},
                      {nullptr, DType::i16, 0.01f, 11, true}};

TEST(Requantize, FollowsConvolutions) {
  const auto sizes = sizes_of({{1, 16, 16}, {2, 9, 11}});
  Asked how;
  how.most_error = 1;
  for (const Tail& t : tails) {
    SCOPED_TRACE(str(t.follows ? t.follows : "", " ", to_string(t.integer)));
    expect_reference("native.direct", conv(16, 24, 3, 1, t), sizes, how);
    expect_reference("native.pointwise", conv(16, 40, 1, 1, t), sizes, how);
    expect_reference("native.grouped", conv(16, 16, 3, 2, t), sizes, how);
    expect_reference("native.depthwise", conv(32, 32, 3, 32, t), sizes, how);
    expect_reference("native.conv_transpose", conv(16, 24, 2, 1, t, "conv_transpose"), sizes, how);
  }
}

TEST(Requantize, FollowsProducts) {
  const Dim m = Dim::symbol("m");
  for (const Tail& t : tails) {
    SCOPED_TRACE(str(t.follows ? t.follows : "", " ", to_string(t.integer)));
    expect_reference("native.matmul", product(m, 40, 70, t), {{{id(m), 33}}, {{id(m), 17}}});
    expect_reference("native.gemv", product(m, 40, 70, t), {{{id(m), 1}}, {{id(m), 4}}});
  }
}

// What is off the range, half way, and what is no number.
TEST(Requantize, SaturatesRoundsToEvenAndTakesNoNumberAsZero) {
  using kernels::native::Activation;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  Activation f{Activation::requantize, 0.5f, 5};
  f.low = -128, f.high = 127;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa > cpu_info().isa) continue;
    float x[16] = {0, 0.2f, 0.25f, 0.75f, 60, 61, 62, 1e9f, infinity, -66, -66.5f, -67, -1e9f, -infinity, NAN, -0.75f};
    kernels::native::simd_for(isa).activate(f, x, 16);
    const std::vector<float> expected{0, 0, 0, 1, 60, 61, 61, 61, 61, -66, -66.5f, -66.5f, -66.5f, -66.5f, -2.5f, -1};
    EXPECT_EQ(std::vector<float>(x, x + 16), expected);
  }
}

TEST(Requantize, RefusesWhatIsNoPair) {
  const Dim m = Dim::symbol("m");
  const SymbolValues at{{id(m), 32}};
  const auto refused = [&](auto&& tail) {
    Piece p;
    const Value x = p.input(DType::f32, {m, 40});
    p.output(tail(p, p.call("matmul", {x, p.weight(DType::f32, {40, 70})})[0]));
    return refusal("native.matmul", p.subgraph(), at);
  };
  const auto quantized = [](Piece& p, Value y, float scale) {
    return p.call("quantize_linear", {y, p.constant(Tensor::scalar(DType::f32, scale))})[0];
  };
  EXPECT_EQ(refused([&](Piece& p, Value y) {
              return p.call("dequantize_linear",
                            {quantized(p, y, 0.5f), p.constant(Tensor::scalar(DType::f32, 0.25))})[0];
            }),
            "quantize_linear changes the type to u8[m, 70]");
  EXPECT_EQ(refused([&](Piece& p, Value y) { return quantized(p, y, 0.5f); }),
            "quantize_linear changes the type to u8[m, 70]");
}

}  // namespace
}  // namespace neve::test
