// Tensor: a typed, strided view of shared storage.
#pragma once
#include <neve/dtype.h>
#include <neve/error.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace neve {

/// Bytes with an owner: allocated here, part of a mapped file, or foreign memory. Reference-counted; the count is
/// thread-safe, the bytes are not protected.
class Storage {
 public:
  /// 64-byte aligned, not initialised. @throws Error{out_of_memory} naming the size.
  static std::shared_ptr<Storage> allocate(size_t bytes);
  /// Foreign memory; `release` runs when the last user is gone.
  static std::shared_ptr<Storage> wrap(void* data, size_t bytes, std::function<void()> release, bool writable);
  ~Storage();
  std::byte* data() const { return data_; }
  size_t size() const { return size_; }
  bool writable() const { return writable_; }
  /// Bumped by every in-place change; autograd and capture check it.
  uint64_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump() { version_.fetch_add(1, std::memory_order_relaxed); }

 private:
  Storage() = default;
  std::byte* data_ = nullptr;
  size_t size_ = 0;
  bool writable_ = true;
  std::function<void()> release_;
  std::atomic<uint64_t> version_{0};
};

using Sizes = std::vector<int64_t>;

/// A handle: copying shares the storage. Reading from several threads is safe, writing is not. A default-made Tensor is
/// empty (`!defined()`), which is how optional inputs are left out.
class Tensor {
 public:
  Tensor() = default;
  /// Contiguous, not initialised. @throws Error{invalid_argument} for a negative size or one that overflows.
  static Tensor empty(DType dtype, const Sizes& shape);
  static Tensor zeros(DType dtype, const Sizes& shape);
  /// Copies the values, converting. E.g. Tensor::of(DType::i64, {3}, {1, 2, 3}).
  static Tensor of(DType dtype, const Sizes& shape, std::span<const double> values);
  static Tensor of(DType dtype, const Sizes& shape, std::initializer_list<double> values) {
    return of(dtype, shape, std::span<const double>(values.begin(), values.size()));
  }
  static Tensor of_ints(DType dtype, const Sizes& shape, std::span<const int64_t> values);
  static Tensor scalar(DType dtype, double value);
  static Tensor scalar_int(DType dtype, int64_t value);
  /// A view of `storage`; strides in elements. @throws Error{invalid_argument} if any element would lie outside.
  static Tensor view(std::shared_ptr<Storage> storage, DType dtype, Sizes shape, Sizes strides,
                     int64_t byte_offset = 0);
  /// Borrowed memory, contiguous; the caller keeps it alive.
  static Tensor borrow(void* data, DType dtype, const Sizes& shape);

  bool defined() const { return storage_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Sizes& shape() const { return shape_; }
  const Sizes& strides() const { return strides_; }  ///< in elements
  int64_t rank() const { return int64_t(shape_.size()); }
  int64_t size(int64_t axis) const;  ///< axis may be negative
  int64_t element_count() const { return count_; }
  int64_t bytes() const { return count_ * size_of(dtype_); }
  bool is_contiguous() const;
  const std::shared_ptr<Storage>& storage() const { return storage_; }
  int64_t byte_offset() const { return offset_; }
  std::byte* data() const { return storage_ ? storage_->data() + offset_ : nullptr; }
  template <class T>
  T* data_as() const {
    return reinterpret_cast<T*>(data());
  }

  Tensor contiguous() const;                                     ///< itself, or a contiguous copy
  Tensor clone() const;                                          ///< contiguous copy
  Tensor reshape(const Sizes& shape) const;                      ///< view where possible, else copy; one -1 allowed
  Tensor transpose(const std::vector<int64_t>& perm) const;      ///< view
  Tensor slice(int64_t axis, int64_t begin, int64_t end) const;  ///< view, step 1, 0 <= begin <= end <= size
  Tensor to(DType dtype) const;                ///< converted copy (itself if equal); float to int truncates
  void copy_from(const Tensor& source) const;  ///< same dtype and shape, any strides

  /// Element k in row-major order, converted. Slow; for printing, tests and small content.
  double item(int64_t k = 0) const;
  int64_t item_int(int64_t k = 0) const;
  std::vector<int64_t> to_ints() const;

 private:
  std::shared_ptr<Storage> storage_;
  Sizes shape_, strides_;
  int64_t offset_ = 0, count_ = 0;
  DType dtype_ = DType::f32;
};

/// "f32[2, 3]" and, for to_string, the values as NumPy prints them.
std::string type_text(const Tensor& t);
std::string to_string(const Tensor& t);
/// Row-major strides of a shape.
Sizes contiguous_strides(const Sizes& shape);

}  // namespace neve
