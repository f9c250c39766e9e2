// Storage and Tensor: making them, views, and access to elements.
#include <neve/tensor.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "core/convert.h"
#include "core/strided_copy.h"

namespace neve {
namespace {

constexpr size_t storage_alignment = 64;
constexpr size_t huge_page = size_t(1) << 21;
constexpr size_t address_space = size_t(1) << 47;

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
  void* p = nullptr;
  if (bytes < address_space) {
    const size_t alignment = bytes >= 2 * huge_page ? huge_page : storage_alignment;
    const size_t rounded = std::max((bytes + alignment - 1) / alignment, size_t(1)) * alignment;
    p = std::aligned_alloc(alignment, rounded);
    if (p && alignment == huge_page) ::madvise(p, rounded, MADV_HUGEPAGE);  // fewer page faults; no matter if refused
  }
  if (!p) fail(ErrorCode::out_of_memory, "tensor: no memory for ", bytes, " bytes");
  std::shared_ptr<Storage> s(new Storage);
  s->data_ = static_cast<std::byte*>(p);
  s->size_ = bytes;
  s->release_ = [p] { std::free(p); };
  return s;
}

std::shared_ptr<Storage> Storage::wrap(void* data, size_t bytes, std::function<void()> release, bool writable) {
  std::shared_ptr<Storage> s(new Storage);
  s->data_ = static_cast<std::byte*>(data);
  s->size_ = bytes;
  s->release_ = std::move(release);
  s->writable_ = writable;
  return s;
}

Storage::~Storage() {
  if (release_) release_();
}

Tensor Tensor::empty(DType dtype, const Sizes& shape) {
  Tensor t;
  t.count_ = count_elements("tensor", dtype, shape);
  t.dtype_ = dtype;
  t.shape_ = shape;
  t.strides_ = contiguous_strides(shape);
  t.storage_ = Storage::allocate(size_t(t.bytes()));
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
  Tensor t;
  t.count_ = count_elements("Tensor::view", dtype, shape);
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
  const bool inside = t.count_ == 0 ? byte_offset >= 0 && byte_offset <= int64_t(storage->size())
                                    : fits && begin >= 0 && end <= int64_t(storage->size());
  if (!inside)
    fail(ErrorCode::invalid_argument, "Tensor::view: ", dtype, shape, " with strides ", strides, " at byte ",
         byte_offset, " reaches outside its ", storage->size(), " bytes");
  t.storage_ = std::move(storage);
  t.dtype_ = dtype;
  t.shape_ = std::move(shape);
  t.strides_ = std::move(strides);
  t.offset_ = byte_offset;
  return t;
}

Tensor Tensor::borrow(void* data, DType dtype, const Sizes& shape) {
  const int64_t bytes = count_elements("Tensor::borrow", dtype, shape) * size_of(dtype);
  return view(Storage::wrap(data, size_t(bytes), {}, true), dtype, shape, contiguous_strides(shape));
}

int64_t Tensor::size(int64_t axis) const { return shape_[size_t(checked_axis("size", *this, axis))]; }

bool Tensor::is_contiguous() const {
  if (count_ == 0) return true;
  int64_t expected = 1;
  for (size_t i = shape_.size(); i-- > 0;) {
    if (shape_[i] == 1) continue;
    if (strides_[i] != expected) return false;
    expected *= shape_[i];
  }
  return true;
}

Tensor Tensor::contiguous() const { return is_contiguous() ? *this : clone(); }

Tensor Tensor::clone() const {
  if (!defined()) return {};
  Tensor t = empty(dtype_, shape_);
  strided_copy(t.data(), t.strides_, data(), strides_, shape_, size_of(dtype_));
  return t;
}

Tensor Tensor::reshape(const Sizes& shape) const {
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
    if (!fits || known == 0 || count_ % known != 0)
      fail(ErrorCode::shape_mismatch, "reshape: ", type_text(*this), " to ", shape, ": the -1 has no whole value");
    target[size_t(open)] = count_ / known;
  } else if (!fits || known != count_) {
    fail(ErrorCode::shape_mismatch, "reshape: ", type_text(*this), " has ", count_, " elements, ", shape, " has ",
         fits ? str(known) : "more");
  }
  Sizes strides;
  if (!view_strides(*this, target, strides)) return clone().reshape(target);
  Tensor t = *this;
  t.shape_ = std::move(target);
  t.strides_ = std::move(strides);
  return t;
}

