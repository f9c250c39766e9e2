// Builder: how ops emit other ops. Eager execution, the IR and the reference each implement it.
#pragma once
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "core/tensor_type.h"
#include "op/attrs.h"

namespace neve {

/// A value; meaningful only to the Builder that made it. `Value{}` stands for an absent optional input.
struct Value {
  static constexpr uint32_t none = UINT32_MAX;
  uint32_t id = none;
  bool valid() const { return id != none; }
  friend bool operator==(Value, Value) = default;
};
using Values = std::vector<Value>;

class Builder;
/// Makes the results of a region from its parameters, with the ops of the given builder. A region sees only its
/// parameters: what it captures is passed as a further input of its node.
using RegionFn = std::function<Values(Builder&, std::span<const Value> parameters)>;

class Builder {
 public:
  virtual ~Builder() = default;
  /// Emits an op. @throws Error of the op's infer.
  virtual Values emit(const OpDef& op, const Attrs& attrs, std::span<const Value> in,
                      std::span<const RegionFn> regions = {}) = 0;
  virtual const TensorType& type(Value v) const = 0;
  /// Known content of a small integer tensor; nothing otherwise.
  virtual Facts facts(Value v) const = 0;

  /// By name; the attributes not given keep their defaults.
  Values call_many(std::string_view op, std::span<const Value> in, const AttrList& attrs = {},
                   std::span<const RegionFn> regions = {});
  /// The same for an op with one result. @throws Error{internal} if it has several.
  Value call(std::string_view op, std::span<const Value> in, const AttrList& attrs = {});
  Value call(std::string_view op, std::initializer_list<Value> in, const AttrList& attrs = {}) {
    return call(op, std::span<const Value>(in.begin(), in.size()), attrs);
  }
  Values call_many(std::string_view op, std::initializer_list<Value> in, const AttrList& attrs = {}) {
    return call_many(op, std::span<const Value>(in.begin(), in.size()), attrs);
  }

  // ---- the handful of calls that every op file needs ----
  Value constant(const Tensor& t);
  Value scalar(DType t, double v);         ///< rank 0
  Value ints(std::span<const int64_t> v);  ///< i64 [n]
  Value ints(std::initializer_list<int64_t> v) { return ints(std::span<const int64_t>(v.begin(), v.size())); }
  Value cast(Value x, DType to);  ///< x itself if it has that dtype
  /// To a shape of known Dims; symbolic ones are computed from the shape of x or of `like`.
  Value reshape(Value x, std::span<const Dim> shape, Value like = {});
  Value shape_of(Value x);  ///< i64 [rank]
  /// A rank-1 i64 tensor of these Dims; symbolic ones are computed from the shapes of `sources`. @throws
  /// Error{internal} if one cannot be.
  Value dims(std::span<const Dim> dims, std::span<const Value> sources);
  int64_t rank(Value v) const { return type(v).rank(); }
  DType dtype(Value v) const { return type(v).dtype; }
};

}  // namespace neve
