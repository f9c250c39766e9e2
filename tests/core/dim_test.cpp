// Dims by example: canonical forms, what is proven, text, programs and errors.
#include "core/dim.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/error.h"
#include "core/tensor_type.h"

namespace neve {
namespace {

/// The error that f throws, as "code: text"; "" if it throws nothing.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return str(to_string(e.code()), ": ", e.message());
  }
  return "";
}

class Dims : public testing::Test {
 protected:
  Dim n = Dim::symbol("n");     // 0 or more
  Dim m = Dim::symbol("m", 1);  // 1 or more
  Dim b = Dim::symbol("batch", 1, 64);
  Dim k = Dim::symbol("k", 0, Dim::unbounded, 32);  // a multiple of 32
  Dim z = Dim::symbol("z", -10, 10);

  Dim parse(std::string_view text) const {
    return parse_dim(text, [&](std::string_view name) {
      for (Dim d : {n, m, b, k, z})
        if (d.as_symbol().name == name) return d;
      fail(ErrorCode::not_found, "no symbol '", name, "'");
    });
  }
};

TEST_F(Dims, ConstantsCompute) {
  EXPECT_EQ(Dim(3) + 4, Dim(7));
  EXPECT_EQ(Dim(3) - 4, Dim(-1));
  EXPECT_EQ(floordiv(-7, 2), Dim(-4));
  EXPECT_EQ(floordiv(7, -2), Dim(-4));
  EXPECT_EQ(ceildiv(7, 2), Dim(4));
  EXPECT_EQ(ceildiv(-7, 2), Dim(-3));
  EXPECT_EQ(mod(-7, 3), Dim(2));
  EXPECT_EQ(mod(7, -3), Dim(-2));
  EXPECT_EQ(min(2, 3), Dim(2));
  EXPECT_EQ(max(2, 3), Dim(3));
  EXPECT_EQ(broadcast(1, 0), Dim(0));
  EXPECT_EQ(broadcast(5, 1), Dim(5));
  EXPECT_EQ(Dim(INT64_MAX).value(), INT64_MAX);
  static_assert(sizeof(Dim) == 8);
}

