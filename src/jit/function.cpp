// Calls of captured programs, and capturing those of C++.
#include "jit/function.h"

#include <neve/autograd.h>
#include <neve/functions.h>

#include <algorithm>
#include <cstdio>
#include <set>

#include "base/error.h"
#include "capture/replay.h"
#include "jit/program.h"

namespace neve::jit {
namespace {

bool is_buffer(const ir::Graph& g, size_t i) { return g.name(g.inputs()[i]).starts_with("state."); }

size_t find_input(const ir::Graph& g, const std::string& name) {
  for (size_t i = 0; i < g.inputs().size(); ++i)
    if (g.name(g.inputs()[i]) == name) return i;
  fail(ErrorCode::internal, "internal: jit: no input '", name, "'");
}

Tensor one(int64_t v) { return Tensor::of_ints(DType::i64, {1}, std::span(&v, 1)); }

std::map<std::string, Tensor, std::less<>> weights_of(const Program& p) {
  std::map<std::string, Tensor, std::less<>> w;
  for (const capture::Seen& s : p.seen)
    if (!s.weight.empty()) w.emplace(s.weight, s.tensor);
  return w;
}

}  // namespace

CapturedFunction::CapturedFunction(std::string name_, SavedForm form_)
    : name(std::move(name_)), form(std::move(form_)) {
  if (!form.prints.empty()) prints_ = prints_of(form.prints, name);
  for (size_t n = 0; n < form.draws.size(); ++n) own_.emplace_back(int64_t(n), 0);  // as neve.jit.load seeds them
}

/// Those of a call, which takes its draws; what tensors count is taken after the call.
std::pair<Tensor, Tensor> CapturedFunction::key_and_counter(size_t generator) const {
  const int64_t count = form.draws[generator];
  const std::lock_guard lock(mutex_);
  if (form.own_generator[generator]) {
    auto& [seed, next] = own_[generator];
    const int64_t first = next;
    next += count;
    return {one(seed), one(first)};
  }
  if (capture::Capture* c = capture::current_or_null()) return c->draw(count);
  if (count == 0) return {one(random_state().first), one(random_state().second)};
  const auto first = next_draw();
  for (int64_t k = 1; k < count; ++k) next_draw();
  return first;
}

void CapturedFunction::do_effects(std::span<const Tensor> outputs) const {
  size_t k = results();
  if (!form.prints.empty()) {
    const auto standard = [](std::string_view s) { std::fwrite(s.data(), 1, s.size(), stdout); };
    write_log(prints_, outputs[k++], print_ ? print_ : standard);
  }
  for (size_t n : form.counted) {
    const int64_t count = outputs[k++].item_int();
    const std::lock_guard lock(mutex_);
    const auto [seed, next] = random_state();
    if (form.own_generator[n])
      own_[n].second += count;
    else
      set_random_state({seed, next + count});
  }
}

size_t CapturedFunction::arguments() const {
  return form.program.graph.inputs().size() - form.program.states.size() - 2 * form.draws.size();
}
size_t CapturedFunction::results() const {
  return form.program.graph.outputs().size() - form.program.states.size() - form.program.changed_inputs.size() -
         form.effects();
}

bool CapturedFunction::accepts(std::span<const Tensor> in) const {
  const ir::Graph& g = form.program.graph;
  if (in.size() != arguments()) return false;
  std::vector<Sizes> sizes;
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].defined() || in[i].dtype() != g.dtype(g.inputs()[i]) || in[i].rank() != g.rank(g.inputs()[i]))
      return false;
    sizes.push_back(in[i].shape());
  }
  return jit::accepts(g, sizes);
}

std::vector<Tensor> CapturedFunction::with_own(std::span<const Tensor> in) const {
  const ir::Graph& g = form.program.graph;
  if (in.size() != arguments())
    fail(ErrorCode::invalid_argument, name, ": ", in.size(), " inputs given (it takes ", arguments(), ")");
  std::vector<Tensor> all(in.begin(), in.end());
  all.resize(g.inputs().size());
  for (const capture::State& s : form.program.states) all[s.input] = s.tensor;
  for (size_t n = 0; n < form.draws.size(); ++n)
    std::tie(all[find_input(g, str("random.", n, ".key"))], all[find_input(g, str("random.", n, ".counter"))]) =
        key_and_counter(n);
  for (size_t i = 0; i < all.size(); ++i) check(all[i].defined(), name, ": input ", i, " is undefined");
  return all;
}

std::vector<Tensor> CapturedFunction::returned(std::span<const Tensor> in, std::vector<Tensor> out) const {
  const Program& p = form.program;
  const size_t count = results(), changed = count + form.effects();
  for (size_t k = 0; k < p.states.size(); ++k)
    p.states[k].tensor.detach().copy_from(out[changed + p.changed_inputs.size() + k].detach());
  for (size_t k = 0; k < p.changed_inputs.size(); ++k) in[p.changed_inputs[k]].copy_from(out[changed + k]);
  for (const auto& [k, i] : form.passed) out[k] = in[i];
  if (form.effects()) do_effects(out);
  out.resize(count);
  return out;
}

