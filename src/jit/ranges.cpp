// Ranges: from what the user wrote to sizes per axis and bounded symbols.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <map>
#include <optional>

#include "base/error.h"
#include "jit/model.h"

namespace neve::jit {
namespace {

std::string names_of(const ir::Graph& g) {
  std::string s;
  for (Value v : g.inputs()) s += str(s.empty() ? "" : ", ", "'", g.name(v), "'");
  return s;
}

size_t find_input(const ir::Graph& g, const std::string& name) {
  for (size_t i = 0; i < g.inputs().size(); ++i)
    if (g.name(g.inputs()[i]) == name) return i;
  size_t position = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), position);
  if (error == std::errc() && end == name.data() + name.size() && position < g.inputs().size()) return position;
  fail(ErrorCode::not_found, "range: '", name, "' is not an input (the model's inputs: ", names_of(g), ")");
}

// Sizes that the model itself states: constants, and bounds of symbols.
void model_bounds(const TensorType& t, Sizes& lo, Sizes& hi) {
  for (Dim d : t.shape) {
    lo.push_back(lower_bound(d));
    hi.push_back(upper_bound(d));
  }
}

void fill(const ir::Graph& g, const NamedSizes& named, std::vector<Sizes>& to, const char* what) {
  for (const auto& [name, sizes] : named) {
    const size_t i = find_input(g, name);
    const TensorType& t = g.type(g.inputs()[i]);
    if (int64_t(sizes.size()) != t.rank())
      fail(ErrorCode::shape_mismatch, "range: ", what, " of input '", g.name(g.inputs()[i]), "' has ", sizes.size(),
           " sizes (the model declares ", t, ")");
    for (int64_t n : sizes)
      if (n < 0) fail(ErrorCode::invalid_argument, "range: ", what, " of input '", name, "' has a negative size ", n);
    to[i] = sizes;
  }
}

// Axes of inputs that were left out follow those that share a symbol with them and were given.
void follow(const ir::Graph& g, const NamedSizes& named, std::vector<Sizes>& to) {
  std::vector<bool> given(g.inputs().size());
  std::map<uint32_t, int64_t> known;
  for (const auto& [name, sizes] : named) {
    const size_t i = find_input(g, name);
    given[i] = true;
    const Shape& shape = g.type(g.inputs()[i]).shape;
    for (size_t a = 0; a < shape.size(); ++a)
      if (shape[a].is_symbol()) known.emplace(shape[a].as_symbol().id, sizes[a]);
  }
  for (size_t i = 0; i < to.size(); ++i) {
    if (given[i]) continue;
    const Shape& shape = g.type(g.inputs()[i]).shape;
    for (size_t a = 0; a < shape.size(); ++a)
      if (shape[a].is_symbol())
        if (const auto it = known.find(shape[a].as_symbol().id); it != known.end()) to[i][a] = it->second;
  }
}

// The value of every symbol that an input axis states, where the inputs have these sizes.
ValueOf values_at(const ir::Graph& g, const std::vector<Sizes>& sizes) {
  std::map<uint32_t, int64_t> values;
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Shape& shape = g.type(g.inputs()[i]).shape;
    for (size_t a = 0; a < shape.size(); ++a)
      if (shape[a].is_symbol()) values.emplace(shape[a].as_symbol().id, sizes[i][a]);
  }
  return [values](const Symbol& s) -> std::optional<int64_t> {
    const auto it = values.find(s.id);
    return it == values.end() ? std::nullopt : std::optional<int64_t>(it->second);
  };
}

}  // namespace

void compute_expressions(const ir::Graph& g, const NamedSizes& named, std::vector<Sizes>& to) {
  const ValueOf value = values_at(g, to);
  for (size_t i = 0; i < to.size(); ++i) {
    if (named.contains(g.name(g.inputs()[i])) || named.contains(str(i))) continue;
    const Shape& shape = g.type(g.inputs()[i]).shape;
    for (size_t a = 0; a < shape.size(); ++a)
      if (!shape[a].is_symbol() && !shape[a].is_constant())
        to[i][a] = std::min(evaluate(shape[a], value), int64_t(Dim::unbounded));
  }
}

