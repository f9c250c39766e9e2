// Recording: which operations are kept on the tape, and what of them.
#include "eager/autograd.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <utility>

#include "core/tensor_hooks.h"
#include "eager/index.h"
#include "eager/stage.h"
#include "eager/write.h"
#include "op/differentiate.h"
#include "op/registry.h"

namespace neve {
namespace {

thread_local bool grad_enabled = true;
std::atomic<bool> anomalies{false};
autograd::PlaceProvider places;

}  // namespace

bool is_grad_enabled() { return grad_enabled; }
void set_grad_enabled(bool enabled) { grad_enabled = enabled; }
GradMode::GradMode(bool enabled) : before_(grad_enabled) { grad_enabled = enabled; }
GradMode::~GradMode() { grad_enabled = before_; }

void autograd::set_anomaly_mode(bool on) { anomalies = on; }
bool autograd::anomaly_mode() { return anomalies; }
void autograd::set_place_provider(PlaceProvider provider) { places = provider; }

namespace eager {

uint32_t current_place() { return places.here ? places.here() : 0; }

std::string place_text(const char* what, uint32_t place) {
  return place && places.text ? str("\n  ", what, " at ", places.text(place)) : std::string();
}

const char* lasting_name(std::string_view name) {
  static std::mutex mutex;
  static std::set<std::string, std::less<>> names;
  std::lock_guard lock(mutex);
  const auto it = names.find(name);
  return (it == names.end() ? *names.emplace(name).first : *it).c_str();
}

std::string Node::where() const { return place_text("recorded", place); }

uint64_t next_sequence() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

// Long chains must not be freed by recursion: nodes that die are collected, and freed one after another.
Node::~Node() {
  thread_local std::vector<NodePtr>* dying = nullptr;
  std::vector<NodePtr> mine;
  const bool outermost = !dying;
  if (outermost) dying = &mine;
  for (Edge& e : next)
    if (e.node) dying->push_back(std::move(e.node));
  if (!outermost) return;
  while (!mine.empty()) {
    NodePtr n = std::move(mine.back());
    mine.pop_back();
    n.reset();
  }
  dying = nullptr;
}

AutogradMeta* find_meta(const Tensor& t) { return t.defined() ? t.body_pointer()->autograd : nullptr; }

bool needs_gradient(const Tensor& t) {
  if (!t.defined()) return false;
  const TensorBody& b = *t.body_pointer();
  if (b.base && b.seen.load(std::memory_order_relaxed) != b.storage->version()) refresh_view(t);
  return b.autograd && (b.autograd->requires_grad || b.autograd->node);
}

namespace {

/// Where the gradient of a leaf is added up.
class Accumulate final : public Node {
 public:
  explicit Accumulate(const Tensor& leaf) : leaf_(leaf) {}
  std::string name() const override { return "leaf"; }
  std::vector<Tensor> apply(std::vector<Tensor> gradients, bool record) override {
    AutogradMeta& m = meta_of(leaf_);
    Tensor& g = gradients[0];
    if (!g.defined()) return {};
    std::lock_guard lock(m.mutex);
    if (!m.grad.defined())
      m.grad = record || g.is_sole_owner() ? std::move(g) : g.clone();
    else
      m.grad = add_gradients(std::move(m.grad), g, record);
    return {};
  }
  const Hooks* leaf_hooks() const override { return &meta_of(leaf_).hooks; }

 private:
  Tensor leaf_;
};

/// An op of the registry.
class OpNode final : public Node {
 public:
  OpNode(const OpDef& op, const Attrs& attrs) : op_(op), attrs_(attrs) {}
  std::string name() const override { return std::string(op_.info.name); }

  void save(std::span<const Tensor> in, std::span<const Tensor> out, uint64_t needs) {
    needs_ = needs;
    inputs_ = in.size(), outputs_ = out.size();
    given_ = 0;
    for (size_t k = 0; k < out.size(); ++k)
      if (is_float(out[k].dtype()) || is_complex(out[k].dtype())) given_ |= uint64_t(1) << k;
    piece_ = gradient_piece(op_, attrs_, in, out, needs, given_).piece;
    for (size_t i = 0; i < in.size() + out.size(); ++i) {
      const bool input = i < in.size();
      const Tensor& t = input ? in[i] : out[i - in.size()];
      if (!t.defined()) {
        saved_.emplace_back();
      } else if (piece_->reads(i)) {
        // A result must not keep itself alive: its bytes are kept, and its place in the graph is put back when needed.
        saved_.emplace_back(input ? t : t.detach());
      } else {
        saved_.emplace_back(sizes_only(t));
      }
    }
  }

