// Storage and Tensor: making them, views, and access to elements.
#include <neve/tensor.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/memory.h"
#include "core/convert.h"
#include "core/strided_copy.h"
#include "core/tensor_hooks.h"

namespace neve {
namespace {

/// Number of elements; also checks that their bytes fit.
int64_t count_elements(const char* call, DType dtype, const Sizes& shape) {
  int64_t n = 1, bytes;
  bool fits = true;
  for (int64_t d : shape) {
    if (d < 0) fail(ErrorCode::invalid_argument, call, ": shape ", shape, " has a negative size (sizes are 0 or more)");
    fits &= !__builtin_mul_overflow(n, std::max<int64_t>(d, 1), &n);
  }
  if (!fits || __builtin_mul_overflow(n, size_of(dtype), &bytes))
    fail(ErrorCode::invalid_argument, call, ": shape ", shape, " has more elements than memory can hold");
  return std::find(shape.begin(), shape.end(), 0) == shape.end() ? n : 0;
}

int64_t checked_axis(const char* call, const Tensor& t, int64_t axis) {
  if (axis < -t.rank() || axis >= t.rank())
    fail(ErrorCode::invalid_argument, call, ": axis ", axis, " of ", type_text(t), " (", -t.rank(), " to ",
         t.rank() - 1, ")");
  return axis < 0 ? axis + t.rank() : axis;
}

void check_span(const char* call, const Tensor& t, size_t values) {
  if (int64_t(values) != t.element_count())
    fail(ErrorCode::invalid_argument, call, ": ", values, " values for ", type_text(t), ", which has ",
         t.element_count());
}

/// Fills a contiguous tensor with converted values.
template <class V>
void fill_from(const char* call, const Tensor& t, std::span<const V> values) {
  const bool real = with_storage_type(t.dtype(), [&]<class T>(T) {
    T* out = t.data_as<T>();
    for (size_t i = 0; i < values.size(); ++i) out[i] = convert_element<T>(values[i]);
  });
  if (!real)
    fail(ErrorCode::unsupported, call, ": values of ", t.dtype(), " from real numbers (make an f32 or f64 tensor)");
}

/// Byte offset of element k in row-major order.
int64_t offset_of(const Tensor& t, int64_t k) {
  int64_t offset = 0;
  for (int64_t i = t.rank() - 1; i >= 0; --i) {
    const int64_t n = t.shape()[size_t(i)];
    offset += (k % n) * t.strides()[size_t(i)];
    k /= n;
  }
  return offset * size_of(t.dtype());
}

template <class R>
R item_as(const Tensor& t, int64_t k) {
  if (k < 0 || k >= t.element_count())
    fail(ErrorCode::invalid_argument, "item: element ", k, " of ", type_text(t), ", which has ", t.element_count());
  R r{};
  const bool real = with_storage_type(t.dtype(), [&]<class T>(T v) {
    std::memcpy(&v, t.data() + offset_of(t, k), sizeof v);
    r = convert_element<R>(v);
  });
  if (!real) fail(ErrorCode::unsupported, "item: ", t.dtype(), " is not a real dtype");
  return r;
}

/// Strides that view `t` as `shape` (same count), if there are any.
bool view_strides(const Tensor& t, const Sizes& shape, Sizes& out) {
  out.assign(shape.size(), 0);
  if (t.element_count() == 0 || t.is_contiguous()) {
    out = contiguous_strides(shape);
    return true;
  }
  size_t begin = 0, to = 0;  // groups of old axes that are contiguous among themselves hold groups of new ones
  const Sizes &old = t.shape(), &strides = t.strides();
  while (begin < old.size()) {
    if (old[begin] == 1) {
      ++begin;
      continue;
    }
    size_t end = begin + 1;
    int64_t inner = strides[begin], count = old[begin];
    for (; end < old.size(); ++end) {
      if (old[end] == 1) continue;
      if (inner != strides[end] * old[end]) break;
      inner = strides[end];
      count *= old[end];
    }
    const size_t first = to;
    int64_t taken = 1;
    while (to < shape.size() && (taken < count || shape[to] == 1)) taken *= shape[to++];
    if (taken != count) return false;
    for (size_t i = to; i-- > first;) {
      out[i] = inner;
      inner *= shape[i];
    }
    begin = end;
  }
  return true;
}

}  // namespace

std::shared_ptr<Storage> Storage::allocate(size_t bytes) {
  size_t taken = 0;
  void* p = allocate_block(bytes, taken);
  if (!p) fail(ErrorCode::out_of_memory, "tensor: no memory for ", bytes, " bytes");
  auto s = std::make_shared<Storage>(Key{});
  s->data_ = static_cast<std::byte*>(p);
  s->size_ = bytes;
  s->taken_ = taken;
  return s;
}

std::shared_ptr<Storage> Storage::wrap(void* data, size_t bytes, std::function<void()> release, bool writable) {
  auto s = std::make_shared<Storage>(Key{});
  s->data_ = static_cast<std::byte*>(data);
  s->size_ = bytes;
  s->release_ = std::move(release);
  s->writable_ = writable;
  return s;
}

const TensorBody TensorBody::undefined;
const TensorHooks* tensor_hooks = nullptr;
constinit thread_local bool capturing = false;

void TensorBody::drop_autograd() noexcept { tensor_hooks->destroy(autograd); }

Storage::~Storage() {
  if (taken_)
    free_block(data_, taken_);
  else if (release_)
    release_();
}

Tensor Tensor::empty(DType dtype, const Sizes& shape) {
  const int64_t count = count_elements("tensor", dtype, shape);
  std::shared_ptr<Storage> storage = Storage::allocate(size_t(count * size_of(dtype)));
  Tensor t(new TensorBody);
  t.p_->count = count;
  t.p_->dtype = dtype;
  t.p_->shape = shape;
  t.p_->strides = contiguous_strides(shape);
  t.p_->storage = std::move(storage);
  return t;
}

Tensor Tensor::zeros(DType dtype, const Sizes& shape) {
  Tensor t = empty(dtype, shape);
  std::memset(t.data(), 0, size_t(t.bytes()));
  return t;
}

Tensor Tensor::of(DType dtype, const Sizes& shape, std::span<const double> values) {
  Tensor t = empty(dtype, shape);
  check_span("Tensor::of", t, values.size());
  fill_from("Tensor::of", t, values);
  return t;
}

Tensor Tensor::of_ints(DType dtype, const Sizes& shape, std::span<const int64_t> values) {
  Tensor t = empty(dtype, shape);
  check_span("Tensor::of_ints", t, values.size());
  fill_from("Tensor::of_ints", t, values);
  return t;
}

Tensor Tensor::scalar(DType dtype, double value) { return of(dtype, {}, std::span(&value, 1)); }
Tensor Tensor::scalar_int(DType dtype, int64_t value) {
  return of_ints(dtype, {}, std::span<const int64_t>(&value, 1));
}

Tensor Tensor::view(std::shared_ptr<Storage> storage, DType dtype, Sizes shape, Sizes strides, int64_t byte_offset) {
  check(storage != nullptr, "Tensor::view: no storage");
  if (shape.size() != strides.size())
    fail(ErrorCode::invalid_argument, "Tensor::view: shape ", shape, " and strides ", strides, " differ in rank");
  Tensor t(new TensorBody);
  t.p_->count = count_elements("Tensor::view", dtype, shape);
  int64_t first = 0, last = 0;  // elements, relative to byte_offset
  bool fits = true;
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t reach;
    fits &= !__builtin_mul_overflow(std::max<int64_t>(shape[i] - 1, 0), strides[i], &reach);
    fits &= !__builtin_add_overflow(reach < 0 ? first : last, reach, reach < 0 ? &first : &last);
  }
  int64_t begin, end;
  fits &= !__builtin_mul_overflow(first, size_of(dtype), &begin) && !__builtin_add_overflow(begin, byte_offset, &begin);
  fits &= !__builtin_mul_overflow(last, size_of(dtype), &end) && !__builtin_add_overflow(end, byte_offset, &end) &&
          !__builtin_add_overflow(end, size_of(dtype), &end);
  const bool inside = t.p_->count == 0 ? byte_offset >= 0 && byte_offset <= int64_t(storage->size())
                                       : fits && begin >= 0 && end <= int64_t(storage->size());
  if (!inside)
    fail(ErrorCode::invalid_argument, "Tensor::view: ", dtype, shape, " with strides ", strides, " at byte ",
         byte_offset, " reaches outside its ", storage->size(), " bytes");
  t.p_->storage = std::move(storage);
  t.p_->dtype = dtype;
  t.p_->shape = std::move(shape);
  t.p_->strides = std::move(strides);
  t.p_->offset = byte_offset;
  return t;
}