namespace {

ResolvedRange resolve(const ir::Graph& g, const Range& r) {
  ResolvedRange out;
  for (Value v : g.inputs()) {
    Sizes lo, hi;
    model_bounds(g.type(v), lo, hi);
    out.min.push_back(lo);
    out.max.push_back(hi);
  }
  fill(g, r.min, out.min, "min");
  fill(g, r.max, out.max, "max");
  follow(g, r.min, out.min);
  follow(g, r.max, out.max);
  compute_expressions(g, r.min, out.min);
  compute_expressions(g, r.max, out.max);
  for (const NamedSizes& o : r.opts) {
    std::vector<Sizes> opt(g.inputs().size());
    for (size_t i = 0; i < opt.size(); ++i) opt[i] = out.min[i];
    fill(g, o, opt, "opt");
    // Inputs the opt leaves out: where min and max differ, the max.
    for (size_t i = 0; i < opt.size(); ++i)
      if (!o.count(g.name(g.inputs()[i])) && !o.count(str(i))) opt[i] = out.max[i];
    follow(g, o, opt);
    compute_expressions(g, o, opt);
    out.opts.push_back(std::move(opt));
  }
  for (size_t i = 0; i < out.min.size(); ++i)
    for (size_t a = 0; a < out.min[i].size(); ++a) {
      const std::string where = str("range: input '", g.name(g.inputs()[i]), "' axis ", a, ": ");
      if (out.min[i][a] > out.max[i][a])
        fail(ErrorCode::shape_mismatch, where, "min ", out.min[i][a], " is above max ", out.max[i][a]);
      for (const auto& o : out.opts) {
        if (o[i][a] > out.max[i][a])
          fail(ErrorCode::shape_mismatch, where, "opt ", o[i][a], " is above max ", out.max[i][a]);
        if (o[i][a] < out.min[i][a])
          fail(ErrorCode::shape_mismatch, where, "opt ", o[i][a], " is below min ", out.min[i][a]);
      }
    }
  return out;
}

}  // namespace

bool is_broken(const Constraint& c, const ValueOf& value) {
  try {
    const int64_t a = evaluate(c.a, value), b = evaluate(c.b, value);
    switch (c.kind) {
      case Constraint::equal:
        return a != b;
      case Constraint::at_least:
        return a < b;
      case Constraint::divides:
        return b == 0 || a % b != 0;
      case Constraint::broadcastable:
        return a != b && a != 1 && b != 1;
    }
  } catch (const Error& e) {
    return e.code() == ErrorCode::shape_mismatch;
  }
  return false;
}