  std::vector<Tensor> apply(std::vector<Tensor> gradients, bool record) override {
    if (released_)
      fail(ErrorCode::invalid_argument, "backward: the graph of '", name(),
           "' was freed by an earlier backward (retain_graph=true keeps it)", where());
    std::vector<Tensor> arguments;
    for (size_t i = 0; i < saved_.size(); ++i) arguments.push_back(unpack(i));
    uint64_t given = 0;
    for (size_t k = 0; k < gradients.size(); ++k) {
      if (gradients[k].defined()) given |= uint64_t(1) << k;
      arguments.push_back(gradients[k]);
    }
    if (record) return apply_recorded(arguments, given);
    std::shared_ptr<const Piece> piece = piece_;
    if (given != given_) {
      const std::span<const Tensor> all(arguments);
      piece = gradient_piece(op_, attrs_, all.subspan(0, inputs_), all.subspan(inputs_, outputs_), needs_, given).piece;
    }
    for (size_t i = 0; i < arguments.size(); ++i)
      if (arguments[i].defined() && piece->reads(i)) arguments[i] = arguments[i].contiguous();
    std::vector<Tensor> out;
    piece->run(arguments, out, threads());
    return out;
  }

  void release() override {
    bool kept = false;
    for (size_t i = 0; i < saved_.size(); ++i) kept = kept || (saved_[i].tensor.defined() && piece_->reads(i));
    if (!kept) return;
    saved_.clear();
    piece_.reset();
    released_ = true;
  }

 private:
  // The sizes of a tensor, without keeping its bytes.
  static Tensor sizes_only(const Tensor& t) {
    static const std::shared_ptr<Storage> nothing = Storage::allocate(16);
    return Tensor::view(nothing, t.dtype(), t.shape(), Sizes(size_t(t.rank()), 0));
  }

  Tensor unpack(size_t i) {
    const Saved& s = saved_[i];
    if (!s.tensor.defined()) return {};
    const Storage& bytes = *s.tensor.storage();
    if (bytes.version() != s.version)
      fail(ErrorCode::invalid_argument, "backward: ", i < inputs_ ? "an operand" : "the result", " of '", name(), "', ",
           type_text(s.tensor), ", was changed in place",
           bytes.writer() ? str(" by '", bytes.writer(), "'") : std::string(),
           " after it was saved for the gradient (version ", bytes.version(), ", saved at version ", s.version,
           "; change a copy: clone())", place_text("saved", place), place_text("changed", bytes.writer_place()));
    return s.tensor;
  }

  // Higher derivatives: the definition of the gradient, op by op, each recorded.
  std::vector<Tensor> apply_recorded(std::span<const Tensor> arguments, uint64_t) {
    EagerBuilder b;
    Values in, out, dout;
    for (size_t i = 0; i < arguments.size(); ++i) {
      Values& group = i < inputs_ ? in : i < inputs_ + outputs_ ? out : dout;
      if (!arguments[i].defined()) {
        group.push_back({});
        continue;
      }
      Tensor t = arguments[i];
      if (i >= inputs_ && i < inputs_ + outputs_) {  // the result is part of the graph again
        t = t.detach();
        set_history(t, shared_from_this(), uint32_t(i - inputs_));
      }
      group.push_back(b.put(std::move(t)));
    }
    std::vector<char> needed(inputs_);
    for (size_t i = 0; i < inputs_; ++i) needed[i] = needs_ >> i & 1;
    const Values d =
        gradient_of(op_, attrs_, Gradient{b, in, out, dout, {reinterpret_cast<const bool*>(needed.data()), inputs_}});
    std::vector<Tensor> result(inputs_);
    for (size_t i = 0; i < d.size() && i < inputs_; ++i)
      if (d[i].valid() && needed[i]) result[i] = b.get(d[i]);
    return result;
  }

  const OpDef& op_;
  Attrs attrs_;
  std::shared_ptr<const Piece> piece_;
  std::vector<Saved> saved_;  ///< operands, then results
  size_t inputs_ = 0, outputs_ = 0;
  uint64_t needs_ = 0, given_ = 0;
  bool released_ = false;
};

/// An op whose gradient nobody has written: it may be computed with, but not walked back.
class Barrier final : public Node {
 public:
  explicit Barrier(std::string op) : op_(std::move(op)) {}
  std::string name() const override { return op_; }
  std::vector<Tensor> apply(std::vector<Tensor>, bool) override {
    fail(ErrorCode::unsupported, "backward: '", op_, "' has no gradient (detach() its operands, or its result)",
         where());
  }

