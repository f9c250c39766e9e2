// Elementwise functions of one argument over the vector type of an instruction set.
#pragma once
#include "kernels/cpu/native/simd.h"
#include "kernels/cpu/native/simd_vector.h"

namespace neve::kernels::native {
namespace {

// Bounds are kept so that infinities and NaN come out as they should; least(c, x) and most(c, x) give x if x is NaN.

/// e^r - 1 - r for |r| <= ln 2 / 2, divided by r^2.
NEVE_INLINE V exp_tail(V r) {
  V p = all(1.f / 5040);
  p = fma(p, r, all(1.f / 720));
  p = fma(p, r, all(1.f / 120));
  p = fma(p, r, all(1.f / 24));
  p = fma(p, r, all(1.f / 6));
  return fma(p, r, all(0.5f));
}

NEVE_INLINE V exp_of(V x) {
  x = most(all(-104.f), least(all(89.f), x));
  const V n = nearest(x * all(1.44269504088896341f));
  V r = fma(n, all(-0.693359375f), x);
  r = fma(n, all(2.12194440e-4f), r);
  return times_power(fma(exp_tail(r) * r, r, r) + all(1.f), n);
}

/// The same, but 0 where the result would be subnormal. Products with subnormal numbers take some CPUs a hundred times
/// as long, and beside weights that sum to 1 or more they count for nothing.
NEVE_INLINE V normal_exp_of(V x) {
  const V least_normal = all(-87.33654f);
  return if_less(x, least_normal, all(0.f), exp_of(most(least_normal, x)));
}

NEVE_INLINE V expm1_of(V x) {
  const V near = fma(exp_tail(x) * x, x, x);
  return if_less(magnitude(x), all(0.34f), near, exp_of(x) - all(1.f));
}

/// e^x beside numbers of size 1: what x beyond 20 loses of it does not count there.
NEVE_INLINE V rough_exp_of(V x) {
#ifdef NEVE_HAS_EXP2
  return exp2_of(x * all(1.44269504088896341f));
#else
  return exp_of(x);
#endif
}

NEVE_INLINE V sigmoid_of(V x) { return inverse(all(1.f) + rough_exp_of(all(0.f) - x)); }
NEVE_INLINE V swish_of(V x, V alpha) { return x * inverse(all(1.f) + rough_exp_of(x * (all(0.f) - alpha))); }

NEVE_INLINE V tanh_of(V x) {
  const V a = magnitude(x), z = x * x;
  V p = all(-5.70498872745e-3f);
  p = fma(p, z, all(2.06390887954e-2f));
  p = fma(p, z, all(-5.37397155531e-2f));
  p = fma(p, z, all(1.33314422036e-1f));
  p = fma(p, z, all(-3.33332819422e-1f));
  const V near = fma(p * z, x, x);
  const V far = all(1.f) - all(2.f) * inverse(rough_exp_of(a + a) + all(1.f));
  return if_less(a, all(0.625f), near, or_bits(far, sign_of(x)));
}

/// By a quotient of polynomials in x^2; beyond the bound it is 1 for f32.
NEVE_INLINE V erf_of(V x) {
  x = most(all(-3.95f), least(all(3.95f), x));
  const V z = x * x;
  V p = all(2.025723688e-06f);
  p = fma(p, z, all(2.846707939e-04f));
  p = fma(p, z, all(3.808062989e-03f));
  p = fma(p, z, all(5.287511274e-02f));
  p = fma(p, z, all(1.915500909e-01f));
  p = fma(p, z, all(1.128379107e+00f));
  V q = all(3.782898420e-05f);
  q = fma(q, z, all(1.170673873e-03f));
  q = fma(q, z, all(1.505491138e-02f));
  q = fma(q, z, all(1.145592555e-01f));
  q = fma(q, z, all(5.030895472e-01f));
  q = fma(q, z, all(1.f));
  return most(all(-1.f), least(all(1.f), x * p / q));
}

NEVE_INLINE V apply(const Activation& f, V x) {
  const V zero = all(0.f), one = all(1.f), a = all(f.alpha), b = all(f.beta);
  switch (f.kind) {
    case Activation::none:
      return x;
    case Activation::relu:
      return most(zero, x);
    case Activation::tanh:
      return tanh_of(x);
    case Activation::sigmoid:
      return sigmoid_of(x);
    case Activation::affine:
      return fma(a, x, b);
    case Activation::leaky_relu:
      return if_less(x, zero, a * x, x);
    case Activation::thresholded_relu:
      return if_less(x, a, zero, x);
    case Activation::scaled_tanh:
      return a * tanh_of(b * x);
    case Activation::hard_sigmoid:
      return least(one, most(zero, fma(a, x, b)));
    case Activation::hard_swish:
      return x * least(one, most(zero, fma(a, x, b)));
    case Activation::swish:
      return swish_of(x, a);
    case Activation::gelu: {
      const V half = x * all(0.5f);
      return fma(half, erf_of(x * all(0.70710678118654752f)), half);
    }
    case Activation::gelu_tanh: {
      const V half = x * all(0.5f);
      return fma(half, tanh_of(fma(x * x, all(0.044715f), one) * x * all(0.79788456080286536f)), half);
    }
    case Activation::elu:
      return if_less(x, zero, a * expm1_of(x), x);
    case Activation::softsign:
      return x / (one + magnitude(x));
    case Activation::clip:
      return least(b, most(a, x));
    case Activation::exp:
      return exp_of(x);
    case Activation::abs:
      return magnitude(x);
    case Activation::sqrt:
      return root(x);
    case Activation::requantize: {
      const V q = nearest(x / a) + b;
      return a * (if_equal(q, q, least(all(f.high), most(all(f.low), q)), zero) - b);
    }
  }
  return x;
}

template <class F>
NEVE_INLINE void each_vector(float* x, int64_t n, F f) {
  for (int64_t i = 0; i < n; i += lanes) store(x + i, f(load(x + i)));
}

// The frequent ones without a question for every vector.
void activate(const Activation& f, float* x, int64_t n) {
  switch (f.kind) {
    case Activation::relu:
      return each_vector(x, n, [](V v) NEVE_INLINED { return most(all(0.f), v); });
    case Activation::swish:
      return each_vector(x, n, [a = all(f.alpha)](V v) NEVE_INLINED { return swish_of(v, a); });
    case Activation::hard_swish:
      return each_vector(x, n, [&](V v) NEVE_INLINED { return apply({Activation::hard_swish, f.alpha, f.beta}, v); });
    default:
      return each_vector(x, n, [&](V v) NEVE_INLINED { return apply(f, v); });
  }
}

/// put(function) for a short activation.
template <class Put>
NEVE_INLINE void put_short(const Activation& f, Put&& put) {
  const V zero = all(0.f), one = all(1.f), alpha = all(f.alpha), beta = all(f.beta);
  switch (f.kind) {
    case Activation::relu:
      return put([&](V x) NEVE_INLINED { return most(zero, x); });
    case Activation::clip:
      return put([&](V x) NEVE_INLINED { return least(beta, most(alpha, x)); });
    case Activation::hard_swish:
      return put([&](V x) NEVE_INLINED { return x * least(one, most(zero, fma(alpha, x, beta))); });
    default:
      return put([](V x) NEVE_INLINED { return x; });
  }
}

}  // namespace
}  // namespace neve::kernels::native
