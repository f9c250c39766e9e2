// The op interface: what one operator says about itself, in one struct in one file.
#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/error.h"
#include "core/tensor_type.h"
#include "op/attrs.h"
#include "op/builder.h"
#include "op/scalar.h"

namespace neve {

// ---- schema ---------------------------------------------------------------------------------------------------
enum class Arity : uint8_t { one, optional, variadic };  // variadic: the last port only, zero or more

struct Port {
  std::string_view name, doc = "";
  Arity arity = Arity::one;
};
/// Up to 10 ports.
struct Ports {
  std::array<Port, 10> port{};
  size_t count = 0;
  constexpr Ports() = default;
  constexpr Ports(std::initializer_list<Port> p) {
    for (const Port& x : p) port[count++] = x;
  }
  constexpr const Port* begin() const { return port.data(); }
  constexpr const Port* end() const { return port.data() + count; }
  constexpr size_t required() const {
    size_t n = 0;
    for (const Port& p : *this) n += p.arity == Arity::one;
    return n;
  }
  constexpr bool variadic() const { return count && port[count - 1].arity == Arity::variadic; }
};

struct OpInfo {
  std::string_view name;     ///< snake_case; the ONNX name and rule where ONNX has the op
  std::string_view summary;  ///< one sentence, with the formula
  std::string_view source;   ///< where the semantics come from: "ONNX Conv-11"
  Ports inputs;
  Ports outputs = {{"y"}};
  std::string_view public_name = "";  ///< array-API name that users see, if it is another
  int version = 1;                    ///< raised when the meaning changes; files hold it
  int regions = 0;                    ///< number of regions a node has
  bool random = false;                ///< not folded, not merged
};

// ---- types ----------------------------------------------------------------------------------------------------
/// Handed to infer(): input types in, output types out; raises well-formed errors; records what could not be proven.
class Inferring {
 public:
  Inferring(const OpInfo& op, std::span<const TensorType* const> in) : op(op), in_(in) {}
  virtual ~Inferring() = default;
  const OpInfo& op;

  size_t inputs() const { return in_.size(); }
  bool has(size_t i) const { return i < in_.size() && in_[i]; }
  const TensorType& in(size_t i) const;  ///< @throws Error{internal} if absent
  /// Content of input i where known (constants, shape arithmetic; always in eager mode for small integer tensors).
  const Shape* content(size_t i) const;
  /// Content of input i as plain numbers; nothing if unknown or symbolic.
  std::optional<std::vector<int64_t>> ints(size_t i) const;
  /// Result types of the node's region k (region ops only).
  std::span<const TensorType> region(size_t k) const { return regions_[k]; }

  std::vector<TensorType> out;
  void result(TensorType t) { out.push_back(std::move(t)); }
  void result(DType t, Shape s) { out.push_back({t, std::move(s)}); }
  /// States the content of output k (a rank 0 or 1 integer or bool tensor of at most 64 elements; others are ignored).
  void result_content(size_t k, Shape content);

  /// A size known only when the node has run.
  Dim fresh(std::string name, int64_t lo = 0, int64_t hi = Dim::unbounded);

  // Requirements. `what` ends the sentence that starts with the op's name.
  template <class... T>
  void require(bool ok, const T&... what) const {
    if (!ok) fail_with(ErrorCode::invalid_argument, str(what...));
  }
  template <class... T>
  void require_type(bool ok, const T&... what) const {
    if (!ok) fail_with(ErrorCode::type_mismatch, str(what...));
  }
  template <class... T>
  void require_shape(bool ok, const T&... what) const {
    if (!ok) fail_with(ErrorCode::shape_mismatch, str(what...));
  }
  /// a == b: nothing if proven, an error if disproven, else a constraint that is checked when the engine is called.
  /// Returns the simpler of the two.
  Dim require_equal(Dim a, Dim b, std::string_view what);
  void require_at_least(Dim a, Dim b, std::string_view what);
  void require_divides(int64_t divisor, Dim a, std::string_view what);
  /// Size of one axis under broadcasting; records the constraint where neither proven nor disproven.
  Dim broadcast(Dim a, Dim b);
  Shape broadcast(const Shape& a, const Shape& b);  ///< NumPy's rule
  /// axis in [-rank, rank) -> [0, rank). @throws Error{invalid_argument}
  int64_t axis(int64_t a, int64_t rank, std::string_view what = "axis") const;
  std::vector<int64_t> axes(std::span<const int64_t> a,
                            int64_t rank) const;  ///< normalised, distinct, in the order given
  void require_same_dtype(size_t i, size_t j) const;
  void require_float(size_t i) const;
  std::string input_name(size_t i) const;
  [[noreturn]] void fail_with(ErrorCode code, const std::string& what) const;

