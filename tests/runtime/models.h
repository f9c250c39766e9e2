// Small models in text form that between them use every way a plan can run: kernels, loops, views, shape programs,
// sizes known only while running, regions.
#pragma once
#include <string_view>

namespace neve::test {

inline constexpr std::string_view conv_block =
    R"(graph conv_block(%x: f32[n, 3, h, w]) where n in 0..16, h in 3..64, w in 3..64 {
  %k: f32[8, 3, 3, 3] = weight() {name="k", shape=[8, 3, 3, 3]}
  %s: f32[8] = weight() {name="s", shape=[8]}
  %t: f32[8] = weight() {name="t", shape=[8]}
  %m: f32[8] = weight() {name="mean", shape=[8]}
  %v: f32[8] = weight() {name="var", shape=[8]}
  %0: f32[n, 8, h, w] = conv(%x, %k) {pads=[1, 1, 1, 1]}
  %1: f32[n, 8, h, w] = batch_normalization(%0, %s, %t, %m, %v)
  %2: f32[n, 8, h, w] = relu(%1)
  %u: f32[8, 8, 3, 3] = weight() {name="u", shape=[8, 8, 3, 3]}
  %b: f32[8] = weight() {name="b", shape=[8]}
  %3: f32[n, 8, h, w] = conv(%2, %u, %b) {pads=[1, 1, 1, 1]}
  %4: f32[n, 8, h, w] = add(%3, %2)
  %5: f32[n, 8, h, w] = relu(%4)
  return %5 "y"
})";

inline constexpr std::string_view pooled = R"(graph pooled(%x: f32[n, 4, h, 9]) where n in 1..8, h in 4..40 {
  %k: f32[6, 4, 3, 3] = weight() {name="k", shape=[6, 4, 3, 3]}
  %0: f32[n, 6, floordiv(h - 1, 2) + 1, 5] = conv(%x, %k) {strides=[2, 2], pads=[1, 1, 1, 1]}
  %1: f32[n, 6, floordiv(h - 1, 2), 4] = max_pool(%0) {kernel_shape=[2, 2], strides=[1, 1]}
  %2: f32[n, 6, 1, 1] = global_average_pool(%1)
  %3: f32[n, 6] = flatten(%2) {axis=1}
  %w: f32[6, 5] = weight() {name="w", shape=[6, 5]}
  %4: f32[n, 5] = matmul(%3, %w)
  %5: f32[n, 5] = softmax(%4) {axis=-1}
  return %5 "probabilities", %1 "features"
})";

inline constexpr std::string_view gelu_block = R"(graph gelu_block(%x: f32[b, s, 16]) where b in 0..32, s in 0..256 {
  %w: f32[16, 24] = weight() {name="w", shape=[16, 24]}
  %c: f32[24] = weight() {name="c", shape=[24]}
  %0: f32[b, s, 24] = matmul(%x, %w)
  %1: f32[b, s, 24] = add(%0, %c)
  %2: f32[b, s, 24] = gelu(%1)
  return %2 "y"
})";

