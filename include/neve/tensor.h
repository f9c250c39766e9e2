// Tensor: a typed, strided view of shared storage.
#pragma once
#include <neve/dtype.h>
#include <neve/error.h>
#include <neve/sizes.h>

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
  struct Key {};

 public:
  explicit Storage(Key) {}
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
  /// What made the last change and where (see autograd::PlaceProvider), for messages. `op` is never freed.
  void changed_by(const char* op, uint32_t place) {
    writer_.store(op, std::memory_order_relaxed);
    writer_place_.store(place, std::memory_order_relaxed);
  }
  const char* writer() const { return writer_.load(std::memory_order_relaxed); }  ///< null: unknown
  uint32_t writer_place() const { return writer_place_.load(std::memory_order_relaxed); }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0, taken_ = 0;  ///< taken_: of a block of our own
  bool writable_ = true;
  std::function<void()> release_;
  std::atomic<uint64_t> version_{0};
  std::atomic<const char*> writer_{nullptr};
  std::atomic<uint32_t> writer_place_{0};
};

/// What autograd keeps of a tensor; `eager` defines it.
struct AutogradMeta;
/// What stands for a tensor while a program is captured: a value of a graph, no bytes; `eager` defines it.
struct CapturedValue;

/// What a tensor handle points to.
struct TensorBody {
  std::atomic<uint32_t> references{1};
  DType dtype = DType::f32;
  int64_t offset = 0, count = 0;  ///< in bytes; in elements
  std::shared_ptr<Storage> storage;
  Sizes shape, strides;  ///< strides in elements
  AutogradMeta* autograd = nullptr;
  /// What this was made from as a view, counted, never a view itself: its gradient follows changes in place.
  TensorBody* base = nullptr;
  std::atomic<uint64_t> seen{0};  ///< of views: the version of the storage for which the history is right
  bool unrecorded_view = false;   ///< a view that was made with recording off
  std::shared_ptr<CapturedValue> captured;
  bool detached = false;  ///< of a captured tensor: gradients end here