Tensor Tensor::borrow(void* data, DType dtype, const Sizes& shape) {
  const int64_t bytes = count_elements("Tensor::borrow", dtype, shape) * size_of(dtype);
  return view(Storage::wrap(data, size_t(bytes), {}, true), dtype, shape, contiguous_strides(shape));
}

Tensor Tensor::of_captured(DType dtype, const Sizes& shape, int64_t count, std::shared_ptr<CapturedValue> value) {
  Tensor t(new TensorBody);
  t.p_->dtype = dtype;
  t.p_->shape = shape;
  t.p_->count = count;
  t.p_->captured = std::move(value);
  return t;
}

void Tensor::require_sizes() const {
  if (body().count >= 0) return;
  fail(ErrorCode::unsupported, "the sizes of ", tensor_hooks->describe(*this),
       " were asked for as numbers (they differ from call to call; captured code keeps them as dims)");
}

void Tensor::fail_captured(const char* call) const {
  fail(ErrorCode::unsupported, call, ": ", tensor_hooks->describe(*this), " has no values yet, it is being captured");
}

int64_t Tensor::size(int64_t axis) const {
  const int64_t n = body().shape[size_t(checked_axis("size", *this, axis))];
  if (n < 0) require_sizes();
  return n;
}

bool Tensor::is_contiguous() const {
  if (body().count == 0 || is_captured()) return true;
  int64_t expected = 1;
  for (size_t i = body().shape.size(); i-- > 0;) {
    if (body().shape[i] == 1) continue;
    if (body().strides[i] != expected) return false;
    expected *= body().shape[i];
  }
  return true;
}

