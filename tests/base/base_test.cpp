// Errors, joined texts, and the small vector.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "base/error.h"
#include "base/small_vector.h"

namespace neve {
namespace {

TEST(Errors, CarryCodeAndText) {
  try {
    fail(ErrorCode::shape_mismatch, "conv: ", 3, " is not ", 4);
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::shape_mismatch);
    EXPECT_STREQ(e.what(), "conv: 3 is not 4");
    EXPECT_EQ(e.with("  at model.py:4").message(), "conv: 3 is not 4\n  at model.py:4");
    EXPECT_EQ(e.with("x").code(), e.code());
  }
  EXPECT_STREQ(to_string(ErrorCode::invalid_argument), "invalid_argument");
  EXPECT_STREQ(to_string(ErrorCode::internal), "internal");
  EXPECT_NO_THROW(check(true, "never"));
  EXPECT_THROW(check(false, "always"), Error);
}

TEST(Str, JoinsValues) {
  EXPECT_EQ(str(), "");
  EXPECT_EQ(str("a", 'b', std::string("c"), std::string_view("d"), 1, -2, true, 0.5), "abcd1-2true0.5");
  EXPECT_EQ(str(uint8_t(200), int8_t(-1), uint64_t(-1), INT64_MIN), "200-118446744073709551615-9223372036854775808");
  EXPECT_EQ(str(std::vector<int64_t>{1, 2}, std::vector<std::string>{"a"}, std::vector<bool>{true, false},
                std::vector<int>{}),
            "[1, 2][a][true, false][]");
  EXPECT_EQ(str(ErrorCode::io), "io");
}

TEST(Str, DoublesReadBack) {
  EXPECT_EQ(format_double(1), "1");
  EXPECT_EQ(format_double(-0.1), "-0.1");
  EXPECT_EQ(format_double(1e300), "1e+300");
  EXPECT_EQ(format_double(INFINITY), "inf");
  EXPECT_EQ(format_double(-INFINITY), "-inf");
  EXPECT_EQ(format_double(-NAN), "nan");
  std::mt19937_64 rng(1);
  for (int i = 0; i < 10000; ++i) {
    const double v = std::bit_cast<double>(rng());
    if (!std::isnan(v)) {
      ASSERT_EQ(std::strtod(format_double(v).c_str(), nullptr), v);
    }
  }
}

TEST(SmallVector, BehavesLikeAVector) {
  std::mt19937 rng(3);
  const auto pick = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n)(rng); };
  for (int round = 0; round < 200; ++round) {
    SmallVector<int, 3> small;
    std::vector<int> model;
    for (int step = 0; step < 40; ++step) {
      const int v = int(pick(99));
      switch (pick(8)) {
        case 0:
        case 1:
        case 2:
          small.push_back(v), model.push_back(v);
          break;
        case 3: {
          const size_t at = pick(model.size());
          small.insert(small.begin() + at, v), model.insert(model.begin() + long(at), v);
          break;
        }
        case 4:
          if (!model.empty()) {
            const size_t at = pick(model.size() - 1);
            small.erase(small.begin() + at), model.erase(model.begin() + long(at));
          }
          break;
        case 5: {
          const size_t n = pick(7);
          small.resize(n, v), model.resize(n, v);
          break;
        }
        case 6: {
          SmallVector<int, 3> copy = small, moved = std::move(copy);
          small = SmallVector<int, 3>{1, 2, 3, 4, 5};
          small = moved;
          break;
        }
        case 7:
          small = SmallVector<int, 3>(model.begin(), model.end());
          break;
        default:
          if (!model.empty()) small.pop_back(), model.pop_back();
      }
      ASSERT_EQ(std::vector<int>(small.begin(), small.end()), model);
    }
  }
}

TEST(SmallVector, SelfAssignmentAndEquality) {
  SmallVector<int, 2> a{1, 2, 3}, b{1, 2, 3}, c{1, 2};
  SmallVector<int, 2>& same = a;
  a = same;
  EXPECT_EQ(a, b);
  EXPECT_FALSE(a == c);
  a.append(c.begin(), c.end());
  EXPECT_EQ(a, (SmallVector<int, 2>{1, 2, 3, 1, 2}));
  a.push_back(a[0]);
  EXPECT_EQ(a.back(), 1);
  EXPECT_EQ(a.front(), 1);
}

}  // namespace
}  // namespace neve