 private:
  std::string op_;
};

/// A function with a gradient of the user's own.
class CustomNode final : public Node {
 public:
  CustomNode(std::string name, std::function<std::vector<Tensor>(std::span<const Tensor>)> f, size_t operands,
             bool saves = true)
      : name_(std::move(name)), f_(std::move(f)), operands_(operands), saves_(saves) {}
  std::string name() const override { return name_; }
  std::vector<Tensor> apply(std::vector<Tensor> gradients, bool record) override {
    if (!f_)
      fail(ErrorCode::invalid_argument, "backward: the graph of '", name_,
           "' was freed by an earlier backward (retain_graph=true keeps it)", where());
    const GradMode mode(record);
    std::vector<Tensor> d = f_(gradients);
    if (d.size() != operands_)
      fail(ErrorCode::invalid_argument, name_, ": its backward returned ", d.size(), " gradients (one for each of its ",
           operands_, " inputs would be right; an undefined tensor where there is none)", where());
    return d;
  }
  void release() override {
    if (saves_) f_ = nullptr;
  }

 private:
  std::string name_;
  std::function<std::vector<Tensor>(std::span<const Tensor>)> f_;
  size_t operands_;
  bool saves_;
};

void record(const NodePtr& node, std::span<const Tensor> in, std::span<const Tensor> out) {
  node->results = uint32_t(out.size());
  node->place = current_place();
  for (const Tensor& t : in) node->next.push_back(gradient_edge(t));
  node->sequence = next_sequence();  // after the edges: the history of a view may be found just now
  for (size_t k = 0; k < out.size(); ++k)
    if (is_float(out[k].dtype()) || is_complex(out[k].dtype())) set_history(out[k], node, uint32_t(k));
}

const TensorHooks hooks{
    [](AutogradMeta* m) { delete m; },
    [](const Tensor& x, const Sizes& shape) {
      return call1("reshape",
                   {x, Tensor::of_ints(DType::i64, {int64_t(shape.size())},
                                       std::span<const int64_t>(shape.data(), shape.size()))},
                   {{"allowzero", true}});
    },
    [](const Tensor& x, const Sizes& perm) { return call1("transpose", {x}, {{"perm", std::vector<int64_t>(perm)}}); },
    [](const Tensor& x, int64_t axis, int64_t begin, int64_t end) {
      auto one = [](int64_t v) { return Tensor::of_ints(DType::i64, {1}, std::span<const int64_t>(&v, 1)); };
      return call1("slice", {x, one(begin), one(end), one(axis)});
    },
    [](const Tensor& x, DType t) { return call1("cast", {x}, {{"to", t}}); },
    [](const Tensor& x) {
      if (Stager* s = stager())
        return s->call(find_op("identity"), find_op("identity").defaults(), std::span(&x, 1))[0];
      std::vector<Tensor> y{x.detach().clone()};
      if (is_grad_enabled() && needs_gradient(x))
        y = linear("clone", std::span(&x, 1), std::move(y),
                   [](std::span<const Tensor> g) { return std::vector<Tensor>{g[0]}; });
      return y[0];
    },
    [](const Tensor& target, const Tensor& source) { assign(target, source, "copy_from"); },
    [](const Tensor& x) { return stager() ? stager()->contiguous(x) : x; },
    [](const Tensor& x) {
      return stager() ? stager()->describe(x) : std::string("a tensor of a program whose capture has ended");
    }};

// Once: several threads may record or capture for the first time together.
void install_hooks() { [[maybe_unused]] static const bool done = (tensor_hooks = &hooks, true); }

thread_local Stager* this_stager = nullptr;

}  // namespace

Stager* stager() { return this_stager; }
Stager* set_stager(Stager* s) {
  install_hooks();
  capturing = s != nullptr;
  return std::exchange(this_stager, s);
}

AutogradMeta& meta_of(const Tensor& t) {
  check(t.defined(), "autograd: an undefined tensor");
  TensorBody& body = *t.body_pointer();
  if (!body.autograd) {
    install_hooks();
    body.autograd = new AutogradMeta;
  }
  return *body.autograd;
}

void set_history(const Tensor& t, NodePtr node, uint32_t index) {
  AutogradMeta& m = meta_of(t);
  m.node = std::move(node);
  m.index = index;
  t.body_pointer()->seen.store(t.storage()->version(), std::memory_order_relaxed);
}

Edge gradient_edge(const Tensor& t) {
  if (!needs_gradient(t)) return {};
  AutogradMeta* m = find_meta(t);
  if (m->node) return {m->node, m->index};
  std::lock_guard lock(m->mutex);
  NodePtr n = m->accumulate.lock();
  if (!n) {
    n = std::make_shared<Accumulate>(t);
    m->accumulate = n;
  }
  return {std::move(n), 0};
}

std::vector<Tensor> call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  if (capturing) return stager()->call(op, attrs, in);
  uint64_t needs = 0;
  if (grad_enabled)
    for (size_t i = 0; i < in.size() && i < 64; ++i)
      if (needs_gradient(in[i]) && (is_float(in[i].dtype()) || is_complex(in[i].dtype()))) needs |= uint64_t(1) << i;
  std::vector<Tensor> out;
  // Views are made through the members of Tensor, which would come back here for a tensor with a past.
  std::vector<Tensor> plain;
  for (const Tensor& t : in)
    if (find_meta(t)) plain.assign(in.begin(), in.end());
  for (Tensor& t : plain)
    if (find_meta(t)) t = t.detach();
  const std::span<const Tensor> operands = plain.empty() ? in : std::span<const Tensor>(plain);
  if (!needs) {
    execute(op, attrs, operands, out);
    mark_views(in, out);
    return out;
  }
  const bool whole = op.grad || (op.lower && recorded_whole(op, attrs, operands));
  if (op.lower && !whole) {
    EagerBuilder b;
    Values values;
    for (const Tensor& t : in) values.push_back(t.defined() ? b.put(t) : Value{});
    for (Value v : op.lower(attrs.object(), b, values)) out.push_back(b.get(v));
    return out;
  }
  execute(op, attrs, operands, out);
  for (Tensor& t : out)  // an operand handed through: its past must not become that of the operand
    for (const Tensor& x : operands)
      if (t.is(x)) t = t.detach();
  mark_views(in, out);
  bool any_float = false;
  for (const Tensor& t : out) any_float = any_float || is_float(t.dtype()) || is_complex(t.dtype());
  if (!any_float) return out;
  if (!whole) {
    record(std::make_shared<Barrier>(std::string(op.info.name)), in, out);
    return out;
  }
  auto node = std::make_shared<OpNode>(op, attrs);
  node->save(in, out, needs);
  record(node, in, out);
  return out;
}

Tensor call1(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<Tensor> out = call(op, attrs, in);
  check(out.size() == 1, op.info.name, ": ", out.size(), " results where one was expected");
  return std::move(out[0]);
}

Tensor call1(std::string_view name, std::initializer_list<Tensor> in, const AttrList& attrs) {
  const OpDef& op = find_op(name);
  const Attrs defaults = op.defaults();
  return call1(op, attrs.empty() ? defaults : defaults.with(attrs), std::span(in.begin(), in.size()));
}

}  // namespace eager