void Tensor::require_defined(const char* call) const {
  if (!p_) fail(ErrorCode::invalid_argument, call, ": an undefined tensor");
}

Tensor Tensor::contiguous() const {
  if (is_captured()) return tensor_hooks->contiguous(*this);
  return is_contiguous() ? *this : clone();
}

Tensor Tensor::clone() const {
  if (!defined()) return {};
  if (is_hooked(*this)) return tensor_hooks->clone(*this);
  Tensor t = empty(body().dtype, body().shape);
  strided_copy(t.data(), t.p_->strides, data(), body().strides, body().shape, size_of(body().dtype));
  return t;
}

Tensor Tensor::reshape(const Sizes& shape) const {
  require_defined("reshape");
  if (is_hooked(*this)) return tensor_hooks->reshape(*this, shape);
  Sizes target = shape;
  int64_t known = 1, open = -1;
  bool fits = true;
  for (size_t i = 0; i < target.size(); ++i) {
    if (target[i] == -1 && open < 0)
      open = int64_t(i);
    else if (target[i] < 0)
      fail(ErrorCode::invalid_argument, "reshape: ", shape, " (sizes are 0 or more, and at most one -1)");
    else
      fits &= !__builtin_mul_overflow(known, target[i], &known);
  }
  if (open >= 0) {
    if (!fits || known == 0 || body().count % known != 0)
      fail(ErrorCode::shape_mismatch, "reshape: ", type_text(*this), " to ", shape, ": the -1 has no whole value");
    target[size_t(open)] = body().count / known;
  } else if (!fits || known != body().count) {
    fail(ErrorCode::shape_mismatch, "reshape: ", type_text(*this), " has ", body().count, " elements, ", shape, " has ",
         fits ? str(known) : "more");
  }
  Sizes strides;
  if (!view_strides(*this, target, strides)) return clone().reshape(target);
  Tensor t(new TensorBody(body()));
  t.p_->shape = std::move(target);
  t.p_->strides = std::move(strides);
  return t;
}

Tensor Tensor::transpose(const Sizes& perm) const {
  require_defined("transpose");
  if (is_hooked(*this)) return tensor_hooks->transpose(*this, perm);
  std::vector<bool> seen(body().shape.size());
  bool valid = perm.size() == body().shape.size();
  for (int64_t p : perm) {
    valid = valid && p >= 0 && p < rank() && !seen[size_t(p)];
    if (valid) seen[size_t(p)] = true;
  }
  if (!valid)
    fail(ErrorCode::invalid_argument, "transpose: ", perm, " of ", type_text(*this), " (a permutation of its ", rank(),
         " axes)");
  Tensor t(new TensorBody(body()));
  for (size_t i = 0; i < perm.size(); ++i) {
    t.p_->shape[i] = body().shape[size_t(perm[i])];
    t.p_->strides[i] = body().strides[size_t(perm[i])];
  }
  return t;
}

