// Quantisation: between real numbers and small integers with scale and zero point.
#include "op/def.h"
#include "ops/detail/build.h"

namespace neve::ops {
namespace {

bool is_quantised(DType t) { return t == DType::u8 || t == DType::i8 || t == DType::u16 || t == DType::i16; }

/// Scale and zero point: one value, one for each index of `axis`, or one for each block of `block_size` along it.
void check_granularity(Inferring& t, int64_t axis, int64_t block_size) {
  const TensorType &x = t.in(0), &s = t.in(1);
  t.require_float(1);
  auto one = [](const TensorType& v) { return v.rank() == 0 || (v.rank() == 1 && v.shape[0].is(1)); };
  if (t.has(2) && !(one(s) && one(t.in(2)))) {
    require_rank(t, 2, s.rank());
    for (size_t i = 0; i < s.shape.size(); ++i)
      t.require_equal(s.shape[i], t.in(2).shape[i], "scale and zero point must have one shape");
  }
  t.require(block_size >= 0, "block_size is ", block_size, " (expected 0 or more)");
  if (block_size > 0) {
    const size_t a = size_t(t.axis(axis, x.rank()));
    require_rank(t, 1, x.rank());
    for (size_t i = 0; i < x.shape.size(); ++i)
      t.require_equal(s.shape[i], i == a ? ceildiv(x.shape[i], block_size) : x.shape[i],
                      "a blocked scale has the sizes of x, but one value for each block along axis");
    return;
  }
  t.require_shape(s.rank() <= 1, "the scale is ", s,
                  " (expected a scalar, or rank 1 for an axis, unless block_size is given)");
  if (s.rank() == 0 || s.shape[0].is(1)) return;
  t.require_equal(s.shape[0], x.shape[size_t(t.axis(axis, x.rank()))],
                  "the scale must have one value for each index of axis");
}

/// A scale or zero point, so that it broadcasts against x.
Value spread(Builder& b, Value s, Value x, int64_t axis, int64_t block_size) {
  const TensorType ts = b.type(s), tx = b.type(x);
  if (ts.rank() == 0) return s;
  const int64_t rank = tx.rank();
  const size_t a = size_t(axis < 0 ? axis + rank : axis);
  if (block_size == 0) {
    if (ts.shape[0].is(1)) return squeeze(b, s, {0});
    std::vector<int64_t> others;
    for (int64_t i = 0; i < rank; ++i)
      if (i != int64_t(a)) others.push_back(i);
    return unsqueeze(b, s, others);
  }
  // Each value is repeated along a new axis behind its own, which then are one; the last block may be cut.
  Shape wide = ts.shape, merged = ts.shape;
  wide.insert(wide.begin() + a + 1, Dim(block_size));
  merged[a] = merged[a] * block_size;
  const Value sources[] = {s, x};
  Value y = b.call("expand", {unsqueeze(b, s, {int64_t(a) + 1}), b.dims(wide, sources)});
  y = b.reshape(y, merged);
  if (proven(equal(merged[a], tx.shape[a]))) return y;
  return b.call("slice", {y, b.ints({0}), b.dims(std::span(&tx.shape[a], 1), sources), b.ints({int64_t(a)})});
}

struct QuantizeLinear {
  int64_t axis = 1, block_size = 0;
  std::string output_dtype = "", precision = "";

  static constexpr OpInfo info{.name = "quantize_linear",
                               .summary = "y = saturate(round(x / y_scale) + y_zero_point), rounding half to even.",
                               .source = "ONNX QuantizeLinear-25",
                               .inputs = {{"x", "a float or i32"},
                                          {"y_scale", "scalar, [size of axis], or blocked"},
                                          {"y_zero_point", "of the shape of y_scale", Arity::optional}},
                               .outputs = {{"y", "u8, i8, u16 or i16"}}};
  static constexpr auto attrs = std::tuple{
      attr("axis", &QuantizeLinear::axis, "Axis of the scales, unless there is one alone."),
      attr("block_size", &QuantizeLinear::block_size, "Elements along axis that share a scale; 0: not blocked."),
      attr("output_dtype", &QuantizeLinear::output_dtype, "dtype of y; empty: that of y_zero_point, else u8."),
      attr("precision", &QuantizeLinear::precision, "dtype of the division; empty: that of y_scale.")};

