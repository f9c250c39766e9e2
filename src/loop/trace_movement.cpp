// Tracing through ops that move elements: reshapes, slices, gathers, concatenations, paddings.
#include "base/error.h"
#include "loop/trace.h"
#include "op/def.h"

namespace neve::loop {

Map Trace::reshape(const Map& map, const Shape& from, const Shape& to) {
  Reshaped r = reshape_map(map, from, to, axes_);
  if (r.refine) throw MustRefine{*r.refine};
  if (!r.problem.empty()) refuse(r.problem);
  return std::move(r.map);
}

int Trace::visit_movement(const SubgraphNode& n, size_t result, const Map& map) {
  const std::string_view name = n.op->info.name;
  const auto x = [&] { return n.in[0]; };
  const Shape& to = shape(n.out[result]);
  if (name == "identity") return visit(x(), map);
  if (name == "reshape" || name == "squeeze" || name == "unsqueeze" || name == "flatten")
    return visit(x(), reshape(map, to, shape(x())));
  if (name == "expand") return visit(x(), broadcast(map, shape(x()), to));
  if (name == "transpose") {
    std::vector<int64_t> perm = n.attrs.get_ints("perm");
    const int64_t rank = int64_t(to.size());
    if (perm.empty())
      for (int64_t i = rank; i-- > 0;) perm.push_back(i);
    Map m(to.size());
    for (size_t i = 0; i < to.size(); ++i) m[size_t(perm[i] < 0 ? perm[i] + rank : perm[i])] = map[i];
    return visit(x(), m);
  }
  if (name == "split") {
    Map m = map;
    const int64_t axis = n.attrs.get_int("axis");
    const size_t a = size_t(axis < 0 ? axis + int64_t(to.size()) : axis);
    for (size_t k = 0; k < result; ++k) m[a].constant += shape(n.out[k])[a];
    return visit(x(), m);
  }
  if (name == "tile") {
    const Shape& from = shape(x());
    Shape apart;
    const Shape* given = content(n.in[1]);
    for (size_t d = 0; d < from.size(); ++d) {
      auto repeats = exact_quotient(to[d], from[d]);
      if (!repeats && given && d < given->size() && from[d] * (*given)[d] == to[d]) repeats = (*given)[d];
      if (!repeats) refuse("how often an axis is repeated is not known");
      apart.push_back(*repeats);
      apart.push_back(from[d]);
    }
    const Map m = reshape(map, to, apart);
    Map own;
    for (size_t d = 0; d < from.size(); ++d) own.push_back(m[2 * d + 1]);
    return visit(x(), own);
  }
  if (name == "slice") return visit_slice(n, map);
  if (name == "gather") return visit_gather(n, map);
  if (name == "concat") return visit_concat(n, map);
  if (name == "pad") return visit_pad(n, map);
  refuse("it is not an op of loop nests");
}

int Trace::visit_slice(const SubgraphNode& n, const Map& map) {
  const Shape& from = shape(n.in[0]);
  const int64_t rank = int64_t(from.size());
  const Shape *starts = content(n.in[1]), *ends = content(n.in[2]);
  const bool has_axes = n.in.size() > 3 && n.in[3] >= 0, has_steps = n.in.size() > 4 && n.in[4] >= 0;
  const Shape *axes = has_axes ? content(n.in[3]) : nullptr, *steps = has_steps ? content(n.in[4]) : nullptr;
  if (!starts || !ends || (has_axes && !axes) || (has_steps && !steps))
    refuse("its bounds are known only when it runs");
  Map m = map;
  for (size_t k = 0; k < starts->size(); ++k) {
    const Dim axis = axes ? (*axes)[k] : Dim(int64_t(k)), step = steps ? (*steps)[k] : Dim(1);
    if (!axis.is_constant() || !step.is_constant()) refuse("its axes or steps are known only when it runs");
    const size_t a = size_t(axis.value() < 0 ? axis.value() + rank : axis.value());
    const Dim size = from[a];
    Dim start = (*starts)[k];
    const bool negative = lower_bound(start) < 0;
    if (negative && upper_bound(start) >= 0) refuse("the sign of a bound is known only when it runs");
    if (start.is_constant() && start.value() <= -Dim::unbounded)
      start = 0;
    else if (negative)
      start += size;
    // Clamped as the direction allows.
    const bool forward = step.value() > 0;
    if (!proven(at_least(start, 0))) start = max(start, Dim(forward ? 0 : -1));
    const Dim last = forward ? size : size - 1;
    if (start.is_constant() && start.value() >= Dim::unbounded)
      start = last;
    else if (!proven(at_least(last, start)))
      start = min(start, last);
    m[a] = m[a] * step;
    m[a].constant += start;
  }
  return visit(n.in[0], m);
}

int Trace::visit_gather(const SubgraphNode& n, const Map& map) {
  const Shape &data = shape(n.in[0]), &indices = shape(n.in[1]);
  const int64_t axis = n.attrs.get_int("axis"), rank = int64_t(data.size());
  const size_t a = size_t(axis < 0 ? axis + rank : axis);
  Map m(map.begin(), map.begin() + long(a));
  const Map at(map.begin() + long(a), map.begin() + long(a + indices.size()));
  Index i;
  const Shape* c = content(n.in[1]);
  if (c && c->size() == 1) {
    Dim k = (*c)[0];
    if (lower_bound(k) < 0) {
      if (upper_bound(k) >= 0) refuse("the sign of the index is known only when it runs");
      k += data[a];
    }
    if (!proven(at_least(data[a], k + 1))) refuse("the index is not provably inside");
    i.constant = k;
  } else {
    const int instance = visit(n.in[1], at);
    const Instance& from = instances_[size_t(instance)];
    if (from.kind != Instance::load) refuse("its indices are computed in the piece (they must be an input)");
    for (const Index& k : from.map)
      if (k.read) refuse("an index is read through an index");
    i.read = Index::Read{instance, data[a]};
  }
  m.push_back(i);
  m.insert(m.end(), map.begin() + long(a + indices.size()), map.end());
  return visit(n.in[0], m);
}

/// `at` runs over the joined pieces: the index inside of the one piece that it stays in. Else the axis must be cut.
Index Trace::piece_of(Index at, const std::vector<Dim>& extents, size_t& which) {
  if (at.read) refuse("an index read from elsewhere chooses the piece");
  Dim lo = at.constant, n = 1;
  int axis = -1;
  if (!at.terms.empty()) {
    const IndexTerm& t = at.terms[0];
    if (at.terms.size() > 1 || !t.coefficient.is(1) || t.conditional)
      refuse("a reshape, a step or a broadcast follows, so the pieces are no ranges of an axis");
    axis = t.axis;
    n = extent(axis);
  }
  Dim begin = 0;
  std::vector<Dim> cut;
  for (size_t k = 0; k < extents.size(); ++k) {
    const Dim end = begin + extents[k];
    if (proven(at_least(lo, begin)) && proven(at_least(end, lo + n))) {
      which = k;
      at.constant = at.constant - begin;
      return at;
    }
    begin = end;
  }
  if (axis < 0) refuse("which piece an index lies in is known only when it runs");
  // Cut into the overlaps with the pieces.
  begin = 0;
  for (Dim e : extents) {
    const Dim end = begin + e;
    const Dim from = proven(at_least(begin, lo)) ? begin : proven(at_least(lo, begin)) ? lo : max(begin, lo);
    const Dim to = proven(at_least(lo + n, end)) ? end : proven(at_least(end, lo + n)) ? lo + n : min(end, lo + n);
    const Dim overlap = to - from;
    if (!proven(at_least(overlap, 0)))
      cut.push_back(max(overlap, Dim(0)));
    else if (!overlap.is(0))
      cut.push_back(overlap);
    begin = end;
  }
  if (cut.size() < 2) refuse("the pieces are not provably apart");
  throw MustCut{axis, cut};
}

int Trace::visit_concat(const SubgraphNode& n, const Map& map) {
  const int64_t axis = n.attrs.get_int("axis");
  const size_t a = size_t(axis < 0 ? axis + int64_t(map.size()) : axis);
  std::vector<Dim> extents;
  for (int32_t v : n.in) extents.push_back(shape(v)[a]);
  size_t which = 0;
  Map m = map;
  m[a] = piece_of(map[a], extents, which);
  return visit(n.in[which], m);
}

int Trace::visit_pad(const SubgraphNode& n, const Map& map) {
  if (n.attrs.get_string("mode") != "constant") refuse("its mode is not constant");
  const Shape& from = shape(n.in[0]);
  const Shape* pads = content(n.in[1]);
  const bool has_axes = n.in.size() > 3 && n.in[3] >= 0;
  const Shape* axes = has_axes ? content(n.in[3]) : nullptr;
  if (!pads || (has_axes && !axes)) refuse("its pads are known only when it runs");
  const size_t count = pads->size() / 2;
  Map m = map;
  for (size_t k = 0; k < count; ++k) {
    const Dim axis = axes ? (*axes)[k] : Dim(int64_t(k));
    if (!axis.is_constant()) refuse("its axes are known only when it runs");
    const size_t a = size_t(axis.value() < 0 ? axis.value() + int64_t(from.size()) : axis.value());
    Dim before = (*pads)[k], after = (*pads)[k + count], inside = from[a];
    if (before.is(0) && after.is(0)) continue;
    if (!proven(at_least(before, 0)) || !proven(at_least(after, 0))) {
      if (!proven(at_least(Dim(0), before)) || !proven(at_least(Dim(0), after)))
        refuse("the sign of a pad is known only when it runs");
      m[a].constant = m[a].constant - before;  // both cut off
      continue;
    }
    size_t which = 0;
    m[a] = piece_of(map[a], {before, inside, after}, which);
    if (which != 1) {
      if (n.in.size() > 2 && n.in[2] >= 0) return visit(n.in[2], Map(shape(n.in[2]).size()));
      return constant(g_.types[size_t(n.in[0])].dtype, 0, 0);
    }
  }
  return visit(n.in[0], m);
}

}  // namespace neve::loop
