// Indexing while a program is captured: the same rules as ops, whose sizes need not be numbers.
#include <algorithm>

#include "eager/autograd.h"
#include "eager/index.h"
#include "eager/stage.h"
#include "op/registry.h"

namespace neve::eager {
namespace {

Tensor ints(std::initializer_list<int64_t> v) {
  return Tensor::of_ints(DType::i64, {int64_t(v.size())}, std::span<const int64_t>(v.begin(), v.size()));
}
Tensor op_on(std::string_view name, std::span<const Tensor> in, const AttrList& attrs = {}) {
  const OpDef& op = find_op(name);
  return call1(op, attrs.empty() ? op.defaults() : op.defaults().with(attrs), in);
}
Tensor as_vector(const Tensor& scalar) { return call1("reshape", {scalar.to(DType::i64), ints({1})}); }

bool is_whole(const Index& i) {
  return i.kind == Index::range && !i.begin && !i.end && i.step == 1 && !i.begin_value.defined() &&
         !i.end_value.defined();
}

// An entry for every axis, no ellipsis; masks as the indices of what they choose.
std::vector<Index> complete(const Tensor& x, std::span<const Index> given) {
  size_t taken = 0, dots = 0;
  for (const Index& i : given) {
    taken += i.kind == Index::new_axis || i.kind == Index::ellipsis           ? 0
             : i.kind == Index::tensor && i.indices.dtype() == DType::boolean ? size_t(i.indices.rank())
                                                                              : 1;
    dots += i.kind == Index::ellipsis;
  }
  if (dots > 1) fail(ErrorCode::invalid_argument, "index: more than one ellipsis");
  if (taken > size_t(x.rank()))
    fail(ErrorCode::invalid_argument, "index: ", taken, " indices for ", type_text(x), " (at most ", x.rank(), ")");
  std::vector<Index> all;
  for (const Index& i : given) {
    if (i.kind == Index::ellipsis) {
      all.resize(all.size() + size_t(x.rank()) - taken);
    } else if (i.kind == Index::tensor && i.indices.dtype() == DType::boolean) {
      const Tensor where = call1("non_zero", {i.indices});  // [rank, count]
      for (int64_t a = 0; a < i.indices.rank(); ++a) {
        Index one;
        one.kind = Index::tensor;
        one.indices = call1("gather", {where, Tensor::scalar_int(DType::i64, a)}, {{"axis", int64_t(0)}});
        all.push_back(std::move(one));
      }
    } else {
      if (i.kind == Index::tensor && !is_int(i.indices.dtype()))
        fail(ErrorCode::type_mismatch, "index: a tensor of ", i.indices.dtype(), " (integers, or bool as a mask)");
      all.push_back(i);
      if (i.kind == Index::tensor && i.indices.rank() == 0) all.back().kind = Index::integer;
    }
  }
  if (!dots) all.resize(all.size() + size_t(x.rank()) - taken);
  return all;
}

// Ranges, integers and new axes. Tensors stay whole axes.
Tensor take_basic(Tensor x, std::span<const Index> index) {
  int64_t axis = 0;
  for (const Index& i : index) {
    if (i.kind == Index::new_axis) continue;
    if (i.kind == Index::range && !is_whole(i)) {
      if (i.step == 0) fail(ErrorCode::invalid_argument, "index: a slice with step 0");
      const bool up = i.step > 0;
      const Tensor begin = i.begin_value.defined() ? as_vector(i.begin_value)
                                                   : ints({i.begin.value_or(up ? 0 : INT64_MAX)}),
                   end = i.end_value.defined() ? as_vector(i.end_value)
                                               : ints({i.end.value_or(up ? INT64_MAX : INT64_MIN)});
      x = call1("slice", {x, begin, end, ints({axis}), ints({i.step})});
    }
    ++axis;
  }
  axis = 0;
  for (const Index& i : index) {
    if (i.kind == Index::integer && i.indices.defined()) {
      const Tensor k = i.indices.rank() ? call1("reshape", {i.indices, ints({})}) : i.indices;
      const Tensor operands[] = {x, k};
      x = stager()->view(find_op("gather"), find_op("gather").defaults().with({{"axis", axis}}), operands);
      continue;
    }
    if (i.kind == Index::integer) {  // slice and squeeze: views, as when it runs at once
      x = call1("slice", {x, ints({i.value}), ints({i.value == -1 ? INT64_MAX : i.value + 1}), ints({axis})});
      x = call1("squeeze", {x}, {{"axes", std::vector<int64_t>{axis}}});
      continue;
    }
    if (i.kind == Index::new_axis) x = call1("unsqueeze", {x}, {{"axes", std::vector<int64_t>{axis}}});
    ++axis;
  }
  return x;
}

Sizes moved(int64_t rank, int64_t count, int64_t to) {
  Sizes perm;
  for (int64_t i = 0; i < to; ++i) perm.push_back(count + i);
  for (int64_t i = 0; i < count; ++i) perm.push_back(i);
  for (int64_t i = count + to; i < rank; ++i) perm.push_back(i);
  return perm;
}

Tensor take(const Tensor& x, const std::vector<Index>& index) {
  const bool basic = std::none_of(index.begin(), index.end(), [](const Index& i) { return i.kind == Index::tensor; });
  if (basic) return take_basic(x, index);
  std::vector<Index> others = index;
  for (Index& i : others)
    if (i.kind == Index::tensor) i = Index{};
  const Tensor base = take_basic(x, others);
  // NumPy: adjacent tensor indices stay in their place, others move to the front. An integer counts as one.
  size_t first = index.size(), last = 0, count = 0;
  for (size_t k = 0; k < index.size(); ++k) {
    if (index[k].kind != Index::tensor && index[k].kind != Index::integer) continue;
    first = std::min(first, k), last = k, ++count;
  }
  const int64_t position = last - first + 1 == count ? int64_t(first) : 0;
  std::vector<int64_t> chosen;
  std::vector<Tensor> places;
  int64_t axis = 0;
  for (const Index& i : index) {
    if (i.kind == Index::integer) continue;
    if (i.kind == Index::tensor) chosen.push_back(axis), places.push_back(i.indices.to(DType::i64));
    ++axis;
  }
  // One shape for all: by adding zeros of the others.
  int64_t rank = 0;
  for (const Tensor& p : places) rank = std::max(rank, p.rank());
  std::vector<Tensor> parts;
  for (size_t k = 0; k < places.size(); ++k) {
    Tensor wide = places[k];
    for (size_t j = 0; j < places.size(); ++j)
      if (j != k) wide = call1("add", {wide, call1("mul", {places[j], Tensor::scalar_int(DType::i64, 0)})});
    parts.push_back(call1("unsqueeze", {wide}, {{"axes", std::vector<int64_t>{rank}}}));
  }
  const Tensor where = parts.size() == 1 ? parts[0] : op_on("concat", parts, {{"axis", rank}});
  Sizes perm;
  for (int64_t a : chosen) perm.push_back(a);
  for (int64_t a = 0; a < base.rank(); ++a)
    if (std::find(chosen.begin(), chosen.end(), a) == chosen.end()) perm.push_back(a);
  const Tensor y = call1("gather_nd", {base.transpose(perm), where});
  return position ? y.transpose(moved(y.rank(), rank, position)) : y;
}

}  // namespace

Tensor get_item_staged(const Tensor& x, std::span<const Index> given) { return take(x, complete(x, given)); }

// The places are found by indexing the numbers of all elements in the same way; the value is scattered there.
void set_item_staged(const Tensor& x, std::span<const Index> given, const Tensor& value) {
  const std::vector<Index> index = complete(x, given);
  const Tensor v = value.to(x.dtype());
  const Tensor shape = call1("shape", {x});
  if (std::all_of(index.begin(), index.end(), is_whole))
    return stager()->assign(x, call1("expand", {v, shape}), "index");
  const Tensor flat = call1("reshape", {x, ints({-1})});
  const Tensor count = call1("reduce_prod", {shape}, {{"keepdims", false}, {"axes", std::vector<int64_t>{0}}});
  const Tensor numbers = call1("range", {Tensor::scalar_int(DType::i64, 0), count, Tensor::scalar_int(DType::i64, 1)});
  const Tensor places = take(call1("reshape", {numbers, shape}, {{"allowzero", true}}), index);
  const Tensor wide = call1("expand", {v, call1("shape", {places})});
  const Tensor where =
      call1("unsqueeze", {call1("reshape", {places, ints({-1})})}, {{"axes", std::vector<int64_t>{1}}});
  const Tensor y = call1("scatter_nd", {flat, where, call1("reshape", {wide, ints({-1})})});
  stager()->assign(x, call1("reshape", {y, shape}, {{"allowzero", true}}), "index");
}

}  // namespace neve::eager