std::vector<Tensor> CapturedFunction::replayed(std::span<const Tensor> in) const {
  const Program& p = form.program;
  if (form.effects())
    fail(ErrorCode::unsupported, name,
         ": it prints, or draws random numbers in branches, and is called where another program is captured (call it "
         "outside)");
  capture::Capture& c = capture::current(name.c_str());
  for (const capture::Seen& s : p.seen) c.name(s.tensor, s.weight.empty() ? "captured" : s.weight);
  for (const capture::State& s : p.states) c.name(s.tensor, s.name);
  std::vector<Tensor> all = with_own(in);
  // What is written back afterwards: results are of what it was before.
  for (size_t i = 0; i < all.size(); ++i)
    if (is_buffer(p.graph, i) ||
        std::find(p.changed_inputs.begin(), p.changed_inputs.end(), i) != p.changed_inputs.end())
      all[i] = all[i].clone();
  const auto weights = weights_of(p);
  return returned(in, capture::replay(p.graph, [&](const std::string& n) { return weights.at(n); }, all));
}

bool CapturedFunction::is_changed() {
  bool any = false;
  for (const capture::Seen& s : form.program.seen) {
    if (s.tensor.storage()->version() == s.version) continue;
    if (s.weight.empty())
      fail(ErrorCode::unsupported, name, ": a tensor that became a constant of the graph was changed (capture again)");
    any = true;
  }
  return any;
}

std::shared_ptr<Runner> CapturedFunction::runner() {
  const std::lock_guard lock(mutex_);
  if (!runner_ || is_changed()) {
    for (capture::Seen& s : form.program.seen) s.version = s.tensor.storage()->version();
    runner_ = std::make_shared<Runner>(quick_engine(form.program, name)->core);
  }
  return runner_;
}

Training& CapturedFunction::training() {
  const std::lock_guard lock(mutex_);
  if (!training_) training_ = std::make_unique<Training>(name, form.program.graph, weights_of(form.program), results());
  return *training_;
}

std::vector<Tensor> CapturedFunction::call(std::span<const Tensor> in) {
  if (capture::current_or_null()) return replayed(in);
  std::vector<Tensor> all = with_own(in);
  if (is_grad_enabled() && training().is_wanted(all)) {
    if (!form.program.changed_inputs.empty())
      fail(ErrorCode::unsupported, name, ": gradients where inputs are changed in place (clone() them first)");
    return returned(in, training().record(training().run(all)));
  }
  for (Tensor& t : all)
    if (t.requires_grad()) t = t.detach();
  return returned(in, runner()->run(all));
}

// ---- capturing --------------------------------------------------------------------------------------------------

namespace {

using Axis = std::pair<size_t, size_t>;  // of an input

// Axes that nothing is said of: those of the first place, which are most often a batch, before others.
std::vector<Axis> unsaid(std::span<const Tensor> examples, const std::vector<std::vector<std::string>>& dims) {
  std::vector<Axis> axes;
  for (size_t i = 0; i < examples.size(); ++i)
    if (i >= dims.size() || dims[i].empty())
      for (size_t a = 0; examples[i].defined() && a < size_t(examples[i].rank()); ++a) axes.emplace_back(i, a);
  std::stable_partition(axes.begin(), axes.end(), [](const Axis& x) { return x.second == 0; });
  return axes;
}

std::vector<TensorType> types_for(std::span<const Tensor> examples, const std::vector<std::vector<std::string>>& dims,
                                  const std::vector<std::string>& names, const std::set<Axis>& open) {
  std::map<std::string, Dim> symbols;
  const auto symbol = [&](const std::string& n) {
    const auto [at, made] = symbols.try_emplace(n);
    if (made) at->second = Dim::symbol(n, 0, Dim::unbounded, 1, "trace");
    return at->second;
  };
  std::vector<TensorType> types;
  for (size_t i = 0; i < examples.size(); ++i) {
    const Tensor& t = examples[i];
    if (!t.defined()) fail(ErrorCode::invalid_argument, "trace: example ", i, " is undefined");
    TensorType type{t.dtype(), {}};
    const bool said = i < dims.size() && !dims[i].empty();
    if (said && int64_t(dims[i].size()) != t.rank())
      fail(ErrorCode::shape_mismatch, "trace: dims[", i, "] has ", dims[i].size(), " entries for ", type_text(t),
           " (one an axis)");
    for (int64_t a = 0; a < t.rank(); ++a) {
      const std::string text = said ? dims[i][size_t(a)] : open.count({i, size_t(a)}) ? str(names[i], "_", a) : "";
      if (text.empty()) {
        type.shape.push_back(t.size(a));
      } else if (text.find_first_not_of("0123456789") == text.npos) {
        if (text != std::to_string(t.size(a)))
          fail(ErrorCode::shape_mismatch, "trace: dims[", i, "] says ", text, " for axis ", a, " of ", type_text(t));
        type.shape.push_back(t.size(a));
      } else {
        type.shape.push_back(symbol(text));
      }
    }
    types.push_back(std::move(type));
  }
  return types;
}

std::string results_text(size_t count) {
  if (count == 1) return "{\"t\": 0}";
  std::string s;
  for (size_t k = 0; k < count; ++k) s += str(k ? ", " : "", "{\"t\": ", k, "}");
  return "{\"tuple\": [" + s + "]}";
}

using TensorProgram = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

SavedForm captured(const std::string& name, const TensorProgram& program, std::span<const Tensor> examples,
                   std::vector<TensorType> types, const std::vector<std::string>& called,
                   const std::vector<std::pair<std::string, Tensor>>& tensors) {
  const NoGrad off;
  for (int round = 0;; ++round) {
    capture::Capture c;
    bool finished = false;
    try {
      for (const auto& [n, t] : tensors) c.name(t, n);
      std::vector<Tensor> in;
      for (size_t i = 0; i < examples.size(); ++i) in.push_back(c.input(called[i], types[i], examples[i].shape()));
      const std::vector<Tensor> out = program(in);
      if (out.empty()) fail(ErrorCode::unsupported, "trace: ", name, " returns no tensor");
      SavedForm f;
      std::vector<std::string> outputs;
      for (size_t k = 0; k < out.size(); ++k) {
        outputs.push_back(out.size() == 1 ? "output" : str("output.", k));
        for (size_t i = 0; i < in.size(); ++i)
          if (out[k].is(in[i])) f.passed[k] = i;
      }
      if (c.draws()) f.draws = {c.draws()}, f.own_generator = {false};
      finished = true;
      capture::Program made = c.finish(out, outputs);
      settle_symbols(made.graph);
      for (const capture::Guard& g : made.guards) f.program.guards.emplace_back(to_string(g.relation), g.location);
      f.program.graph = std::move(made.graph), f.program.weights = std::move(made.weights);
      f.program.states = std::move(made.states), f.program.seen = std::move(made.seen);
      f.program.changed_inputs = std::move(made.changed_inputs);
      for (capture::State& s : f.program.states) s.input = find_input(f.program.graph, "state." + s.name);
      f.arguments = arguments_text(in.size());
      f.results = results_text(out.size());
      return f;
    } catch (const Error&) {
      if (finished) throw;
      // Sizes that the program itself fixed before it failed: known from the start, they may make it whole.
      std::vector<TensorType> learned = c.input_types();
      settle_types(learned, c.relations());
      if (round == 8 || learned.size() != types.size() || learned == types) throw;
      types = std::move(learned);
    }
  }
}

}  // namespace

