// The accuracy gate: the engine against the unfused model, on given and generated inputs.
#include <algorithm>
#include <cmath>
#include <random>

#include "base/error.h"
#include "base/interrupt.h"
#include "jit/model.h"

namespace neve::jit {

// A run of a large model takes seconds: it can be stopped between two instructions.
void let_stop(runtime::SessionCore& session) {
  session.observe([](const runtime::StepEvent&) { check_interrupt(); });
}

namespace {

std::string names_of(const NamedTensors& tensors) {
  std::string names;
  for (const auto& [name, t] : tensors) names += str(names.empty() ? "" : ", ", "'", name, "'");
  return names.empty() ? "nothing" : names;
}
// Integer scalars often choose a branch: the number that the graph compares them with is a better guess than a random
// one.
const Tensor* compared_with(const ir::Graph& g, Value v) {
  for (const ir::Use& u : g.uses(v)) {
    const ir::Node& n = *u.node;
    if (n.is("equal") && n.in.size() == 2)
      if (const Tensor* c = g.constant_of(n.in[1 - u.operand]); c && c->element_count() == 1) return c;
    if (n.is("fused"))
      if (const Tensor* c = compared_with(*n.regions[0], n.regions[0]->inputs()[u.operand])) return c;
    if ((n.is("reshape") || n.is("squeeze") || n.is("unsqueeze") || n.is("cast")) && u.operand == 0)
      if (const Tensor* c = compared_with(g, n.out[0])) return c;
  }
  return nullptr;
}
}  // namespace

std::vector<Tensor> generate_inputs(const ir::Graph& g, std::span<const Sizes> sizes, uint64_t seed, bool positive) {
  std::vector<Tensor> out;
  for (size_t i = 0; i < g.inputs().size(); ++i) {
    const DType dtype = g.type(g.inputs()[i]).dtype;
    std::mt19937_64 random(seed * 1000003 + i);
    const Tensor f = Tensor::empty(DType::f32, sizes[i]);
    float* p = f.data_as<float>();
    // Uniform by hand: the standard distributions differ between libraries, and the numbers end up in archives.
    for (int64_t k = 0; k < f.element_count(); ++k) {
      const double u = double(random() >> 11) * 0x1.0p-53;
      p[k] = is_float(dtype)           ? float(positive ? u : 2 * u - 1)
             : dtype == DType::boolean ? float(u < 0.75)
                                       : float(int(u * 2));
    }
    out.push_back(f.to(dtype));
    if (is_int(dtype) && f.element_count() == 1)
      if (const Tensor* c = compared_with(g, g.inputs()[i])) out.back() = c->to(dtype).reshape(sizes[i]).clone();
  }
  return out;
}

OutputVerdict compare(const Tensor& y, const Tensor& y0, const Tolerance& t, bool skip_nan) {
  OutputVerdict v;
  v.elements = y0.element_count();
  if (y.dtype() != y0.dtype() || y.shape() != y0.shape()) {
    v.ok = false;
    v.max_difference = INFINITY;
    return v;
  }
  const Tensor a = y.dtype() == DType::f64 ? y.contiguous() : y.to(DType::f64),
               b = y0.dtype() == DType::f64 ? y0.contiguous() : y0.to(DType::f64);
  const double *p = a.data_as<double>(), *q = b.data_as<double>();
  for (int64_t k = 0; k < v.elements; ++k)
    if (std::isfinite(q[k])) v.max_value = std::max(v.max_value, std::abs(q[k]));
  v.allowed = is_float(y.dtype()) ? t.relative * v.max_value + t.absolute : 0;
  for (int64_t k = 0; k < v.elements; ++k) {
    double d = std::abs(p[k] - q[k]);
    if (p[k] == q[k] || (std::isnan(q[k]) && (skip_nan || std::isnan(p[k])))) d = 0;
    if (std::isnan(d)) d = INFINITY;
    if (d > v.max_difference || v.worst_index < 0) {
      v.max_difference = d;
      v.worst_index = k;
      v.expected = q[k], v.got = p[k];
    }
  }
  v.ok = v.max_difference <= v.allowed;
  return v;
}

namespace {

struct Check {
  std::string source;
  std::vector<Tensor> inputs;
  uint64_t seed = 0;  ///< that the inputs were generated with; 0: given
};

// An open axis has no max: a size beyond the opt stands for it.
Sizes bounded(const Sizes& wanted, const Sizes& opt) {
  Sizes s = wanted;
  for (size_t a = 0; a < s.size(); ++a)
    if (s[a] >= Dim::unbounded) s[a] = opt[a] * 2;
  return s;
}

std::vector<Check> checks_for(const OptimizedModel& m) {
  std::vector<Check> out;
  for (size_t r = 0; r < m.ranges.ranges.size(); ++r) {
    const ResolvedRange& range = m.ranges.ranges[r];
    const std::string label = m.ranges.ranges.size() > 1 ? str(" of range ", r) : std::string();
    std::vector<std::pair<std::string, std::vector<Sizes>>> points;
    auto add = [&](const std::string& name, std::vector<Sizes> sizes) {
      for (const auto& p : points)
        if (p.second == sizes) return;
      points.emplace_back(name, std::move(sizes));
    };
    for (size_t k = 0; k < range.opts.size(); ++k)
      add(str("opt", range.opts.size() > 1 ? str(" ", k) : ""), range.opts[k]);
    // Where the model leaves an axis open its min (0) and max say nothing: the opt and twice the opt stand for them.
    std::vector<Sizes> min = range.min, max = range.max;
    for (size_t i = 0; i < min.size(); ++i)
      for (size_t a = 0; a < min[i].size(); ++a)
        if (range.max[i][a] >= Dim::unbounded) min[i][a] = range.opts[0][i][a];
    for (size_t i = 0; i < max.size(); ++i) max[i] = bounded(max[i], range.opts[0][i]);
    add("min", min);
    add("max", max);
    for (auto& [name, sizes] : points)
      out.push_back(
          {str("generated at ", name, label), generate_inputs(m.graph, sizes, 1 + out.size(), false), 1 + out.size()});
  }
  for (size_t k = 0; k < m.options.test_data.size(); ++k) {
    Check c{str("test data ", k), {}};
    for (size_t i = 0; i < m.core->inputs.size(); ++i) {
      const auto& named = m.options.test_data[k];
      auto it = named.find(m.core->inputs[i].name);
      if (it == named.end()) it = named.find(str(i));
      if (it == named.end())
        fail(ErrorCode::not_found, "optimize: test data ", k, " has no input '", m.core->inputs[i].name,
             "' (it has: ", names_of(named), ")");
      c.inputs.push_back(it->second.contiguous());
    }
    out.push_back(std::move(c));
  }
  return out;
}

bool has_nan(const std::vector<Tensor>& tensors) {
  for (const Tensor& t : tensors) {
    if (!is_float(t.dtype())) continue;
    const Tensor d = t.to(DType::f64).contiguous();
    const double* p = d.data_as<double>();
    if (std::any_of(p, p + d.element_count(), [](double v) { return std::isnan(v); })) return true;
  }
  return false;
}

// Runs the unfused model. Generated numbers may lie where the model is not defined (the root of a negative one, an
// index that is none): then numbers in [0, 1) are tried. Returns why neither runs, else "".
std::string run_unfused(const OptimizedModel& m, runtime::SessionCore& plain, Check& c, std::vector<Tensor>& y0) {
  std::string why;
  try {
    plain.run(c.inputs, y0);
    if (!has_nan(y0)) return "";
  } catch (const Error& e) {
    why = e.message();
  }
  std::vector<Sizes> sizes;
  for (const Tensor& t : c.inputs) sizes.push_back(t.shape());
  std::vector<Tensor> positive = generate_inputs(m.graph, sizes, c.seed, true), y1;
  try {
    plain.run(positive, y1);
    if (why.empty() && has_nan(y1)) return "";
    c.inputs = std::move(positive);
    y0 = std::move(y1);
    return "";
  } catch (const Error&) {
    return why;
  }
}

// Sizes to try where the opt is refused: all alike, one symbol much larger than the others, one the sum of two.
std::vector<std::map<uint32_t, int64_t>> guesses(const std::vector<uint32_t>& symbols) {
  std::vector<std::map<uint32_t, int64_t>> out;
  auto all = [&](int64_t n) {
    std::map<uint32_t, int64_t> m;
    for (uint32_t s : symbols) m[s] = n;
    return m;
  };
  for (uint32_t i : symbols)
    for (uint32_t j : symbols)
      for (uint32_t k : symbols)
        if (i != j && i != k && j < k) {
          auto m = all(8);
          m[i] = m[j] + m[k];
          out.push_back(std::move(m));
        }
  for (int64_t n : {8, 1, 32, 64}) out.push_back(all(n));
  for (int64_t n : {64, 1})
    for (uint32_t i : symbols) {
      out.push_back(all(8));
      out.back()[i] = n;
    }
  return out;
}

}  // namespace

void settle_open_sizes(OptimizedModel& m, const runtime::EngineCore& baseline) {
  if (!m.ranges.open || !m.options.test_data.empty()) return;
  ResolvedRange& range = m.ranges.ranges[0];
  runtime::SessionCore plain(std::make_shared<runtime::EngineCore>(baseline));
  let_stop(plain);
  auto runs = [&](const std::vector<Sizes>& sizes) {
    Check c{"", generate_inputs(m.graph, sizes, 1), 1};
    std::vector<Tensor> y;
    return run_unfused(m, plain, c, y).empty();
  };
  std::vector<uint32_t> symbols;
  for (size_t i = 0; i < m.input_types.size(); ++i)
    for (size_t a = 0; a < m.input_types[i].shape.size(); ++a)
      if (const Dim d = m.input_types[i].shape[a]; d.is_symbol() && range.max[i][a] >= Dim::unbounded)
        if (std::find(symbols.begin(), symbols.end(), d.as_symbol().id) == symbols.end())
          symbols.push_back(d.as_symbol().id);
  if (symbols.size() < 2 || symbols.size() > 5 || runs(range.opts[0])) return;
  for (const auto& guess : guesses(symbols)) {
    std::vector<Sizes> sizes = range.opts[0];
    bool allowed = true;
    for (size_t i = 0; i < sizes.size(); ++i)
      for (size_t a = 0; a < sizes[i].size(); ++a)
        if (const Dim d = m.input_types[i].shape[a]; d.is_symbol())
          if (const auto it = guess.find(d.as_symbol().id); it != guess.end()) {
            sizes[i][a] = it->second;
            allowed = allowed && sizes[i][a] >= range.min[i][a];
          }
    compute_expressions(m.graph, {}, sizes);
    if (!allowed || !runs(sizes)) continue;
    range.opts = {std::move(sizes)};
    return;
  }
}

namespace {

// Whether numbers are rounded to integers somewhere: then sums that are added up in another order change results by
// whole steps here and there, in any two correct engines.
bool rounds(const ir::Graph& g) {
  for (const ir::Node* n : g.nodes()) {
    if (n->is("quantize_linear") || n->is("round")) return true;
    for (const auto& r : n->regions)
      if (rounds(*r)) return true;
  }
  return false;
}

// How far each output of the unfused model moves where its inputs change in their last digits.
std::vector<double> own_spread(runtime::SessionCore& plain, const Check& c, const std::vector<Tensor>& y0) {
  constexpr double last_digits = 1e-6;
  std::vector<double> spread(y0.size(), 0);
  std::mt19937_64 random(1);
  for (int trial = 0; trial < 3; ++trial) {
    std::vector<Tensor> inputs = c.inputs, y;
    for (Tensor& x : inputs) {
      if (x.dtype() != DType::f32) continue;
      x = x.contiguous().clone();
      float* p = x.data_as<float>();
      for (int64_t i = 0; i < x.element_count(); ++i) p[i] *= float(1 + (random() & 1 ? last_digits : -last_digits));
    }
    plain.run(inputs, y);
    for (size_t k = 0; k < y.size(); ++k)
      if (is_float(y[k].dtype()) && y[k].shape() == y0[k].shape())
        spread[k] = std::max(spread[k], compare(y[k], y0[k], {}, true).max_difference);
  }
  return spread;
}

}  // namespace

GateResult run_gate(const OptimizedModel& m, const runtime::EngineCore& baseline) {
  GateResult result;
  result.ran = true;
  runtime::SessionCore fast(m.core), plain(std::make_shared<runtime::EngineCore>(baseline));
  let_stop(fast), let_stop(plain);
  for (Check& c : checks_for(m)) {
    std::vector<Tensor> y, y0;
    std::vector<Sizes> sizes;
    for (const Tensor& t : c.inputs) sizes.push_back(t.shape());
    if (!c.seed) {
      plain.run(c.inputs, y0);  // given data must run
    } else if (const std::string why = run_unfused(m, plain, c, y0); !why.empty()) {
      // Generated sizes may break a relation that the model states only while running.
      result.message += str(result.message.empty() ? "" : "; ", c.source, " skipped: ", why);
      continue;
    }
    fast.run(c.inputs, y);
    std::vector<double> spread;
    for (size_t k = 0; k < y0.size(); ++k) {
      check_interrupt();
      OutputVerdict v = compare(y[k], y0[k], m.options.tolerance, c.seed != 0);
      if (!v.ok && is_float(y0[k].dtype()) && rounds(m.graph)) {
        if (spread.empty()) spread = own_spread(plain, c, y0);
        if (std::isfinite(spread[k])) v.allowed += 2 * spread[k], v.ok = v.max_difference <= v.allowed;
        result.message += str(result.message.empty() ? "" : "; ", c.source, ": the model rounds, and output '",
                              m.core->outputs[k].name, "' moves by ", spread[k],
                              " by itself where inputs change by 1e-6; twice that was allowed");
      }
      v.output = m.core->outputs[k].name;
      v.source = c.source;
      v.sizes = sizes;
      result.passed = result.passed && v.ok;
      result.outputs.push_back(std::move(v));
    }
  }
  if (result.outputs.empty()) {
    result.passed = false;
    result.message = str("no generated input could be run through the unfused model (give test_data that it takes): ",
                         result.message);
  }
  return result;
}

}  // namespace neve::jit