TEST_F(Dims, CanonicalForms) {
  const std::pair<Dim, const char*> cases[] = {
      {n + 2 * 1, "n + 2"},
      {m + n, "n + m"},
      {(n + m) * (n - m), "n*n - m*m"},
      {5 - n, "-n + 5"},
      {n - n, "0"},
      {floordiv(n + 2 * 1 - 3, 2) + 1, "floordiv(n + 1, 2)"},
      {floordiv(n + 2 * 3 - 7, 2) + 1, "floordiv(n + 1, 2)"},
      {ceildiv(n, 2), "floordiv(n + 1, 2)"},
      {-1 * floordiv(-1 * n, 2), "floordiv(n + 1, 2)"},
      {floordiv(n, -2), "-floordiv(n + 1, 2)"},
      {ceildiv(ceildiv(ceildiv(n, 2), 2), 8), "floordiv(n + 31, 32)"},
      {floordiv(6 * n + 4, 2), "3*n + 2"},
      {floordiv(6 * n + 5, 4), "n + floordiv(n, 2) + 1"},
      {floordiv(3 * n, 2), "n + floordiv(n, 2)"},
      {floordiv(4 * n + 7, 6), "floordiv(2*n, 3) + 1"},
      {floordiv(n * m, m), "n"},
      {floordiv(n * m + m * m, m), "n + m"},
      {floordiv((n + m) * (n + 1), n + m), "n + 1"},
      {floordiv(b * n * 768, b * 12), "64*n"},
      {floordiv(n * n, n), "floordiv(n*n, n)"},  // n may be 0
      {floordiv(floordiv(n, 3), 4), "floordiv(n, 12)"},
      {floordiv(floordiv(n, m), b), "floordiv(n, m*batch)"},
      {floordiv(m - 1, m), "0"},
      {floordiv(b, 65), "0"},
      {floordiv(b + 64, 64), "floordiv(batch, 64) + 1"},
      {ceildiv(n, m), "floordiv(n - 1, m) + 1"},
      {floordiv(k, 4) * 4, "k"},
      {ceildiv(k, 32) * 32, "k"},
      {floordiv(k + 31, 32), "floordiv(k, 32)"},
      {k - 2 * floordiv(k, 4), "floordiv(k, 2)"},
      {floordiv(k * n, 64), "floordiv(n*k, 64)"},
      {mod(n * 6 + 3, 3), "0"},
      {mod(n * 6 + 4, 3), "1"},
      {mod(-1 * n, 8), "mod(-n, 8)"},
      {mod(7 * n + 8, 8), "mod(-n, 8)"},
      {mod(4 * n + 1, 6), "2*mod(-n, 3) + 1"},
      {mod(mod(n, 12) + 5, 4), "mod(n + 1, 4)"},
      {mod(b, 100), "batch"},
      {mod(n * m, m), "0"},
      {mod(n * m + b, m), "mod(batch, m)"},
      {mod(k, 16), "0"},
      {max(n, 0), "n"},
      {max(n, 3), "max(n, 3)"},
      {max(max(n, m), 3), "max(n, m, 3)"},
      {max(3, max(m, n)), "max(n, m, 3)"},
      {max(max(n, 7), 3), "max(n, 7)"},
      {min(n, n + 1), "n"},
      {min(b, 64), "batch"},
      {max(floordiv(n, 2), n), "n"},
      {max(min(n, m), n), "n"},
      {broadcast(n, n), "n"},
      {broadcast(n, 1), "n"},
      {broadcast(n, m), "broadcast(n, m)"},
      {broadcast(broadcast(m, 1), n), "broadcast(n, m)"},
      {broadcast(n, 7), "7"},
      {broadcast(n, 0), "0"},
      {broadcast(n, m + 1), "m + 1"},  // m + 1 is never 1
      {broadcast(n, k), "k"},          // nor is a multiple of 32
  };
  for (const auto& [d, text] : cases) EXPECT_EQ(to_string(d), text);
}

TEST_F(Dims, Bounds) {
  const struct {
    Dim d;
    int64_t lo, hi;
  } cases[] = {
      {7, 7, 7},
      {n, 0, Dim::unbounded},
      {b, 1, 64},
      {z, -10, 10},
      {2 * b - 3, -1, 125},
      {b * z, -640, 640},
      {floordiv(b, 3), 0, 21},
      {floordiv(z, 3), -4, 3},
      {floordiv(100, b), 1, 100},
      {floordiv(-5, m), -5, -1},
      {floordiv(n + 5, m), 0, Dim::unbounded},
      {floordiv(z, b), -10, 10},
      {mod(n, 5), 0, 4},
      {mod(n, b), 0, 63},
      {mod(z, -4), -3, 0},
      {min(n, 9), 0, 9},
      {max(b, 10), 10, 64},
      {broadcast(n, b), 0, Dim::unbounded},
      {n - m, -Dim::unbounded, Dim::unbounded},
      {Dim::symbol("s", 5, 29, 10), 10, 20},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(lower_bound(c.d), c.lo) << to_string(c.d);
    EXPECT_EQ(upper_bound(c.d), c.hi) << to_string(c.d);
  }
}

