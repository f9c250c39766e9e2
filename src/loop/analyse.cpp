// From a fused piece of the graph to a loop nest, or to the reason why not.
#include "loop/analyse.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "base/error.h"
#include "loop/build.h"
#include "loop/trace.h"

namespace neve {
namespace {

using namespace loop;  // NOLINT: all of this file is about its types
constexpr int most_attempts = 64;
constexpr size_t most_parts = 64;

/// The output over the most axes; the first of them.
size_t main_output(const Subgraph& g, const std::vector<size_t>& among) {
  const auto axes = [&](size_t k) {
    const Shape& s = g.types[size_t(g.outputs[k])].shape;
    return std::count_if(s.begin(), s.end(), [](Dim d) { return !d.is(1); });
  };
  size_t best = among[0];
  for (size_t k : among)
    if (axes(k) > axes(best)) best = k;
  return best;
}

/// The base axis that holds axis `number` of a space, and its place in it.
std::pair<Space::Base*, size_t> find_axis(Space& s, int number) {
  for (auto* list : {&s.output, &s.reduced})
    for (Space::Base& b : *list) {
      if (size_t(number) < b.axes.size()) return {&b, size_t(number)};
      number -= int(b.axes.size());
    }
  fail(ErrorCode::internal, "loops: axis ", number);
}

void refine(Space& s, const Refine& r) {
  const auto [base, k] = find_axis(s, r.axis);
  if (base->axes[k].extent != base->axes[k].full)
    throw Refused{"a reshape splits an axis along which a concatenation or padding is cut"};
  std::vector<SpaceAxis> parts;
  for (Dim d : r.extents) parts.push_back(SpaceAxis{d});
  base->axes.erase(base->axes.begin() + long(k));
  base->axes.insert(base->axes.begin() + long(k), parts.begin(), parts.end());
}

std::vector<Space> cut(const Space& s, const MustCut& c) {
  std::vector<Space> out;
  Dim begin = 0;
  for (Dim e : c.extents) {
    Space piece = s;
    const auto [base, k] = find_axis(piece, c.axis);
    SpaceAxis& a = base->axes[k];
    a = SpaceAxis{e, a.offset + begin, a.full};
    out.push_back(std::move(piece));
    begin += e;
  }
  return out;
}

/// Appends the parts that compute output `main` and those of `others` over its axes; returns the rest of these.
std::vector<size_t> add_parts(const Subgraph& g, const LoopLayout& layout, Entries& entries, size_t main,
                              const std::vector<size_t>& others, LoopNest& nest) {
  Space whole;
  for (Dim d : g.types[size_t(g.outputs[main])].shape) whole.output.push_back({{SpaceAxis{d}}});
  std::vector<Space> todo = {whole};
  std::optional<std::vector<size_t>> left;
  for (int attempt = 0; !todo.empty(); ++attempt) {
    if (attempt >= most_attempts || nest.parts.size() + todo.size() > most_parts)
      throw Refused{"the piece falls into too many parts"};
    Space space = todo.back();
    todo.pop_back();
    try {
      Trace trace(g, layout, space, entries);
      trace.run(main, others);
      std::vector<size_t> now;
      for (size_t k : others)
        if (trace.outputs()[k].instance < 0) now.push_back(k);
      if (left && *left != now) throw Refused{"an output is reached from some pieces of a concatenation alone"};
      left = now;
      nest.parts.push_back(build_part(g, layout, trace, entries, nest));
    } catch (const MustRefine& m) {
      refine(space, m.refine);
      todo.push_back(std::move(space));
    } catch (const MustCut& m) {
      std::vector<Space> pieces = cut(space, m);
      todo.insert(todo.end(), pieces.rbegin(), pieces.rend());
    }
  }
  return *left;
}

LoopNest make_nest(const Subgraph& g, const LoopLayout& layout, Entries& entries) {
  if (g.outputs.empty()) throw Refused{"the piece has no outputs"};
  LoopNest nest;
  const auto buffer = [&](int32_t v, bool output, const Layout* l) {
    const TensorType& t = g.types[size_t(v)];
    if (is_complex(t.dtype)) throw Refused{"complex numbers"};
    if (l)
      for (const Layout::Block& b : l->blocks)
        if (!proven(divides(b.size, t.shape[size_t(b.axis)])))
          throw Refused{str("layout ", to_string(*l), " pads axis ", b.axis)};
    LoopBuffer x;
    x.dtype = t.dtype;
    x.output = output;
    x.used = output;
    x.elements = entries.of(element_count(t.shape));
    nest.buffers.push_back(x);
  };
  for (size_t i = 0; i < g.inputs.size(); ++i)
    buffer(g.inputs[i], false, i < layout.inputs.size() ? &layout.inputs[i] : nullptr);
  for (size_t k = 0; k < g.outputs.size(); ++k)
    buffer(g.outputs[k], true, k < layout.outputs.size() ? &layout.outputs[k] : nullptr);

  // Outputs over the same axes share a trace; others get parts of their own.
  std::vector<size_t> left(g.outputs.size());
  std::iota(left.begin(), left.end(), size_t(0));
  while (!left.empty()) {
    const size_t main = main_output(g, left);
    left.erase(std::find(left.begin(), left.end(), main));
    left = add_parts(g, layout, entries, main, left, nest);
  }
  return nest;
}

/// Numbers the entries anew, in the order of their first use: attempts that failed leave no trace, and pieces of one
/// structure get one numbering.
void renumber(LoopNest& nest, Entries& entries) {
  std::vector<int32_t> number(entries.values.size(), -1);
  std::vector<Dim> values;
  const auto map = [&](int32_t& e) {
    if (e == -1) return;
    int32_t& to = number[size_t(e)];
    if (to == -1) {
      to = int32_t(values.size());
      values.push_back(entries.values[size_t(e)]);
    }
    e = to;
  };
  const auto stride = [&](LoopStride& s) { map(s.stride), map(s.unless_one); };
  for (LoopPart& p : nest.parts) {
    for (int32_t& e : p.outer) map(e);
    for (int32_t& e : p.inner) map(e);
    for (LoopAccess& a : p.accesses) {
      map(a.offset);
      for (LoopStride& s : a.strides) stride(s);
      for (LoopIndirect& g : a.indirect) stride(g.stride), map(g.extent);
    }
    for (LoopStage& s : p.stages)
      for (LoopOperand& o : s.operands)
        if (o.kind == LoopOperand::size) map(o.index);
  }
  for (LoopBuffer& b : nest.buffers) {
    if (!b.used) b.elements = -1;
    map(b.elements);
  }
  entries.values = std::move(values);
}

}  // namespace

LoopRole loop_role(const OpDef& op) {
  if (op.is_elementwise()) return LoopRole::elementwise;
  if (op.reduce) return LoopRole::reduction;
  static constexpr std::array<std::string_view, 9> views = {"identity",  "reshape", "squeeze", "unsqueeze", "flatten",
                                                            "transpose", "slice",   "expand",  "split"};
  static constexpr std::array<std::string_view, 4> movements = {"concat", "pad", "gather", "tile"};
  const std::string_view name = op.info.name;
  if (std::find(views.begin(), views.end(), name) != views.end()) return LoopRole::view;
  if (std::find(movements.begin(), movements.end(), name) != movements.end()) return LoopRole::movement;
  return LoopRole::none;
}

LoopAnalysis make_loop_nest(const Subgraph& g, const LoopLayout& layout) {
  LoopAnalysis a;
  Entries entries;
  try {
    LoopNest nest = make_nest(g, layout, entries);
    renumber(nest, entries);
    nest.values = int32_t(entries.values.size());
    validate(nest);
    a.nest = std::move(nest);
    a.values = std::move(entries.values);
  } catch (const Refused& r) {
    a.refusal = r.reason;
  } catch (const Error& e) {
    a.refusal = e.message();
  }
  return a;
}

}  // namespace neve
