// Construction of scalar programs: steps are checked for dtypes and equal ones are shared.
#include "op/scalar.h"

#include <bit>
#include <cmath>
#include <iterator>

#include "base/error.h"

namespace neve {
namespace {

struct OpText {
  const char* name;
  int operands;
};
constexpr OpText op_texts[] = {
    {"input", 0},       {"constant", 0},
    {"add", 2},         {"sub", 2},
    {"mul", 2},         {"div", 2},
    {"rem", 2},         {"floor_mod", 2},
    {"pow", 2},         {"min", 2},
    {"max", 2},         {"atan2", 2},
    {"neg", 1},         {"abs", 1},
    {"sign", 1},        {"sqrt", 1},
    {"rsqrt", 1},       {"exp", 1},
    {"expm1", 1},       {"log", 1},
    {"log1p", 1},       {"erf", 1},
    {"sin", 1},         {"cos", 1},
    {"tan", 1},         {"asin", 1},
    {"acos", 1},        {"atan", 1},
    {"sinh", 1},        {"cosh", 1},
    {"tanh", 1},        {"asinh", 1},
    {"acosh", 1},       {"atanh", 1},
    {"sigmoid", 1},     {"floor", 1},
    {"ceil", 1},        {"trunc", 1},
    {"round", 1},       {"eq", 2},
    {"ne", 2},          {"lt", 2},
    {"le", 2},          {"gt", 2},
    {"ge", 2},          {"logical_and", 2},
    {"logical_or", 2},  {"logical_xor", 2},
    {"logical_not", 1}, {"bit_and", 2},
    {"bit_or", 2},      {"bit_xor", 2},
    {"bit_not", 1},     {"shift_left", 2},
    {"shift_right", 2}, {"select", 3},
    {"cast", 1},        {"cast_saturate", 1},
    {"is_nan", 1},      {"is_inf", 1},
};
static_assert(std::size(op_texts) == size_t(ScalarOp::is_inf) + 1);

bool gives_bool(ScalarOp op) {
  return (op >= ScalarOp::eq && op <= ScalarOp::ge) || op == ScalarOp::is_nan || op == ScalarOp::is_inf;
}

// The default comparison would share -0 with 0.
bool same_step(const ScalarNode& x, const ScalarNode& y) {
  return x.op == y.op && x.dtype == y.dtype && x.a == y.a && x.b == y.b && x.c == y.c && x.ivalue == y.ivalue &&
         std::bit_cast<uint64_t>(x.value) == std::bit_cast<uint64_t>(y.value);
}

}  // namespace

const char* to_string(ScalarOp op) { return op_texts[size_t(op)].name; }
int operand_count(ScalarOp op) { return op_texts[size_t(op)].operands; }

int32_t ScalarProgram::add(ScalarNode n) {
  for (size_t i = nodes.size(); i-- > 0;)
    if (same_step(nodes[i], n)) return int32_t(i);
  nodes.push_back(n);
  return int32_t(nodes.size()) - 1;
}

Scalar Scalar::constant(double v, DType t) const {
  ScalarNode n{.op = ScalarOp::constant, .dtype = t};
  if (is_float(t)) {
    n.value = v;
  } else {
    check(!is_complex(t) && v == std::trunc(v) && std::fabs(v) < 9.3e18, "scalar constant ", v, " is no ", t);
    n.ivalue = v >= 9223372036854775808.0 ? int64_t(uint64_t(v)) : int64_t(v);
  }
  return {program_, program_->add(n)};
}

Scalar Scalar::constant_int(int64_t v) const {
  if (is_float(dtype())) return constant(double(v));
  return {program_, program_->add({.op = ScalarOp::constant, .dtype = dtype(), .ivalue = v})};
}

Scalar unary(ScalarOp op, Scalar x) {
  check(operand_count(op) == 1 && op != ScalarOp::cast && op != ScalarOp::cast_saturate, "scalar ", to_string(op),
        " is not a unary step");
  return {&x.program(), x.program().add({.op = op, .dtype = gives_bool(op) ? DType::boolean : x.dtype(), .a = x.id()})};
}

Scalar binary(ScalarOp op, Scalar x, Scalar y) {
  check(operand_count(op) == 2, "scalar ", to_string(op), " is not a binary step");
  check(&x.program() == &y.program(), "scalar ", to_string(op), ": operands of two programs");
  check(x.dtype() == y.dtype(), "scalar ", to_string(op), ": dtypes ", x.dtype(), " and ", y.dtype());
  return {&x.program(),
          x.program().add({.op = op, .dtype = gives_bool(op) ? DType::boolean : x.dtype(), .a = x.id(), .b = y.id()})};
}

Scalar select(Scalar condition, Scalar yes, Scalar no) {
  check(condition.dtype() == DType::boolean, "scalar select: condition is ", condition.dtype());
  check(yes.dtype() == no.dtype(), "scalar select: dtypes ", yes.dtype(), " and ", no.dtype());
  return {&yes.program(),
          yes.program().add(
              {.op = ScalarOp::select, .dtype = yes.dtype(), .a = condition.id(), .b = yes.id(), .c = no.id()})};
}

Scalar cast(Scalar x, DType to) {
  if (x.dtype() == to) return x;
  return {&x.program(), x.program().add({.op = ScalarOp::cast, .dtype = to, .a = x.id()})};
}

Scalar cast_saturate(Scalar x, DType to) {
  if (x.dtype() == to) return x;
  return {&x.program(), x.program().add({.op = ScalarOp::cast_saturate, .dtype = to, .a = x.id()})};
}

}  // namespace neve