std::vector<Tensor> autograd::custom(std::string name, std::span<const Tensor> inputs, std::vector<Tensor> outputs,
                                     std::function<std::vector<Tensor>(std::span<const Tensor>)> backward) {
  if (capturing) {
    const std::string refusal =
        str("'", name, "' has a gradient of its own, which a captured program cannot use (not_to_static keeps the ",
            "function that calls it as it is)");
    const OpDef& op = find_op("stop_gradient");
    for (Tensor& t : outputs) {
      if (!t.defined() || !t.is_captured() || !is_float(t.dtype()) || !grad_enabled) continue;
      std::vector<Tensor> on{t};
      for (const Tensor& x : inputs)
        if (x.defined()) on.push_back(x);
      t = eager::call1(op, op.defaults().with({{"refusal", refusal}}), on);
    }
    return outputs;
  }
  bool needed = false;
  for (const Tensor& t : inputs) needed = needed || eager::needs_gradient(t);
  if (!needed || !grad_enabled) return outputs;
  // What shares bytes with an operand or with another result must not be changed in place; all else is new to the tape.
  std::vector<bool> shares(outputs.size());
  for (size_t k = 0; k < outputs.size(); ++k) {
    auto same = [&](const Tensor& t) { return t.defined() && t.storage() == outputs[k].storage(); };
    shares[k] = outputs[k].defined() && std::any_of(inputs.begin(), inputs.end(), same);
    for (size_t j = 0; j < k && outputs[k].defined(); ++j)
      if (same(outputs[j])) shares[k] = shares[j] = true;
  }
  for (size_t k = 0; k < outputs.size(); ++k) {
    if (!outputs[k].defined()) continue;
    outputs[k] = outputs[k].detach();
    outputs[k].body_pointer()->unrecorded_view = shares[k];
  }
  eager::record(std::make_shared<eager::CustomNode>(std::move(name), std::move(backward), inputs.size()), inputs,
                outputs);
  return outputs;
}