  std::vector<Constraint> constraints;
  std::vector<std::optional<Shape>> out_content;
  std::vector<std::vector<TensorType>> regions_;
  std::vector<Facts> in_facts;        ///< per input; may be shorter
  mutable uint64_t content_read = 0;  ///< bit i: the rule asked for the content of input i

 private:
  std::span<const TensorType* const> in_;
};

// ---- meaning of a primitive -----------------------------------------------------------------------------------
/// Handed to eval(): contiguous inputs, outputs to fill. Runs in the calling thread and may use parallel_for(threads).
class Evaluating {
 public:
  virtual ~Evaluating() = default;
  std::span<const Tensor> in;  ///< contiguous; undefined where absent
  int threads = 1;
  bool has(size_t i) const { return i < in.size() && in[i].defined(); }
  size_t outputs() const { return out_.size(); }
  /// Output k, made before eval from the inferred type when its sizes are known.
  const Tensor& out(size_t k) const { return out_[k]; }
  /// Sets the sizes of an output whose inferred shape has fresh symbols, and makes it (contiguous, not initialised).
  /// Legal for all outputs.
  const Tensor& allocate(size_t k, const Sizes& shape);
  /// Gives an existing tensor as output k (region ops; views).
  void set(size_t k, Tensor t) { out_[k] = std::move(t); }
  /// Runs region k of a region op.
  virtual std::vector<Tensor> region(size_t k, std::span<const Tensor> arguments);

  std::vector<Tensor> out_;
  std::vector<DType> out_dtype_;
  std::vector<TensorType> out_types;  ///< as inferred from the concrete inputs; sizes known only after eval are symbols
};

enum class ReduceKind : uint8_t { sum, prod, max, min };

/// Handed to grad(). Values belong to `b`. Returns one Value an input; invalid where there is no gradient or none is
/// needed.
struct Gradient {
  Builder& b;
  std::span<const Value> in, out, dout;  ///< dout[k] invalid: output k has no influence
  std::span<const bool> needs;           ///< per input
  const Value& dy() const { return dout[0]; }
};

// ---- samples --------------------------------------------------------------------------------------------------
/// An input for the generic checks: values drawn from [lo, hi] by a seed, or given.
struct SampleInput {
  TensorType type;
  double lo = -1.5, hi = 1.5;
  Tensor value;  ///< if defined: exactly this
  bool absent = false;
  bool symbolic = true;  ///< false: the shape check must keep its dims constant (e.g. shape inputs)
};
SampleInput in(DType t, std::initializer_list<int64_t> shape, double lo = -1.5, double hi = 1.5);
SampleInput in(std::initializer_list<int64_t> f32_shape, double lo = -1.5, double hi = 1.5);
SampleInput given(Tensor value);
SampleInput given_ints(std::initializer_list<int64_t> values);  ///< i64 [n]
SampleInput absent();

struct Sample {
  Attrs attrs;
  std::vector<SampleInput> in;
  double tolerance = 1e-5;       ///< relative, against NumPy-like references and other kernels (f32)
  std::string_view reason = "";  ///< why, where tolerance is another
  bool gradient = true;          ///< false: a kink or a draw makes central differences meaningless; say why in `reason`
};

// ---- the type-erased op ---------------------------------------------------------------------------------------
struct OpDef {
  OpInfo info;
  std::vector<AttrInfo> attrs;
  std::shared_ptr<void> (*clone)(const void*) = nullptr;  ///< copy of an attribute struct (null: the defaults)
  bool (*attrs_equal)(const void*, const void*) = nullptr;
  void (*infer)(const void*, Inferring&) = nullptr;
  // Exactly one of the next four is set.
  Values (*lower)(const void*, Builder&, std::span<const Value>) = nullptr;  ///< composite
  void (*eval)(const void*, Evaluating&) = nullptr;                          ///< primitive
  Scalar (*scalar)(const void*, std::span<const Scalar>) = nullptr;  ///< elementwise primitive with NumPy broadcasting
  ReduceKind (*reduce)(const void*) = nullptr;  ///< reduction primitive; has attributes axes (ints), keepdims (bool)
  // Optional.
  Values (*grad)(const void*, const Gradient&) = nullptr;
  double (*flops)(const void*, std::span<const TensorType> in,
                  std::span<const TensorType> out) = nullptr;  ///< for constant dims
  /// Elements of input i that are looked at, where that is not all of them. For constant dims.
  double (*reads)(const void*, size_t i, std::span<const TensorType> in, std::span<const TensorType> out) = nullptr;
  std::vector<Sample> (*samples)() = nullptr;

