// Attributes: access by name, equality, hash.
#include "op/attrs.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "op/def.h"

namespace neve {
namespace {

const char* kind_name(const AttrValue& v) {
  static constexpr const char* names[] = {"bool",           "int",   "float", "string", "list of int", "list of float",
                                          "list of string", "dtype", "tensor"};
  static_assert(std::size(names) == std::variant_size_v<AttrValue>);
  return names[v.index()];
}

const AttrInfo& find_attr(const OpDef& op, std::string_view name) {
  for (const AttrInfo& a : op.attrs)
    if (a.name == name) return a;
  std::string has;
  for (const AttrInfo& a : op.attrs) has += (has.empty() ? "" : ", ") + std::string(a.name);
  fail(ErrorCode::not_found, op.info.name, ": no attribute is named '", name, "' (",
       has.empty() ? "it has none" : "it has: " + has, ")");
}

// What a caller may write for another kind without a loss: 1 for 1.0, and an empty list for any empty list.
AttrValue convert(const AttrValue& v, const AttrValue& kind) {
  if (v.index() == kind.index()) return v;
  if (const auto* i = std::get_if<int64_t>(&v); i && std::holds_alternative<double>(kind)) return double(*i);
  if (const auto* i = std::get_if<std::vector<int64_t>>(&v)) {
    if (std::holds_alternative<std::vector<double>>(kind)) return std::vector<double>(i->begin(), i->end());
    if (i->empty() && std::holds_alternative<std::vector<std::string>>(kind)) return std::vector<std::string>();
  }
  return v;
}

bool same_bits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

uint64_t mix(uint64_t h, uint64_t v) {
  h ^= v + 0x9e3779b97f4a7c15ull + (h << 6) + (h >> 2);
  return h * 0xff51afd7ed558ccdull;
}
uint64_t hash_bytes(const void* data, size_t n) {
  return std::hash<std::string_view>{}({static_cast<const char*>(data), n});
}
uint64_t hash_of(bool v) { return v; }
uint64_t hash_of(int64_t v) { return uint64_t(v); }
uint64_t hash_of(double v) { return std::bit_cast<uint64_t>(v); }
uint64_t hash_of(DType v) { return uint64_t(v); }
uint64_t hash_of(const std::string& v) { return hash_bytes(v.data(), v.size()); }
template <class T>
uint64_t hash_of(const std::vector<T>& v) {
  uint64_t h = v.size();
  for (const T& x : v) h = mix(h, hash_of(x));
  return h;
}
uint64_t hash_of(const Tensor& t) {
  if (!t.defined()) return 0;
  const Tensor c = t.contiguous();
  return mix(mix(hash_of(std::vector<int64_t>(t.shape())), uint64_t(t.dtype())),
             hash_bytes(c.data(), size_t(c.bytes())));
}

bool same_tensor(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
  if (a.bytes() == 0) return true;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.data() == y.data() || std::memcmp(x.data(), y.data(), size_t(x.bytes())) == 0;
}

}  // namespace

bool detail::attr_equal(const AttrValue& a, const AttrValue& b) {
  if (a.index() != b.index()) return false;
  if (const auto* t = std::get_if<Tensor>(&a)) return same_tensor(*t, std::get<Tensor>(b));
  if (const auto* d = std::get_if<double>(&a)) return same_bits(*d, std::get<double>(b));
  if (const auto* v = std::get_if<std::vector<double>>(&a)) {
    const auto& w = std::get<std::vector<double>>(b);
    return std::equal(v->begin(), v->end(), w.begin(), w.end(), same_bits);
  }
  return std::visit(
      [&](const auto& x) {
        using T = std::remove_cvref_t<decltype(x)>;
        if constexpr (std::is_same_v<T, Tensor>)
          return false;
        else
          return x == std::get<T>(b);
      },
      a);
}

AttrValue Attrs::get(std::string_view name) const { return find_attr(*op_, name).get(object_.get()); }

Attrs Attrs::with(const AttrList& values) const {
  if (values.empty()) return *this;
  std::shared_ptr<void> object = op_->clone(object_.get());
  for (const auto& [name, value] : values) {
    const AttrInfo& info = find_attr(*op_, name);
    const AttrValue kind = info.get(object.get());
    const AttrValue converted = convert(value, kind);
    if (converted.index() != kind.index())
      fail(ErrorCode::type_mismatch, op_->info.name, ": attribute '", name, "' got the ", kind_name(value), " ",
           to_string(value), " (it takes a ", kind_name(kind), ")");
    info.set(object.get(), converted);
  }
  return {op_, std::move(object)};
}

bool operator==(const Attrs& a, const Attrs& b) {
  if (a.op_ != b.op_) return false;
  if (a.object_ == b.object_ || !a.op_) return true;
  for (const AttrInfo& i : a.op_->attrs)
    if (!detail::attr_equal(i.get(a.object_.get()), i.get(b.object_.get()))) return false;
  return true;
}

uint64_t Attrs::hash() const {
  if (!op_) return 0;
  uint64_t h = hash_bytes(op_->info.name.data(), op_->info.name.size());
  for (const AttrInfo& i : op_->attrs)
    h = mix(h, std::visit([](const auto& v) { return hash_of(v); }, i.get(object_.get())));
  return h;
}

}  // namespace neve
