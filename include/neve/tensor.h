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
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <type_traits>
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

class Number;  ///< of neve/functions.h, as Index
class Index;
namespace ops {
struct RollOptions;
struct SortOptions;
struct UniqueOptions;
}  // namespace ops

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
  Tensor to(DType dtype) const;  ///< converted copy (itself if equal); float to int truncates
  /// The elements of `source`, of the same dtype and shape, in the place of these. Recorded, as copy_into is.
  void copy_from(const Tensor& source) const;

  /// Element k in row-major order, converted. Slow; for printing, tests and small content.
  double item(int64_t k = 0) const;
  int64_t item_int(int64_t k = 0) const;
  template <class T>
  T item(int64_t k = 0) const {
    if constexpr (std::is_integral_v<T>)
      return T(item_int(k));
    else
      return T(item(k));
  }
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

  // ---- methods of the functions: made by tools/gen_cpp_methods.py, do not edit ----
  // clang-format off
  Tensor abs() const;
  const Tensor& abs_() const;
  Tensor acos() const;
  const Tensor& acos_() const;
  Tensor acosh() const;
  const Tensor& acosh_() const;
  Tensor add(const Tensor& b) const;
  Tensor add(Number b) const;
  const Tensor& add_(const Tensor& b) const;
  const Tensor& add_(Number b) const;
  Tensor addcdiv(const Tensor& a, const Tensor& b) const;
  Tensor addcdiv(const Tensor& a, const Tensor& b, Number value) const;
  const Tensor& addcdiv_(const Tensor& a, const Tensor& b) const;
  const Tensor& addcdiv_(const Tensor& a, const Tensor& b, Number value) const;
  Tensor addcmul(const Tensor& a, const Tensor& b) const;
  Tensor addcmul(const Tensor& a, const Tensor& b, Number value) const;
  const Tensor& addcmul_(const Tensor& a, const Tensor& b) const;
  const Tensor& addcmul_(const Tensor& a, const Tensor& b, Number value) const;
  Tensor addmm(const Tensor& a, const Tensor& b) const;
  Tensor addmm(const Tensor& a, const Tensor& b, Number beta, Number alpha) const;
  Tensor all(const Sizes& axes = {}, bool keepdims = false) const;
  bool allclose(const Tensor& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) const;
  Tensor amax(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor amin(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor any(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor argmax(int64_t axis = -1, bool keepdims = false) const;
  Tensor argmin(int64_t axis = -1, bool keepdims = false) const;
  Tensor argsort(int64_t axis = -1, bool descending = false) const;
  Tensor argwhere() const;
  std::vector<Tensor> array_split(int64_t parts, int64_t axis = 0) const;
  std::vector<Tensor> array_split(const Sizes& cuts, int64_t axis = 0) const;
  Tensor asin() const;
  const Tensor& asin_() const;
  Tensor asinh() const;
  const Tensor& asinh_() const;
  Tensor atan() const;
  Tensor atan2(const Tensor& b) const;
  const Tensor& atan2_(const Tensor& b) const;
  const Tensor& atan_() const;
  Tensor atanh() const;
  const Tensor& atanh_() const;
  Tensor baddbmm(const Tensor& a, const Tensor& b) const;
  Tensor baddbmm(const Tensor& a, const Tensor& b, Number beta, Number alpha) const;
  Tensor bincount(int64_t minlength = 0) const;
  Tensor bitwise_and(const Tensor& b) const;
  const Tensor& bitwise_and_(const Tensor& b) const;
  Tensor bitwise_left_shift(const Tensor& b) const;
  Tensor bitwise_left_shift(Number b) const;
  const Tensor& bitwise_left_shift_(const Tensor& b) const;
  const Tensor& bitwise_left_shift_(Number b) const;
  Tensor bitwise_not() const;
  Tensor bitwise_or(const Tensor& b) const;
  const Tensor& bitwise_or_(const Tensor& b) const;
  Tensor bitwise_right_shift(const Tensor& b) const;
  Tensor bitwise_right_shift(Number b) const;
  const Tensor& bitwise_right_shift_(const Tensor& b) const;
  const Tensor& bitwise_right_shift_(Number b) const;
  Tensor bitwise_xor(const Tensor& b) const;
  const Tensor& bitwise_xor_(const Tensor& b) const;
  Tensor bmm(const Tensor& b) const;
  Tensor broadcast_to(const Sizes& shape) const;
  Tensor ceil() const;
  const Tensor& ceil_() const;
  std::vector<Tensor> chunk(int64_t parts, int64_t axis = 0) const;
  Tensor clamp(Number low, Number high) const;
  const Tensor& clamp_(Number low, Number high) const;
  Tensor clip(Number low, Number high) const;
  const Tensor& clip_(Number low, Number high) const;
  const Tensor& copy_(const Tensor& value) const;
  Tensor copysign(const Tensor& b) const;
  const Tensor& copysign_(const Tensor& b) const;
  Tensor cos() const;
  const Tensor& cos_() const;
  Tensor cosh() const;
  const Tensor& cosh_() const;
  Tensor count_nonzero(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor cross(const Tensor& b, int64_t axis = -1) const;
  Tensor cumprod(int64_t axis) const;
  const Tensor& cumprod_(int64_t axis) const;
  Tensor cumsum(int64_t axis) const;
  const Tensor& cumsum_(int64_t axis) const;
  Tensor deg2rad() const;
  const Tensor& deg2rad_() const;
  Tensor det() const;
  Tensor diagonal(int64_t offset = 0, int64_t axis1 = 0, int64_t axis2 = 1) const;
  Tensor diff(int64_t n = 1, int64_t axis = -1) const;
  Tensor div(const Tensor& b) const;
  Tensor div(Number b) const;
  const Tensor& div_(const Tensor& b) const;
  const Tensor& div_(Number b) const;
  Tensor dot(const Tensor& b) const;
  Tensor eq(const Tensor& b) const;
  Tensor eq(Number b) const;
  Tensor erf() const;
  const Tensor& erf_() const;
  Tensor erfc() const;
  const Tensor& erfc_() const;
  Tensor exp() const;
  Tensor exp2() const;
  const Tensor& exp2_() const;
  const Tensor& exp_() const;
  Tensor expand(const Sizes& shape) const;
  Tensor expand_as(const Tensor& other) const;
  Tensor expand_dims(int64_t axis) const;
  Tensor expm1() const;
  const Tensor& expm1_() const;
  Tensor flatten(int64_t first = 0, int64_t last = -1) const;
  Tensor flip(const Sizes& axes = {}) const;
  Tensor fliplr() const;
  Tensor flipud() const;
  Tensor float_power(const Tensor& b) const;
  Tensor float_power(Number b) const;
  const Tensor& float_power_(const Tensor& b) const;
  const Tensor& float_power_(Number b) const;
  Tensor floor() const;
  const Tensor& floor_() const;
  Tensor floor_divide(const Tensor& b) const;
  Tensor floor_divide(Number b) const;
  const Tensor& floor_divide_(const Tensor& b) const;
  const Tensor& floor_divide_(Number b) const;
  Tensor fmax(const Tensor& b) const;
  const Tensor& fmax_(const Tensor& b) const;
  Tensor fmin(const Tensor& b) const;
  const Tensor& fmin_(const Tensor& b) const;
  Tensor fmod(const Tensor& b) const;
  Tensor fmod(Number b) const;
  const Tensor& fmod_(const Tensor& b) const;
  const Tensor& fmod_(Number b) const;
  Tensor frac() const;
  const Tensor& frac_() const;
  Tensor ge(const Tensor& b) const;
  Tensor ge(Number b) const;
  Tensor gt(const Tensor& b) const;
  Tensor gt(Number b) const;
  Tensor heaviside(const Tensor& b) const;
  const Tensor& heaviside_(const Tensor& b) const;
  Tensor hypot(const Tensor& b) const;
  const Tensor& hypot_(const Tensor& b) const;
  Tensor index(const std::vector<Index>& index) const;
  Tensor index_add(int64_t axis, const Tensor& index, const Tensor& source) const;
  const Tensor& index_add_(int64_t axis, const Tensor& index, const Tensor& source) const;
  Tensor index_copy(int64_t axis, const Tensor& index, const Tensor& source) const;
  const Tensor& index_copy_(int64_t axis, const Tensor& index, const Tensor& source) const;
  Tensor index_fill(int64_t axis, const Tensor& index, Number value) const;
  const Tensor& index_fill_(int64_t axis, const Tensor& index, Number value) const;
  void index_put_(const std::vector<Index>& index, const Tensor& value) const;
  void index_put_(const std::vector<Index>& index, Number value) const;
  Tensor index_select(int64_t axis, const Tensor& indices) const;
  Tensor inner(const Tensor& b) const;
  Tensor inv() const;
  Tensor inverse() const;
  Tensor isclose(const Tensor& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) const;
  Tensor isfinite() const;
  Tensor isinf() const;
  Tensor isnan() const;
  Tensor isneginf() const;
  Tensor isposinf() const;
  Tensor kron(const Tensor& b) const;
  Tensor ldexp(const Tensor& b) const;
  Tensor ldexp(Number b) const;
  const Tensor& ldexp_(const Tensor& b) const;
  const Tensor& ldexp_(Number b) const;
  Tensor le(const Tensor& b) const;
  Tensor le(Number b) const;
  Tensor lerp(const Tensor& end, const Tensor& weight) const;
  Tensor lerp(const Tensor& end, Number weight) const;
  const Tensor& lerp_(const Tensor& end, const Tensor& weight) const;
  const Tensor& lerp_(const Tensor& end, Number weight) const;
  Tensor log() const;
  Tensor log10() const;
  const Tensor& log10_() const;
  Tensor log1p() const;
  const Tensor& log1p_() const;
  Tensor log2() const;
  const Tensor& log2_() const;
  const Tensor& log_() const;
  Tensor log_softmax(int64_t axis = -1) const;
  Tensor logaddexp(const Tensor& b) const;
  const Tensor& logaddexp_(const Tensor& b) const;
  Tensor logical_and(const Tensor& b) const;
  Tensor logical_not() const;
  Tensor logical_or(const Tensor& b) const;
  Tensor logical_xor(const Tensor& b) const;
  Tensor logit() const;
  const Tensor& logit_() const;
  Tensor logsumexp(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor lt(const Tensor& b) const;
  Tensor lt(Number b) const;
  Tensor masked_fill(const Tensor& mask, Number value) const;
  const Tensor& masked_fill_(const Tensor& mask, Number value) const;
  Tensor masked_select(const Tensor& mask) const;
  Tensor matmul(const Tensor& b) const;
  Tensor matrix_power(int64_t n) const;
  Tensor max(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor maximum(const Tensor& b) const;
  Tensor maximum(Number b) const;
  const Tensor& maximum_(const Tensor& b) const;
  const Tensor& maximum_(Number b) const;
  Tensor mean(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor median(int64_t axis, bool keepdims = false) const;
  Tensor median() const;
  Tensor min(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor minimum(const Tensor& b) const;
  Tensor minimum(Number b) const;
  const Tensor& minimum_(const Tensor& b) const;
  const Tensor& minimum_(Number b) const;
  Tensor mm(const Tensor& b) const;
  Tensor moveaxis(int64_t from, int64_t to) const;
  Tensor moveaxis(const Sizes& from, const Sizes& to) const;
  Tensor movedim(int64_t from, int64_t to) const;
  Tensor movedim(const Sizes& from, const Sizes& to) const;
  Tensor mul(const Tensor& b) const;
  Tensor mul(Number b) const;
  const Tensor& mul_(const Tensor& b) const;
  const Tensor& mul_(Number b) const;
  Tensor mv(const Tensor& b) const;
  Tensor nan_to_num(double nan = 0, std::optional<double> posinf = {}, std::optional<double> neginf = {}) const;
  const Tensor& nan_to_num_(double nan = 0, std::optional<double> posinf = {}, std::optional<double> neginf = {}) const;
  Tensor nanmax(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor nanmean(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor nanmin(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor nansum(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor narrow(int64_t axis, int64_t begin, int64_t length) const;
  Tensor ne(const Tensor& b) const;
  Tensor ne(Number b) const;
  Tensor neg() const;
  const Tensor& neg_() const;
  std::vector<Tensor> nonzero() const;
  Tensor norm(double p = 2, const Sizes& axes = {}, bool keepdims = false) const;
  Tensor outer(const Tensor& b) const;
  Tensor permute(const Sizes& permutation) const;
  Tensor pow(const Tensor& b) const;
  Tensor pow(Number b) const;
  const Tensor& pow_(const Tensor& b) const;
  const Tensor& pow_(Number b) const;
  Tensor prod(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor ptp(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor quantile(double q, int64_t axis, bool keepdims = false) const;
  Tensor quantile(double q) const;
  Tensor rad2deg() const;
  const Tensor& rad2deg_() const;
  Tensor ravel() const;
  Tensor reciprocal() const;
  const Tensor& reciprocal_() const;
  Tensor relu() const;
  const Tensor& relu_() const;
  Tensor remainder(const Tensor& b) const;
  Tensor remainder(Number b) const;
  const Tensor& remainder_(const Tensor& b) const;
  const Tensor& remainder_(Number b) const;
  Tensor repeat_interleave(int64_t times, int64_t axis) const;
  Tensor reshape_as(const Tensor& other) const;
  Tensor roll() const;
  Tensor roll(const ops::RollOptions& options) const;
  Tensor rot90(int64_t times = 1, int64_t a = 0, int64_t b = 1) const;
  Tensor round() const;
  const Tensor& round_() const;
  Tensor rsqrt() const;
  const Tensor& rsqrt_() const;
  Tensor scatter(int64_t axis, const Tensor& index, const Tensor& source) const;
  const Tensor& scatter_(int64_t axis, const Tensor& index, const Tensor& source) const;
  Tensor scatter_add(int64_t axis, const Tensor& index, const Tensor& source) const;
  const Tensor& scatter_add_(int64_t axis, const Tensor& index, const Tensor& source) const;
  Tensor scatter_reduce(int64_t axis, const Tensor& index, const Tensor& source, const std::string& reduce) const;
  const Tensor& scatter_reduce_(int64_t axis, const Tensor& index, const Tensor& source, const std::string& reduce) const;
  Tensor searchsorted(const Tensor& values, bool right = false) const;
  Tensor select(int64_t axis, int64_t at) const;
  Tensor sigmoid() const;
  const Tensor& sigmoid_() const;
  Tensor sign() const;
  const Tensor& sign_() const;
  Tensor signbit() const;
  Tensor sin() const;
  const Tensor& sin_() const;
  Tensor sinc() const;
  const Tensor& sinc_() const;
  Tensor sinh() const;
  const Tensor& sinh_() const;
  std::tuple<Tensor, Tensor> slogdet() const;
  Tensor softmax(int64_t axis = -1) const;
  std::tuple<Tensor, Tensor> sort() const;
  std::tuple<Tensor, Tensor> sort(const ops::SortOptions& options) const;
  std::vector<Tensor> split(int64_t size, int64_t axis = 0) const;
  std::vector<Tensor> split(const Sizes& sizes, int64_t axis = 0) const;
  Tensor sqrt() const;
  const Tensor& sqrt_() const;
  Tensor square() const;
  const Tensor& square_() const;
  Tensor squeeze(const Sizes& axes = {}) const;
  Tensor std(const Sizes& axes = {}, double correction = 0, bool keepdims = false) const;
  Tensor sub(const Tensor& b) const;
  Tensor sub(Number b) const;
  const Tensor& sub_(const Tensor& b) const;
  const Tensor& sub_(Number b) const;
  Tensor sum(const Sizes& axes = {}, bool keepdims = false) const;
  Tensor swap_axes(int64_t a, int64_t b) const;
  Tensor swapaxes(int64_t a, int64_t b) const;
  Tensor take(const Tensor& indices) const;
  Tensor take_along_axis(const Tensor& indices, int64_t axis) const;
  Tensor tan() const;
  const Tensor& tan_() const;
  Tensor tanh() const;
  const Tensor& tanh_() const;
  std::vector<Tensor> tensor_split(int64_t parts, int64_t axis = 0) const;
  std::vector<Tensor> tensor_split(const Sizes& cuts, int64_t axis = 0) const;
  Tensor tile(const Tensor& repeats) const;
  Tensor tile(const Sizes& times) const;
  std::tuple<Tensor, Tensor> topk(int64_t k, int64_t axis = -1, bool largest = true) const;
  Tensor trace(int64_t offset = 0, int64_t axis1 = 0, int64_t axis2 = 1) const;
  Tensor tril(int64_t k = 0) const;
  const Tensor& tril_(int64_t k = 0) const;
  Tensor triu(int64_t k = 0) const;
  const Tensor& triu_(int64_t k = 0) const;
  Tensor trunc() const;
  const Tensor& trunc_() const;
  std::vector<Tensor> unbind(int64_t axis = 0) const;
  Tensor unflatten(int64_t axis, const Sizes& sizes) const;
  std::tuple<Tensor, Tensor, Tensor, Tensor> unique() const;
  std::tuple<Tensor, Tensor, Tensor, Tensor> unique(const ops::UniqueOptions& options) const;
  Tensor unsqueeze(int64_t axis) const;
  Tensor var(const Sizes& axes = {}, double correction = 0, bool keepdims = false) const;
  Tensor vdot(const Tensor& b) const;
  Tensor view(const Sizes& shape) const;
  Tensor view_as(const Tensor& other) const;
  Tensor xlogy(const Tensor& b) const;
  const Tensor& xlogy_(const Tensor& b) const;
  // clang-format on
  // ---- end of what is made

  Tensor operator[](int64_t i) const;  ///< x.index({i}): slice i of the first axis, a view

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
