// Attributes: text both ways, replacement by name, equality and hash, and the words of errors.
#include "op/attrs.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "op/registry.h"

namespace neve::test {
namespace {

AttrValue back(const AttrValue& v) {
  size_t at = 0;
  const std::string text = to_string(v);
  const AttrValue r = parse_attr(text, at, v);
  EXPECT_EQ(at, text.size()) << text;
  return r;
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

TEST(AttrText, Forms) {
  EXPECT_EQ(to_string(AttrValue(int64_t(-3))), "-3");
  EXPECT_EQ(to_string(AttrValue(true)), "true");
  EXPECT_EQ(to_string(AttrValue(0.5)), "0.5");
  EXPECT_EQ(to_string(AttrValue(2.0)), "2.0");
  EXPECT_EQ(to_string(AttrValue(std::vector<int64_t>{1, 2})), "[1, 2]");
  EXPECT_EQ(to_string(AttrValue(std::vector<double>{})), "[]");
  EXPECT_EQ(to_string(AttrValue(std::string("a\"b\\\n\x01"))), "\"a\\\"b\\\\\\n\\x01\"");
  EXPECT_EQ(to_string(AttrValue(DType::bf16)), "bf16");
  EXPECT_EQ(to_string(AttrValue(Tensor::of(DType::i64, {3}, {1, 2, 3}))), "i64[3]{1, 2, 3}");
  EXPECT_EQ(to_string(AttrValue(Tensor::of(DType::f32, {}, {0.1}))), "f32[]{0.1}");
  EXPECT_EQ(to_string(AttrValue(Tensor::of(DType::boolean, {1, 2}, {1, 0}))), "bool[1, 2]{true, false}");
  EXPECT_EQ(to_string(AttrValue(Tensor())), "none");
}

TEST(AttrText, ReadsBackExactly) {
  for (double v : {0.1, -0.0, 1e300, 5e-324, 1.0 / 3, -1e22, std::numeric_limits<double>::infinity(),
                   -std::numeric_limits<double>::infinity(), std::nan(""), -std::nan("")})
    EXPECT_TRUE(detail::attr_equal(AttrValue(v), back(v))) << v;
  for (int64_t v : {INT64_MIN, INT64_MAX, int64_t(0)}) EXPECT_EQ(std::get<int64_t>(back(v)), v);
  const AttrValue strings = std::vector<std::string>{"", "a, b", "\xc3\xa9\t]"};
  EXPECT_TRUE(detail::attr_equal(strings, back(strings)));
}

TEST(AttrText, EveryBitPatternOfSmallFloats) {
  for (DType t : {DType::f16, DType::bf16}) {
    const Tensor x = Tensor::empty(t, {65536});
    for (int i = 0; i < 65536; ++i) x.data_as<uint16_t>()[i] = uint16_t(i);
    EXPECT_TRUE(detail::attr_equal(x, back(x))) << to_string(t);
  }
  const Tensor y = Tensor::empty(DType::f32, {100000});
  uint32_t bits = 1;
  for (int i = 0; i < 100000; ++i) y.data_as<uint32_t>()[i] = bits = bits * 1664525u + 1013904223u;
  EXPECT_TRUE(detail::attr_equal(y, back(y)));
  for (DType t : {DType::i8, DType::u16, DType::u64}) {
    const Tensor x = Tensor::of(t, {2, 2}, {1, 0, 100, 7});
    EXPECT_TRUE(detail::attr_equal(x, back(x))) << to_string(t);
  }
  const Tensor pairs = Tensor::empty(DType::c64, {2}), wide = Tensor::empty(DType::c128, {1});
  for (int i = 0; i < 4; ++i) pairs.data_as<float>()[i] = 0.1f * float(i - 2);
  for (int i = 0; i < 2; ++i) wide.data_as<double>()[i] = 0.1 - i;
  EXPECT_TRUE(detail::attr_equal(pairs, back(pairs))) << to_string(AttrValue(pairs));
  EXPECT_TRUE(detail::attr_equal(wide, back(wide))) << to_string(AttrValue(wide));
}

TEST(AttrText, HexadecimalIsRead) {
  size_t at = 0;
  EXPECT_EQ(std::get<double>(parse_attr("-0x1.8p+1", at, AttrValue(0.0))), -3.0);
  at = 2;
  EXPECT_EQ(std::get<int64_t>(parse_attr("a=17}", at, AttrValue(int64_t(0)))), 17);
  EXPECT_EQ(at, 4u);
}

TEST(AttrText, WrongTextIsAnError) {
  const auto parse = [](std::string_view text, const AttrValue& kind) {
    return message([&] {
      size_t at = 0;
      parse_attr(text, at, kind);
    });
  };
  EXPECT_EQ(parse("x", int64_t(0)), "attribute: column 1: found 'x' (expected an integer)");
  EXPECT_EQ(parse("[1, ", std::vector<int64_t>()), "attribute: column 5: found '' (expected an integer)");
  EXPECT_EQ(parse("\"abc", std::string()), "attribute: column 5: found '' (expected a closing \")");
  EXPECT_EQ(parse("i64[9999999999]{1}", Tensor()), "attribute: column 16: found '{1}' (expected 9999999999 elements)");
  EXPECT_EQ(parse("i8[1]{200}", Tensor()), "attribute: column 7: found '200}' (expected a value of i8)");
  EXPECT_EQ(parse("f99[1]{1}", Tensor()),
            "attribute: column 4: found '[1]{1}' (expected a tensor such as i64[2]{1, 2})");
}

TEST(Attrs, WithGetEqualHash) {
  const Attrs a = find_op("elu").defaults();
  EXPECT_EQ(a.get_float("alpha"), 1.0);
  const Attrs b = a.with({{"alpha", 2.0}});
  EXPECT_EQ(b.get_float("alpha"), 2.0);
  EXPECT_EQ(a.get_float("alpha"), 1.0);
  EXPECT_FALSE(a == b);
  EXPECT_TRUE(b == a.with({{"alpha", int64_t(2)}}));  // a whole number for a float
  EXPECT_EQ(b.hash(), a.with({{"alpha", 2.0}}).hash());
  EXPECT_NE(a.hash(), b.hash());
  const Attrs x = find_op("constant").defaults().with({{"value", Tensor::of(DType::f32, {2}, {1, 2})}});
  const Attrs y = find_op("constant").defaults().with({{"value", Tensor::of(DType::f32, {2}, {1, 2})}});
  EXPECT_TRUE(x == y);
  EXPECT_EQ(x.hash(), y.hash());
  EXPECT_FALSE(x == find_op("constant").defaults().with({{"value", Tensor::of(DType::f32, {1, 2}, {1, 2})}}));
}

TEST(Attrs, ErrorsNameOpAttributeAndKind) {
  const Attrs a = find_op("elu").defaults();
  EXPECT_EQ(message([&] { a.get("beta"); }), "elu: no attribute is named 'beta' (it has: alpha)");
  EXPECT_EQ(message([&] { a.with({{"alpha", std::string("x")}}); }),
            "elu: attribute 'alpha' got the string \"x\" (it takes a float)");
  EXPECT_EQ(message([&] { find_op("relu").defaults().with({{"alpha", 1.0}}); }),
            "relu: no attribute is named 'alpha' (it has none)");
}

}  // namespace
}  // namespace neve::test
