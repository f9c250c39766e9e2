// Ops that move no element: their results are views of their input.
#include "eager/execute.h"
#include "op/reference.h"

namespace neve::eager {
namespace {

enum class Kind : uint8_t { none, shape, transpose, slice, expand, split, identity };

Kind kind_of(const OpDef& op) {
  const std::string_view n = op.info.name;
  if (n == "reshape" || n == "squeeze" || n == "unsqueeze" || n == "flatten") return Kind::shape;
  if (n == "transpose") return Kind::transpose;
  if (n == "slice") return Kind::slice;
  if (n == "expand") return Kind::expand;
  if (n == "split") return Kind::split;
  if (n == "identity") return Kind::identity;
  return Kind::none;
}

// The result types, which hold the whole rule of the op (negative axes, -1, clamping).
std::vector<Sizes> result_shapes(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<TensorType> types(in.size());
  std::vector<const TensorType*> pointers(in.size());
  std::vector<Facts> facts(in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].defined()) continue;
    types[i] = type_of(in[i]);
    pointers[i] = &types[i];
    if (i) facts[i] = facts_of(in[i]);
  }
  Inferring t(op.info, pointers);
  t.in_facts = std::move(facts);
  infer(op, attrs, t);
  std::vector<Sizes> shapes;
  for (const TensorType& y : t.out) {
    if (!is_constant(y.shape)) return {};
    shapes.emplace_back();
    for (Dim d : y.shape) shapes.back().push_back(d.value());
  }
  return shapes;
}

int64_t normal(int64_t axis, int64_t rank) { return axis < 0 ? axis + rank : axis; }

}  // namespace

bool make_view(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, std::vector<Tensor>& out) {
  const Kind kind = kind_of(op);
  if (kind == Kind::none || in.empty() || !in[0].defined()) return false;
  const Tensor& x = in[0];
  if (kind == Kind::identity) {
    out = {Tensor::view(x.storage(), x.dtype(), x.shape(), x.strides(), x.byte_offset())};
    return true;
  }
  const std::vector<Sizes> shapes = result_shapes(op, attrs, in);
  if (shapes.empty()) return false;
  out.clear();
  switch (kind) {
    case Kind::shape:
      out.push_back(x.reshape(shapes[0]));
      return true;
    case Kind::transpose: {
      Sizes perm = attrs.get_ints("perm");
      if (perm.empty())
        for (int64_t i = x.rank(); i-- > 0;) perm.push_back(i);
      for (int64_t& p : perm) p = normal(p, x.rank());
      out.push_back(x.transpose(perm));
      return true;
    }
    case Kind::expand: {
      const Sizes& y = shapes[0];
      const size_t added = y.size() - size_t(x.rank());
      Sizes strides(y.size(), 0);
      for (size_t i = 0; i < size_t(x.rank()); ++i)
        if (x.shape()[i] != 1 || y[i + added] == 1) strides[i + added] = x.strides()[i];
      out.push_back(Tensor::view(x.storage(), x.dtype(), y, strides, x.byte_offset()));
      return true;
    }
    case Kind::slice: {
      // ONNX Slice: starts, ends, axes, steps as inputs.
      const std::vector<int64_t> starts = in[1].to_ints();
      std::vector<int64_t> axes, steps;
      if (in.size() > 3 && in[3].defined()) axes = in[3].to_ints();
      if (in.size() > 4 && in[4].defined()) steps = in[4].to_ints();
      Sizes strides = x.strides();
      int64_t offset = x.byte_offset();
      const bool empty = std::find(shapes[0].begin(), shapes[0].end(), 0) != shapes[0].end();
      for (size_t k = 0; k < starts.size(); ++k) {
        const size_t a = size_t(axes.empty() ? int64_t(k) : normal(axes[k], x.rank()));
        const int64_t n = x.shape()[a], step = steps.empty() ? 1 : steps[k];
        int64_t start = starts[k] < 0 ? starts[k] + n : starts[k];
        start = step > 0 ? std::clamp<int64_t>(start, 0, n) : std::clamp<int64_t>(start, -1, n - 1);
        strides[a] = x.strides()[a] * step;
        if (!empty) offset += start * x.strides()[a] * size_of(x.dtype());
      }
      out.push_back(Tensor::view(x.storage(), x.dtype(), shapes[0], strides, offset));
      return true;
    }
    case Kind::split: {
      const int64_t axis = normal(attrs.get_int("axis"), x.rank());
      int64_t at = 0;
      for (const Sizes& s : shapes) {
        out.push_back(x.slice(axis, at, at + s[size_t(axis)]));
        at += s[size_t(axis)];
      }
      return true;
    }
    default:
      return false;
  }
}

}  // namespace neve::eager
