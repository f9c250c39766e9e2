// Random size expressions: the canonical form has the value of what was written, proofs hold, and text, programs and
// substitution agree.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <random>

#include "base/error.h"
#include "core/dim.h"

namespace neve {
namespace {

using Rng = std::mt19937;
int64_t pick(Rng& rng, int64_t lo, int64_t hi) { return std::uniform_int_distribution<int64_t>(lo, hi)(rng); }

struct Variable {
  Dim dim;
  int64_t lo, hi, divisor;
};

/// What was written, evaluated without any simplification; no value where it divides by 0 or does not broadcast.
struct Written {
  enum Op { constant, variable, add, sub, mul, floordiv, ceildiv, mod, min, max, broadcast } op;
  int64_t value = 0;
  std::shared_ptr<Written> a, b;

  std::optional<int64_t> evaluate(const std::vector<int64_t>& values) const {
    if (op == constant) return value;
    if (op == variable) return values[size_t(value)];
    const auto l = a->evaluate(values), r = b->evaluate(values);
    if (!l || !r) return std::nullopt;
    const int64_t x = *l, y = *r;
    switch (op) {
      case add:
        return x + y;
      case sub:
        return x - y;
      case mul:
        return x * y;
      case floordiv:
        return y == 0 ? std::nullopt : std::optional(floor_of(x, y));
      case ceildiv:
        return y == 0 ? std::nullopt : std::optional(-floor_of(-x, y));
      case mod:
        return y == 0 ? std::nullopt : std::optional(x - y * floor_of(x, y));
      case min:
        return std::min(x, y);
      case max:
        return std::max(x, y);
      case broadcast:
        return x == y || y == 1 ? l : x == 1 ? r : std::nullopt;
      case constant:
      case variable:
        break;
    }
    return std::nullopt;
  }
  static int64_t floor_of(int64_t x, int64_t y) {
    int64_t q = x / y;
    while ((q * y > x) == (y > 0) && q * y != x) --q;  // toward zero is one too many where signs differ
    return q;
  }
};

struct Sample {
  Dim dim;
  std::shared_ptr<Written> written;
};

std::vector<Variable> make_variables(Rng& rng) {
  std::vector<Variable> out;
  const char* names[] = {"n", "batch", "seq len", "h.w"};
  for (const char* name : names) {
    Variable v{};
    v.divisor = pick(rng, 0, 2) ? 1 : pick(rng, 2, 8);
    v.lo = pick(rng, -1, 3) * pick(rng, 0, 4);
    v.hi = v.lo + pick(rng, 0, 3) * 7 + v.divisor;
    const int64_t declared_hi = pick(rng, 0, 1) ? v.hi : Dim::unbounded;
    v.dim = Dim::symbol(name, v.lo, declared_hi, v.divisor);
    if (declared_hi == Dim::unbounded) v.hi = v.lo + 60;
    out.push_back(v);
  }
  return out;
}

std::vector<int64_t> draw(Rng& rng, const std::vector<Variable>& variables) {
  std::vector<int64_t> values;
  for (const Variable& v : variables) {
    int64_t x;
    do x = pick(rng, v.lo, v.hi);
    while (Written::floor_of(x, v.divisor) * v.divisor != x);
    values.push_back(x);
  }
  return values;
}

/// @returns nothing where making it is refused, as for a constant divided by 0
std::optional<Sample> make(Rng& rng, const std::vector<Variable>& variables, int depth) {
  if (depth == 0 || pick(rng, 0, 5) == 0) {
    if (pick(rng, 0, 2) == 0) {
      const int64_t c = pick(rng, 0, 3) ? pick(rng, -3, 9) : pick(rng, 10, 64);
      return Sample{c, std::make_shared<Written>(Written{Written::constant, c, nullptr, nullptr})};
    }
    const int64_t i = pick(rng, 0, int64_t(variables.size()) - 1);
    return Sample{variables[size_t(i)].dim, std::make_shared<Written>(Written{Written::variable, i, nullptr, nullptr})};
  }
  const auto a = make(rng, variables, depth - 1), b = make(rng, variables, depth - 1);
  if (!a || !b) return std::nullopt;
  const auto op = Written::Op(pick(rng, Written::add, Written::broadcast));
  try {
    Dim d;
    switch (op) {
      case Written::add:
        d = a->dim + b->dim;
        break;
      case Written::sub:
        d = a->dim - b->dim;
        break;
      case Written::mul:
        d = a->dim * b->dim;
        break;
      case Written::floordiv:
        d = floordiv(a->dim, b->dim);
        break;
      case Written::ceildiv:
        d = ceildiv(a->dim, b->dim);
        break;
      case Written::mod:
        d = mod(a->dim, b->dim);
        break;
      case Written::min:
        d = min(a->dim, b->dim);
        break;
      case Written::max:
        d = max(a->dim, b->dim);
        break;
      case Written::broadcast:
        d = broadcast(a->dim, b->dim);
        break;
      case Written::constant:
      case Written::variable:
        return std::nullopt;
    }
    return Sample{d, std::make_shared<Written>(Written{op, 0, a->written, b->written})};
  } catch (const Error& e) {
    EXPECT_TRUE(e.code() == ErrorCode::shape_mismatch || e.code() == ErrorCode::unsupported) << e.what();
    return std::nullopt;
  }
}

std::function<std::optional<int64_t>(const Symbol&)> values_of(const std::vector<Variable>& variables,
                                                               const std::vector<int64_t>& values) {
  return [&](const Symbol& s) -> std::optional<int64_t> {
    for (size_t i = 0; i < variables.size(); ++i)
      if (variables[i].dim.as_symbol().id == s.id) return values[i];
    return std::nullopt;
  };
}

class Random : public testing::TestWithParam<unsigned> {};

TEST_P(Random, CanonicalFormHasTheValueOfWhatWasWritten) {
  Rng rng(GetParam());
  int checked = 0;
  for (int round = 0; round < 300; ++round) {
    const auto variables = make_variables(rng);
    const auto sample = make(rng, variables, int(pick(rng, 1, 4)));
    if (!sample) continue;
    for (int k = 0; k < 12; ++k) {
      const auto values = draw(rng, variables);
      const auto expected = sample->written->evaluate(values);
      if (!expected) continue;
      ++checked;
      ASSERT_EQ(evaluate(sample->dim, values_of(variables, values)), *expected) << to_string(sample->dim);
      ASSERT_LE(lower_bound(sample->dim), *expected) << to_string(sample->dim);
      ASSERT_GE(upper_bound(sample->dim), *expected) << to_string(sample->dim);
    }
  }
  EXPECT_GT(checked, 1000);
}

TEST_P(Random, ProofsHold) {
  Rng rng(GetParam());
  int decided = 0;
  for (int round = 0; round < 250; ++round) {
    const auto variables = make_variables(rng);
    const auto a = make(rng, variables, int(pick(rng, 1, 3))), b = make(rng, variables, int(pick(rng, 0, 3)));
    if (!a || !b) continue;
    const Proof same = equal(a->dim, b->dim), more = at_least(a->dim, b->dim);
    const int64_t d = pick(rng, 1, 8);
    const Proof multiple = divides(d, a->dim);
    const Proof fits = prove({Constraint::broadcastable, a->dim, b->dim, ""});
    decided += (same != Proof::unknown) + (more != Proof::unknown) + (multiple != Proof::unknown);
    for (int k = 0; k < 30; ++k) {
      const auto values = draw(rng, variables);
      if (!a->written->evaluate(values) || !b->written->evaluate(values)) continue;
      const int64_t x = *a->written->evaluate(values), y = *b->written->evaluate(values);
      const std::string where = str(to_string(a->dim), " and ", to_string(b->dim), ": ", x, " and ", y);
      if (same != Proof::unknown) {
        ASSERT_EQ(same == Proof::yes, x == y) << where;
      }
      if (more != Proof::unknown) {
        ASSERT_EQ(more == Proof::yes, x >= y) << where;
      }
      if (multiple != Proof::unknown) {
        ASSERT_EQ(multiple == Proof::yes, x % d == 0) << d << " | " << where;
      }
      if (fits != Proof::unknown) {
        ASSERT_EQ(fits == Proof::yes, x == y || x == 1 || y == 1) << where;
      }
    }
  }
  EXPECT_GT(decided, 100);
}

TEST_P(Random, TextReadsBack) {
  Rng rng(GetParam());
  for (int round = 0; round < 300; ++round) {
    const auto variables = make_variables(rng);
    const auto sample = make(rng, variables, int(pick(rng, 1, 5)));
    if (!sample) continue;
    const Dim back = parse_dim(to_string(sample->dim), [&](std::string_view name) {
      for (const Variable& v : variables)
        if (v.dim.as_symbol().name == name) return v.dim;
      return Dim(-1);
    });
    ASSERT_EQ(back, sample->dim) << to_string(sample->dim) << " became " << to_string(back);
  }
}

TEST_P(Random, ProgramsComputeTheValue) {
  Rng rng(GetParam());
  for (int round = 0; round < 100; ++round) {
    const auto variables = make_variables(rng);
    std::vector<DimCode> code;
    std::vector<std::pair<Sample, int32_t>> results;
    const auto index = [&](const Symbol& s) {
      int32_t i = 0;
      while (variables[size_t(i)].dim.as_symbol().id != s.id) ++i;
      return i;
    };
    for (int i = 0; i < 4; ++i)
      if (const auto sample = make(rng, variables, 3))
        results.emplace_back(*sample, compile_dim(sample->dim, code, index));
    for (size_t i = 0; i < code.size(); ++i)
      for (size_t j = 0; j < i; ++j)
        ASSERT_FALSE(code[i] == code[j]) << "steps " << i << " and " << j << " are the same";
    std::vector<int64_t> steps(code.size());
    for (int k = 0; k < 10; ++k) {
      const auto values = draw(rng, variables);
      bool defined = true;
      for (const auto& r : results) defined &= r.first.written->evaluate(values).has_value();
      if (!defined) continue;
      run_dim_code(code, values, steps);
      for (const auto& [sample, at] : results)
        ASSERT_EQ(steps[size_t(at)], *sample.written->evaluate(values)) << to_string(sample.dim);
    }
  }
}

TEST_P(Random, SubstitutionIsEvaluationInTwoSteps) {
  Rng rng(GetParam());
  for (int round = 0; round < 200; ++round) {
    auto variables = make_variables(rng);
    const auto sample = make(rng, variables, 3);
    if (!sample) continue;
    const auto values = draw(rng, variables);
    const auto expected = sample->written->evaluate(values);
    if (!expected) continue;
    Dim d = sample->dim;
    for (size_t i = 0; i < variables.size(); ++i) {  // one by one: what is left stays symbolic
      d = substitute(d, [&](const Symbol& s) -> std::optional<Dim> {
        if (s.id != variables[i].dim.as_symbol().id) return std::nullopt;
        return Dim(values[i]);
      });
      ASSERT_FALSE(depends_on(d, variables[i].dim.as_symbol()));
    }
    ASSERT_TRUE(d.is_constant());
    ASSERT_EQ(d.value(), *expected) << to_string(sample->dim);
  }
}

TEST_P(Random, EqualSumsAndProductsAreOneHandle) {
  Rng rng(GetParam());
  for (int round = 0; round < 200; ++round) {
    const auto variables = make_variables(rng);
    const auto x = make(rng, variables, 2), y = make(rng, variables, 2), z = make(rng, variables, 2);
    if (!x || !y || !z) continue;
    const Dim a = x->dim, b = y->dim, c = z->dim;
    ASSERT_EQ(a + b, b + a);
    ASSERT_EQ(a * b, b * a);
    ASSERT_EQ((a + b) + c, a + (b + c));
    ASSERT_EQ((a * b) * c, a * (b * c));
    ASSERT_EQ((a + b) * c, a * c + b * c) << to_string((a + b) * c) << " | " << to_string(a * c + b * c) << " | "
                                          << to_string(a) << " | " << to_string(b) << " | " << to_string(c);
    ASSERT_EQ(a + b - b, a);
    ASSERT_EQ(max(a, b), max(b, a));
    ASSERT_EQ(min(a, b), min(b, a));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Random, testing::Range(1u, 13u));

}  // namespace
}  // namespace neve