TEST_F(Dims, ProofsFound) {
  EXPECT_EQ(equal(n, n), Proof::yes);
  EXPECT_EQ(equal(n, m), Proof::unknown);
  EXPECT_EQ(equal(n, n + 1), Proof::no);
  EXPECT_EQ(equal(2 * n, 2 * m + 1), Proof::no);
  EXPECT_EQ(equal(b, 65), Proof::no);
  EXPECT_EQ(equal(n, -1), Proof::no);
  EXPECT_EQ(equal(4 * floordiv(n, 4) + mod(n, 4), n), Proof::yes);
  EXPECT_EQ(equal(max(n, m) + min(n, m), n + m), Proof::yes);
  EXPECT_EQ(at_least(n, 0), Proof::yes);
  EXPECT_EQ(at_least(n, 1), Proof::unknown);
  EXPECT_EQ(at_least(0, m), Proof::no);
  EXPECT_EQ(at_least(64, b), Proof::yes);
  EXPECT_EQ(at_least(n + 1, n), Proof::yes);
  EXPECT_EQ(at_least(n, n + 1), Proof::no);
  EXPECT_EQ(at_least(n * m, n), Proof::yes);
  EXPECT_EQ(at_least(m * b, m + b - 1), Proof::yes);
  EXPECT_EQ(at_least(n, floordiv(n, 2)), Proof::yes);
  EXPECT_EQ(at_least(n, floordiv(n, m)), Proof::yes);
  EXPECT_EQ(at_least(n, m * floordiv(n, m)), Proof::yes);
  EXPECT_EQ(at_least(2 * ceildiv(n, 2), n), Proof::yes);
  EXPECT_EQ(at_least(n + 1, 2 * ceildiv(n, 2)), Proof::yes);
  EXPECT_EQ(at_least(n, min(n, 10)), Proof::yes);
  EXPECT_EQ(at_least(max(n, m), n), Proof::yes);
  EXPECT_EQ(at_least(n, mod(n, 7)), Proof::yes);
  EXPECT_EQ(at_least(max(n, m), min(n, m)), Proof::yes);
  EXPECT_EQ(at_least(n + m, broadcast(n, m)), Proof::yes);
  EXPECT_EQ(divides(3, 6 * n + 9), Proof::yes);
  EXPECT_EQ(divides(3, 6 * n + 1), Proof::no);
  EXPECT_EQ(divides(3, n), Proof::unknown);
  EXPECT_EQ(divides(8, k), Proof::yes);
  EXPECT_EQ(divides(64, k), Proof::unknown);
  EXPECT_EQ(divides(16, floordiv(k, 2)), Proof::yes);
  EXPECT_EQ(divides(-8, k + 8), Proof::yes);
}

TEST_F(Dims, ProofsAtTheEdgeOfTheNumbersStaySilent) {
  const Dim huge = Dim::symbol("huge", 0, Dim::unbounded - 1);
  EXPECT_EQ(at_least(huge * huge * huge * huge, huge), Proof::unknown);
  EXPECT_EQ(at_least(INT64_MAX, n), Proof::unknown);
  EXPECT_EQ(upper_bound(huge * huge), Dim::unbounded);
  const Dim big = Dim(INT64_MAX) * n;
  EXPECT_EQ(equal(big, m * -2), Proof::no);
  EXPECT_EQ(at_least(big, m - 3 * n), Proof::unknown);  // the difference does not fit
}

TEST_F(Dims, Constraints) {
  EXPECT_EQ(to_string(Constraint{Constraint::equal, n, m, ""}), "n == m");
  EXPECT_EQ(to_string(Constraint{Constraint::at_least, n, 3, ""}), "n >= 3");
  EXPECT_EQ(to_string(Constraint{Constraint::divides, n, 3, ""}), "n is a multiple of 3");
  EXPECT_EQ(to_string(Constraint{Constraint::broadcastable, n, m, ""}), "n and m broadcast");
  EXPECT_EQ(prove({Constraint::broadcastable, n, 1, ""}), Proof::yes);
  EXPECT_EQ(prove({Constraint::broadcastable, n, n, ""}), Proof::yes);
  EXPECT_EQ(prove({Constraint::broadcastable, m + 1, m + 2, ""}), Proof::no);
  EXPECT_EQ(prove({Constraint::broadcastable, n, m, ""}), Proof::unknown);
  EXPECT_EQ(prove({Constraint::divides, k, 8, ""}), Proof::yes);
}

