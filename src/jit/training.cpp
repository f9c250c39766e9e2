// Static training: a program's graph and the graph of its gradients, as one operation on the tape.
#include "jit/training.h"

#include <neve/autograd.h>

#include <algorithm>
#include <chrono>

#include "eager/execute.h"
#include "op/reference.h"

namespace neve::jit {

std::vector<Tensor> Runner::run(std::span<const Tensor> in) {
  std::unique_ptr<runtime::SessionCore> session;
  {
    std::lock_guard lock(mutex_);
    if (!spare_.empty()) session = std::move(spare_.back()), spare_.pop_back();
  }
  if (!session) session = std::make_unique<runtime::SessionCore>(core_);
  std::vector<Tensor> out;
  session->run(in, out);  // a session that threw is not used again
  std::lock_guard lock(mutex_);
  spare_.push_back(std::move(session));
  return out;
}

/// The two graphs for one choice of what is differentiated, compiled; the backward one after the first call.
struct TrainingVariant {
  explicit TrainingVariant(passes::Differentiated d) : parts(std::move(d)) {}
  passes::Differentiated parts;
  int threads = 1;
  std::unique_ptr<Runner> forward;
  std::mutex mutex;
  std::unique_ptr<Runner> backward;
  Training::Built built;
};

namespace {

using Argument = passes::Differentiated::Argument;

// Outputs of a forward graph that a backward call reads, with the versions they had.
struct Walk {
  std::string name;
  std::shared_ptr<TrainingVariant> variant;
  std::vector<Tensor> arguments;  ///< of the backward graph; undefined: a gradient that comes
  std::vector<uint64_t> versions;
  std::vector<TensorType> types;  ///< of the outputs
  std::vector<Sizes> sizes;

