// Attributes of an op: a typed struct, held immutable and type-erased, with everything derived from member pointers.
#pragma once
#include <neve/tensor.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace neve {

struct OpDef;

/// One attribute value, as text form, importers and users exchange them.
using AttrValue = std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<std::string>, DType, Tensor>;
/// Named values for Builder::call; what is not named keeps its default. A short list, searched linearly.
using AttrList = std::vector<std::pair<std::string_view, AttrValue>>;

/// The attributes of one node: a shared, immutable instance of the op's struct.
class Attrs {
 public:
  Attrs() = default;
  Attrs(const OpDef* op, std::shared_ptr<const void> object) : op_(op), object_(std::move(object)) {}
  const OpDef& op() const { return *op_; }
  const void* object() const { return object_.get(); }
  /// The struct. @pre Op is the struct of op().
  template <class Op>
  const Op& as() const {
    return *static_cast<const Op*>(object_.get());
  }
  /// Value of the attribute called `name`. @throws Error{not_found}
  AttrValue get(std::string_view name) const;
  int64_t get_int(std::string_view name) const { return std::get<int64_t>(get(name)); }
  double get_float(std::string_view name) const { return std::get<double>(get(name)); }
  bool get_bool(std::string_view name) const { return std::get<bool>(get(name)); }
  std::vector<int64_t> get_ints(std::string_view name) const { return std::get<std::vector<int64_t>>(get(name)); }
  std::string get_string(std::string_view name) const { return std::get<std::string>(get(name)); }
  /// A copy with some values replaced. @throws Error{not_found | type_mismatch} naming op, attribute and its kind.
  Attrs with(const AttrList& values) const;
  friend bool operator==(const Attrs& a, const Attrs& b);  ///< tensors compare by bytes
  uint64_t hash() const;

 private:
  const OpDef* op_ = nullptr;
  std::shared_ptr<const void> object_;
};

/// "3", "0.5", "[1, 2]", "\"same\"", "f32", "i64[2]{1, 2}": exact, and what parse_attr reads. Floats that decimal would
/// lose are hexadecimal.
std::string to_string(const AttrValue& v);
/// Reads the text form of a value; `kind` is a value of the alternative wanted. Advances `at`.
AttrValue parse_attr(std::string_view text, size_t& at, const AttrValue& kind);

/// How one attribute is reached in the struct.
struct AttrInfo {
  std::string_view name, doc;
  AttrValue (*get)(const void*);
  void (*set)(void*, const AttrValue&);  ///< @throws std::bad_variant_access for another kind
};

template <class Op, class T>
struct AttrField {
  std::string_view name;
  T Op::* member;
  std::string_view doc;
};
/// One entry of an op's `attrs` tuple. T is one of: bool, int64_t, double, std::string, vectors of int64_t, double and
/// string, DType, Tensor.
template <class Op, class T>
constexpr AttrField<Op, T> attr(std::string_view name, T Op::* member, std::string_view doc) {
  return {name, member, doc};
}

}  // namespace neve