TEST_F(Dims, Text) {
  const Dim odd = Dim::symbol("a \"quoted\\\" name"), first = Dim::symbol("3d"), utf = Dim::symbol("größe");
  EXPECT_EQ(to_string(odd + 1), R"("a \"quoted\\\" name" + 1)");
  EXPECT_EQ(to_string(2 * first), R"(2*"3d")");
  EXPECT_EQ(to_string(utf), R"("größe")");
  EXPECT_EQ(to_string(n + m, [](const Symbol& s) { return s.name + "_" + s.name; }), "n_n + m_m");
  for (Dim d : {odd, first, utf})
    EXPECT_EQ(
        parse_dim(to_string(3 * d - 1), [&](std::string_view name) { return name == d.as_symbol().name ? d : Dim(0); }),
        3 * d - 1);
  EXPECT_EQ(parse(" ( n+2 ) *3 - -m"), 3 * n + 6 + m);
  EXPECT_EQ(parse("ceildiv(n,2)"), ceildiv(n, 2));
  EXPECT_EQ(parse("max(1, 2, 3, n)"), max(n, 3));
  EXPECT_EQ(parse("-9000000000000000000"), Dim(-9000000000000000000));
  EXPECT_EQ(parse("-9223372036854775807*n"), -1 * (Dim(INT64_MAX) * n));
  EXPECT_EQ(parse("m*-2*-n"), 2 * n * m);
  EXPECT_EQ(to_string(Shape{b, 3, n + 1}), "[batch, 3, n + 1]");
  EXPECT_EQ(to_string(Shape{}), "[]");
  EXPECT_EQ(to_string(TensorType{DType::bf16, {b, 3}}), "bf16[batch, 3]");
  EXPECT_EQ(str("size ", n + 1, " of ", Shape{n}), "size n + 1 of [n]");
  EXPECT_NE(Dim::symbol("").as_symbol().name, "");
}

TEST_F(Dims, TextErrors) {
  const auto error = [&](std::string_view text) { return error_of([&] { parse(text); }); };
  EXPECT_EQ(error(""), "invalid_argument: dim: column 1 of '': the text ends (expected a number, a name or '(')");
  EXPECT_EQ(error("n + "),
            "invalid_argument: dim: column 5 of 'n + ': the text ends (expected a number, a name or '(')");
  EXPECT_EQ(error("n m"), "invalid_argument: dim: column 3 of 'n m': unexpected 'm' (expected an operator or the end)");
  EXPECT_EQ(error("(n"), "invalid_argument: dim: column 3 of '(n': the parenthesis is open (expected ')')");
  EXPECT_EQ(error("floordiv(n)"), "invalid_argument: dim: column 11 of 'floordiv(n)': one operand (expected ',')");
  EXPECT_EQ(error("floordiv(n, 2, 3)"),
            "invalid_argument: dim: column 14 of 'floordiv(n, 2, 3)': the call is open (expected ')')");
  EXPECT_EQ(error("sqrt(n)"),
            "invalid_argument: dim: column 1 of 'sqrt(n)': no function 'sqrt' (expected floordiv, ceildiv, mod, min, "
            "max or broadcast)");
  EXPECT_EQ(error("9223372036854775808"),
            "invalid_argument: dim: column 1 of '9223372036854775808': the number does not fit 64 bits "
            "(expected at most 9223372036854775807)");
  EXPECT_EQ(error("\"n"), "invalid_argument: dim: column 3 of '\"n': the quoted name is open (expected '\"')");
  EXPECT_EQ(error("x"), "not_found: no symbol 'x'");
  EXPECT_EQ(error(std::string(5000, '(')).substr(0, 25), "invalid_argument: dim: co");
  EXPECT_EQ(error(std::string(100000, '-') + "n"), "");
  EXPECT_EQ(error("4611686018427387904 * 2"), "invalid_argument: dim: 4611686018427387904 * 2 does not fit 64 bits");
}

