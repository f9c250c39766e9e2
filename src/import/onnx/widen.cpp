// Literals of sizes that the caller has opened: what to make of [1, 512] when 1 was the batch.
#include "import/onnx/widen.h"

#include <algorithm>

namespace neve::import {

namespace {

Dim product(std::span<const Dim> dims) {
  Dim p = 1;
  for (Dim d : dims) p *= d;
  return p;
}

/// Splits input and target into the smallest groups of consecutive axes with equal old element counts, from the left,
/// and gives each target axis its new size. Nothing if some group has no single reading.
class Regroup {
 public:
  /// `open`: the entry of `target` that was -1, or -1.
  Regroup(const Shape& now, const std::vector<int64_t>& old, const std::vector<int64_t>& target, int64_t open)
      : now_(now), old_(old), target_(target), open_(open) {}

  std::optional<Shape> run() {
    size_t i = 0, j = 0;
    while (i < old_.size() || j < target_.size()) {
      const size_t i0 = i, j0 = j;
      int64_t a = 1, b = 1;
      if (i < old_.size()) a = old_[i++];
      if (j < target_.size()) b = target_[j++];
      while (a != b) {
        if (a < b && i < old_.size())
          a *= old_[i++];
        else if (b < a && j < target_.size())
          b *= target_[j++];
        else
          return {};
        if (a > Dim::unbounded || b > Dim::unbounded) return {};
      }
      if (!group(i0, i, j0, j)) return {};
    }
    return out_;
  }

 private:
  bool group(size_t i0, size_t i1, size_t j0, size_t j1) {
    const Dim now = product({now_.data() + i0, i1 - i0});
    int64_t target = 1;
    for (size_t j = j0; j < j1; ++j) target *= target_[j];
    Shape s;
    for (size_t j = j0; j < j1; ++j) s.push_back(target_[j]);
    if (now == Dim(target)) {
      for (Dim d : s) out_.push_back(d);
      return true;
    }
    if (j1 - j0 == 0) return absorb(now);
    if (j1 - j0 == 1) {
      if (target_[j0] == 1 || j0 == 0 || !take_leading_one(now, target)) s[0] = now;
    } else {
      const size_t at = place(i0, i1, j0, j1);
      const int64_t others = target_[at] ? target / target_[at] : 0;
      if (others == 0 || divides(others, now) != Proof::yes) return false;
      s[at - j0] = floordiv(now, others);
    }
    for (Dim d : s) out_.push_back(d);
    return true;
  }
  /// Which of several target axes takes the opened size: the one that the file left open, one whose literal the opened
  /// axis had, a 1, or else the first.
  size_t place(size_t i0, size_t i1, size_t j0, size_t j1) const {
    if (open_ >= int64_t(j0) && open_ < int64_t(j1)) return size_t(open_);
    for (size_t i = i0; i < i1; ++i)
      for (size_t j = j0; j < j1; ++j)
        if (now_[i].is_symbol() && target_[j] == old_[i]) return j;
    for (size_t j = j0; j < j1; ++j)
      if (target_[j] == 1) return j;
    return j0;
  }
  /// [batch * t] read as t with the batch on a 1 that stands before it.
  bool take_leading_one(Dim now, int64_t target) {
    if (out_.empty() || !out_.back().is(1) || target == 0 || divides(target, now) != Proof::yes) return false;
    out_.back() = floordiv(now, target);
    return true;
  }
  /// Opened axes without a target axis of their own ([1, 10] to [10]) belong to the axis before.
  bool absorb(Dim now) {
    if (out_.empty()) return false;
    out_.back() *= now;
    return true;
  }
  const Shape& now_;
  const std::vector<int64_t>&old_, &target_;
  const int64_t open_;
  Shape out_;
};

/// Sizes that a reshape can copy are 0, one that is left is -1; only what then remains is computed from the inputs of
/// the graph.
Value reshape_to(OnnxNode& n, Value x, const Shape& now, const Shape& sizes) {
  std::vector<int64_t> literal;
  size_t open = 0;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const bool copied = !sizes[i].is_constant() && i < now.size() && now[i] == sizes[i];
    if (!sizes[i].is_constant() && !copied) ++open;
    if (sizes[i].is(0)) open = 2;  // 0 would mean a copy
    literal.push_back(sizes[i].is_constant() ? sizes[i].value() : copied ? 0 : -1);
  }
  if (open <= 1) return n.call("reshape", {x, n.g.ints(literal)});
  Values sources{x};
  sources.insert(sources.end(), n.g.inputs().begin(), n.g.inputs().end());
  const Value target = n.g.dims(std::span<const Dim>(sizes.data(), sizes.size()), sources);
  return n.call("reshape", {x, target}, {{"allowzero", true}});
}

}  // namespace