std::vector<Tensor> eager::linear(const char* name, std::span<const Tensor> inputs, std::vector<Tensor> outputs,
                                  std::function<std::vector<Tensor>(std::span<const Tensor>)> backward) {
  if (!grad_enabled || std::none_of(inputs.begin(), inputs.end(), needs_gradient)) return outputs;
  record(std::make_shared<CustomNode>(name, std::move(backward), inputs.size(), false), inputs, outputs);
  return outputs;
}

eager::NodePtr eager::linear_node(const char* name, std::vector<Edge> next,
                                  std::function<std::vector<Tensor>(std::span<const Tensor>)> backward) {
  auto node = std::make_shared<CustomNode>(name, std::move(backward), next.size(), false);
  node->next = std::move(next);
  node->place = current_place();
  node->sequence = next_sequence();
  return node;
}

// ---- members of Tensor ------------------------------------------------------------------------------------------

// Of a captured tensor nobody knows yet: it may.
bool Tensor::requires_grad() const {
  if (is_captured()) return grad_enabled && is_float(dtype()) && !p_->detached;
  return eager::needs_gradient(*this);
}
bool Tensor::is_leaf() const { return !eager::needs_gradient(*this) || !p_->autograd->node; }

const Tensor& Tensor::set_requires_grad(bool on) const {
  require_defined("set_requires_grad");
  if (on && !is_float(dtype()) && !is_complex(dtype()))
    fail(ErrorCode::type_mismatch, "set_requires_grad: a tensor of ", dtype(),
         " has no gradient (a float dtype would)");
  if (!is_leaf())
    fail(ErrorCode::invalid_argument, "set_requires_grad: ", type_text(*this), " was computed by '",
         eager::find_meta(*this)->node->name(), "' (leaves only; detach() makes one)");
  if (on || p_->autograd) eager::meta_of(*this).requires_grad = on;
  return *this;
}

Tensor Tensor::grad() const {
  AutogradMeta* m = eager::find_meta(*this);
  return m ? m->grad : Tensor{};
}

void Tensor::set_grad(const Tensor& g) const {
  if (g.defined() && (g.shape() != shape() || g.dtype() != dtype()))
    fail(ErrorCode::shape_mismatch, "set_grad: ", type_text(g), " for ", type_text(*this), " (they must be alike)");
  if (!g.defined() && !p_->autograd) return;
  eager::meta_of(*this).grad = g;
}

Tensor Tensor::detach() const {
  if (!defined()) return {};
  auto* body = new TensorBody(*p_);
  body->detached = is_captured();
  return Tensor(body);
}

void Tensor::backward() const { backward(Tensor{}); }
void Tensor::backward(const Tensor& gradient, bool retain_graph, bool create_graph) const {
  autograd::backward(std::span(this, 1), gradient.defined() ? std::span(&gradient, 1) : std::span<const Tensor>{},
                     {retain_graph, create_graph});
}

namespace {
std::atomic<int64_t> next_hook{1};
}

int64_t Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) const {
  if (is_captured())
    fail(ErrorCode::unsupported,
         "register_hook: a hook on a tensor of a program that is captured (not_to_static keeps the function as it is)",
         eager::place_text("asked for", eager::current_place()));
  if (!requires_grad())
    fail(ErrorCode::invalid_argument, "register_hook: ", type_text(*this), " needs no gradient (set_requires_grad())");
  AutogradMeta& m = eager::meta_of(*this);
  const int64_t number = next_hook++;
  auto& list = m.node ? m.node->hooks[m.index] : m.hooks;
  list.emplace_back(number, std::move(hook));
  return number;
}

void Tensor::remove_hook(int64_t number) const {
  AutogradMeta* m = eager::find_meta(*this);
  if (!m) return;
  auto& list = m->node ? m->node->hooks[m->index] : m->hooks;
  std::erase_if(list, [&](const auto& h) { return h.first == number; });
}

}  // namespace neve