inline constexpr std::string_view attention =
    R"(graph attention(%x: f32[b, s, 12], %mask: bool[b, s]) where b in 1..8, s in 1..64 {
  %q: f32[12, 12] = weight() {name="q", shape=[12, 12]}
  %k: f32[12, 12] = weight() {name="k", shape=[12, 12]}
  %v: f32[12, 12] = weight() {name="v", shape=[12, 12]}
  %0: f32[b, s, 12] = matmul(%x, %q)
  %1: f32[b, s, 12] = matmul(%x, %k)
  %2: f32[b, s, 12] = matmul(%x, %v)
  %h: i64[4] = constant() {value=i64[4]{0, 0, 3, 4}}
  %3: f32[b, s, 3, 4] = reshape(%0, %h)
  %4: f32[b, s, 3, 4] = reshape(%1, %h)
  %5: f32[b, s, 3, 4] = reshape(%2, %h)
  %6: f32[b, 3, s, 4] = transpose(%3) {perm=[0, 2, 1, 3]}
  %7: f32[b, 3, 4, s] = transpose(%4) {perm=[0, 2, 3, 1]}
  %8: f32[b, 3, s, 4] = transpose(%5) {perm=[0, 2, 1, 3]}
  %9: f32[b, 3, s, s] = matmul(%6, %7)
  %e: f32[] = constant() {value=f32[]{0.5}}
  %10: f32[b, 3, s, s] = mul(%9, %e)
  %11: bool[b, 1, 1, s] = unsqueeze(%mask) {axes=[1, 2]}
  %z: f32[] = constant() {value=f32[]{-10000}}
  %12: f32[b, 3, s, s] = where(%11, %10, %z)
  %13: f32[b, 3, s, s] = softmax(%12) {axis=-1}
  %14: f32[b, 3, s, 4] = matmul(%13, %8)
  %15: f32[b, s, 3, 4] = transpose(%14) {perm=[0, 2, 1, 3]}
  %j: i64[3] = constant() {value=i64[3]{0, 0, 12}}
  %16: f32[b, s, 12] = reshape(%15, %j)
  %17: f32[b, s, 12] = add(%16, %x)
  %g: f32[12] = weight() {name="g", shape=[12]}
  %o: f32[12] = weight() {name="o", shape=[12]}
  %18: f32[b, s, 12] = layer_normalization(%17, %g, %o) {axis=-1}
  return %18 "y"
})";

inline constexpr std::string_view softmaxes =
    R"(graph softmaxes(%x: f32[a, b, c]) where a in 0..64, b in 0..64, c in 0..64 {
  %0: f32[a, b, c] = softmax(%x) {axis=-1}
  %1: f32[a, b, c] = softmax(%x) {axis=1}
  %2: f32[a, b, c] = log_softmax(%x) {axis=0}
  return %0 "last", %1 "middle", %2 "first"
})";

inline constexpr std::string_view norms = R"(graph norms(%x: f32[b, s, 10]) where b in 0..64, s in 0..64 {
  %g: f32[10] = weight() {name="g", shape=[10]}
  %o: f32[10] = weight() {name="o", shape=[10]}
  %0: f32[b, s, 10] = layer_normalization(%x, %g, %o) {axis=-1}
  %1: f32[b, s, 10] = rms_normalization(%x, %g) {axis=-1}
  %2: f32[b, s, 10] = add(%0, %1)
  return %2 "y"
})";

inline constexpr std::string_view shape_arithmetic =
    R"(graph shapes(%x: f32[n, m, 4], %y: f32[k, 4]) where n in 0..32, m in 1..32, k in 0..32 {
  %0: i64[3] = shape(%x)
  %z: i64[1] = constant() {value=i64[1]{0}}
  %o: i64[1] = constant() {value=i64[1]{1}}
  %t: i64[1] = constant() {value=i64[1]{2}}
  %1: i64[1] = slice(%0, %z, %o)
  %2: i64[1] = slice(%0, %o, %t)
  %3: i64[1] = mul(%1, %2)
  %f: i64[1] = constant() {value=i64[1]{4}}
  %4: i64[2] = concat(%3, %f) {axis=0}
  %5: f32[n*m, 4] = reshape(%x, %4)
  %6: f32[n*m + k, 4] = concat(%5, %y) {axis=0}
  %7: f32[4, n*m + k] = transpose(%6) {perm=[1, 0]}
  %8: i64[2] = shape(%7)
  return %7 "joined", %8 "its shape", %3 "rows"
})";

inline constexpr std::string_view picked = R"(graph picked(%x: f32[n, m]) where n in 0..32, m in 0..32 {
  %0: f32[] = constant() {value=f32[]{0}}
  %1: bool[n, m] = greater(%x, %0)
  %2: i64[2, found] = non_zero(%1)
  %3: i64[found, 2] = transpose(%2) {perm=[1, 0]}
  %4: f32[found] = gather_nd(%x, %3)
  %5: f32[found] = exp(%4)
  %6: f32[found] = add(%5, %4)
  %7: f32[1] = reduce_sum(%6)
  return %6 "values", %3 "where", %7 "sum"
})";