  DType result(DType zero_point, bool has_zero_point) const {
    DType t = has_zero_point ? zero_point : DType::u8;
    if (!output_dtype.empty()) parse_dtype(output_dtype, t);
    return t;
  }

  void infer(Inferring& t) const {
    const DType x = t.in(0).dtype;
    t.require_type(is_float(x) || x == DType::i32, "x is ", t.in(0), " (expected a float or i32)");
    check_granularity(t, axis, block_size);
    DType d;
    t.require(output_dtype.empty() || parse_dtype(output_dtype, d), "output_dtype is '", output_dtype,
              "' (expected a dtype)");
    t.require(precision.empty() || (parse_dtype(precision, d) && is_float(d)), "precision is '", precision,
              "' (expected a float dtype)");
    const DType y = result(t.has(2) ? t.in(2).dtype : DType::u8, t.has(2));
    if (!is_quantised(y))
      t.fail_with(ErrorCode::unsupported, str("the result would be ", y, " (built: u8, i8, u16, i16)"));
    if (t.has(2))
      t.require_type(t.in(2).dtype == y, "y_zero_point is ", t.in(2), " and output_dtype is ", y,
                     " (expected one dtype)");
    t.result(y, t.in(0).shape);
  }

  Value lower(Builder& b, std::span<const Value> v) const {
    const Value zero = optional_input(v, 2);
    DType division = b.dtype(v[1]);
    if (!precision.empty()) parse_dtype(precision, division);
    const DType to = result(zero.valid() ? b.dtype(zero) : DType::u8, zero.valid());
    const Value scale = spread(b, b.cast(v[1], division), v[0], axis, block_size);
    Value q = b.call("round", {div(b, b.cast(v[0], division), scale)});
    if (size_of(division) < 4) q = b.cast(q, DType::f32);  // the zero point may not be exact in 16 bits
    if (zero.valid()) q = add(b, q, spread(b, b.cast(zero, b.dtype(q)), v[0], axis, block_size));
    return b.call("cast", {q}, {{"to", to}, {"saturate", true}});
  }

  static std::vector<Sample> samples() {
    const std::string_view half = "one step where the quotient is half way between two";
    SampleInput blocked = in({2, 5}, -99, 99);
    blocked.symbolic = false;
    return {
        sample(QuantizeLinear{}, {in({2, 5}, -99, 99), in({}, 0.5, 0.6), in(DType::u8, {}, 0, 255)}, 1, half),
        sample(QuantizeLinear{}, {in({2, 3, 2}, -99, 99), in({3}, 0.5, 0.6), in(DType::i8, {3}, -9, 9)}, 1, half),
        sample(QuantizeLinear{.block_size = 3}, {blocked, in({2, 2}, 0.5, 0.6), in(DType::i16, {2, 2}, -9, 9)}, 1,
               half),
        sample(QuantizeLinear{.axis = 0, .output_dtype = "i8"}, {in({3, 2}, -200, 200), in({3}, 0.5, 0.6)}, 1, half)};
  }
};

struct DequantizeLinear {
  int64_t axis = 1, block_size = 0;
  std::string output_dtype = "";

  static constexpr OpInfo info{
      .name = "dequantize_linear",
      .summary = "y = (x - x_zero_point) * x_scale.",
      .source = "ONNX DequantizeLinear-25",
      .inputs = {{"x", "u8, i8, u16, i16 or i32"},
                 {"x_scale", "scalar, [size of axis], or blocked"},
                 {"x_zero_point", "of the dtype of x and the shape of x_scale", Arity::optional}},
      .outputs = {{"y", "a float"}}};
  static constexpr auto attrs = std::tuple{
      attr("axis", &DequantizeLinear::axis, "Axis of the scales, unless there is one alone."),
      attr("block_size", &DequantizeLinear::block_size, "Elements along axis that share a scale; 0: not blocked."),
      attr("output_dtype", &DequantizeLinear::output_dtype, "dtype of y; empty: that of x_scale.")};

