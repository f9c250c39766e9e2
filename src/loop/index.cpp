// Index expressions.
#include "loop/index.h"

#include <algorithm>

#include "base/error.h"

namespace neve::loop {

Index index_of(const SpaceAxis& a, int number) {
  Index i;
  if (!a.extent.is(1)) i.terms.push_back({number});
  i.constant = a.offset;
  return i;
}

Index operator*(const Index& a, Dim by) {
  Index r;
  if (by.is(0)) return r;
  r.constant = a.constant * by;
  for (IndexTerm t : a.terms) {
    t.coefficient *= by;
    r.terms.push_back(t);
  }
  r.read = a.read;
  if (r.read) r.read->scale *= by;
  return r;
}

std::optional<Index> sum(const Index& a, const Index& b) {
  if (a.read && b.read) return std::nullopt;
  Index r = a;
  r.constant += b.constant;
  if (b.read) r.read = b.read;
  for (const IndexTerm& t : b.terms) {
    const auto at = std::find_if(r.terms.begin(), r.terms.end(), [&](const IndexTerm& x) { return x.axis == t.axis; });
    if (at == r.terms.end()) {
      r.terms.push_back(t);
      continue;
    }
    if (at->conditional != t.conditional || (t.conditional && at->size != t.size)) return std::nullopt;
    at->coefficient += t.coefficient;
  }
  std::sort(r.terms.begin(), r.terms.end(), [](const IndexTerm& x, const IndexTerm& y) { return x.axis < y.axis; });
  r.terms.erase(std::remove_if(r.terms.begin(), r.terms.end(), [](const IndexTerm& t) { return t.coefficient.is(0); }),
                r.terms.end());
  return r;
}

Shape row_major(const Shape& shape) {
  Shape s = shape;
  Dim n = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    s[i] = n;
    n *= shape[i];
  }
  return s;
}

std::optional<Dim> exact_quotient(Dim product, Dim a) {
  if (a.is(1)) return product;
  if (a.is(0)) return std::nullopt;
  if (product == a) return Dim(1);
  const Dim q = floordiv(product, a);
  if (q * a == product) return q;
  return std::nullopt;
}

namespace {

/// Numbers of axes after which both shapes have had the same number of elements: (0, 0), ..., (n, m).
std::vector<std::pair<size_t, size_t>> cuts(const Shape& a, const Shape& b) {
  const auto prefixes = [](const Shape& s) {
    std::vector<Dim> p = {Dim(1)};
    for (Dim d : s) p.push_back(p.back() * d);
    return p;
  };
  const auto suffixes = [](const Shape& s) {
    std::vector<Dim> p(s.size() + 1, Dim(1));
    for (size_t i = s.size(); i-- > 0;) p[i] = p[i + 1] * s[i];
    return p;
  };
  const std::vector<Dim> pa = prefixes(a), pb = prefixes(b), sa = suffixes(a), sb = suffixes(b);
  std::vector<std::pair<size_t, size_t>> found = {{0, 0}};
  for (size_t i = 1, from = 1; i < a.size(); ++i)
    for (size_t j = from; j < b.size(); ++j)
      if (pa[i] == pb[j] || sa[i] == sb[j]) {
        found.push_back({i, j});
        from = j + 1;
        break;
      }
  found.push_back({a.size(), b.size()});
  return found;
}

/// Splits one linear index over the axes [from, to) of a shape.
class Splitter {
 public:
  Splitter(const Shape& shape, size_t from, size_t to, const std::vector<SpaceAxis>& axes)
      : shape_(shape), from_(from), to_(to), axes_(axes) {
    strides_.assign(shape.size() + 1, Dim(1));
    for (size_t i = to; i-- > from;) strides_[i] = i + 1 < to ? strides_[i + 1] * shape[i + 1] : Dim(1);
  }

  void run(const Index& linear, Reshaped& out) {
    std::vector<size_t> real;
    for (size_t i = from_; i < to_; ++i)
      if (!shape_[i].is(1)) real.push_back(i);
    if (real.empty()) return;  // all sizes are 1: index 0
    if (real.size() == 1) {
      out.map[real[0]] = linear;
      return;
    }
    if (linear.read || !place_constant(linear.constant, real, out)) {
      out.problem = "an offset or an index read from elsewhere does not follow the axes of the reshape";
      return;
    }
    for (const IndexTerm& t : linear.terms)
      if (!place(t, real, out)) return;
    for (size_t i : real)
      if (!fits(out.map[i], shape_[i])) {
        out.problem = "the axes of the reshape do not follow those of the nest";
        return;
      }
  }