TEST_F(Dims, Errors) {
  EXPECT_EQ(error_of([] { floordiv(5, 0); }), "shape_mismatch: floordiv: 5 divided by 0 (the divisor must not be 0)");
  EXPECT_EQ(error_of([] { mod(5, 0); }), "shape_mismatch: mod: 5 divided by 0 (the divisor must not be 0)");
  EXPECT_EQ(error_of([] { ceildiv(5, 0); }), "shape_mismatch: ceildiv: 5 divided by 0 (the divisor must not be 0)");
  EXPECT_EQ(error_of([] { broadcast(2, 3); }),
            "shape_mismatch: broadcast: sizes 2 and 3 do not fit (they must be equal, or one of them 1)");
  EXPECT_EQ(error_of([] { Dim(INT64_MAX) + 1; }),
            "invalid_argument: dim: 9223372036854775807 + 1 does not fit 64 bits");
  EXPECT_EQ(error_of([] { Dim(int64_t(INT64_MIN)); }),
            "invalid_argument: dim: -9223372036854775808 is too small for a size");
  EXPECT_EQ(error_of([] { Dim::symbol("s", 0, 10, 0); }),
            "invalid_argument: dim: symbol 's' has divisor 0 (at least 1)");
  EXPECT_EQ(error_of([] { Dim::symbol("s", 5, 4); }),
            "invalid_argument: dim: symbol 's' has no value: no multiple of 1 in 5..4");
  EXPECT_EQ(error_of([] { Dim::symbol("s", 1, 7, 8); }),
            "invalid_argument: dim: symbol 's' has no value: no multiple of 8 in 1..7");
  EXPECT_EQ(error_of([&] { (n + 1).value(); }), "internal: internal: dim: n + 1 is not a constant");
  EXPECT_EQ(error_of([&] { (n + 1).as_symbol(); }), "internal: internal: dim: n + 1 is not a symbol");
}

TEST_F(Dims, AbsurdExpressionsAreRefused) {
  const std::string grows = error_of([&] {
    Dim d = n;
    for (int i = 0; i < 100; ++i) d = floordiv(d, m) + floordiv(d + 1, b) * d;
  });
  EXPECT_EQ(grows.substr(0, 11), "unsupported");
  const std::string deep = error_of([&] {
    Dim d = n;
    for (int i = 0; i < 5000; ++i) d = max(d * d, i + 10) - min(d, 5 + i);
  });
  EXPECT_EQ(deep.substr(0, 11), "unsupported");
  Dim sum = 1;
  const std::string wide = error_of([&] {
    for (int i = 0; i < 40; ++i) sum = sum * (Dim::symbol("") + 1);
  });
  EXPECT_EQ(wide.substr(0, 11), "unsupported");
  EXPECT_EQ(error_of([&] {
              Dim power = n;
              for (int i = 0; i < 100; ++i) power *= n;
            }),
            "unsupported: dim: a product of 65 factors (at most 64)");
}

TEST_F(Dims, EvaluateErrors) {
  const auto value = [&](int64_t x) {
    return [&, x](const Symbol& s) { return s.name == "n" ? std::optional(x) : std::nullopt; };
  };
  EXPECT_EQ(evaluate(n * n + 1, value(5)), 26);
  EXPECT_EQ(error_of([&] { evaluate(m, value(5)); }), "invalid_argument: dim: symbol 'm' has no value");
  EXPECT_EQ(error_of([&] { evaluate(floordiv(7, n), value(0)); }),
            "shape_mismatch: floordiv: 7 divided by 0 (the divisor must not be 0)");
  EXPECT_EQ(error_of([&] {
              evaluate(broadcast(n, z),
                       [](const Symbol& s) -> std::optional<int64_t> { return s.name == "n" ? 4 : 3; });
            }),
            "shape_mismatch: broadcast: sizes 4 and 3 do not fit (they must be equal, or one of them 1)");
  EXPECT_EQ(error_of([&] { evaluate(n * n, value(INT64_MAX)); }), "shape_mismatch: dim: a size does not fit 64 bits");
  EXPECT_EQ(evaluate(n * n - n * (n - 1), value(INT64_MAX)), INT64_MAX);
}

