// What elementwise ops share.
#include "ops/detail/elementwise.h"

namespace neve::ops {
namespace {

const char* words(Takes k) {
  switch (k) {
    case Takes::real:
      return "a real or bool tensor";
    case Takes::numbers:
      return "a float or integer tensor";
    case Takes::signed_numbers:
      return "a float or signed integer tensor";
    case Takes::floats:
      return "a float tensor";
    case Takes::integers:
      return "an integer tensor";
    case Takes::booleans:
      return "a bool tensor";
    case Takes::any:
      return "a tensor";
  }
  return "";
}

// Sizes are below 2^31 in practice where a model counts them in i32; narrower integers need a proof.
bool fits(Dim d, DType t) {
  if (t == DType::boolean) return d.is(0) || d.is(1);
  const int bits = int(size_of(t)) * 8;
  const bool is_signed = is_signed_int(t);
  if (!is_signed && !proven(at_least(d, 0))) return false;
  if (bits == 64) return true;
  const Dim most = (int64_t(1) << (is_signed ? bits - 1 : bits)) - 1;
  if (d.is_constant() || bits < 32)
    return proven(at_least(most, d)) && (!is_signed || proven(at_least(d, Dim(-1) - most)));
  return true;
}

}  // namespace

bool takes(Takes k, DType t) {
  switch (k) {
    case Takes::real:
      return !is_complex(t);
    case Takes::numbers:
      return is_float(t) || is_int(t);
    case Takes::signed_numbers:
      return is_float(t) || is_signed_int(t);
    case Takes::floats:
      return is_float(t);
    case Takes::integers:
      return is_int(t);
    case Takes::booleans:
      return t == DType::boolean;
    case Takes::any:
      return true;
  }
  return false;
}

void require_takes(const Inferring& t, size_t i, Takes k) {
  if (!takes(k, t.in(i).dtype))
    t.fail_with(ErrorCode::type_mismatch, str(t.input_name(i), " is ", t.in(i), " (it must be ", words(k), ")"));
}

Shape broadcast_inputs(Inferring& t) {
  Shape s = t.in(0).shape;
  for (size_t i = 1; i < t.inputs(); ++i) s = t.broadcast(s, t.in(i).shape);
  return s;
}

void fold_content(Inferring& t, ContentRule rule, size_t first) {
  const TensorType& y = t.out[0];
  if (!rule || y.rank() > 1 || !(is_int(y.dtype) || y.dtype == DType::boolean)) return;
  std::vector<const Shape*> known;
  size_t n = y.rank() == 0 ? 1 : 0;
  if (y.rank() == 1) {
    if (!y.shape[0].is_constant() || y.shape[0].value() > 64) return;
    n = size_t(y.shape[0].value());
  }
  for (size_t i = first; i < t.inputs(); ++i) {
    known.push_back(t.content(i));
    if (!known.back() || (known.back()->size() != n && known.back()->size() != 1)) return;
  }
  Shape content;
  std::vector<Dim> operands(known.size());
  try {
    for (size_t k = 0; k < n; ++k) {
      for (size_t i = 0; i < known.size(); ++i) operands[i] = (*known[i])[known[i]->size() == 1 ? 0 : k];
      const std::optional<Dim> d = rule(operands);
      if (!d || !fits(*d, y.dtype)) return;
      content.push_back(*d);
    }
  } catch (const Error&) {
    return;  // overflow of a constant: the loop wraps, a Dim does not
  }
  t.result_content(0, std::move(content));
}

}  // namespace neve::ops
