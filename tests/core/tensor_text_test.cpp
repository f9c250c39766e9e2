// Tensors print as NumPy 2.4 prints them: the expected texts are what it gives.
#include <gtest/gtest.h>
#include <neve/tensor.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace neve {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

std::string text(DType dtype, const Sizes& shape, std::initializer_list<double> values) {
  return to_string(Tensor::of(dtype, shape, values));
}
Tensor counting(DType dtype, const Sizes& shape, double step = 1) {
  int64_t n = 1;
  for (int64_t d : shape) n *= d;
  std::vector<double> values(static_cast<size_t>(n));
  for (size_t i = 0; i < values.size(); ++i) values[i] = double(i) * step;
  return Tensor::of(dtype, shape, values);
}

TEST(TensorText, Numbers) {
  EXPECT_EQ(text(DType::f32, {3}, {1, 2.5, -0.1}), "[ 1.   2.5 -0.1]");
  EXPECT_EQ(text(DType::f64, {3}, {1.0 / 3, 2, 100}), "[  0.33333333   2.         100.        ]");
  EXPECT_EQ(text(DType::f32, {2}, {1e-7, 1}), "[1.e-07 1.e+00]");
  EXPECT_EQ(text(DType::f32, {2}, {123456.7, 1e6}), "[1.234567e+05 1.000000e+06]");
  EXPECT_EQ(text(DType::f64, {2}, {1e8, 1e8}), "[1.e+08 1.e+08]");
  EXPECT_EQ(text(DType::f16, {2}, {0.1, 999.5}), "[9.998e-02 9.995e+02]");
  EXPECT_EQ(text(DType::bf16, {2}, {0.1, 3.14}), "[0.1  3.14]");
  EXPECT_EQ(text(DType::f32, {4}, {NAN, inf, -inf, 1.25}), "[ nan  inf -inf 1.25]");
  EXPECT_EQ(text(DType::f32, {2}, {NAN, NAN}), "[nan nan]");
  EXPECT_EQ(text(DType::f32, {2}, {0, -0.0}), "[ 0. -0.]");
  EXPECT_EQ(text(DType::i8, {3}, {1, -128, 27}), "[   1 -128   27]");
  EXPECT_EQ(to_string(Tensor::scalar_int(DType::u64, -1)), "18446744073709551615");
  EXPECT_EQ(text(DType::boolean, {2}, {1, 0}), "[ True False]");
  EXPECT_EQ(text(DType::boolean, {1}, {1}), "[ True]");
}

TEST(TensorText, Scalars) {
  EXPECT_EQ(text(DType::f32, {}, {0.1}), "0.1");
  EXPECT_EQ(text(DType::f64, {}, {1}), "1.0");
  EXPECT_EQ(text(DType::f64, {}, {1e-7}), "1e-07");
  EXPECT_EQ(text(DType::f32, {}, {1e6}), "1e+06");
  EXPECT_EQ(text(DType::f64, {}, {-inf}), "-inf");
  EXPECT_EQ(text(DType::i32, {}, {-3}), "-3");
  EXPECT_EQ(text(DType::boolean, {}, {1}), "True");
}

TEST(TensorText, Complex) {
  double values[] = {1, 2, -0.5, -inf};
  EXPECT_EQ(to_string(Tensor::borrow(values, DType::c128, {2})), "[ 1.  +2.j -0.5-infj]");
  EXPECT_EQ(to_string(Tensor::borrow(values, DType::c128, {})), "(1+2j)");
  float small[] = {0, 1.5};
  EXPECT_EQ(to_string(Tensor::borrow(small, DType::c64, {})), "1.5j");
  EXPECT_EQ(to_string(Tensor::borrow(small, DType::c64, {1, 1}).clone()), "[[0.+1.5j]]");
}

TEST(TensorText, Axes) {
  EXPECT_EQ(to_string(counting(DType::i64, {2, 2, 3})), "[[[ 0  1  2]\n  [ 3  4  5]]\n\n [[ 6  7  8]\n  [ 9 10 11]]]");
  EXPECT_EQ(to_string(counting(DType::i64, {2, 3}).transpose({1, 0})), "[[0 3]\n [1 4]\n [2 5]]");
  EXPECT_EQ(to_string(counting(DType::i64, {30})),
            "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n 24 25 26 27 28 29]");
}

TEST(TensorText, LargeOnesAreCut) {
  EXPECT_EQ(to_string(counting(DType::i64, {1001})), "[   0    1    2 ...  998  999 1000]");
  EXPECT_EQ(to_string(counting(DType::f32, {40, 50}, 0.25)),
            "[[0.0000e+00 2.5000e-01 5.0000e-01 ... 1.1750e+01 1.2000e+01 1.2250e+01]\n"
            " [1.2500e+01 1.2750e+01 1.3000e+01 ... 2.4250e+01 2.4500e+01 2.4750e+01]\n"
            " [2.5000e+01 2.5250e+01 2.5500e+01 ... 3.6750e+01 3.7000e+01 3.7250e+01]\n"
            " ...\n"
            " [4.6250e+02 4.6275e+02 4.6300e+02 ... 4.7425e+02 4.7450e+02 4.7475e+02]\n"
            " [4.7500e+02 4.7525e+02 4.7550e+02 ... 4.8675e+02 4.8700e+02 4.8725e+02]\n"
            " [4.8750e+02 4.8775e+02 4.8800e+02 ... 4.9925e+02 4.9950e+02 4.9975e+02]]");
  EXPECT_EQ(to_string(counting(DType::u8, {2, 1, 600}).slice(2, 0, 600).to(DType::boolean)),
            "[[[False  True  True ...  True  True  True]]\n\n [[ True  True  True ...  True  True  True]]]");
}

TEST(TensorText, NothingToPrint) {
  EXPECT_EQ(to_string(Tensor()), "undefined tensor");
  EXPECT_EQ(to_string(Tensor::zeros(DType::f32, {2, 0})), "[] (f32[2, 0])");
}

}  // namespace
}  // namespace neve
