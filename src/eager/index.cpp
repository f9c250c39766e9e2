// Basic indices are views; tensors among them gather and scatter.
#include "eager/index.h"

#include <algorithm>
#include <numeric>

#include "eager/autograd.h"
#include "eager/stage.h"
#include "eager/write.h"
#include "op/registry.h"

namespace neve::eager {
namespace {

std::string text(const Tensor& x) { return type_text(x); }

Index of_tensor(Tensor t) {
  Index i;
  i.kind = Index::tensor;
  i.indices = std::move(t);
  return i;
}

size_t axes_taken(const Index& i) {
  switch (i.kind) {
    case Index::new_axis:
    case Index::ellipsis:
      return 0;
    case Index::tensor:
      return i.indices.dtype() == DType::boolean ? size_t(i.indices.rank()) : 1;
    default:
      return 1;
  }
}

// The index with an entry for every axis and no ellipsis; masks as the indices of what they choose.
std::vector<Index> complete(const Tensor& x, std::span<const Index> given) {
  size_t taken = 0, dots = 0;
  for (const Index& i : given) {
    taken += axes_taken(i);
    dots += i.kind == Index::ellipsis;
  }
  if (dots > 1) fail(ErrorCode::invalid_argument, "index: more than one ellipsis");
  if (taken > size_t(x.rank()))
    fail(ErrorCode::invalid_argument, "index: ", taken, " indices for ", text(x), " (at most ", x.rank(), ")");
  std::vector<Index> all;
  auto rest = [&] { all.resize(all.size() + size_t(x.rank()) - taken); };
  for (const Index& i : given) {
    if (i.kind == Index::ellipsis) {
      rest();
      continue;
    }
    if (i.kind != Index::tensor) {
      all.push_back(i);
      continue;
    }
    if (i.indices.dtype() != DType::boolean) {
      if (!is_int(i.indices.dtype()))
        fail(ErrorCode::type_mismatch, "index: a tensor of ", i.indices.dtype(), " (integers, or bool as a mask)");
      all.push_back(i);
      continue;
    }
    const size_t axis =
        size_t(std::count_if(all.begin(), all.end(), [](const Index& a) { return a.kind != Index::new_axis; }));
    for (int64_t a = 0; a < i.indices.rank(); ++a)
      if (i.indices.shape()[size_t(a)] != x.shape()[axis + size_t(a)])
        fail(ErrorCode::shape_mismatch, "index: a mask of ", i.indices.shape(), " for ", text(x), " from axis ", axis,
             " (it must have the sizes of the axes that it chooses from)");
    const Tensor where = call1("non_zero", {i.indices.detach()});  // [rank, count]
    for (int64_t a = 0; a < i.indices.rank(); ++a)
      all.push_back(of_tensor(where.slice(0, a, a + 1).reshape({where.shape()[1]})));
  }
  if (!dots) rest();
  return all;
}

// Sizes and strides of the view that the integers, ranges and new axes make; tensors stay whole axes. `axis_of`: the
// axis of the view of each tensor index.
Tensor view_of(const Tensor& x, std::span<const Index> index, std::vector<size_t>* axis_of = nullptr) {
  Sizes shape, strides;
  int64_t offset = x.byte_offset();
  size_t axis = 0;
  bool empty = false;
  for (const Index& i : index) {
    if (i.kind == Index::new_axis) {
      shape.push_back(1);
      strides.push_back(0);
      continue;
    }
    const int64_t n = x.shape()[axis], stride = x.strides()[axis];
    ++axis;
    switch (i.kind) {
      case Index::integer: {
        if (i.value < -n || i.value >= n)
          fail(ErrorCode::invalid_argument, "index: ", i.value, " is out of range for axis ", axis - 1, " of ", text(x),
               " (", -n, " to ", n - 1, ")");
        offset += (i.value < 0 ? i.value + n : i.value) * stride * size_of(x.dtype());
        break;
      }
      case Index::range: {
        if (i.step == 0) fail(ErrorCode::invalid_argument, "index: a slice with step 0");
        const bool up = i.step > 0;
        auto at = [&](std::optional<int64_t> v, int64_t otherwise) {
          if (!v) return otherwise;
          const int64_t p = *v < 0 ? *v + n : *v;
          return up ? std::clamp<int64_t>(p, 0, n) : std::clamp<int64_t>(p, -1, n - 1);
        };
        const int64_t begin = at(i.begin, up ? 0 : n - 1), end = at(i.end, up ? n : -1);
        const int64_t size = up ? std::max<int64_t>(0, (end - begin + i.step - 1) / i.step)
                                : std::max<int64_t>(0, (begin - end - i.step - 1) / -i.step);
        shape.push_back(size);
        strides.push_back(stride * i.step);
        empty = empty || size == 0;
        if (size) offset += begin * stride * size_of(x.dtype());
        break;
      }
      default:
        if (axis_of) axis_of->push_back(shape.size());
        shape.push_back(n);
        strides.push_back(stride);
        empty = empty || n == 0;
    }
  }
  return Tensor::view(x.storage(), x.dtype(), shape, strides, empty ? 0 : offset);
}

bool is_basic(std::span<const Index> index) {
  return std::none_of(index.begin(), index.end(), [](const Index& i) { return i.kind == Index::tensor; });
}

Tensor get_basic(const Tensor& x, const std::vector<Index>& index);

// The gradient of a view: zeros but for the places it shows.
Tensor put_basic(const Tensor& g, const std::vector<Index>& index, const Sizes& shape) {
  const Tensor whole = Tensor::zeros(g.dtype(), shape);
  view_of(whole, index).copy_from(g.detach());
  return linear("index gradient", std::span(&g, 1), {whole},
                [index](std::span<const Tensor> d) { return std::vector<Tensor>{get_basic(d[0], index)}; })[0];
}

Tensor get_basic(const Tensor& x, const std::vector<Index>& index) {
  std::vector<Tensor> y{view_of(x, index)};
  mark_views(std::span(&x, 1), y);
  return linear("index", std::span(&x, 1), std::move(y), [index, shape = x.shape()](std::span<const Tensor> g) {
    return std::vector<Tensor>{put_basic(g[0], index, shape)};
  })[0];
}

// Tensors among the indices: the axes they choose from come first, then one gather_nd or scatter_nd does it.
struct Advanced {
  Tensor base;             ///< the view by the other indices, chosen axes first
  Sizes perm;              ///< of that view
  Tensor places;           ///< [..., k]
  int64_t index_rank = 0;  ///< of the broadcast indices
  int64_t position = 0;    ///< of their axes in the result
};

Tensor broadcast_to(const Tensor& t, const Sizes& shape) {
  if (t.shape() == shape) return t;
  const Tensor size =
      Tensor::of_ints(DType::i64, {int64_t(shape.size())}, std::span<const int64_t>(shape.data(), shape.size()));
  return call1("expand", {t, size});
}

Advanced analyse(const Tensor& x, const std::vector<Index>& index) {
  Advanced a;
  std::vector<size_t> chosen;
  const Tensor plain = view_of(x, index, &chosen);
  std::vector<Index> others = index;
  for (Index& i : others)
    if (i.kind == Index::tensor) i = Index{};
  const Tensor base = get_basic(x, others);
  // NumPy: adjacent tensor indices stay in their place, others move to the front. An integer counts as one.
  size_t first = index.size(), last = 0, count = 0, before = 0;
  for (size_t k = 0; k < index.size(); ++k) {
    if (index[k].kind != Index::tensor && index[k].kind != Index::integer) continue;
    first = std::min(first, k), last = k, ++count;
  }
  for (size_t k = 0; k < first; ++k) before += 1;
  a.position = last - first + 1 == count ? int64_t(before) : 0;
  // Broadcast the indices.
  Sizes shape;
  for (const Index& i : index) {
    if (i.kind != Index::tensor) continue;
    const Sizes& s = i.indices.shape();
    if (s.size() > shape.size()) shape.insert(shape.begin(), s.size() - shape.size(), 1);
    for (size_t d = 0; d < s.size(); ++d) {
      int64_t& to = shape[shape.size() - s.size() + d];
      if (to == 1)
        to = s[d];
      else if (s[d] != 1 && s[d] != to)
        fail(ErrorCode::shape_mismatch, "index: index tensors of ", s, " and another do not broadcast");
    }
  }
  a.index_rank = int64_t(shape.size());
  std::vector<Tensor> parts;
  size_t c = 0;
  for (const Index& i : index) {
    if (i.kind != Index::tensor) continue;
    const int64_t n = plain.shape()[chosen[c++]];
    const Tensor places = i.indices.detach().to(DType::i64).contiguous();
    for (int64_t k = 0; k < places.element_count(); ++k) {
      const int64_t v = places.data_as<int64_t>()[k];
      if (v < -n || v >= n)
        fail(ErrorCode::invalid_argument, "index: ", v, " is out of range for an axis of ", n, " of ", text(x), " (",
             -n, " to ", n - 1, ")");
    }
    Sizes with_last = shape;
    with_last.push_back(1);
    parts.push_back(broadcast_to(places, shape).contiguous().reshape(with_last));
  }
  a.places = parts.size() == 1 ? parts[0] : [&] {
    const OpDef& concat = find_op("concat");
    return call1(concat, concat.defaults().with({{"axis", a.index_rank}}), parts);
  }();
  for (size_t axis : chosen) a.perm.push_back(int64_t(axis));
  for (int64_t axis = 0; axis < base.rank(); ++axis)
    if (std::find(chosen.begin(), chosen.end(), size_t(axis)) == chosen.end()) a.perm.push_back(axis);
  a.base = base.transpose(a.perm);
  return a;
}

// Moves the first `count` axes to `to`.
Sizes moved(int64_t rank, int64_t count, int64_t to) {
  Sizes perm;
  for (int64_t i = 0; i < to; ++i) perm.push_back(count + i);
  for (int64_t i = 0; i < count; ++i) perm.push_back(i);
  for (int64_t i = count + to; i < rank; ++i) perm.push_back(i);
  return perm;
}
Sizes inverse(const Sizes& perm) {
  Sizes r(perm.size());
  for (size_t i = 0; i < perm.size(); ++i) r[size_t(perm[i])] = int64_t(i);
  return r;
}

}  // namespace

Tensor get_item(const Tensor& x, std::span<const Index> given) {
  if (capturing) return get_item_staged(x, given);
  const std::vector<Index> index = complete(x, given);
  if (is_basic(index)) return get_basic(x, index);
  const Advanced a = analyse(x, index);
  const Tensor y = call1("gather_nd", {a.base, a.places});
  return a.position ? y.transpose(moved(y.rank(), a.index_rank, a.position)) : y;
}

void assign(const Tensor& x, const Tensor& value, const char* op) {
  if (capturing) return stager()->assign(x, value.to(x.dtype()), op);
  if (x.shape() != value.shape())
    fail(ErrorCode::shape_mismatch, op, ": ", text(value), " in the place of ", text(x),
         " (an operation in place cannot change the shape)");
  write(x, x, value.to(x.dtype()), true, op);
}

void set_item(const Tensor& x, std::span<const Index> given, const Tensor& value, const char* op) {
  if (capturing) return set_item_staged(x, given, value);
  const std::vector<Index> index = complete(x, given);
  const Tensor v = value.to(x.dtype());
  if (is_basic(index)) {
    const Tensor target = view_of(x, index);
    Tensor wide;
    try {
      wide = broadcast_to(v, target.shape());
    } catch (const Error&) {
      fail(ErrorCode::shape_mismatch, op, ": ", text(value), " cannot be put in the place of ", target.shape());
    }
    return write(x, target, wide, false, op);
  }
  const Advanced a = analyse(x, index);
  Sizes updates(a.places.shape().begin(), a.places.shape().end() - 1);
  for (size_t i = size_t(a.places.shape().back()); i < size_t(a.base.rank()); ++i) updates.push_back(a.base.shape()[i]);
  // The value has the shape of x[index]: the axes of the indices stand where NumPy has them.
  Tensor wide;
  const Sizes perm = moved(int64_t(updates.size()), a.index_rank, a.position);
  Sizes result_shape;
  for (int64_t p : perm) result_shape.push_back(updates[size_t(p)]);
  try {
    wide = broadcast_to(v, result_shape).transpose(inverse(perm));
  } catch (const Error&) {
    fail(ErrorCode::shape_mismatch, op, ": ", text(value), " cannot be put in the place of ", result_shape);
  }
  const Tensor changed = call1("scatter_nd", {a.base, a.places, wide}).transpose(inverse(a.perm));
  std::vector<Index> others = index;
  bool whole = true;
  for (Index& i : others) {
    if (i.kind == Index::tensor) i = Index{};
    whole = whole && i.kind == Index::range && !i.begin && !i.end && i.step == 1;
  }
  if (whole) return assign(x, changed, op);
  set_item(x, others, changed, op);
}

}  // namespace neve::eager
