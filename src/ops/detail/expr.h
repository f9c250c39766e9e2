// Formulas over a Builder: `dy * (1.0 - y * y)` emits the ops it names. For gradients and lowerings.
#pragma once
#include "op/builder.h"

namespace neve::ops {

/// A Value with its Builder. A number mixed in becomes a constant of the other side's dtype.
struct Expr {
  Builder* b = nullptr;
  Value v;
  operator Value() const { return v; }  // NOLINT: implicit on purpose
  Expr number(double x) const { return {b, b->scalar(b->dtype(v), x)}; }
  Expr call(std::string_view op) const { return {b, b->call(op, {v})}; }
  Expr call(std::string_view op, Expr y) const { return {b, b->call(op, {v, y.v})}; }
};

inline Expr operator+(Expr x, Expr y) { return x.call("add", y); }
inline Expr operator-(Expr x, Expr y) { return x.call("sub", y); }
inline Expr operator*(Expr x, Expr y) { return x.call("mul", y); }
inline Expr operator/(Expr x, Expr y) { return x.call("div", y); }
inline Expr operator+(Expr x, double y) { return x + x.number(y); }
inline Expr operator-(Expr x, double y) { return x - x.number(y); }
inline Expr operator*(Expr x, double y) { return x * x.number(y); }
inline Expr operator/(Expr x, double y) { return x / x.number(y); }
inline Expr operator+(double x, Expr y) { return y.number(x) + y; }
inline Expr operator-(double x, Expr y) { return y.number(x) - y; }
inline Expr operator*(double x, Expr y) { return y.number(x) * y; }
inline Expr operator/(double x, Expr y) { return y.number(x) / y; }
inline Expr operator-(Expr x) { return x.call("neg"); }
/// Comparisons give bool.
inline Expr less(Expr x, Expr y) { return x.call("less", y); }
inline Expr less(Expr x, double y) { return x.call("less", x.number(y)); }
inline Expr greater(Expr x, Expr y) { return x.call("greater", y); }
inline Expr greater(Expr x, double y) { return x.call("greater", x.number(y)); }
inline Expr equals(Expr x, Expr y) { return x.call("equal", y); }
inline Expr equals(Expr x, double y) { return x.call("equal", x.number(y)); }
inline Expr where(Expr c, Expr x, Expr y) { return {c.b, c.b->call("where", {c.v, x.v, y.v})}; }
inline Expr where(Expr c, Expr x, double y) { return where(c, x, x.number(y)); }
inline Expr where(Expr c, double x, Expr y) { return where(c, y.number(x), y); }

/// x summed over the axes along which a value of the shape of `like` was broadcast to it: ends the gradient of every
/// broadcasting op.
inline Value sum_to_shape_of(Builder& b, Value x, Value like) {
  return b.type(x).shape == b.type(like).shape ? x : b.call("sum_to", {x, b.shape_of(like)});
}

}  // namespace neve::ops
