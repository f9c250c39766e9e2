// Shapes, moving and indexing data, constants and random numbers.
#include <algorithm>
#include <bit>
#include <functional>

#include "import/onnx/rules.h"
#include "import/onnx/widen.h"

namespace neve::import {
namespace {

// ---- constants -----------------------------------------------------------------------------------------------------

Items constant(OnnxNode& n) {
  const std::string name = n.outputs() ? n.proto.output(0) : n.proto.name();
  const auto give = [&](Tensor t) -> Items { return {Item::of(n.importer.literal(std::move(t), name))}; };
  if (const LiteralRef l = n.attr_tensor("value", true))
    return {Item::of(l, narrow_type(n.find_attr("value")->t().data_type()))};
  if (n.has_attr("value_float")) return give(Tensor::scalar(DType::f32, n.attr_float("value_float", 0)));
  if (n.has_attr("value_int")) return give(Tensor::scalar_int(DType::i64, n.attr_int("value_int", 0)));
  if (n.has_attr("value_floats")) {
    const auto v = n.attr_floats("value_floats");
    return give(Tensor::of(DType::f32, {int64_t(v.size())}, v));
  }
  if (n.has_attr("value_ints")) {
    const auto v = n.attr_ints("value_ints");
    return give(Tensor::of_ints(DType::i64, {int64_t(v.size())}, v));
  }
  if (const auto* a = n.find_attr("sparse_value"))
    return {Item::of(n.importer.literal(const_cast<pb::SparseTensorProto&>(a->sparse_tensor()), name))};
  if (n.has_attr("value_string") || n.has_attr("value_strings")) n.fail(ErrorCode::unsupported, "strings");
  n.fail(ErrorCode::corrupt_file, "has no value");
}

Values constant_of_shape(OnnxNode& n) {
  const LiteralRef l = n.attr_tensor("value");
  n.require(!l || l->data.element_count() == 1, "value has ", l ? l->data.element_count() : 0,
            " elements (one is right)");
  const Value fill = n.g.constant(l ? l->data.reshape({}) : Tensor::scalar(DType::f32, 0));
  return {n.call("expand", {fill, n.constant_in(0)})};
}

Values eye_like(OnnxNode& n) {
  AttrList extra;
  const DType t = n.has_attr("dtype") ? require_onnx_dtype(int(n.attr_int("dtype", 1)), "EyeLike") : n.type(0).dtype;
  extra.emplace_back("dtype", t);
  return n.mechanical(n.op(), {n.in(0)}, extra);
}

// ---- shapes --------------------------------------------------------------------------------------------------------

Values reshape(OnnxNode& n) {
  n.ignore_attr("consumed_inputs");
  const Value x = n.in(0);
  const bool allowzero = n.attr_bool("allowzero", false);
  Value target;
  if (n.has(1))  // also where a file of an older set writes it so
    target = n.constant_in(1);
  else
    target = n.g.ints(n.attr_ints("shape"));
  if (const auto widened = widen_reshape(n, x, target, allowzero)) return {*widened};
  return {n.call("reshape", {x, target}, {{"allowzero", allowzero}})};
}

/// bool [count]: which positions a run-time list names; negative ones count from `count`.
Value position_mask(OnnxNode& n, Value positions, int64_t count) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < count; ++i) all.push_back(i);
  const Value list = n.call("unsqueeze", {n.g.cast(positions, DType::i64)}, {{"axes", std::vector<int64_t>{1}}});
  const Value size = n.g.constant(Tensor::scalar_int(DType::i64, count));
  const Value hit = n.call("equal", {n.call("mod", {n.call("add", {list, size}), size}), n.g.ints(all)});
  const Value any =
      n.call("reduce_max", {n.g.cast(hit, DType::i32)}, {{"axes", std::vector<int64_t>{0}}, {"keepdims", false}});
  return n.g.cast(any, DType::boolean);
}