Tensor Tensor::transpose(const std::vector<int64_t>& perm) const {
  std::vector<bool> seen(shape_.size());
  bool valid = perm.size() == shape_.size();
  for (int64_t p : perm) {
    valid = valid && p >= 0 && p < rank() && !seen[size_t(p)];
    if (valid) seen[size_t(p)] = true;
  }
  if (!valid)
    fail(ErrorCode::invalid_argument, "transpose: ", perm, " of ", type_text(*this), " (a permutation of its ", rank(),
         " axes)");
  Tensor t = *this;
  for (size_t i = 0; i < perm.size(); ++i) {
    t.shape_[i] = shape_[size_t(perm[i])];
    t.strides_[i] = strides_[size_t(perm[i])];
  }
  return t;
}

Tensor Tensor::slice(int64_t axis, int64_t begin, int64_t end) const {
  const size_t i = size_t(checked_axis("slice", *this, axis));
  if (begin < 0 || end < begin || end > shape_[i])
    fail(ErrorCode::invalid_argument, "slice: ", begin, "..", end, " of axis ", axis, " of ", type_text(*this),
         " (0 <= begin <= end <= ", shape_[i], ")");
  Tensor t = *this;
  t.shape_[i] = end - begin;
  if (shape_[i] != 0) t.count_ = count_ / shape_[i] * (end - begin);
  if (t.count_ != 0) t.offset_ += begin * strides_[i] * size_of(dtype_);  // an empty view stays where it is
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_ || !defined()) return *this;
  const Tensor source = contiguous();
  Tensor t = empty(dtype, shape_);
  bool real = !is_complex(dtype);
  real = with_storage_type(dtype_,
                           [&]<class From>(From) {
                             with_storage_type(dtype, [&]<class To>(To) {
                               const From* in = source.data_as<From>();
                               To* out = t.data_as<To>();
                               for (int64_t i = 0; i < count_; ++i) out[i] = convert_element<To>(in[i]);
                             });
                           }) &&
         real;
  if (!real) fail(ErrorCode::unsupported, "to: ", dtype_, " to ", dtype, " (complex numbers convert to nothing else)");
  return t;
}

void Tensor::copy_from(const Tensor& source) const {
  if (!defined() || !source.defined()) fail(ErrorCode::invalid_argument, "copy_from: an undefined tensor");
  if (source.dtype_ != dtype_)
    fail(ErrorCode::type_mismatch, "copy_from: ", type_text(source), " to ", type_text(*this),
         " (dtypes must be equal)");
  if (source.shape_ != shape_)
    fail(ErrorCode::shape_mismatch, "copy_from: ", type_text(source), " to ", type_text(*this),
         " (shapes must be equal)");
  if (!storage_->writable())
    fail(ErrorCode::invalid_argument, "copy_from: the target ", type_text(*this), " is read-only");
  if (storage_ == source.storage_) {  // may overlap
    if (offset_ == source.offset_ && strides_ == source.strides_) return;
    const Tensor copy = source.clone();
    strided_copy(data(), strides_, copy.data(), copy.strides_, shape_, size_of(dtype_));
  } else {
    strided_copy(data(), strides_, source.data(), source.strides_, shape_, size_of(dtype_));
  }
  storage_->bump();
}

double Tensor::item(int64_t k) const { return item_as<double>(*this, k); }
int64_t Tensor::item_int(int64_t k) const { return item_as<int64_t>(*this, k); }

std::vector<int64_t> Tensor::to_ints() const {
  std::vector<int64_t> out(static_cast<size_t>(count_));
  for (int64_t k = 0; k < count_; ++k) out[size_t(k)] = item_int(k);
  return out;
}

std::string type_text(const Tensor& t) { return t.defined() ? str(t.dtype(), t.shape()) : "undefined tensor"; }

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
