// Discrete Fourier transforms of any length.
#pragma once
#include <cstdint>
#include <vector>

namespace neve::ops {

struct Complex {
  double re = 0, im = 0;
};
inline Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
inline Complex operator+(Complex a, Complex b) { return {a.re + b.re, a.im + b.im}; }
inline Complex operator-(Complex a, Complex b) { return {a.re - b.re, a.im - b.im}; }

/// y[k] = sum over n of x[n] exp(-+ 2 pi i k n / N), not scaled; in place; O(N log N) for all N (powers of two
/// directly, others as a convolution: Bluestein). Immutable once made; `scratch` belongs to the caller and is reused.
class Fourier {
 public:
  explicit Fourier(int64_t n, bool inverse = false);
  void run(Complex* x, std::vector<Complex>& scratch) const;

 private:
  struct Power {  // a power of two
    int64_t n = 1;
    std::vector<Complex> roots;
    void make(int64_t size, bool inverse);
    void run(Complex* x) const;
  };
  int64_t n_;
  bool direct_;
  Power forward_, backward_;
  std::vector<Complex> chirp_, filter_;
};

}  // namespace neve::ops