 private:
  /// An offset as so many steps along each axis, outermost first. Whether the terms leave room for them is checked
  /// afterwards.
  bool place_constant(Dim c, const std::vector<size_t>& real, Reshaped& out) {
    if (c.is(0)) return true;
    if (!proven(at_least(c, 0))) return false;
    for (size_t i : real) {
      const std::optional<Dim> steps = exact_quotient(c, strides_[i]);
      if (steps) {
        out.map[i].constant = *steps;
        return true;
      }
      if (!c.is_constant() || !strides_[i].is_constant() || strides_[i].is(0)) continue;
      out.map[i].constant = c.value() / strides_[i].value();
      c = c.value() % strides_[i].value();
    }
    return c.is(0);
  }

  /// The axis of the shape that a term belongs to, or a refinement that makes it belong to several.
  bool place(const IndexTerm& t, const std::vector<size_t>& real, Reshaped& out) {
    const Dim n = axes_[size_t(t.axis)].extent;
    for (size_t k = 0; k < real.size(); ++k) {  // the largest stride that divides the term's is where it starts
      const size_t i = real[k];
      const std::optional<Dim> q = exact_quotient(t.coefficient, strides_[i]);
      if (!q) continue;
      // The term moves q along axis i at each step. It stays inside when q * n is at most the size.
      if (proven(at_least(shape_[i], *q * n)) || *q * n == shape_[i]) {
        IndexTerm own = t;
        own.coefficient = *q;
        out.map[i].terms.push_back(own);
        return true;
      }
      const std::optional<Dim> inner = exact_quotient(shape_[i], *q);
      if (!inner || inner->is(1)) continue;
      // It runs over axis i and on over the axes before it.
      std::vector<Dim> extents = {*inner};
      Dim covered = *inner;
      for (size_t j = k; j-- > 0;) {
        if (const auto rest = exact_quotient(n, covered);
            rest && (proven(at_least(shape_[real[j]], *rest)) || *rest == shape_[real[j]])) {
          extents.insert(extents.begin(), *rest);
          return refine(t, extents, out);
        }
        extents.insert(extents.begin(), shape_[real[j]]);
        covered *= shape_[real[j]];
        if (covered == n) return refine(t, extents, out);
      }
    }
    out.problem = "a reshape cuts across an axis";
    return false;
  }
  bool refine(const IndexTerm& t, const std::vector<Dim>& extents, Reshaped& out) {
    if (t.conditional) {
      out.problem = "a reshape splits an axis that may be broadcast";
      return false;
    }
    out.refine = Refine{t.axis, extents};
    return false;
  }
  /// The largest index lies below the size, so that no carry goes to the axis before.
  bool fits(const Index& index, Dim size) const {
    Dim reach = index.constant + 1;
    for (const IndexTerm& t : index.terms) {
      if (!proven(at_least(t.coefficient, 0))) return false;
      reach += t.coefficient * (axes_[size_t(t.axis)].extent - 1);
    }
    return reach == size || proven(at_least(size, reach));
  }

  const Shape& shape_;
  size_t from_, to_;
  const std::vector<SpaceAxis>& axes_;
  std::vector<Dim> strides_;
};

}  // namespace

Reshaped reshape_map(const Map& result, const Shape& result_shape, const Shape& operand_shape,
                     const std::vector<SpaceAxis>& axes) {
  Reshaped out;
  out.map.resize(operand_shape.size());
  if (result_shape == operand_shape) {
    out.map = result;
    return out;
  }
  if (!proven(equal(element_count(result_shape), element_count(operand_shape)))) {
    // A constraint that is checked when the engine is called says that they are equal; matching axes would need more
    // than that.
    out.problem = str("the sizes ", to_string(operand_shape), " and ", to_string(result_shape),
                      " are not provably the same number of elements");
    return out;
  }
  const auto at = cuts(operand_shape, result_shape);
  for (size_t c = 0; c + 1 < at.size(); ++c) {
    const auto [i, j] = at[c];
    const auto [i_end, j_end] = at[c + 1];
    Index linear;
    Dim stride = 1;
    for (size_t k = j_end; k-- > j;) {
      const std::optional<Index> s = sum(linear, result[k] * stride);
      if (!s) {
        out.problem = "the axes of the reshape cannot be joined";
        return out;
      }
      linear = *s;
      stride *= result_shape[k];
    }
    if (linear.read && stride != 1 && j_end - j > 1) {
      // A read index scaled by a stride is only kept where it stands alone on its axis.
      int real = 0;
      for (size_t k = j; k < j_end; ++k) real += !result_shape[k].is(1);
      if (real > 1) {
        out.problem = "an index read from elsewhere is reshaped";
        return out;
      }
    }
    Splitter(operand_shape, i, i_end, axes).run(linear, out);
    if (out.refine || !out.problem.empty()) return out;
  }
  return out;
}

}  // namespace neve::loop