TEST_F(Dims, Symbols) {
  std::vector<Dim> symbols;
  collect_symbols(max(m, b) * n + floordiv(z, 3), symbols);
  collect_symbols(k + n, symbols);
  EXPECT_EQ(symbols.size(), 5u);
  EXPECT_EQ(symbols.back(), k);
  EXPECT_TRUE(depends_on(floordiv(n + 1, m), m.as_symbol()));
  EXPECT_FALSE(depends_on(floordiv(n + 1, m), b.as_symbol()));
  const Symbol& s = Dim::symbol("w", 8, 640, 8, "input 'x' axis 3").as_symbol();
  EXPECT_EQ(s.origin, "input 'x' axis 3");
  EXPECT_EQ(s.divisor, 8);
  EXPECT_NE(Dim::symbol("w"), Dim::symbol("w"));
  EXPECT_EQ(substitute(n * n + m,
                       [&](const Symbol& x) -> std::optional<Dim> {
                         if (x.name == "n") return m + 1;
                         return std::nullopt;
                       }),
            m * m + 3 * m + 1);
  EXPECT_EQ(element_count(Shape{n, 3, m}), 3 * n * m);
  EXPECT_EQ(element_count(Shape{}), Dim(1));
  EXPECT_TRUE(is_constant(Shape{1, 2}));
  EXPECT_FALSE(is_constant(Shape{1, n}));
}

TEST_F(Dims, Programs) {
  std::vector<DimCode> code;
  const auto index = [](const Symbol& s) { return s.name == "n" ? 0 : 1; };
  const int32_t a = compile_dim(floordiv(n + 1, 2) * m, code, index), size = int32_t(code.size());
  EXPECT_EQ(compile_dim(floordiv(n + 1, 2), code, index), compile_dim(floordiv(n + 1, 2), code, index));
  EXPECT_EQ(int32_t(code.size()), size) << "parts that are there already are made again";
  std::vector<int64_t> values(code.size()), symbols{9, 4};
  run_dim_code(code, symbols, values);
  EXPECT_EQ(values[size_t(a)], 20);
  symbols = {INT64_MAX, 4};
  EXPECT_EQ(error_of([&] { run_dim_code(code, symbols, values); }).substr(0, 28), "shape_mismatch: shape progra");
  const DimCode by_hand[] = {{DimCode::symbol, 0, 0, 0}, {DimCode::symbol, 1, 0, 0}, {DimCode::ceildiv, 0, 1, 0}};
  std::vector<int64_t> three(3);
  for (const auto& [x, y, expected] : {std::array<int64_t, 3>{7, 2, 4}, {-7, 2, -3}, {7, -2, -3}, {8, 2, 4}}) {
    run_dim_code(by_hand, std::array{x, y}, three);
    EXPECT_EQ(three[2], expected);
  }
  EXPECT_EQ(error_of([&] { run_dim_code(by_hand, std::array<int64_t, 2>{7, 0}, three); }),
            "shape_mismatch: ceildiv: 7 divided by 0 (the divisor must not be 0)");
  EXPECT_EQ(error_of([&] { run_dim_code(by_hand, std::array<int64_t, 2>{INT64_MIN, -1}, three); }).substr(0, 14),
            "shape_mismatch");
}

TEST_F(Dims, ManyThreadsGetTheSameHandles) {
  std::vector<std::vector<Dim>> made(4);
  std::vector<std::thread> threads;
  for (auto& out : made) {
    threads.emplace_back([&, this] {
      for (int i = 0; i < 2000; ++i) out.push_back(floordiv(n * i + m, i + 3) * max(b, i) + i);
    });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& out : made) EXPECT_EQ(out, made[0]);
}

}  // namespace
}  // namespace neve