namespace {

// How many of the relations that the model states are broken where its inputs have these sizes: those of the graph, and
// those of branches, which may exclude each other.
std::pair<int, int> broken_relations(const ir::Graph& g, const std::vector<Sizes>& sizes) {
  const ValueOf value = values_at(g, sizes);
  auto broken = [&](const Constraint& c) { return is_broken(c, value); };
  std::pair<int, int> count{0, 0};
  for (const Constraint& c : g.constraints) count.first += broken(c);
  for (ir::Node* n = g.first(); n; n = n->next)
    for (const auto& r : n->regions)
      for (const Constraint& c : r->constraints) count.second += broken(c);
  return count;
}

// Where the model leaves sizes open: usual sizes that break the fewest of its relations, found one symbol after the
// other.
std::vector<Sizes> find_feasible(const ir::Graph& g, const ResolvedRange& r, const std::vector<Sizes>& wanted) {
  std::vector<Sizes> best = wanted;
  std::pair<int, int> least = broken_relations(g, best);
  auto open = [&](size_t i, size_t a) {
    const Dim d = g.type(g.inputs()[i]).shape[a];
    return d.is_symbol() && r.max[i][a] >= Dim::unbounded;
  };
  for (int round = 0; round < 3 && least != std::pair<int, int>{0, 0}; ++round)
    for (size_t i = 0; i < best.size(); ++i)
      for (size_t a = 0; a < best[i].size(); ++a) {
        if (!open(i, a)) continue;
        const Dim symbol = g.type(g.inputs()[i]).shape[a];
        for (int64_t n : {1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 160, 224, 256, 320, 384, 512, 640, 1024}) {
          std::vector<Sizes> s = best;
          for (size_t j = 0; j < s.size(); ++j)
            for (size_t b = 0; b < s[j].size(); ++b)
              if (open(j, b) && g.type(g.inputs()[j]).shape[b] == symbol && r.min[j][b] <= n) s[j][b] = n;
          compute_expressions(g, {}, s);
          const auto count = broken_relations(g, s);
          if (count < least) best = s, least = count;
        }
      }
  return best;
}

// A point between min and max when the user names none: the geometric middle, where open a small size, the same for all
// axes of a symbol.
std::vector<Sizes> middle(const ir::Graph& g, const ResolvedRange& r) {
  std::vector<Sizes> o = r.min;
  std::map<uint32_t, int64_t> open;
  for (size_t i = 0; i < o.size(); ++i)
    for (size_t a = 0; a < o[i].size(); ++a) {
      const int64_t lo = std::max<int64_t>(r.min[i][a], r.max[i][a] ? 1 : 0), hi = r.max[i][a];
      if (hi >= Dim::unbounded) {
        o[i][a] = std::max<int64_t>(lo, a == 0 ? 1 : 16);
        if (const Dim d = g.type(g.inputs()[i]).shape[a]; d.is_symbol()) {
          int64_t& n = open[d.as_symbol().id];
          n = std::max(n, o[i][a]);
        }
      } else {
        o[i][a] = std::clamp<int64_t>(int64_t(std::llround(std::sqrt(double(lo) * double(hi)))), lo, hi);
      }
    }
  for (size_t i = 0; i < o.size(); ++i)
    for (size_t a = 0; a < o[i].size(); ++a) {
      const Dim d = g.type(g.inputs()[i]).shape[a];
      if (r.max[i][a] >= Dim::unbounded && d.is_symbol()) o[i][a] = open[d.as_symbol().id];
    }
  compute_expressions(g, {}, o);
  return o;
}

// Where a size spans a factor of three or more, the ends want other kernels than the middle: three points then.
std::vector<std::vector<Sizes>> default_points(const ir::Graph& g, const ResolvedRange& r) {
  std::vector<std::vector<Sizes>> points{find_feasible(g, r, middle(g, r))};
  bool wide = false;
  std::vector<Sizes> low = r.min, high = r.max;
  for (size_t i = 0; i < low.size(); ++i)
    for (size_t a = 0; a < low[i].size(); ++a) {
      if (r.max[i][a] >= Dim::unbounded) return points;
      low[i][a] = std::max<int64_t>(low[i][a], std::min<int64_t>(1, r.max[i][a]));
      wide = wide || high[i][a] >= 3 * low[i][a];
    }
  if (!wide) return points;
  for (const auto& end : {low, high})
    if (end != points[0]) points.push_back(end);
  return points;
}

}  // namespace