SavedForm trace(const std::string& name, const TensorProgram& program, std::span<const Tensor> examples,
                const std::vector<std::vector<std::string>>& dims, const std::vector<std::string>& names,
                const std::vector<std::pair<std::string, Tensor>>& tensors) {
  std::vector<std::string> called(names);
  while (called.size() < examples.size()) called.push_back(str("x", called.size()));
  const auto with = [&](const std::set<Axis>& open) {
    return captured(name, program, examples, types_for(examples, dims, called, open), called, tensors);
  };
  const std::vector<Axis> free = unsaid(examples, dims);
  try {
    return with({free.begin(), free.end()});
  } catch (const Error&) {
    if (free.empty()) throw;
  }
  // It reads some of these sizes as numbers: those stay as the example has them, and calls with others are refused.
  std::set<Axis> open;
  SavedForm best = with(open);
  for (const Axis& axis : free) try {
      std::set<Axis> more = open;
      more.insert(axis);
      best = with(more);
      open = std::move(more);
    } catch (const Error&) {
    }
  for (const auto& [i, a] : free)
    if (!open.count({i, a}))
      best.program.guards.emplace_back(str(called[i], "_", a, " = ", examples[i].size(int64_t(a))),
                                       "the program, which reads the size as a number");
  return best;
}

std::string arguments_text(size_t tensors, std::span<const std::string> values) {
  std::string s = "{\"tuple\": [{\"tuple\": [";
  for (size_t k = 0; k < tensors; ++k) s += str(k ? ", " : "", "{\"t\": ", k, "}");
  for (size_t k = 0; k < values.size(); ++k) s += str(k + tensors ? ", " : "", values[k]);
  return s + "]}, {\"dict\": []}]}";
}

std::pair<std::vector<Tensor>, std::vector<Tensor>> golden_of(const SavedForm& form, std::span<const Tensor> in) {
  const ir::Graph& g = form.program.graph;
  std::vector<Tensor> all;
  for (const Tensor& t : in) all.push_back(t.detach().clone());
  all.resize(g.inputs().size());
  for (const capture::State& s : form.program.states) all[s.input] = s.tensor.detach().clone();
  const int64_t key = 1234, counter = 0;
  for (size_t n = 0; n < form.draws.size(); ++n) {
    all[find_input(g, str("random.", n, ".key"))] = Tensor::of_ints(DType::i64, {1}, std::span(&key, 1));
    all[find_input(g, str("random.", n, ".counter"))] = Tensor::of_ints(DType::i64, {1}, std::span(&counter, 1));
  }
  Runner runner(quick_engine(form.program, "golden")->core);
  std::vector<Tensor> out = runner.run(all);
  return {std::move(all), std::move(out)};
}

}  // namespace neve::jit