Values squeeze(OnnxNode& n) {
  const Value x = n.in(0);
  std::vector<int64_t> axes = n.attr_ints("axes");
  if (n.has(1) && !n.content(1)) {
    const TensorType t = n.type(1);
    if (t.rank() != 1 || !t.shape[0].is_constant()) n.constant(1);  // says that it must be known
    const int64_t rank = n.g.rank(x), left = rank - t.shape[0].value();
    const Value kept =
        n.call("compress", {n.g.shape_of(x), n.call("not", {position_mask(n, n.in(1), rank)})}, {{"axis", int64_t(0)}});
    return {n.call("reshape", {x, n.g.reshape(kept, Shape{Dim(left)})}, {{"allowzero", true}})};
  }
  if (n.has(1)) axes = n.ints(1);
  const bool all = !n.has(1) && !n.has_attr("axes");
  if (all) {  // which axes go must be known, or the rank is not
    const Shape s = n.g.type(x).shape;
    for (size_t i = 0; i < s.size(); ++i) {
      if (equal(s[i], 1) == Proof::yes)
        axes.push_back(int64_t(i));
      else if (equal(s[i], 1) == Proof::unknown && !s[i].is_constant())
        n.importer.warn(str("Squeeze without axes: axis ", i, " of ", n.g.type(x), " is taken not to be 1"));
    }
  }
  if (axes.empty()) return {n.call("identity", {x})};
  return {n.call("squeeze", {x}, {{"axes", axes}})};
}

Values unsqueeze(OnnxNode& n) {
  const Value x = n.in(0);
  if (n.has(1) && !n.content(1)) {
    const TensorType t = n.type(1);
    if (t.rank() != 1 || !t.shape[0].is_constant()) n.constant(1);  // says that it must be known
    const int64_t rank = n.g.rank(x) + t.shape[0].value();
    // Sizes of x go to the places that are not named: place p holds size number (places before p that are not named).
    const Value mask = position_mask(n, n.in(1), rank);
    const Value open = n.g.cast(n.call("not", {mask}), DType::i64);
    const Value before = n.call("cum_sum", {open}, {{"axis", int64_t(0)}, {"exclusive", true}});
    const Value padded = n.call("concat", {n.g.shape_of(x), n.g.ints({1})}, {{"axis", int64_t(0)}});
    const Value sizes = n.call("where", {mask, n.g.ints({1}), n.call("gather", {padded, before})});
    return {n.call("reshape", {x, sizes}, {{"allowzero", true}})};
  }
  const std::vector<int64_t> axes = n.has(1) ? n.ints(1) : n.attr_ints("axes");
  if (axes.empty()) return {n.call("identity", {x})};
  return {n.call("unsqueeze", {x}, {{"axes", axes}})};
}

Values shape_of(OnnxNode& n) {
  const Value x = n.in(0);
  const int64_t start = n.attr_int("start", 0);
  if (!n.has_attr("end")) return n.mechanical("shape", {x}, {{"start", start}});
  return n.mechanical("shape", {x}, {{"start", start}, {"end", n.attr_int("end", 0)}});
}

Values transpose(OnnxNode& n) {
  const Value x = n.in(0);
  const auto perm = n.attr_ints("perm");
  if (n.g.rank(x) < 2) return {n.call("identity", {x})};
  return {n.call("transpose", {x}, {{"perm", perm}})};
}

Values concat(OnnxNode& n) {
  Values in;
  for (size_t i = 0; i < n.inputs(); ++i) in.push_back(n.in(i));
  n.require(!in.empty(), "no inputs");
  const int64_t axis = n.attr_int("axis", n.opset < 4 ? 1 : 0);
  widen_concat(n, in, axis);
  return {n.g.call("concat", in, {{"axis", axis}})};
}

Values split(OnnxNode& n) {
  const Value x = n.in(0);
  const int64_t axis = n.attr_int("axis", 0);
  std::vector<int64_t> sizes = n.attr_ints("split");
  if (n.has(1) && !n.content(1)) return split_at_run_time(n, x, n.in(1), axis);
  if (n.has(1)) sizes = n.ints(1);
  if (!sizes.empty()) return n.g.call_many("split", {x}, {{"axis", axis}, {"split", sizes}});
  const int64_t parts = n.attr_int("num_outputs", int64_t(n.outputs()));
  n.require(parts >= 1 && parts <= 65536, "num_outputs is ", parts);
  return n.g.call_many("split", {x}, {{"axis", axis}, {"num_outputs", parts}});
}

Values slice(OnnxNode& n) {
  const Value x = n.in(0);
  if (n.opset >= 10) {
    Values in{x};
    for (size_t i = 1; i < n.inputs(); ++i) {
      Value v = n.has(i) ? n.constant_in(i) : Value{};
      // Single numbers instead of lists of one: not what the definition says, but what exporters write.
      if (n.has(i) && n.g.type(v).rank() == 0) v = n.call("unsqueeze", {v}, {{"axes", std::vector<int64_t>{0}}});
      in.push_back(v);
    }
    return n.mechanical("slice", in);
  }
  const auto starts = n.attr_ints("starts"), ends = n.attr_ints("ends");
  std::vector<int64_t> axes = n.attr_ints("axes");
  n.require(starts.size() == ends.size() && (axes.empty() || axes.size() == starts.size()), starts.size(), " starts, ",
            ends.size(), " ends, ", axes.size(), " axes");
  for (size_t i = 0; axes.size() < starts.size(); ++i) axes.push_back(int64_t(i));
  return {n.call("slice", {x, n.g.ints(starts), n.g.ints(ends), n.g.ints(axes)})};
}