  bool is_composite() const { return lower; }
  bool is_elementwise() const { return scalar; }
  Attrs defaults() const { return {this, clone(nullptr)}; }
};
using OpList = std::vector<const OpDef*>;

template <class Op>
concept HasLower = requires(const Op o, Builder& b, std::span<const Value> v) { o.lower(b, v); };
template <class Op>
concept HasEval = requires(const Op o, Evaluating& e) { o.eval(e); };
template <class Op>
concept HasScalar = requires(const Op o, std::span<const Scalar> x) {
  { o.scalar(x) } -> std::same_as<Scalar>;
};
template <class Op>
concept HasReduce = requires(const Op o) {
  { o.reduce() } -> std::same_as<ReduceKind>;
};
template <class Op>
concept HasGrad = requires(const Op o, const Gradient& g) {
  { o.grad(g) } -> std::same_as<Values>;
};
template <class Op>
concept HasReads = requires(const Op o, std::span<const TensorType> t) {
  { o.reads(size_t(), t, t) } -> std::same_as<double>;
};
template <class Op>
concept HasFlops = requires(const Op o, std::span<const TensorType> t) {
  { o.flops(t, t) } -> std::same_as<double>;
};

namespace detail {
template <class Op, size_t I>
AttrInfo attr_info() {
  static constexpr auto field = std::get<I>(Op::attrs);
  using T = std::remove_cvref_t<decltype(std::declval<Op>().*(field.member))>;
  return {field.name, field.doc, [](const void* o) { return AttrValue(static_cast<const Op*>(o)->*(field.member)); },
          [](void* o, const AttrValue& v) { static_cast<Op*>(o)->*(field.member) = std::get<T>(v); }};
}
bool attr_equal(const AttrValue& a, const AttrValue& b);
}  // namespace detail

/// The OpDef of an op struct. The compiler rejects an op with no meaning or with two.
template <class Op>
const OpDef* def() {
  static_assert(HasLower<Op> + HasEval<Op> + HasScalar<Op> + HasReduce<Op> == 1,
                "an op has exactly one meaning: lower, eval, scalar or reduce");
  static const OpDef d = [] {
    OpDef d;
    d.info = Op::info;
    [&]<size_t... I>(std::index_sequence<I...>) {
      (d.attrs.push_back(detail::attr_info<Op, I>()), ...);
    }(std::make_index_sequence<std::tuple_size_v<std::remove_cvref_t<decltype(Op::attrs)>>>{});
    d.clone = [](const void* o) -> std::shared_ptr<void> {
      return o ? std::make_shared<Op>(*static_cast<const Op*>(o)) : std::make_shared<Op>();
    };
    d.infer = [](const void* o, Inferring& t) { static_cast<const Op*>(o)->infer(t); };
    if constexpr (HasLower<Op>)
      d.lower = [](const void* o, Builder& b, std::span<const Value> v) -> Values {
        if constexpr (requires {
                        { static_cast<const Op*>(o)->lower(b, v) } -> std::same_as<Value>;
                      })
          return {static_cast<const Op*>(o)->lower(b, v)};
        else
          return static_cast<const Op*>(o)->lower(b, v);
      };
    if constexpr (HasEval<Op>) d.eval = [](const void* o, Evaluating& e) { static_cast<const Op*>(o)->eval(e); };
    if constexpr (HasScalar<Op>)
      d.scalar = [](const void* o, std::span<const Scalar> x) { return static_cast<const Op*>(o)->scalar(x); };
    if constexpr (HasReduce<Op>) d.reduce = [](const void* o) { return static_cast<const Op*>(o)->reduce(); };
    if constexpr (HasGrad<Op>)
      d.grad = [](const void* o, const Gradient& g) { return static_cast<const Op*>(o)->grad(g); };
    if constexpr (HasFlops<Op>)
      d.flops = [](const void* o, std::span<const TensorType> in, std::span<const TensorType> out) {
        return static_cast<const Op*>(o)->flops(in, out);
      };
    if constexpr (HasReads<Op>)
      d.reads = [](const void* o, size_t i, std::span<const TensorType> in, std::span<const TensorType> out) {
        return static_cast<const Op*>(o)->reads(i, in, out);
      };
    d.samples = [] { return Op::samples(); };
    return d;
  }();
  return &d;
}

/// Attributes from a struct: `attrs_of(Softmax{.axis = 1})`.
template <class Op>
Attrs attrs_of(Op o) {
  return {def<Op>(), std::make_shared<const Op>(std::move(o))};
}
template <class Op>
Sample sample(Op o, std::vector<SampleInput> in, double tolerance = 1e-5, std::string_view reason = "",
              bool gradient = true) {
  return {attrs_of(std::move(o)), std::move(in), tolerance, reason, gradient};
}

/// Runs infer with the checks that all ops share: number of inputs and outputs against the schema.
void infer(const OpDef& op, const Attrs& attrs, Inferring& t);

}  // namespace neve