  std::vector<Tensor> operator()(std::span<const Tensor> gradients, const std::vector<size_t>& place, size_t operands) {
    if (is_grad_enabled())
      fail(ErrorCode::unsupported, "backward: '", name,
           "' runs captured, where a gradient cannot be differentiated again (neve.jit.enable_to_static(False), or its "
           "rollback(), runs the original)");
    std::vector<Tensor> in = arguments;
    for (size_t i = 0; i < in.size(); ++i) {
      const Argument& a = variant->parts.arguments[i];
      if (a.kind == Argument::gradient) {
        const Tensor& g = gradients[place[a.index]];
        in[i] = g.defined() ? g.detach() : Tensor::zeros(types[a.index].dtype, sizes[a.index]);
      } else if (in[i].storage()->version() != versions[i]) {
        fail(ErrorCode::invalid_argument, "backward: ", type_text(in[i]), ", which the gradient of '", name,
             "' needs, was changed in place after the call (change a copy: clone())");
      }
    }
    std::vector<Tensor> d = variant->backward->run(in);
    std::vector<Tensor> result(operands);
    for (size_t k = 0; k < d.size(); ++k) result[variant->parts.wanted[k]] = std::move(d[k]);
    return result;
  }
};

}  // namespace

Training::Training(std::string name, const ir::Graph& graph, std::map<std::string, Tensor, std::less<>> weights,
                   size_t outputs, BuildOptions options)
    : name_(std::move(name)), graph_(graph.clone()), outputs_(outputs), options_(std::move(options)) {
  arguments_ = graph_.inputs().size();
  std::map<std::string, Value> inputs;
  for (ir::Node* n : graph_.nodes()) {
    if (!n->is("weight")) continue;
    const std::string weight = n->attrs.get_string("name");
    auto it = inputs.find(weight);
    if (it == inputs.end()) {
      const auto found = weights.find(weight);
      check(found != weights.end(), "training: the program has no weight '", weight, "'");
      it = inputs.emplace(weight, graph_.add_input(weight, graph_.type(n->out[0]))).first;
      weights_.push_back(found->second);
    }
    graph_.replace(n->out[0], it->second);
    graph_.erase(n);
  }
}

bool Training::is_wanted(std::span<const Tensor> in) const {
  const auto asks = [](const Tensor& t) { return t.defined() && t.requires_grad(); };
  return std::any_of(in.begin(), in.end(), asks) || std::any_of(weights_.begin(), weights_.end(), asks);
}

std::shared_ptr<TrainingVariant> Training::variant(const std::vector<Tensor>& in) {
  std::vector<bool> needs;
  for (const Tensor& t : in) needs.push_back(t.requires_grad() && is_float(t.dtype()));
  std::vector<int64_t> key(needs.begin(), needs.end());
  const int threads = eager::threads();
  key.push_back(threads);
  std::lock_guard lock(mutex_);
  std::shared_ptr<TrainingVariant>& v = variants_[key];
  if (v) return v;
  const auto start = std::chrono::steady_clock::now();
  std::vector<bool> given(graph_.outputs().size(), false);
  for (size_t k = 0; k < outputs_; ++k) given[k] = is_float(graph_.type(graph_.outputs()[k]).dtype);
  try {
    v = std::make_shared<TrainingVariant>(passes::differentiate(graph_, needs, given, options_.recompute));
    v->threads = threads;
    std::vector<Sizes> shapes;
    for (const Tensor& t : in) shapes.push_back(t.shape());
    // What only the backward graph reads need not be row-major.
    HandOver ends;
    for (size_t k = 0; k < v->parts.forward.outputs().size(); ++k) ends.free_outputs.push_back(k >= v->parts.outputs);
    v->forward = std::make_unique<Runner>(build_at(v->parts.forward.clone(), {}, threads, shapes, options_, ends));
  } catch (...) {
    variants_.erase(key);
    throw;
  }
  v->built = {v->parts.forward.node_count(), v->parts.backward.node_count(),
              v->parts.forward.outputs().size() - v->parts.outputs,
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
  return v;
}

// When the call has run, so that what cannot be compiled shows here, where the caller may still do without.
void Training::compile_backward(const Ran& r) const {
  TrainingVariant& v = *r.variant;
  std::lock_guard lock(v.mutex);
  if (v.backward || v.parts.wanted.empty()) return;
  const auto start = std::chrono::steady_clock::now();
  std::vector<Sizes> shapes;
  const std::vector<Layout> kept = output_layouts(v.forward->core());
  HandOver ends;
  for (const Argument& a : v.parts.arguments) {
    const size_t outputs = v.parts.outputs;
    ends.input_layouts.push_back(a.kind == Argument::kept ? kept[a.index] : Layout{});
    shapes.push_back(a.kind == Argument::input ? r.in[a.index].shape()
                     : a.index < outputs       ? r.outputs[a.index].shape()
                                               : r.kept[a.index - outputs].shape());
  }
  v.backward = std::make_unique<Runner>(build_at(v.parts.backward.clone(), {}, v.threads, shapes, options_, ends));
  v.built.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Training::Ran Training::run(std::span<const Tensor> given) {
  check(given.size() == arguments_, "training: ", given.size(), " inputs for ", arguments_);
  std::vector<Tensor> in(given.begin(), given.end());
  in.insert(in.end(), weights_.begin(), weights_.end());
  Ran r;
  r.variant = variant(in);
  std::vector<Tensor> plain;
  for (const Tensor& t : in) plain.push_back(t.detach());
  std::vector<Tensor> out = r.variant->forward->run(plain);
  const auto cut = out.begin() + int64_t(r.variant->parts.outputs);
  r.kept.assign(std::make_move_iterator(cut), std::make_move_iterator(out.end()));
  out.erase(cut, out.end());
  r.outputs = std::move(out);
  r.in = std::move(in);
  compile_backward(r);
  return r;
}

std::vector<Tensor> Training::record(Ran r) const {
  const passes::Differentiated& parts = r.variant->parts;
  std::vector<size_t> place(r.outputs.size(), SIZE_MAX);  // of each output among those with a history
  std::vector<Tensor> active;
  for (size_t k = 0; k < r.outputs.size(); ++k)
    if (parts.active[k]) place[k] = active.size(), active.push_back(r.outputs[k]);
  if (active.empty() || parts.wanted.empty()) return std::move(r.outputs);
  Walk walk{name_, r.variant, {}, {}, {}, {}};
  for (const Tensor& t : r.outputs) walk.types.push_back(type_of(t)), walk.sizes.push_back(t.shape());
  for (const Argument& a : parts.arguments) {
    Tensor t;
    if (a.kind == Argument::input) t = r.in[a.index].detach();
    if (a.kind == Argument::kept)
      t = a.index < parts.outputs ? r.outputs[a.index].detach() : r.kept[a.index - parts.outputs];
    walk.versions.push_back(t.defined() ? t.storage()->version() : 0);
    walk.arguments.push_back(std::move(t));
  }
  const size_t operands = r.in.size();
  auto shared = std::make_shared<Walk>(std::move(walk));
  active = autograd::custom(
      name_, r.in, std::move(active),
      [shared, place, operands](std::span<const Tensor> gradients) { return (*shared)(gradients, place, operands); });
  for (size_t k = 0; k < r.outputs.size(); ++k)
    if (place[k] != SIZE_MAX) r.outputs[k] = active[place[k]];
  return std::move(r.outputs);
}

std::vector<Training::Built> Training::built() const {
  std::lock_guard lock(mutex_);
  std::vector<Built> all;
  for (const auto& [key, v] : variants_) all.push_back(v->built);
  return all;
}

}  // namespace neve::jit