  void infer(Inferring& t) const {
    const DType x = t.in(0).dtype;
    t.require_type(is_quantised(x) || x == DType::i32, "x is ", t.in(0), " (expected u8, i8, u16, i16 or i32)");
    if (t.has(2)) t.require_same_dtype(0, 2);
    check_granularity(t, axis, block_size);
    DType y = t.in(1).dtype;
    t.require(output_dtype.empty() || (parse_dtype(output_dtype, y) && is_float(y)), "output_dtype is '", output_dtype,
              "' (expected a float dtype)");
    t.result(y, t.in(0).shape);
  }

  /// The difference is exact in 32-bit integers; the product is rounded once.
  Value lower(Builder& b, std::span<const Value> v) const {
    DType y = b.dtype(v[1]);
    if (!output_dtype.empty()) parse_dtype(output_dtype, y);
    const DType stage = size_of(y) < 4 ? DType::f32 : y;
    Value q = b.cast(v[0], DType::i32);
    if (const Value zero = optional_input(v, 2); zero.valid())
      q = sub(b, q, spread(b, b.cast(zero, DType::i32), v[0], axis, block_size));
    return b.cast(mul(b, b.cast(q, stage), spread(b, b.cast(v[1], stage), v[0], axis, block_size)), y);
  }

  static std::vector<Sample> samples() {
    SampleInput blocked = in(DType::u8, {2, 5}, 0, 255);
    blocked.symbolic = false;
    return {
        sample(DequantizeLinear{}, {in(DType::u8, {2, 5}, 0, 255), in({}, 0.5, 0.6), in(DType::u8, {}, 0, 255)}),
        sample(DequantizeLinear{}, {in(DType::i8, {2, 3, 2}, -99, 99), in({3}, 0.5, 0.6), in(DType::i8, {3}, -9, 9)}),
        sample(DequantizeLinear{.block_size = 3}, {blocked, in({2, 2}, 0.5, 0.6), in(DType::u8, {2, 2}, 0, 255)}),
        sample(DequantizeLinear{.axis = 0}, {in(DType::i32, {3, 2}, -999, 999), in({3}, 0.5, 0.6)})};
  }
};

struct DynamicQuantizeLinear {
  static constexpr OpInfo info{
      .name = "dynamic_quantize_linear",
      .summary = "Quantises to u8 with the scale and zero point that cover the range of x and 0.",
      .source = "ONNX DynamicQuantizeLinear-11",
      .inputs = {{"x", "f32"}},
      .outputs = {{"y", "u8"}, {"y_scale", "f32 scalar"}, {"y_zero_point", "u8 scalar"}}};
  static constexpr std::tuple<> attrs{};

  void infer(Inferring& t) const {
    t.require_float(0);
    t.result(DType::u8, t.in(0).shape);
    t.result(t.in(0).dtype, Shape{});
    t.result(DType::u8, Shape{});
  }

  /// A tensor of zeros alone gets the scale 1.
  Values lower(Builder& b, std::span<const Value> v) const {
    const DType t = b.dtype(v[0]);
    const std::vector<int64_t> all = axes_from(0, b.rank(v[0]));
    const Value zero = b.scalar(t, 0);
    auto extreme = [&](const char* reduction, const char* with_zero) {
      return b.call(with_zero, {all.empty() ? v[0] : reduce(b, reduction, v[0], all, false), zero});
    };
    const Value high = extreme("reduce_max", "max"), low = extreme("reduce_min", "min");
    const Value range = div(b, sub(b, high, low), b.scalar(t, 255));
    const Value scale = b.call("where", {b.call("equal", {range, zero}), b.scalar(t, 1), range});
    const Value point = b.call("cast", {b.call("neg", {div(b, low, scale)})}, {{"to", DType::u8}, {"saturate", true}});
    return {b.call("quantize_linear", {v[0], scale, point}), scale, point};
  }

  static std::vector<Sample> samples() {
    const std::string_view half = "one step where the quotient is half way between two";
    return {sample(DynamicQuantizeLinear{}, {in({2, 5}, -3, 5)}, 1, half),
            sample(DynamicQuantizeLinear{}, {in({7}, 2, 5)}, 1, half),
            sample(DynamicQuantizeLinear{}, {given(Tensor::zeros(DType::f32, {3}))}, 0, "exact")};
  }
};

}  // namespace

OpList quant() { return {def<QuantizeLinear>(), def<DequantizeLinear>(), def<DynamicQuantizeLinear>()}; }

}  // namespace neve::ops
