// The byte form of loop nests: exact, and safe against any bytes.
#include <gtest/gtest.h>

#include "base/error.h"
#include "support.h"

namespace neve::test {
namespace {

LoopNest example() {
  Piece p;
  const Dim b = Dim::symbol("b"), n = Dim::symbol("n");
  const Value x = p.input(DType::f32, {b, n}), table = p.input(DType::f32, {9, n}), index = p.input(DType::i64, {b});
  p.output(p.call("softmax", {p.call("add", {x, p.call("gather", {table, index})})}));
  const LoopAnalysis a = make_loop_nest(p.primitives());
  if (!a.nest) fail(ErrorCode::internal, a.refusal);
  return *a.nest;
}

TEST(LoopBytes, RoundTrip) {
  const LoopNest nest = example();
  const std::string bytes = to_bytes(nest);
  const LoopNest again = loop_nest_from_bytes(bytes);
  EXPECT_EQ(to_bytes(again), bytes);
  EXPECT_EQ(to_string(again), to_string(nest));
}

TEST(LoopBytes, SizesAloneMakeNoOtherNest) {
  const auto bytes = [](Dim rows, Dim columns) {
    Piece p;
    const Value x = p.input(DType::f32, {rows, columns}), bias = p.input(DType::f32, {columns});
    p.output(p.call("relu", {p.call("add", {x, bias})}));
    return to_bytes(*make_loop_nest(p.primitives()).nest);
  };
  EXPECT_EQ(bytes(3, 768), bytes(Dim::symbol("n"), 3072));
}

TEST(LoopBytes, CutShort) {
  const std::string bytes = to_bytes(example());
  for (size_t n = 0; n < bytes.size(); ++n) {
    try {
      loop_nest_from_bytes(std::string_view(bytes).substr(0, n));
      ADD_FAILURE() << n << " of " << bytes.size() << " bytes were accepted";
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::corrupt_file) << e.what();
    }
  }
}

TEST(LoopBytes, ChangedBytesAreRefusedOrCompile) {
  const std::string bytes = to_bytes(example());
  std::mt19937 random(5);
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string changed = bytes;
    for (uint32_t k = 0; k <= random() % 3; ++k) changed[random() % changed.size()] = char(random());
    LoopNest nest;
    try {
      nest = loop_nest_from_bytes(changed);
    } catch (const Error& e) {
      ASSERT_EQ(e.code(), ErrorCode::corrupt_file) << e.what();
      continue;
    }
    if (++accepted % 50 != 0) continue;
    try {
      loop_code_provider()->compile(nest, {.disk_cache = false});
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::unsupported) << e.what();
    }
  }
  EXPECT_GT(accepted, 50);
}

TEST(LoopBytes, ValuesThatLeaveABufferAreRefused) {
  Piece p;
  const Dim b = Dim::symbol("b"), n = Dim::symbol("n");
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("transpose", {x}));
  const CompiledPiece c(p.primitives());
  std::vector<int64_t> v = c.values({{id(b), 4}, {id(n), 6}});
  EXPECT_NO_THROW(c.code().bind(v, 1));
  for (size_t i = 0; i < v.size(); ++i) {
    std::vector<int64_t> larger = v;
    larger[i] += 100;
    if (i == size_t(c.nest().buffers[0].elements)) continue;  // more memory than needed is no harm
    EXPECT_THROW(c.code().bind(larger, 1), Error) << "entry " << i;
  }
  v.pop_back();
  EXPECT_THROW(c.code().bind(v, 1), Error);
}

}  // namespace
}  // namespace neve::test
