// Discrete Fourier transforms of any length.
#include "ops/support/fft.h"

#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

namespace neve::ops {

void Fourier::Power::make(int64_t size, bool inverse) {
  n = size;
  roots.resize(size_t(n / 2));
  for (int64_t k = 0; k < n / 2; ++k) {
    const double a = 2 * std::numbers::pi * double(k) / double(n);
    roots[size_t(k)] = {std::cos(a), inverse ? std::sin(a) : -std::sin(a)};
  }
}

void Fourier::Power::run(Complex* x) const {
  for (int64_t i = 1, j = 0; i < n; ++i) {
    int64_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(x[i], x[j]);
  }
  for (int64_t half = 1; half < n; half *= 2)
    for (int64_t start = 0, step = n / (2 * half); start < n; start += 2 * half)
      for (int64_t k = 0; k < half; ++k) {
        const Complex a = x[start + k], b = x[start + k + half] * roots[size_t(k * step)];
        x[start + k] = a + b;
        x[start + k + half] = a - b;
      }
}

Fourier::Fourier(int64_t n, bool inverse) : n_(n), direct_(n < 2 || std::has_single_bit(uint64_t(n))) {
  if (n < 2) return;
  if (direct_) {
    forward_.make(n, inverse);
    return;
  }
  // k n = (k^2 + n^2 - (k - n)^2) / 2: a convolution with a chirp. Squares are reduced by 2 N so that angles stay
  // exact.
  const int64_t m = int64_t(std::bit_ceil(uint64_t(2 * n - 1)));
  forward_.make(m, false);
  backward_.make(m, true);
  chirp_.resize(size_t(n));
  uint64_t square = 0;
  for (int64_t k = 0; k < n; ++k) {
    const double a = std::numbers::pi * double(square) / double(n);
    chirp_[size_t(k)] = {std::cos(a), inverse ? std::sin(a) : -std::sin(a)};
    square = (square + 2 * uint64_t(k) + 1) % uint64_t(2 * n);
  }
  filter_.resize(size_t(m));
  for (int64_t k = 0; k < n; ++k) {
    const Complex c = {chirp_[size_t(k)].re, -chirp_[size_t(k)].im};
    filter_[size_t(k)] = c;
    if (k) filter_[size_t(m - k)] = c;
  }
  forward_.run(filter_.data());
  for (Complex& c : filter_) c = {c.re / double(m), c.im / double(m)};
}

void Fourier::run(Complex* x, std::vector<Complex>& scratch) const {
  if (n_ < 2) return;
  if (direct_) return forward_.run(x);
  scratch.assign(filter_.size(), {});
  for (size_t k = 0; k < chirp_.size(); ++k) scratch[k] = x[k] * chirp_[k];
  forward_.run(scratch.data());
  for (size_t k = 0; k < scratch.size(); ++k) scratch[k] = scratch[k] * filter_[k];
  backward_.run(scratch.data());
  for (size_t k = 0; k < chirp_.size(); ++k) x[k] = scratch[k] * chirp_[k];
}

}  // namespace neve::ops
