// Arithmetic on sizes that several ops share.
#include "ops/support/dims.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>

namespace neve::ops {
namespace {

/// T / K where K * q = T holds as an identity of polynomials, so for all sizes with K != 0. Symbols that may be 0 hide
/// such quotients (n*c / n is open at n = 0), so they are found over symbols that are at least 1.
std::optional<Dim> exact_quotient(Dim total, Dim known) {
  static std::mutex mutex;
  static std::unordered_map<uint32_t, Dim> positive, original;
  std::lock_guard lock(mutex);
  std::vector<Dim> symbols;
  collect_symbols(total, symbols);
  collect_symbols(known, symbols);
  for (Dim d : symbols) {
    const Symbol& s = d.as_symbol();
    if (s.hi < 1) return {};
    if (positive.count(s.id)) continue;
    const Dim twin = Dim::symbol(s.name, std::max<int64_t>(s.lo, 1), s.hi, s.divisor, s.origin);
    positive.emplace(s.id, twin);
    original.emplace(twin.as_symbol().id, d);
  }
  auto forward = [&](const Symbol& s) -> std::optional<Dim> { return positive.at(s.id); };
  auto back = [&](const Symbol& s) -> std::optional<Dim> {
    auto it = original.find(s.id);
    return it == original.end() ? std::nullopt : std::optional(it->second);
  };
  const Dim q = substitute(floordiv(substitute(total, forward), substitute(known, forward)), back);
  return q * known == total ? std::optional(q) : std::nullopt;
}

}  // namespace

void require_indices(Inferring& t, size_t i) {
  const DType d = t.in(i).dtype;
  t.require_type(d == DType::i64 || d == DType::i32, t.input_name(i), " must be i64 or i32, got ", t.in(i));
}

void require_index_vector(Inferring& t, size_t i) {
  require_indices(t, i);
  t.require_type(t.in(i).rank() == 1, t.input_name(i), " must have rank 1, got ", t.in(i));
}

int64_t known_length(Inferring& t, size_t i) {
  const Dim n = t.in(i).shape[0];
  if (!n.is_constant())
    t.fail_with(ErrorCode::unsupported, str("the length of ", t.input_name(i),
                                            " is not known, so the rank of the result is open, got ", t.in(i)));
  return n.value();
}

void require_single(Inferring& t, size_t i) {
  const Shape& s = t.in(i).shape;
  t.require_shape(s.empty() || (s.size() == 1 && equal(s[0], 1) != Proof::no), t.input_name(i),
                  " must have one element, got ", t.in(i));
}

std::optional<Dim> single(const Inferring& t, size_t i) {
  const Shape* c = t.content(i);
  if (!c || c->size() != 1) return {};
  return c->front();
}

Dim inferred_size(Inferring& t, const Shape& x, const Shape& y, size_t axis) {
  std::vector<Dim> rest(x.begin(), x.end());
  Dim known = 1;
  for (size_t i = 0; i < y.size(); ++i) {
    if (i == axis) continue;
    auto it = std::find(rest.begin(), rest.end(), y[i]);
    if (it != rest.end())
      rest.erase(it);
    else
      known *= y[i];
  }
  Dim total = 1;
  for (Dim d : rest) total *= d;
  if (known.is(1)) return total;
  const std::string what = str("number of elements of data ", x, " (which the known sizes of the shape must divide)");
  if (known.is_constant()) {
    t.require_shape(!known.is(0), "shape ", y, " leaves axis ", axis, " open for data ", x,
                    " (the inferred size is not determined)");
    t.require_divides(known.value(), total, what);
    return floordiv(total, known);
  }
  if (auto q = exact_quotient(total, known)) return *q;
  const Dim q = floordiv(total, known);
  t.require_equal(q * known, total, what);
  return q;
}

}  // namespace neve::ops