Tensor Tensor::slice(int64_t axis, int64_t begin, int64_t end) const {
  require_defined("slice");
  if (is_hooked(*this)) return tensor_hooks->slice(*this, axis, begin, end);
  const size_t i = size_t(checked_axis("slice", *this, axis));
  if (begin < 0 || end < begin || end > body().shape[i])
    fail(ErrorCode::invalid_argument, "slice: ", begin, "..", end, " of axis ", axis, " of ", type_text(*this),
         " (0 <= begin <= end <= ", body().shape[i], ")");
  Tensor t(new TensorBody(body()));
  t.p_->shape[i] = end - begin;
  if (body().shape[i] != 0) t.p_->count = body().count / body().shape[i] * (end - begin);
  if (t.p_->count != 0)
    t.p_->offset += begin * body().strides[i] * size_of(body().dtype);  // an empty view stays where it is
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == body().dtype || !defined()) return *this;
  if (is_hooked(*this)) return tensor_hooks->to(*this, dtype);
  const Tensor source = contiguous();
  Tensor t = empty(dtype, body().shape);
  bool real = !is_complex(dtype);
  real = with_storage_type(body().dtype,
                           [&]<class From>(From) {
                             with_storage_type(dtype, [&]<class To>(To) {
                               const From* in = source.data_as<From>();
                               To* out = t.data_as<To>();
                               for (int64_t i = 0; i < body().count; ++i) out[i] = convert_element<To>(in[i]);
                             });
                           }) &&
         real;
  if (!real)
    fail(ErrorCode::unsupported, "to: ", body().dtype, " to ", dtype, " (complex numbers convert to nothing else)");
  return t;
}

void Tensor::copy_from(const Tensor& source) const {
  if (!defined() || !source.defined()) fail(ErrorCode::invalid_argument, "copy_from: an undefined tensor");
  if (source.body().dtype != body().dtype)
    fail(ErrorCode::type_mismatch, "copy_from: ", type_text(source), " to ", type_text(*this),
         " (dtypes must be equal)");
  if (is_captured() || source.is_captured()) return tensor_hooks->copy_from(*this, source);
  if (source.body().shape != body().shape)
    fail(ErrorCode::shape_mismatch, "copy_from: ", type_text(source), " to ", type_text(*this),
         " (shapes must be equal)");
  if (is_hooked(*this) || is_hooked(source) || body().base) return tensor_hooks->copy_from(*this, source);
  if (!body().storage->writable())
    fail(ErrorCode::invalid_argument, "copy_from: the target ", type_text(*this), " is read-only");
  if (body().storage == source.body().storage) {  // may overlap
    if (body().offset == source.body().offset && body().strides == source.body().strides) return;
    const Tensor copy = source.clone();
    strided_copy(data(), body().strides, copy.data(), copy.body().strides, body().shape, size_of(body().dtype));
  } else {
    strided_copy(data(), body().strides, source.data(), source.body().strides, body().shape, size_of(body().dtype));
  }
  body().storage->bump();
}

double Tensor::item(int64_t k) const { return item_as<double>(*this, k); }
int64_t Tensor::item_int(int64_t k) const { return item_as<int64_t>(*this, k); }

std::vector<int64_t> Tensor::to_ints() const {
  std::vector<int64_t> out(static_cast<size_t>(body().count));
  for (int64_t k = 0; k < body().count; ++k) out[size_t(k)] = item_int(k);
  return out;
}

std::string to_string(const Sizes& s) { return str(std::vector<int64_t>(s)); }
std::string type_text(const Tensor& t) {
  if (t.is_captured()) return tensor_hooks->describe(t);
  return t.defined() ? str(t.dtype(), t.shape()) : "undefined tensor";
}

Sizes contiguous_strides(const Sizes& shape) {
  Sizes strides(shape.size());
  int64_t n = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = n;
    n *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

}  // namespace neve
