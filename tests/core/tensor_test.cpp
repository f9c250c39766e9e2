// Tensors: making, views, conversions, copies between layouts, and their errors.
#include <gtest/gtest.h>
#include <neve/tensor.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "base/error.h"
#include "base/threads.h"
#include "core/half.h"

namespace neve {
namespace {

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return str(to_string(e.code()), ": ", e.message());
  }
  return "";
}

Tensor counting(DType dtype, const Sizes& shape) {
  Tensor t = Tensor::empty(dtype, shape);
  std::vector<int64_t> values(size_t(t.element_count()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = int64_t(i);
  return Tensor::of_ints(dtype, shape, values);
}

TEST(Tensor, Making) {
  const Tensor t = Tensor::of(DType::i64, {3}, {1, 2, 3});
  EXPECT_EQ(t.to_ints(), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(type_text(t), "i64[3]");
  EXPECT_EQ(t.bytes(), 24);
  EXPECT_EQ(uintptr_t(t.data()) % 64, 0u);
  EXPECT_EQ(Tensor::zeros(DType::f16, {2, 0, 3}).element_count(), 0);
  EXPECT_EQ(Tensor::scalar(DType::f32, 0.5).rank(), 0);
  EXPECT_EQ(Tensor::scalar(DType::f32, 0.5).item(), 0.5);
  EXPECT_EQ(Tensor::scalar_int(DType::u64, INT64_MAX).item_int(), INT64_MAX);
  EXPECT_EQ(Tensor::scalar_int(DType::i64, (int64_t(1) << 53) + 1).item_int(), (int64_t(1) << 53) + 1);
  EXPECT_FALSE(Tensor().defined());
  EXPECT_EQ(type_text(Tensor()), "undefined tensor");
  const Tensor zeros = Tensor::zeros(DType::c128, {5});
  for (int64_t i = 0; i < zeros.bytes(); ++i) EXPECT_EQ(zeros.data()[i], std::byte{0});
}

TEST(Tensor, MakingErrors) {
  EXPECT_EQ(error_of([] { Tensor::empty(DType::f32, {2, -1}); }),
            "invalid_argument: tensor: shape [2, -1] has a negative size (sizes are 0 or more)");
  EXPECT_EQ(error_of([] { Tensor::empty(DType::f32, {int64_t(1) << 40, int64_t(1) << 40}); }),
            "invalid_argument: tensor: shape [1099511627776, 1099511627776] has more elements than memory can hold");
  EXPECT_EQ(error_of([] { Tensor::empty(DType::f64, {int64_t(1) << 61}); }),
            "invalid_argument: tensor: shape [2305843009213693952] has more elements than memory can hold");
  EXPECT_EQ(error_of([] { Tensor::empty(DType::f64, {int64_t(1) << 58}); }),
            "out_of_memory: tensor: no memory for 2305843009213693952 bytes");
  EXPECT_EQ(error_of([] { Tensor::of(DType::f32, {2}, {1, 2, 3}); }),
            "invalid_argument: Tensor::of: 3 values for f32[2], which has 2");
  EXPECT_EQ(error_of([] { Tensor::scalar(DType::c64, 1); }),
            "unsupported: Tensor::of: values of c64 from real numbers (make an f32 or f64 tensor)");
  EXPECT_EQ(error_of([] { Tensor::scalar(DType::f32, 1).item(1); }),
            "invalid_argument: item: element 1 of f32[], which has 1");
  EXPECT_EQ(error_of([] { Tensor::zeros(DType::f32, {2, 3}).size(2); }),
            "invalid_argument: size: axis 2 of f32[2, 3] (-2 to 1)");
}

TEST(Tensor, Storage) {
  int released = 0;
  float values[6] = {0, 1, 2, 3, 4, 5};
  {
    auto storage = Storage::wrap(values, sizeof values, [&] { ++released; }, false);
    const Tensor t = Tensor::view(storage, DType::f32, {2, 2}, {-3, 2}, 12);
    storage.reset();
    EXPECT_EQ(t.to(DType::i64).to_ints(), (std::vector<int64_t>{3, 5, 0, 2}));
    EXPECT_EQ(error_of([&] { t.copy_from(Tensor::zeros(DType::f32, {2, 2})); }),
              "invalid_argument: copy_from: the target f32[2, 2] is read-only");
    EXPECT_EQ(released, 0);
  }
  EXPECT_EQ(released, 1);
  const Tensor borrowed = Tensor::borrow(values, DType::f32, {6});
  const uint64_t version = borrowed.storage()->version();
  borrowed.slice(0, 1, 2).copy_from(Tensor::scalar(DType::f32, 9).reshape({1}));
  EXPECT_EQ(values[1], 9);
  EXPECT_GT(borrowed.storage()->version(), version);
}

TEST(Tensor, ViewsStayInside) {
  const auto storage = Storage::allocate(32);
  EXPECT_EQ(error_of([&] { Tensor::view(storage, DType::f32, {8}, {1}); }), "");
  EXPECT_EQ(error_of([&] { Tensor::view(storage, DType::f32, {9}, {1}); }),
            "invalid_argument: Tensor::view: f32[9] with strides [1] at byte 0 reaches outside its 32 bytes");
  EXPECT_NE(error_of([&] { Tensor::view(storage, DType::f32, {8}, {1}, 4); }), "");
  EXPECT_NE(error_of([&] { Tensor::view(storage, DType::f32, {2}, {-1}); }), "");
  EXPECT_EQ(error_of([&] { Tensor::view(storage, DType::f32, {2}, {-1}, 4); }), "");
  EXPECT_NE(error_of([&] { Tensor::view(storage, DType::f32, {3}, {int64_t(1) << 62}); }), "");
  EXPECT_EQ(error_of([&] { Tensor::view(storage, DType::f32, {1000, 8}, {0, 1}); }), "");
  EXPECT_EQ(error_of([&] { Tensor::view(storage, DType::f32, {0, 8}, {100, 1}, 32); }), "");
  EXPECT_NE(error_of([&] { Tensor::view(storage, DType::f32, {0}, {1}, 33); }), "");
  EXPECT_NE(error_of([&] { Tensor::view(storage, DType::f32, {2}, {1, 1}); }), "");
}

TEST(Tensor, TransposeSliceReshape) {
  const Tensor t = counting(DType::i32, {2, 3, 4});
  const Tensor p = t.transpose({2, 0, 1});
  EXPECT_EQ(p.shape(), (Sizes{4, 2, 3}));
  EXPECT_EQ(p.strides(), (Sizes{1, 12, 4}));
  EXPECT_FALSE(p.is_contiguous());
  EXPECT_EQ(p.item_int(7), 5);  // p[1, 0, 1] is t[0, 1, 1]
  EXPECT_EQ(t.slice(1, 1, 3).to_ints(),
            (std::vector<int64_t>{4, 5, 6, 7, 8, 9, 10, 11, 16, 17, 18, 19, 20, 21, 22, 23}));
  EXPECT_EQ(t.slice(-1, 4, 4).element_count(), 0);
  EXPECT_EQ(t.reshape({4, -1}).shape(), (Sizes{4, 6}));
  EXPECT_EQ(t.reshape({4, 6}).data(), t.data());
  EXPECT_EQ(p.reshape({4, 6}).data(), t.data() + 0) << "axes 0 and 1 of t are contiguous among themselves";
  EXPECT_EQ(p.reshape({4, 6}).strides(), (Sizes{1, 4}));
  EXPECT_NE(p.reshape({24}).data(), t.data());
  EXPECT_EQ(p.reshape({24}).to_ints(), p.to_ints());
  EXPECT_EQ(t.slice(0, 1, 2).reshape({12}).data(), t.data() + 48);
  EXPECT_EQ(t.slice(0, 1, 2).reshape({1, 3, 1, 4, 1}).to_ints(), t.slice(0, 1, 2).to_ints());
  EXPECT_EQ(Tensor::zeros(DType::f32, {0, 3}).reshape({3, 0, 5}).shape(), (Sizes{3, 0, 5}));
  EXPECT_EQ(Tensor::scalar(DType::f32, 2).reshape({1, 1}).item(), 2);
  EXPECT_EQ(t.contiguous().data(), t.data());
  EXPECT_NE(t.clone().data(), t.data());
}

// Large copies are cut into parts for several threads: every layout, also where the first axis is short.
TEST(Tensor, LargeCopiesOfViews) {
  const Tensor x = Tensor::empty(DType::i32, {6, 64, 50, 40});
  for (int64_t i = 0; i < x.element_count(); ++i) x.data_as<int32_t>()[i] = int32_t(i);
  for (const int threads : {1, 3}) {
    set_copy_threads(threads);
    for (const std::vector<int64_t>& perm :
         {std::vector<int64_t>{0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 1, 3}, {0, 1, 3, 2}, {1, 3, 0, 2}}) {
      const Tensor v = x.transpose(perm).slice(1, 1, x.size(perm[1])), y = v.clone();
      ASSERT_TRUE(y.is_contiguous());
      const Sizes s = v.shape(), strides = v.strides();
      int64_t at = 0;
      for (int64_t a = 0; a < s[0]; ++a)
        for (int64_t b = 0; b < s[1]; ++b)
          for (int64_t c = 0; c < s[2]; ++c)
            for (int64_t d = 0; d < s[3]; ++d, ++at)
              ASSERT_EQ(y.data_as<int32_t>()[at],
                        v.data_as<int32_t>()[a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3]]);
    }
  }
  set_copy_threads(available_threads());
}

TEST(Tensor, ViewErrors) {
  const Tensor t = counting(DType::i32, {2, 3});
  EXPECT_EQ(error_of([&] { t.reshape({4, -1}); }),
            "shape_mismatch: reshape: i32[2, 3] to [4, -1]: the -1 has no whole value");
  EXPECT_EQ(error_of([&] { t.reshape({7}); }), "shape_mismatch: reshape: i32[2, 3] has 6 elements, [7] has 7");
  EXPECT_EQ(error_of([&] { t.reshape({-1, -1}); }),
            "invalid_argument: reshape: [-1, -1] (sizes are 0 or more, and at most one -1)");
  EXPECT_EQ(error_of([&] { Tensor::zeros(DType::f32, {0}).reshape({0, -1}); }),
            "shape_mismatch: reshape: f32[0] to [0, -1]: the -1 has no whole value");
  EXPECT_EQ(error_of([&] { t.transpose({0, 0}); }),
            "invalid_argument: transpose: [0, 0] of i32[2, 3] (a permutation of its 2 axes)");
  EXPECT_EQ(error_of([&] { t.slice(0, 1, 3); }),
            "invalid_argument: slice: 1..3 of axis 0 of i32[2, 3] (0 <= begin <= end <= 2)");
  EXPECT_EQ(error_of([&] { t.copy_from(Tensor::zeros(DType::f32, {2, 3})); }),
            "type_mismatch: copy_from: f32[2, 3] to i32[2, 3] (dtypes must be equal)");
  EXPECT_EQ(error_of([&] { t.copy_from(Tensor::zeros(DType::i32, {3, 2})); }),
            "shape_mismatch: copy_from: i32[3, 2] to i32[2, 3] (shapes must be equal)");
  EXPECT_EQ(error_of([&] { t.to(DType::c64); }),
            "unsupported: to: i32 to c64 (complex numbers convert to nothing else)");
}

TEST(Tensor, EveryPairOfRealTypesConverts) {
  const std::vector<double> values = {0, 1, 2, 3, 100, 127};
  for (int a = 0; a < dtype_count; ++a) {
    for (int b = 0; b < dtype_count; ++b) {
      if (is_complex(DType(a)) || is_complex(DType(b))) continue;
      const Tensor from = Tensor::of(DType(a), {6}, values), to = from.to(DType(b));
      EXPECT_EQ(to.dtype(), DType(b));
      for (int64_t i = 0; i < 6; ++i) {
        const bool truth = DType(a) == DType::boolean || DType(b) == DType::boolean;
        EXPECT_EQ(to.item(i), truth ? double(values[size_t(i)] != 0) : values[size_t(i)])
            << to_string(DType(a)) << " to " << to_string(DType(b));
      }
    }
  }
}

TEST(Tensor, ConversionsAtTheEdges) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const Tensor f = Tensor::of(DType::f64, {8}, {-1.9, 1.9, 300, -300, inf, -inf, nan, 1e30});
  EXPECT_EQ(f.to(DType::i8).to_ints(), (std::vector<int64_t>{-1, 1, 127, -128, 127, -128, 0, 127}));
  EXPECT_EQ(f.to(DType::u8).to_ints(), (std::vector<int64_t>{0, 1, 255, 0, 255, 0, 0, 255}));
  EXPECT_EQ(f.to(DType::i64).to_ints(), (std::vector<int64_t>{-1, 1, 300, -300, INT64_MAX, INT64_MIN, 0, INT64_MAX}));
  EXPECT_EQ(f.to(DType::boolean).to_ints(), (std::vector<int64_t>{1, 1, 1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(Tensor::of(DType::f32, {2}, {2147483648.0, -2147483648.0}).to(DType::i32).to_ints(),
            (std::vector<int64_t>{INT32_MAX, INT32_MIN}));
  EXPECT_EQ(Tensor::scalar_int(DType::i32, 300).to(DType::u8).item_int(), 44);
  EXPECT_EQ(Tensor::scalar_int(DType::i32, -1).to(DType::u64).item(), 18446744073709551616.0);
  EXPECT_TRUE(std::isnan(f.to(DType::f16).item(6)));
  EXPECT_EQ(f.to(DType::f16).item(4), inf);
  EXPECT_EQ(f.to(DType::bf16).item(5), -inf);
  EXPECT_EQ(Tensor::scalar(DType::f16, 65519).item(), 65504);
  EXPECT_EQ(Tensor::scalar(DType::f16, 65520).item(), inf);
  EXPECT_EQ(Tensor::scalar(DType::f16, 5.960464477539063e-08).item(), 5.960464477539063e-08);
  // Rounded once: through f32 the tie would go the other way.
  EXPECT_EQ(Tensor::scalar(DType::f16, 1 + 0x1p-11 + 0x1p-40).item(), 1 + 0x1p-10);
  EXPECT_EQ(Tensor::scalar(DType::f16, 1 + 0x1p-11).item(), 1);
  EXPECT_EQ(Tensor::scalar_int(DType::bf16, (int64_t(1) << 60) + (int64_t(1) << 52) + 1).item(), 0x1p60 + 0x1p53);
  EXPECT_EQ(Tensor::scalar_int(DType::bf16, -((int64_t(1) << 60) + (int64_t(1) << 52))).item(), -0x1p60);
}

TEST(Tensor, SixteenBitFloatsRoundToNearestEven) {
  for (int bits = 0; bits < 65536; ++bits) {  // every value survives, and halfway goes to even
    const float h = half_to_float(uint16_t(bits)), b = bf16_to_float(uint16_t(bits));
    if (!std::isnan(h)) {
      ASSERT_EQ(float_to_half(h), bits);
    } else {
      ASSERT_TRUE(std::isnan(half_to_float(float_to_half(h))));
    }
    if (!std::isnan(b)) {
      ASSERT_EQ(float_to_bf16(b), bits);
    } else {
      ASSERT_TRUE(std::isnan(bf16_to_float(float_to_bf16(b))));
    }
    if ((bits & 0x7fff) < 0x7bff) {
      const float next = half_to_float(uint16_t(bits + 1)), middle = h + (next - h) / 2;
      ASSERT_EQ(float_to_half(middle), bits & 1 ? bits + 1 : bits);
      ASSERT_EQ(float_to_half(std::nextafter(middle, next)), bits + 1);
      ASSERT_EQ(float_to_half(std::nextafter(middle, h)), bits);
    }
  }
}

class Copies : public testing::TestWithParam<DType> {};

TEST_P(Copies, BetweenAnyLayouts) {
  std::mt19937 rng(7);
  const auto pick = [&](int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(rng); };
  const int64_t size = size_of(GetParam());
  for (int round = 0; round < 300; ++round) {
    Sizes shape(size_t(pick(0, 5)));
    for (int64_t& d : shape) d = pick(0, 12) ? pick(1, shape.size() > 3 ? 5 : round % 3 ? 9 : 40) : pick(0, 1);
    const auto layout = [&](bool broadcast) {  // a random permutation, padded and partly reversed; or with strides of 0
      std::vector<size_t> order(shape.size());
      for (size_t i = 0; i < order.size(); ++i) order[i] = i;
      std::shuffle(order.begin(), order.end(), rng);
      Sizes strides(shape.size());
      int64_t n = pick(1, 2), first = 0;
      for (size_t i : order) {
        strides[i] = n;
        if (broadcast && pick(0, 4) == 0)
          strides[i] = 0;
        else
          n *= std::max<int64_t>(shape[i], 1) + pick(0, 4) / 4;
        if (pick(0, 4) == 0) strides[i] = -strides[i], first -= strides[i] * std::max<int64_t>(shape[i] - 1, 0);
      }
      const auto storage = Storage::allocate(size_t((n + 2) * size));
      for (size_t i = 0; i < storage->size(); ++i) storage->data()[i] = std::byte(pick(0, 255));
      return Tensor::view(storage, GetParam(), shape, strides, first * size);
    };
    const Tensor from = layout(true), to = layout(false), kept = to;
    to.copy_from(from);
    const Tensor a = from.clone(), b = to.contiguous();
    ASSERT_TRUE(a.is_contiguous() && b.is_contiguous());
    ASSERT_EQ(std::memcmp(a.data(), b.data(), size_t(a.bytes())), 0)
        << type_text(from) << " " << str(from.strides(), to.strides());
    for (int64_t k = 0; k < a.element_count(); ++k) {  // element by element, without the code under test
      int64_t rest = k, offset = 0;
      for (size_t i = shape.size(); i-- > 0; rest /= shape[i]) offset += rest % shape[i] * from.strides()[i];
      ASSERT_EQ(std::memcmp(a.data() + k * size, from.data() + offset * size, size_t(size)), 0);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Widths, Copies, testing::Values(DType::i8, DType::bf16, DType::f32, DType::c64, DType::c128),
                         [](const auto& info) { return to_string(info.param); });

TEST(Tensor, OverlappingCopies) {
  const Tensor t = counting(DType::i32, {8});
  t.slice(0, 1, 8).copy_from(t.slice(0, 0, 7));
  EXPECT_EQ(t.to_ints(), (std::vector<int64_t>{0, 0, 1, 2, 3, 4, 5, 6}));
  const Tensor square = counting(DType::i32, {2, 2});
  square.copy_from(square.transpose({1, 0}));
  EXPECT_EQ(square.to_ints(), (std::vector<int64_t>{0, 2, 1, 3}));
}

TEST(DTypes, Names) {
  for (int i = 0; i < dtype_count; ++i) {
    DType back{};
    EXPECT_TRUE(parse_dtype(to_string(DType(i)), back));
    EXPECT_EQ(back, DType(i));
  }
  DType d{};
  EXPECT_TRUE(parse_dtype("float32", d));
  EXPECT_EQ(d, DType::f32);
  EXPECT_TRUE(parse_dtype("complex128", d));
  EXPECT_EQ(d, DType::c128);
  EXPECT_FALSE(parse_dtype("f8", d));
  EXPECT_FALSE(parse_dtype("", d));
  int64_t total = 0;
  for (int i = 0; i < dtype_count; ++i) total += size_of(DType(i));
  EXPECT_EQ(total, 8 + 4 + 2 + 2 + 8 + 4 + 2 + 1 + 1 + 2 + 4 + 8 + 1 + 8 + 16);
}

}  // namespace
}  // namespace neve