  TensorBody() = default;
  TensorBody(const TensorBody& o)  ///< a copy has no part in the gradients of the original
      : dtype(o.dtype),
        offset(o.offset),
        count(o.count),
        storage(o.storage),
        shape(o.shape),
        strides(o.strides),
        captured(o.captured),
        detached(o.detached) {}
  TensorBody& operator=(const TensorBody&) = delete;
  ~TensorBody() {
    if (autograd) drop_autograd();
    if (base && base->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete base;
  }
  static const TensorBody undefined;

 private:
  void drop_autograd() noexcept;
};

/// A handle, counted: copying it gives another name of the same tensor, for the price of a count. Reading from several
/// threads is safe, writing is not. A default-made Tensor is empty (`!defined()`), which is how optional inputs are
/// left out.
class Tensor {
 public:
  Tensor() = default;
  Tensor(const Tensor& o) noexcept : p_(o.p_) { retain(); }
  Tensor(Tensor&& o) noexcept : p_(o.p_) { o.p_ = nullptr; }
  Tensor& operator=(const Tensor& o) noexcept {
    Tensor(o).swap(*this);
    return *this;
  }
  Tensor& operator=(Tensor&& o) noexcept {
    Tensor(std::move(o)).swap(*this);
    return *this;
  }
  ~Tensor() {
    if (p_ && p_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete p_;
  }
  void swap(Tensor& o) noexcept { std::swap(p_, o.p_); }
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

  bool defined() const { return p_ != nullptr; }
  DType dtype() const { return body().dtype; }
  /// @throws Error{unsupported} while a program is captured, for a tensor of it with a size that is not one number
  const Sizes& shape() const {
    if (is_captured()) [[unlikely]]
      require_sizes();
    return body().shape;
  }
  const Sizes& strides() const { return bytes_of("strides").strides; }  ///< in elements
  int64_t rank() const { return int64_t(body().shape.size()); }
  int64_t size(int64_t axis) const;  ///< axis may be negative
  int64_t element_count() const {
    if (is_captured()) [[unlikely]]
      require_sizes();
    return body().count;
  }
  int64_t bytes() const { return element_count() * size_of(body().dtype); }
  bool is_contiguous() const;
  /// This and what follows: @throws Error{unsupported} for a tensor of a program that is being captured
  const std::shared_ptr<Storage>& storage() const { return bytes_of("storage").storage; }
  int64_t byte_offset() const { return bytes_of("byte_offset").offset; }
  std::byte* data() const {
    const TensorBody& b = bytes_of("data");
    return b.storage ? b.storage->data() + b.offset : nullptr;
  }
  template <class T>
  T* data_as() const {
    return reinterpret_cast<T*>(data());
  }

  Tensor contiguous() const;                                     ///< itself, or a contiguous copy
  Tensor clone() const;                                          ///< contiguous copy
  Tensor reshape(const Sizes& shape) const;                      ///< view where possible, else copy; one -1 allowed
  Tensor transpose(const Sizes& perm) const;                     ///< view
  Tensor slice(int64_t axis, int64_t begin, int64_t end) const;  ///< view, step 1, 0 <= begin <= end <= size
  Tensor to(DType dtype) const;                ///< converted copy (itself if equal); float to int truncates
  void copy_from(const Tensor& source) const;  ///< same dtype and shape, any strides

  /// Element k in row-major order, converted. Slow; for printing, tests and small content.
  double item(int64_t k = 0) const;
  int64_t item_int(int64_t k = 0) const;
  std::vector<int64_t> to_ints() const;

  // ---- gradients (see neve/autograd.h) ----
  /// Whether operations on this tensor are recorded: it was asked for (a leaf), or computed from one that was.
  bool requires_grad() const;
  /// Asks for gradients of a leaf, or ends that. Returns this tensor.
  /// @throws Error{type_mismatch} for a dtype that is not float; Error{invalid_argument} for a tensor that was computed
  const Tensor& set_requires_grad(bool on = true) const;
  bool is_leaf() const;  ///< not computed by a recorded operation
  Tensor grad() const;   ///< undefined where there is none
  void set_grad(const Tensor& g) const;
  /// See autograd::backward. `gradient` may be left out (or undefined) for one element.
  void backward() const;
  void backward(const Tensor& gradient, bool retain_graph = false, bool create_graph = false) const;
  Tensor detach() const;  ///< the same bytes, without a past
  /// Called with the gradient of this tensor when it is known; what it returns, if defined, takes its place. Returns a
  /// number for remove_hook.
  int64_t register_hook(std::function<Tensor(const Tensor&)> hook) const;
  void remove_hook(int64_t number) const;

  /// Whether both are names of one tensor.
  bool is(const Tensor& o) const { return p_ == o.p_; }
  /// Whether it stands for a value of a program that is being captured: it has a type, no bytes.
  bool is_captured() const { return p_ && p_->captured; }
  /// Whether nobody else holds this tensor or its bytes.
  bool is_sole_owner() const {
    return p_ && !p_->captured && p_->references.load(std::memory_order_acquire) == 1 && p_->storage.use_count() == 1;
  }
  /// For autograd and capture. Null for an undefined tensor.
  TensorBody* body_pointer() const { return p_; }
  /// One more handle of what another points to.
  static Tensor of_body(TensorBody* p) {
    Tensor t(p);
    t.retain();
    return t;
  }
  /// For capture: a tensor without bytes; `count` and negative sizes stand for what is no number.
  static Tensor of_captured(DType dtype, const Sizes& shape, int64_t count, std::shared_ptr<CapturedValue> value);

 private:
  explicit Tensor(TensorBody* p) : p_(p) {}
  const TensorBody& body() const { return p_ ? *p_ : TensorBody::undefined; }
  const TensorBody& bytes_of(const char* call) const {
    if (is_captured()) [[unlikely]]
      fail_captured(call);
    return body();
  }
  void require_defined(const char* call) const;
  void require_sizes() const;
  [[noreturn]] void fail_captured(const char* call) const;
  void retain() const {
    if (p_) p_->references.fetch_add(1, std::memory_order_relaxed);
  }
  TensorBody* p_ = nullptr;
};

/// "f32[2, 3]" and, for to_string, the values as NumPy prints them.
std::string type_text(const Tensor& t);
std::string to_string(const Tensor& t);
/// Row-major strides of a shape.
Sizes contiguous_strides(const Sizes& shape);

}  // namespace neve
