// Walking the tape back: nodes in the reverse of the order in which they were recorded, each with all of its gradients.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/convert.h"
#include "eager/autograd.h"
#include "op/registry.h"

namespace neve::eager {

Tensor add_gradients(Tensor a, const Tensor& b, bool record) {
  static const OpDef& add = find_op("add");
  static const Attrs attrs = add.defaults();
  const Tensor both[2] = {std::move(a), b};
  if (record) return call1(add, attrs, both);
  const GradMode off(false);
  return call1(add, attrs, both);
}

void run_hooks(const Hooks& hooks, Tensor& gradient) {
  const Hooks copy = hooks;  // a hook may remove itself
  for (const auto& [number, hook] : copy) {
    Tensor with = hook(gradient);
    if (!with.defined()) continue;
    if (with.shape() != gradient.shape() || with.dtype() != gradient.dtype())
      fail(ErrorCode::shape_mismatch, "hook: returned ", type_text(with), " for a gradient of ", type_text(gradient),
           " (they must be alike)");
    gradient = std::move(with);
  }
}

namespace {

bool has_nan(const Tensor& t) {
  if (!is_float(t.dtype())) return false;
  const Tensor c = t.detach().contiguous();
  bool found = false;
  with_storage_type(c.dtype(), [&]<class T>(T) {
    const T* x = c.data_as<T>();
    for (int64_t i = 0; i < c.element_count() && !found; ++i) found = std::isnan(convert_element<float>(x[i]));
  });
  return found;
}

struct Target {
  Node* node;
  uint32_t index;
};

class Walk {
 public:
  Walk(std::span<const Tensor> outputs, std::span<const Tensor> gradients, autograd::BackwardOptions options)
      : options_(options) {
    if (!gradients.empty() && gradients.size() != outputs.size())
      fail(ErrorCode::invalid_argument, "backward: ", gradients.size(), " gradients for ", outputs.size(),
           " outputs (one for each)");
    for (size_t k = 0; k < outputs.size(); ++k) start(outputs[k], k < gradients.size() ? gradients[k] : Tensor{});
  }

  /// Gradients at the targets are kept (undefined where none arrived); leaves get theirs only without targets.
  std::vector<Tensor> run(std::span<const Target> targets) {
    collect();
    std::unordered_map<const Node*, bool> needed;
    if (!targets.empty()) {
      for (const Target& t : targets) needed[t.node] = true;
      for (size_t i = order_.size(); i-- > 0;) {  // operands were recorded before
        bool any = needed[order_[i].get()];
        for (const Edge& e : order_[i]->next) any = any || (e.node && needed[e.node.get()]);
        needed[order_[i].get()] = any;
      }
    }
    std::vector<Tensor> kept(targets.size());
    const GradMode mode(options_.create_graph);
    for (const NodePtr& n : order_) {
      auto slot = slots_.find(n.get());
      if (slot == slots_.end()) continue;
      std::vector<Tensor> gradients = std::move(slot->second);
      slots_.erase(slot);
      if (!targets.empty() && !needed[n.get()]) continue;
      if (const Hooks* hooks = n->leaf_hooks(); hooks && gradients[0].defined()) run_hooks(*hooks, gradients[0]);
      for (auto& [index, hooks] : n->hooks)
        if (index < gradients.size() && gradients[index].defined()) run_hooks(hooks, gradients[index]);
      bool further = targets.empty();
      for (size_t k = 0; k < targets.size(); ++k)
        if (targets[k].node == n.get()) kept[k] = gradients[targets[k].index];
      for (const Edge& e : n->next) further = further || (e.node && !targets.empty() && needed[e.node.get()]);
      if (further) apply(*n, std::move(gradients));
      if (!options_.retain_graph && !options_.create_graph && further) n->release();
    }
    return kept;
  }

 private:
  void start(const Tensor& y, Tensor g) {
    if (!y.defined() || !needs_gradient(y))
      fail(ErrorCode::invalid_argument, "backward: ", type_text(y),
           " was not computed from a tensor that asks for gradients (set_requires_grad() before computing, recording "
           "on)");
    if (!g.defined()) {
      if (y.element_count() != 1)
        fail(ErrorCode::invalid_argument, "backward: ", type_text(y),
             " has more than one element, so its gradient must be given (a scalar loss would do without: mean() or "
             "sum())");
      g = Tensor::of(y.dtype(), {}, {1.0}).reshape(Sizes(size_t(y.rank()), 1));
    }
    if (g.shape() != y.shape() || g.dtype() != y.dtype())
      fail(ErrorCode::shape_mismatch, "backward: a gradient of ", type_text(g), " for ", type_text(y),
           " (they must be alike)");
    Edge e = gradient_edge(y);
    roots_.push_back(e.node);
    put(e, std::move(g));
  }

  void put(const Edge& e, Tensor g) {
    std::vector<Tensor>& slot = slots_[e.node.get()];
    slot.resize(std::max<size_t>(e.node->results, e.index + 1));
    Tensor& at = slot[e.index];
    if (at.defined())
      at = add_gradients(std::move(at), g, options_.create_graph);
    else
      at = std::move(g);
  }

  void collect() {
    std::unordered_map<const Node*, bool> seen;
    std::vector<NodePtr> work(roots_);
    while (!work.empty()) {
      NodePtr n = std::move(work.back());
      work.pop_back();
      if (!n || !seen.emplace(n.get(), true).second) continue;
      for (const Edge& e : n->next)
        if (e.node) work.push_back(e.node);
      order_.push_back(std::move(n));
    }
    std::stable_sort(order_.begin(), order_.end(),
                     [](const NodePtr& a, const NodePtr& b) { return a->sequence > b->sequence; });
  }

  void apply(Node& n, std::vector<Tensor> gradients) {
    std::vector<Tensor> d = n.apply(std::move(gradients), options_.create_graph);
    for (size_t i = 0; i < d.size() && i < n.next.size(); ++i) {
      if (!d[i].defined() || !n.next[i].node) continue;
      if (autograd::anomaly_mode() && has_nan(d[i]))
        fail(ErrorCode::invalid_argument, "backward: the gradient of operand ", i, " of '", n.name(),
             "' has a NaN (anomaly mode)", n.where());
      put(n.next[i], std::move(d[i]));
    }
  }

  autograd::BackwardOptions options_;
  std::vector<NodePtr> roots_, order_;
  std::unordered_map<const Node*, std::vector<Tensor>> slots_;
};

}  // namespace
}  // namespace neve::eager

namespace neve::autograd {

void backward(std::span<const Tensor> outputs, std::span<const Tensor> gradients, BackwardOptions options) {
  eager::Walk(outputs, gradients, options).run({});
}

std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         std::span<const Tensor> gradients, GradOptions options) {
  std::vector<eager::Target> targets;
  std::vector<eager::NodePtr> alive;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const eager::Edge e = eager::gradient_edge(inputs[i]);
    if (!e.node)
      fail(ErrorCode::invalid_argument, "grad: input ", i, ", ", type_text(inputs[i]),
           ", needs no gradient (set_requires_grad() before computing)");
    alive.push_back(e.node);
    targets.push_back({e.node.get(), e.index});
  }
  std::vector<Tensor> d = eager::Walk(outputs, gradients, options).run(targets);
  for (size_t i = 0; i < d.size(); ++i)
    if (!d[i].defined() && !options.allow_unused)
      fail(ErrorCode::invalid_argument, "grad: the outputs do not depend on input ", i, ", ", type_text(inputs[i]),
           " (allow_unused=true gives an undefined tensor for it)");
  return d;
}

}  // namespace neve::autograd
