// Packed weights: one block of memory for what was reserved, memory of their own for others.
#include <gtest/gtest.h>

#include <cstring>

#include "kernels/kernel.h"
#include "runtime/program.h"

namespace neve::runtime {
namespace {

// Packs a weight with as many bytes of padding behind it.
class Padding final : public kernels::Kernel {
 public:
  explicit Padding(size_t bytes) : bytes_(bytes) {}
  std::string description() const override { return "padding"; }
  std::string packing_key(size_t) const override { return str(bytes_, " more bytes"); }
  size_t packed_bytes(size_t) const override { return size_t(weight_bytes) + bytes_; }
  void pack(size_t, const Tensor& weight, void* packed, int) const override {
    std::memcpy(packed, weight.data(), size_t(weight_bytes));
  }
  kernels::Result<kernels::BoundKernel> bind(const kernels::BindSizes&) const override { return "not to be run"; }
  static constexpr int64_t weight_bytes = 1 << 20;

 private:
  size_t bytes_;
};

void expect_packed(const Tensor& packed, const Tensor& weight, size_t padding) {
  ASSERT_EQ(packed.bytes(), Padding::weight_bytes + int64_t(padding));
  EXPECT_EQ(std::memcmp(packed.data(), weight.data(), size_t(Padding::weight_bytes)), 0);
  for (size_t i = 0; i < padding; ++i) ASSERT_EQ(packed.data()[size_t(Padding::weight_bytes) + i], std::byte{0}) << i;
}

TEST(WeightPool, WhatWasReservedLiesTogether) {
  auto weights = std::make_shared<WeightPool::Map>();
  for (const char* name : {"a", "b", "c"}) {
    Tensor t = Tensor::empty(DType::u8, {Padding::weight_bytes});
    std::memset(t.data(), name[0], size_t(t.bytes()));
    weights->emplace(name, t);
  }
  WeightPool pool(weights);
  const Padding odd(7), even(64), large(4 << 20);
  const auto packed = [&](const char* name, const Padding& kernel) { return pool.packed(name, kernel, 0, 2); };
  EXPECT_FALSE(pool.has("a", odd.packing_key(0)));
  pool.reserve(3 * (odd.packed_bytes(0) + 64));
  const Tensor a = packed("a", odd), b = packed("b", even), c = packed("c", large);
  EXPECT_TRUE(pool.has("a", odd.packing_key(0)));
  EXPECT_FALSE(pool.has("a", even.packing_key(0)));
  EXPECT_EQ(a.storage(), b.storage());
  EXPECT_EQ(b.data() - a.data(), Padding::weight_bytes + 64);
  EXPECT_NE(a.storage(), c.storage());  // there was no room for it
  expect_packed(a, weights->at("a"), 7);
  expect_packed(b, weights->at("b"), 64);
  expect_packed(c, weights->at("c"), 4 << 20);
  EXPECT_EQ(packed("a", odd).data(), a.data());
  EXPECT_EQ(int64_t(pool.packed_bytes()), a.bytes() + b.bytes() + c.bytes());
}

TEST(WeightPool, LittleIsNotReserved) {
  auto weights = std::make_shared<WeightPool::Map>();
  weights->emplace("a", Tensor::zeros(DType::u8, {Padding::weight_bytes}));
  WeightPool pool(weights);
  pool.reserve(1 << 10);
  const Padding odd(7);
  EXPECT_EQ(pool.packed("a", odd, 0, 1).storage()->size(), size_t(Padding::weight_bytes) + 7);
}

}  // namespace
}  // namespace neve::runtime