std::optional<Value> widen_reshape(OnnxNode& n, Value x, Value target, bool allowzero) {
  const Importer& importer = n.importer;
  if (importer.widened().empty()) return {};
  const Shape now = n.g.type(x).shape;
  const Facts f = n.g.facts(target);
  if (!f.known || std::all_of(f.content.begin(), f.content.end(), [](Dim d) { return !d.is_constant(); })) return {};
  bool concerned = false;
  std::vector<int64_t> old, wanted;
  for (Dim d : now) {
    const Dim before = importer.before_widening(d);
    concerned |= before != d;
    if (!before.is_constant()) return {};
    old.push_back(before.value());
  }
  if (!concerned) return {};
  int64_t count = 1, known = 1, open = -1;
  for (int64_t d : old) count *= d;
  for (size_t i = 0; i < f.content.size(); ++i) {
    const Dim before = importer.before_widening(f.content[i]);
    if (!before.is_constant()) return {};
    int64_t v = before.value();
    if (v == 0 && !allowzero && i < old.size()) v = old[i];
    if (v == -1)
      open = int64_t(i);
    else
      known *= v;
    wanted.push_back(v);
  }
  if (open >= 0 && known > 0) wanted[size_t(open)] = count / known;
  if (count == 0) return {};
  bool literal = true;  // all entries: then the file's own reading cannot be right
  Dim reading = 1;
  for (size_t i = 0; i < f.content.size(); ++i) {
    literal &= f.content[i].is_constant();
    reading *= f.content[i].is(0) && !allowzero && i < now.size() ? now[i] : f.content[i];
  }
  if (open < 0 && reading == product({now.data(), now.size()})) return {};
  auto sizes = Regroup(now, old, wanted, open).run();
  if (!sizes) {
    // The file's own reading may still do (a -1 that takes what is left).
    if (open >= 0 || !literal) return {};
    n.fail(ErrorCode::shape_mismatch, "of ", n.g.type(x), " to the literal sizes ", f.content, ", which held for ", old,
           ": where the opened size belongs cannot be told (export the model with this size dynamic)");
  }
  return reshape_to(n, x, now, *sizes);
}

Value widen_to(OnnxNode& n, Value v, int64_t axis, Dim with) {
  const Shape s = n.g.type(v).shape;
  const Dim old = n.importer.before_widening(with);
  if (old == with || s[size_t(axis)] != old || !old.is(1)) return v;
  Shape to;
  for (size_t i = 0; i < s.size(); ++i) to.push_back(int64_t(i) == axis ? with : Dim(1));
  Values sources(n.g.inputs());
  sources.push_back(v);
  return n.call("expand", {v, n.g.dims(std::span<const Dim>(to.data(), to.size()), sources)});
}

void widen_concat(OnnxNode& n, Values& in, int64_t axis) {
  if (n.importer.widened().empty()) return;
  const int64_t rank = n.g.rank(in[0]);
  const int64_t at = axis < 0 ? axis + rank : axis;
  for (int64_t a = 0; a < rank; ++a) {
    if (a == at) continue;
    Dim with = 1;
    for (Value v : in)
      if (n.g.rank(v) == rank &&
          n.importer.before_widening(n.g.type(v).shape[size_t(a)]) != n.g.type(v).shape[size_t(a)])
        with = n.g.type(v).shape[size_t(a)];
    if (with.is(1)) continue;
    for (Value& v : in)
      if (n.g.rank(v) == rank) v = widen_to(n, v, a, with);
  }
}

std::optional<Shape> widen_sizes(OnnxNode& n, const Shape& x, const Shape& target) {
  if (n.importer.widened().empty() || x.size() != target.size()) return {};
  Shape out = target;
  bool changed = false;
  for (size_t i = 0; i < x.size(); ++i) {
    const Dim old = n.importer.before_widening(x[i]);
    if (old == x[i] || !(target[i] == old)) continue;
    out[i] = x[i];
    changed = true;
  }
  if (!changed) return {};
  return out;
}

void Importer::check_widening(const ir::Graph& g) const {
  for (const Constraint& c : g.constraints) {
    for (const Widened& w : widened_) {
      if (!depends_on(c.a, w.symbol.as_symbol()) && !depends_on(c.b, w.symbol.as_symbol())) continue;
      // A constraint that no other size satisfies takes back what the caller asked for.
      bool possible = false;
      for (int64_t other : {w.old + 1, w.old * 2, w.old * 3, w.old * 4, w.old + 32, w.old * 2 + 64, w.old * 16}) {
        const auto at = [&](Dim d) {
          return substitute(d, [&](const Symbol& s) -> std::optional<Dim> {
            return s.id == w.symbol.as_symbol().id ? std::optional<Dim>(other) : std::nullopt;
          });
        };
        try {
          possible |= prove({c.kind, at(c.a), at(c.b), ""}) != Proof::no;
        } catch (const Error&) {
        }
      }
      if (!possible)
        fail(ErrorCode::shape_mismatch, "onnx: input '", w.input, "' axis ", w.axis, " cannot be other than ", w.old,
             " (", w.symbol, " was asked for): ", to_string(c), " is needed by ", c.reason);
    }
  }
}

}  // namespace neve::import
