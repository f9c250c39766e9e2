// Promotion of dtypes, and the arithmetic operators that use it.
#include "eager/promote.h"

#include "core/tensor_hooks.h"
#include "eager/autograd.h"
#include "op/registry.h"

namespace neve::eager {
namespace {

int kind(DType t) { return is_complex(t) ? 3 : is_float(t) ? 2 : is_int(t) ? 1 : 0; }

DType signed_of(int64_t bytes) {
  return bytes <= 1 ? DType::i8 : bytes <= 2 ? DType::i16 : bytes <= 4 ? DType::i32 : DType::i64;
}

}  // namespace

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (kind(a) != kind(b)) return kind(a) > kind(b) ? a : b;
  if (is_complex(a) || is_float(a)) {
    if (size_of(a) == size_of(b)) return DType::f32;  // f16 and bf16
    return size_of(a) > size_of(b) ? a : b;
  }
  if (is_signed_int(a) == is_signed_int(b)) return size_of(a) > size_of(b) ? a : b;
  const DType s = is_signed_int(a) ? a : b, u = is_signed_int(a) ? b : a;
  if (size_of(s) > size_of(u)) return s;
  return size_of(u) >= 8 ? DType::f64 : signed_of(size_of(u) * 2);
}

DType promote_sum(DType t) {
  if (is_unsigned_int(t)) return DType::u64;
  return is_int(t) || t == DType::boolean ? DType::i64 : t;
}

DType promote_number(DType tensor, NumberKind number) {
  const int k = number == NumberKind::boolean ? 0 : number == NumberKind::integer ? 1 : 2;
  if (kind(tensor) >= k) return tensor;
  return k == 1 ? DType::i64 : DType::f32;
}

Operator::Operator(std::string_view name) : op(find_op(name)), attrs(op.defaults()) {}

namespace {

// Sums of bools are "or", products "and", as in NumPy; the ops themselves take numbers only.
const Operator& of_bools(const Operator& o) {
  static const Operator either("or"), both("and");
  const std::string_view n = o.op.info.name;
  return n == "add" || n == "max" ? either : n == "mul" || n == "min" ? both : o;
}

}  // namespace

Tensor binary(const Operator& given, const Tensor& a, const Tensor& b) {
  const bool bools = a.dtype() == DType::boolean && b.dtype() == DType::boolean;
  const Operator& o = bools ? of_bools(given) : given;
  const bool same = a.dtype() == b.dtype();
  const DType t = same ? a.dtype() : promote(a.dtype(), b.dtype());
  const Tensor in[2] = {same ? a : a.to(t), same ? b : b.to(t)};
  const bool plain = !capturing && (!is_grad_enabled() || !(needs_gradient(in[0]) || needs_gradient(in[1])));
  if (Tensor y; plain && o.op.scalar && run_small(o.op, o.attrs, in, y)) return y;
  return call1(o.op, o.attrs, in);
}

Tensor binary(std::string_view name, const Tensor& a, const Tensor& b) { return binary(Operator(name), a, b); }

Tensor divide(const Tensor& a, const Tensor& b) {
  const DType t = promote(a.dtype(), b.dtype());
  static const Operator div("div");
  if (is_float(t) || is_complex(t)) return binary(div, a, b);
  return binary(div, a.to(DType::f32), b.to(DType::f32));
}

Tensor floor_divide(const Tensor& a, const Tensor& b) {
  const DType t = promote(a.dtype(), b.dtype());
  if (is_float(t)) {
    // Not floor(a / b), where the quotient may have been rounded up to an integer: 1 // 0.1 is 9. No gradient.
    const GradMode off(false);
    const Tensor x = a.to(t).detach(), y = b.to(t).detach(), zero = Tensor::scalar(t, 0);
    const Tensor rest = call1("mod", {x, y}, {{"fmod", true}}), quotient = binary("div", x, y);
    const Tensor whole = binary("div", binary("sub", x, rest), y);
    const Tensor opposite = binary("xor", binary("less", y, zero), binary("less", rest, zero));
    const Tensor below = binary("and", opposite, call1("not", {binary("equal", rest, zero)}));
    const Tensor exact = call1("round", {binary("sub", whole, below.to(t))});
    return call1("where", {binary("equal", y, zero), quotient, exact});
  }
  // (a - a mod b) / b is exact, and the remainder has the sign of b.
  return binary("div", binary("sub", a, floor_modulo(a, b)), b);
}

Tensor floor_modulo(const Tensor& a, const Tensor& b) { return binary("mod", a, b); }

}  // namespace neve::eager