inline constexpr std::string_view branches =
    R"(graph branches(%c: bool[], %x: f32[n, 4], %y: f32[n, 4]) where n in 0..32 {
  %0: f32[n, 4] = neg(%y)
  %1: f32[n, 4] = if(%c, %x, %0)
    region(%a: f32[n, 4], %b: f32[n, 4]) {
      %2: f32[n, 4] = mul(%a, %b)
      %3: f32[n, 4] = tanh(%2)
      return %3
    }
    region(%a: f32[n, 4], %b: f32[n, 4]) {
      %w: f32[4, 4] = weight() {name="w", shape=[4, 4]}
      %4: f32[n, 4] = matmul(%a, %w)
      %5: f32[n, 4] = add(%4, %b)
      return %5
    }
  %6: f32[n, 4] = exp(%1)
  return %6 "y"
})";

inline constexpr std::string_view either_size = R"(graph either_size(%c: bool[], %x: f32[n, 2]) where n in 0..32 {
  %0: f32[rows, 2] = if(%c, %x)
    region(%a: f32[n, 2]) {
      %1: f32[2*n, 2] = concat(%a, %a) {axis=0}
      return %1
    }
    region(%b: f32[n, 2]) {
      return %b
    }
  %2: f32[rows, 2] = exp(%0)
  return %2 "y"
})";

inline constexpr std::string_view looped =
    R"(graph looped(%trips: i64[], %x: f32[n, 3], %step: f32[3]) where n in 0..32 {
  %0: f32[n, 3], %1: f32[trips, n] = loop(%trips, _, %x, %step) {carried=1, scan_outputs=1}
    region(%i: i64[], %c: bool[], %h: f32[n, 3], %s: f32[3]) {
      %2: f32[n, 3] = add(%h, %s)
      %3: f32[n, 3] = tanh(%2)
      %4: f32[n] = reduce_sum(%3) {axes=[1], keepdims=false}
      return %c, %3, %4
    }
  return %0 "h", %1 "sums"
})";

inline constexpr std::string_view scanned =
    R"(graph scanned(%h: f32[4], %x: f32[t, 4], %bias: f32[4]) where t in 0..32 {
  %0: f32[4], %1: f32[t, 4] = scan(%h, %x, %bias) {carried=1, num_scan_inputs=1}
    region(%a: f32[4], %b: f32[4], %c: f32[4]) {
      %2: f32[4] = add(%a, %b)
      %3: f32[4] = mul(%2, %c)
      return %3, %2
    }
  return %0 "last", %1 "all"
})";

// A product whose sums run over no elements for n = 0: the result is zeros, not what was in memory.
inline constexpr std::string_view empty_sums = R"(
graph main(%0: f32[4, n] "x") where n in 0..64 {
  %1: f32[n, 4] = transpose(%0) {perm=[1, 0]}
  %2: f32[4, 4] = matmul(%0, %1)
  return %2 "y"
})";

// A convolution that adds its own input: one memory, read as operand of the window and of the sum.
inline constexpr std::string_view own_input = R"(
graph main(%0: f32[n, 2, h, 4] "x") where n in 0..64, h in 1..64 {
  %1: f32[2, 2, 3, 3] = weight() {name="w", shape=[2, 2, 3, 3]}
  %2: f32[n, 2, h, 4] = conv(%0, %1) {pads=[1, 1, 1, 1]}
  %3: f32[n, 2, h, 4] = add(%2, %0)
  %4: f32[n, 2, h, 4] = relu(%3)
  return %4 "y"
})";

// A lowering that joins axes whose sizes share a symbol that neither states alone.
inline constexpr std::string_view joined_axes = R"(
graph main(%0: f32[n, 4, h, h] "x") where n in 0..64, h in 3..64 {
  %1: f32[n, 4, floordiv(h - 1, 2) + 1, floordiv(h - 1, 2) + 1] = max_pool(%0) {kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]}
  %2: f32[4] = weight() {name="s", shape=[4]}
  %3: f32[4] = weight() {name="t", shape=[4]}
  %4: f32[n, 4, floordiv(h - 1, 2) + 1, floordiv(h - 1, 2) + 1] = group_normalization(%1, %2, %3) {num_groups=2}
  return %4 "y"
})";

}  // namespace neve::test