Values pad(OnnxNode& n) {
  const Value x = n.in(0);
  if (n.opset < 11) {
    const auto pads = n.attr_ints(n.opset < 2 ? "paddings" : "pads");
    return n.mechanical("pad", {x, n.g.ints(pads), n.g.scalar(n.g.dtype(x), n.attr_float("value", 0))});
  }
  Values in{x};
  for (size_t i = 1; i < n.inputs(); ++i) in.push_back(n.has(i) ? n.constant_in(i) : Value{});
  return n.mechanical("pad", in);
}

Values expand(OnnxNode& n) { return {n.call("expand", {n.in(0), n.constant_in(1)})}; }

Values tile(OnnxNode& n) {
  const Value x = n.in(0);
  if (n.opset >= 6) return {n.call("tile", {x, n.constant_in(1)})};
  const auto tiles = n.ints(1), axis = n.ints(2);
  n.require(tiles.size() == 1 && axis.size() == 1, "tiles and axis are one number each");
  std::vector<int64_t> repeats(size_t(n.g.rank(x)), 1);
  n.require(axis[0] >= 0 && axis[0] < n.g.rank(x), "axis ", axis[0]);
  repeats[size_t(axis[0])] = tiles[0];
  return {n.call("tile", {x, n.g.ints(repeats)})};
}

// ---- indexing ------------------------------------------------------------------------------------------------------

Value as_index(OnnxNode& n, Value v) {
  return n.g.dtype(v) == DType::i32 || n.g.dtype(v) == DType::i64 ? v : n.g.cast(v, DType::i64);
}

Values gather(OnnxNode& n) { return n.mechanical(n.op(), {n.in(0), as_index(n, n.in(1))}); }

Values top_k(OnnxNode& n) {
  const Value x = n.in(0);
  const Value k = n.opset < 10 ? n.g.ints({n.attr_int("k", 0)}) : n.constant_in(1);
  return n.mechanical(n.op(), {x, k});
}

/// Positions above their size: Neve counts rows of the result, as NumPy; so does ONNX.
Values as_given(OnnxNode& n) { return n.mechanical(n.op(), n.all_in()); }

Values scatter(OnnxNode& n) { return n.mechanical(n.op(), {n.in(0), n.in(1), n.in(2)}); }

Values compress(OnnxNode& n) {
  Value x = n.in(0);
  if (n.has_attr("axis")) return n.mechanical(n.op(), {x, n.in(1)});
  x = n.call("reshape", {x, n.g.ints({-1})});
  return n.mechanical(n.op(), {x, n.in(1)}, {{"axis", int64_t(0)}});
}

Values range(OnnxNode& n) {
  Values in;
  for (size_t i = 0; i < 3; ++i) {
    const Value v = n.constant_in(i);
    in.push_back(n.g.rank(v) ? n.g.reshape(v, {}) : v);
  }
  return n.g.call_many("range", in);
}

/// The axis was an attribute, then an input; an attribute it is here.
Values dft(OnnxNode& n) {
  int64_t axis = n.attr_int("axis", 1);
  if (n.opset >= 20) {
    axis = -2;
    if (n.has(2)) {
      const auto given = n.ints(2);
      n.require(given.size() == 1, given.size(), " axes (one is right)");
      axis = given[0];
    }
  }
  Values in{n.in(0)};
  if (n.has(1)) in.push_back(n.constant_in(1));
  return n.mechanical("dft", in, {{"axis", axis}});
}

// ---- random --------------------------------------------------------------------------------------------------------

/// Key of a random op: its seed, or something that tells nodes apart. A graph has no state, so every call draws the
/// same numbers.
Value random_key(OnnxNode& n) {
  int64_t key = int64_t(std::hash<std::string>()(n.outputs() ? n.proto.output(0) : n.proto.name()) >> 1);
  if (n.has_attr("seed")) key = std::bit_cast<int32_t>(float(n.attr_float("seed", 0)));
  n.importer.warn("random operators draw the same numbers in every call");
  return n.g.constant(Tensor::scalar_int(DType::i64, key));
}
Value random_counter(OnnxNode& n) { return n.g.constant(Tensor::scalar_int(DType::i64, 0)); }