ResolvedRanges resolve_ranges(const ir::Graph& g, const std::vector<Range>& ranges) {
  ResolvedRanges out;
  // Points without bounds leave everything open.
  out.open = std::all_of(ranges.begin(), ranges.end(), [](const Range& r) { return r.min.empty() && r.max.empty(); });
  for (const Range& r : ranges) out.ranges.push_back(resolve(g, r));
  if (ranges.empty()) out.ranges.push_back(resolve(g, {}));
  // Axes that share a symbol in the model, or that the file fixed to one number and every range treats alike, share one
  // symbol.
  std::map<std::vector<int64_t>, Dim> made;
  std::map<uint32_t, Dim> replaced;
  for (size_t i = 0; i < g.inputs().size(); ++i) {
    TensorType t = g.type(g.inputs()[i]);
    for (size_t a = 0; a < t.shape.size(); ++a) {
      int64_t lo = INT64_MAX, hi = 0;
      std::vector<int64_t> key{t.shape[a].rep()};
      for (const ResolvedRange& r : out.ranges) {
        lo = std::min(lo, r.min[i][a]);
        hi = std::max(hi, r.max[i][a]);
        key.push_back(r.min[i][a]), key.push_back(r.max[i][a]);
        for (const auto& o : r.opts) key.push_back(o[i][a]);
      }
      const Dim old = t.shape[a];
      if (lo == hi) {
        if (old.is_constant() && !old.is(lo)) out.widened.push_back(str(g.name(g.inputs()[i]), " axis ", a));
        t.shape[a] = Dim(lo);
        if (old.is_symbol()) replaced.emplace(old.as_symbol().id, Dim(lo));
        continue;
      }
      if (old.is_constant()) out.widened.push_back(str(g.name(g.inputs()[i]), " axis ", a));
      if (old.is_symbol() && old.as_symbol().lo == lo && old.as_symbol().hi == hi) continue;
      if (!old.is_constant() && !old.is_symbol()) continue;  // an expression of other axes: below
      if (old.is_symbol()) key = {old.rep(), lo, hi};
      auto it = made.find(key);
      if (it == made.end()) {
        const std::string name = old.is_symbol() ? old.as_symbol().name
                                 : a == 0        ? std::string("batch")
                                                 : str(g.name(g.inputs()[i]), "_", a);
        it = made.emplace(key, Dim::symbol(name, lo, hi, old.is_symbol() ? old.as_symbol().divisor : 1,
                                           str("input '", g.name(g.inputs()[i]), "' axis ", a)))
                 .first;
      }
      t.shape[a] = it->second;
      if (old.is_symbol()) replaced.emplace(old.as_symbol().id, it->second);
    }
    out.types.push_back(std::move(t));
  }
  for (size_t i = 0; i < out.types.size(); ++i)
    for (Dim& d : out.types[i].shape)
      if (!d.is_constant() && !d.is_symbol())
        d = substitute(d, [&](const Symbol& s) -> std::optional<Dim> {
          const auto it = replaced.find(s.id);
          return it == replaced.end() ? std::nullopt : std::optional<Dim>(it->second);
        });
  for (ResolvedRange& r : out.ranges)
    if (r.opts.empty()) r.opts = default_points(g, r);
  // Axes of one symbol must be able to be equal at every point.
  for (const ResolvedRange& r : out.ranges)
    for (const auto& o : r.opts) {
      std::map<uint32_t, std::pair<int64_t, std::string>> seen;
      for (size_t i = 0; i < out.types.size(); ++i)
        for (size_t a = 0; a < out.types[i].shape.size(); ++a) {
          const Dim d = out.types[i].shape[a];
          if (!d.is_symbol()) continue;
          const std::string where = str("'", g.name(g.inputs()[i]), "' axis ", a);
          const auto [it, fresh] = seen.try_emplace(d.as_symbol().id, o[i][a], where);
          if (!fresh && it->second.first != o[i][a])
            fail(ErrorCode::shape_mismatch, "range: opt has ", it->second.first, " for input ", it->second.second,
                 " and ", o[i][a], " for ", where, " (the model says both are ", d, ")");
        }
    }
  return out;
}

void check_widened(const ir::Graph& g, const ResolvedRanges& ranges) {
  if (ranges.widened.empty()) return;
  for (const ResolvedRange& r : ranges.ranges) {
    std::vector<std::vector<Sizes>> points = r.opts;
    points.push_back(r.min);
    points.push_back(r.max);
    for (const auto& sizes : points) {
      const ValueOf value = values_at(g, sizes);
      for (const Constraint& c : g.constraints) {
        if (!is_broken(c, value)) continue;
        std::string axes, at;
        for (const std::string& w : ranges.widened) axes += (axes.empty() ? "" : ", ") + w;
        for (size_t i = 0; i < sizes.size(); ++i) {
          at += str(i ? ";" : "", g.name(g.inputs()[i]), "=");
          for (size_t a = 0; a < sizes[i].size(); ++a) at += str(a ? "x" : "", sizes[i][a]);
        }
        fail(ErrorCode::shape_mismatch, "range: ", axes, ", which the model fixes, cannot have other sizes: ", c.reason,
             " (at ", at, " it is not so that ", to_string(c), ")");
      }
    }
  }
}

compile::Point point_of(std::span<const TensorType> types, std::span<const Sizes> sizes) {
  compile::Point p;
  for (size_t i = 0; i < types.size(); ++i)
    for (size_t a = 0; a < types[i].shape.size(); ++a)
      if (types[i].shape[a].is_symbol()) p.emplace(types[i].shape[a].as_symbol().id, sizes[i][a]);
  return p;
}

}  // namespace neve::jit