/// The dtype that the attribute names, else `otherwise`.
AttrList with_dtype(OnnxNode& n, DType otherwise) {
  const auto type = int(n.attr_int("dtype", 0));
  return {{"dtype", type ? require_onnx_dtype(type, n.type_name()) : otherwise}};
}

Values random_tensor(OnnxNode& n) {
  const Value key = random_key(n);
  return n.mechanical(n.op(), {key, random_counter(n), n.g.ints(n.attr_ints("shape"))}, with_dtype(n, DType::f32));
}

Values random_like(OnnxNode& n) {
  const Value x = n.in(0), key = random_key(n);
  return n.mechanical(n.op(), {key, random_counter(n), n.g.shape_of(x)}, with_dtype(n, n.g.dtype(x)));
}

Values random_from(OnnxNode& n) {
  const Value x = n.in(0), key = random_key(n);
  return n.mechanical(n.op(), {x, key, random_counter(n)},
                      with_dtype(n, n.type_name() == "Multinomial" ? DType::i32 : n.g.dtype(x)));
}

// A signal without the axis that tells real from complex is not what the definition says, but what exporters write.
Values stft(OnnxNode& n) {
  Values in = n.all_in();
  if (n.rank(0) == 2) in[0] = n.call("unsqueeze", {in[0]}, {{"axes", std::vector<int64_t>{-1}}});
  return n.mechanical(n.op(), in);
}

constexpr Rule rules[] = {
    {"Constant", "constant", nullptr, constant},
    {"ConstantOfShape", "expand", constant_of_shape},
    {"EyeLike", "eye_like", eye_like},
    {"Reshape", "reshape", reshape},
    {"Squeeze", "squeeze", squeeze},
    {"Unsqueeze", "unsqueeze", unsqueeze},
    {"Flatten", "flatten"},
    {"Shape", "shape", shape_of},
    {"Size", "size"},
    {"Transpose", "transpose", transpose},
    {"Concat", "concat", concat},
    {"Split", "split", split},
    {"Slice", "slice unsqueeze", slice},
    {"Pad", "pad", pad},
    {"Expand", "expand", expand},
    {"Tile", "tile", tile},
    {"Gather", "gather", gather},
    {"GatherElements", "gather_elements", gather},
    {"GatherND", "gather_nd", gather},
    {"Scatter", "scatter_elements", scatter},
    {"ScatterElements", "scatter_elements", scatter},
    {"ScatterND", "scatter_nd", scatter},
    {"TensorScatter", "tensor_scatter", as_given},
    {"TopK", "top_k", top_k},
    {"OneHot", "one_hot"},
    {"NonZero", "non_zero"},
    {"Compress", "compress", compress},
    {"Unique", "unique", as_given},
    {"Range", "range", range},
    {"Trilu", "trilu", as_given},
    {"ReverseSequence", "reverse_sequence"},
    {"DepthToSpace", "depth_to_space"},
    {"SpaceToDepth", "space_to_depth"},
    {"CenterCropPad", "center_crop_pad", as_given},
    {"Einsum", "einsum", as_given},
    {"Det", "det"},
    {"DFT", "dft", dft},
    {"STFT", "stft unsqueeze", stft},
    {"HannWindow", "hann_window", as_given},
    {"HammingWindow", "hamming_window", as_given},
    {"BlackmanWindow", "blackman_window", as_given},
    {"MelWeightMatrix", "mel_weight_matrix", as_given},
    {"RandomNormal", "random_normal", random_tensor},
    {"RandomNormalLike", "random_normal", random_like},
    {"RandomUniform", "random_uniform", random_tensor},
    {"RandomUniformLike", "random_uniform", random_like},
    {"Multinomial", "multinomial", random_from},
    {"Bernoulli", "bernoulli", random_from},
    {"ArrayFeatureExtractor", "array_feature_extractor", nullptr, nullptr, "ai.onnx.ml"},
};

}  // namespace

/// Sizes that are computed at run time: slices, from running sums.
Values split_at_run_time(OnnxNode& n, Value x, Value sizes, int64_t axis) {
  const TensorType t = n.g.type(sizes);
  if (t.rank() != 1 || !t.shape[0].is_constant()) n.constant(1);  // says that it must be known
  Values out;
  Value start = n.g.ints({0});
  for (int64_t k = 0; k < t.shape[0].value(); ++k) {
    const Value end = n.call("add", {start, n.call("slice", {sizes, n.g.ints({k}), n.g.ints({k + 1})})});
    out.push_back(n.call("slice", {x, start, end, n.g.ints({axis})}));
    start = end;
  }
  return out;
}

std::span<const Rule> tensor_rules() { return rules; }

}  // namespace neve::import
