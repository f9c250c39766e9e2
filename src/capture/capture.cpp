// Makes a graph of what a program does.
#include "capture/capture.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "capture/keys.h"
#include "core/dim_linear.h"
#include "eager/autograd.h"
#include "ir/prune.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::capture {
uint64_t next_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

namespace {

/// Results that share the memory of operand 0 when the op runs at once.
bool shares_memory(const OpDef& op) {
  const std::string_view n = op.info.name;
  return n == "reshape" || n == "squeeze" || n == "unsqueeze" || n == "flatten" || n == "transpose" || n == "slice" ||
         n == "expand" || n == "split";
}

ir::LocationRef location_from(const std::string& text) {
  if (text.empty()) return nullptr;
  auto l = std::make_shared<ir::Location>();
  const size_t colon = text.rfind(':');
  l->file = text.substr(0, colon);
  if (colon != text.npos) std::from_chars(text.data() + colon + 1, text.data() + text.size(), l->line);
  return l;
}

/// A copy of bytes, which is no operation of the program.
Tensor copy_of(const Tensor& t) {
  struct Pause {
    bool was = std::exchange(capturing, false);
    ~Pause() { capturing = was; }
  } pause;
  return Tensor::view(t.storage(), t.dtype(), t.shape(), t.strides(), t.byte_offset()).clone();
}

}  // namespace

std::string here() {
  const std::string text = eager::place_text("", eager::current_place());
  const size_t at = text.find("at ");
  return at == text.npos ? "" : text.substr(at + 3);
}

Capture::Capture() : id_(next_id()), records_(is_grad_enabled()) {
  frames_.emplace_back();
  frames_[0].serial = next_id();
  frames_[0].graph = &graph_;
  before_ = eager::set_stager(this);
}
Capture::~Capture() {
  if (!ended_) eager::set_stager(before_);
}

Capture* current_or_null() { return dynamic_cast<Capture*>(eager::stager()); }
Capture& current(const char* call) {
  Capture* c = current_or_null();
  if (!c) fail(ErrorCode::invalid_argument, call, ": nothing is being captured in this thread");
  return *c;
}

void Capture::locate() {
  const std::string text = here();
  ir::Graph& g = graph();
  if (!g.location || to_string(g.location) != text) g.location = location_from(text);
}

void Capture::note_sources(size_t frame, Value v) {
  Frame& f = frames_[frame];
  bool states = false;
  for (Dim d : f.graph->type(v).shape) {
    std::vector<Dim> symbols;
    collect_symbols(d, symbols);
    bool all = true;
    for (Dim s : symbols) {
      if (linear_in(d, s)) states = f.stated.insert(s.as_symbol().id).second || states;
      all = all && f.stated.count(s.as_symbol().id);
    }
    if (all || std::find(f.composite.begin(), f.composite.end(), d) != f.composite.end()) continue;
    f.composite.push_back(d);
    states = true;
  }
  if (states) f.sources.push_back(v);
}

// Sizes that only a frame below states are taken from there.
void Capture::require_sources(std::span<const Dim> dims) {
  // Takes the first value of a frame below that has an axis for which `fits` holds.
  const auto take = [&](FunctionRef<bool(Dim)> fits) {
    for (size_t k = frames_.size() - 1; k-- > 0;)
      for (Value v : std::vector<Value>(frames_[k].sources)) {
        const Shape& shape = frames_[k].graph->type(v).shape;
        if (std::none_of(shape.begin(), shape.end(), fits)) continue;
        CapturedValue c;
        c.frame = frames_[k].serial;
        c.value = v;
        value_in(c, frames_.size() - 1);
        return true;
      }
    return false;
  };
  for (Dim d : dims) {
    if (std::find(top().composite.begin(), top().composite.end(), d) != top().composite.end()) continue;
    std::vector<Dim> symbols;
    collect_symbols(d, symbols);
    for (Dim s : symbols) {
      if (top().stated.count(s.as_symbol().id)) continue;
      if (take([&](Dim axis) { return linear_in(axis, s).has_value(); })) continue;
      if (take([&](Dim axis) { return axis == d; })) break;
      take([&](Dim axis) { return depends_on(axis, s.as_symbol()); });
    }
  }
}

Tensor Capture::wrap(Value v, std::shared_ptr<CapturedValue> base) {
  const TensorType& t = graph().type(v);
  Sizes shape;
  int64_t count = 1;
  for (Dim d : t.shape) {
    shape.push_back(d.is_constant() ? d.value() : -1);
    count = d.is_constant() && count >= 0 ? count * d.value() : -1;
  }
  auto value = std::make_shared<CapturedValue>();
  value->capture = id_;
  value->frame = value->born = top().serial;
  value->value = v;
  if (base) value->base_version = base->version;
  value->base = std::move(base);
  note_sources(frames_.size() - 1, v);
  return Tensor::of_captured(t.dtype, shape, count, std::move(value));
}

// A value of the frame below as one of this frame.
Value Capture::import(size_t frame, Value below) {
  Frame &f = frames_[frame], &outer = frames_[frame - 1];
  const auto key = std::pair(outer.serial, below.id);
  if (const auto it = f.in.find(key); it != f.in.end()) return it->second;
  Value v;
  if (const Tensor* c = outer.graph->constant_of(below)) {
    v = f.graph->constant(*c);
  } else {
    v = f.graph->add_input("", outer.graph->type(below), outer.graph->facts(below));
    f.taken.push_back(below);
  }
  f.in.emplace(key, v);
  note_sources(frame, v);
  return v;
}

Value Capture::value_in(const CapturedValue& c, size_t frame) {
  size_t k = 0;
  while (k < frames_.size() && frames_[k].serial != c.frame) ++k;
  if (k == frames_.size())
    fail(ErrorCode::unsupported,
         "capture: a tensor that was made inside a branch or a loop is used outside of it (assign it to a variable of "
         "the function, which the branch or loop then hands on)",
         here().empty() ? "" : "\n  at " + here());
  Value v = c.value;
  for (; k < frame; ++k) v = import(k + 1, v);
  return v;
}

Tensor Capture::input(const std::string& name, const TensorType& type, const Sizes& example) {
  for (size_t a = 0; a < type.shape.size() && a < example.size(); ++a)
    if (type.shape[a].is_symbol()) examples_.emplace(type.shape[a].as_symbol().id, example[a]);
  check(depth() == 0, "capture: an input inside a region");
  Tensor t = wrap(graph_.add_input(name, type));
  inputs_.push_back(t.body_pointer()->captured);
  if (graph_.inputs().size() == arguments_ + 1) ++arguments_;  // until the first buffer or key
  return t;
}

void Capture::name(const Tensor& t, const std::string& name) {
  if (!t.defined() || t.is_captured()) return;
  const auto [it, made] = names_.emplace(key_of(t), std::pair(name, t));
  if (!made) return;
  for (int n = 2; !names_taken_.insert(it->second.first).second; ++n) it->second.first = str(name, ".", n);
}

Capture::Lifted& Capture::lift(const Tensor& t) {
  const std::vector<int64_t> key = key_of(t);
  const auto it = lifted_at_.find(key);
  if (it != lifted_at_.end()) return *it->second;
  if (changed_count_)
    for (const Lifted& l : lifted_)
      if (l.changed && l.tensor.storage() == t.storage())
        fail(ErrorCode::unsupported, "capture: ", type_text(t), " shares its memory with '", l.name,
             "', which the program changed in place (use one of the two, or clone() it)");
  Lifted l;
  const auto named = names_.find(key);
  l.tensor = named != names_.end() ? named->second.second : t;
  l.version = t.storage()->version();
  if (named != names_.end()) l.name = named->second.first;
  for (size_t n = lifted_.size(); l.name.empty(); ++n)
    if (const std::string free = str("captured.", n); names_taken_.insert(free).second) l.name = free;
  l.weight = is_float(t.dtype()) && ((t.rank() >= 1 && t.element_count() > 1) || l.tensor.requires_grad());
  l.buffer = !l.weight && named != names_.end();
  // At the very top of the graph, whatever region asks first.
  ir::Node* const at = graph_.insertion_point();
  if (l.weight) {
    std::vector<int64_t> shape(t.shape().begin(), t.shape().end());
    l.first =
        graph_.call("weight", std::span<const Value>(), {{"name", l.name}, {"dtype", t.dtype()}, {"shape", shape}});
    graph_.set_name(l.first, l.name);
  } else if (l.buffer) {
    l.first = graph_.add_input("state." + l.name, type_of(t));
  } else {
    l.first = graph_.constant(copy_of(t));
  }
  graph_.insert_before(at);
  l.now = std::make_shared<CapturedValue>();
  l.now->capture = id_;
  l.now->frame = l.now->born = frames_[0].serial;
  l.now->value = l.first;
  note_sources(0, l.first);
  lifted_.push_back(std::move(l));
  return *lifted_at_.emplace(key, &lifted_.back()).first->second;
}

Value Capture::value_of(const Tensor& t) {
  if (!t.defined()) return {};
  if (!t.is_captured()) {
    Lifted& l = lift(t);
    const Value v = value_in(*l.now, frames_.size() - 1);
    if (!l.weight || t.requires_grad() == l.tensor.requires_grad()) return v;
    if (!t.requires_grad()) return stop_gradient(v);  // detached, of one that asks for gradients
    l.tensor = t;
    return v;
  }
  const CapturedValue& c = *t.body_pointer()->captured;
  if (c.capture != id_)
    fail(ErrorCode::unsupported, "capture: a tensor of another capture is used (return it from there, or pass it in)");
  std::shared_ptr<CapturedValue> root = t.body_pointer()->captured;
  while (root->base) root = root->base;
  if (!root->may_show.empty()) refresh_shown(handle_of(root));
  if (is_stale(c)) refresh(t);
  const Value v = value_in(c, frames_.size() - 1);
  return t.body_pointer()->detached ? stop_gradient(v) : v;
}

// Where the program takes what follows out of gradients.
Value Capture::stop_gradient(Value v) {
  if (!is_float(graph().dtype(v))) return v;
  return graph().call("stop_gradient", {v});
}

std::vector<Tensor> Capture::call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  return call(op, attrs, in, shares_memory(op));
}

Tensor Capture::view(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  return call(op, attrs, in, true)[0];
}

std::vector<Tensor> Capture::call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, bool view) {
  locate();
  Values operands;
  for (const Tensor& t : in) operands.push_back(value_of(t));
  if (op.info.regions) fail(ErrorCode::internal, "internal: capture: ", op.info.name, " has regions");
  Values out;
  try {
    out = graph().emit(op, attrs, operands);
  } catch (const Error& e) {
    const std::string at = here();
    throw at.empty() || e.message().find(at) != std::string::npos ? e : e.with("  at " + at);
  }
  if (records_ && !is_grad_enabled())
    for (Value& v : out)
      if (v.valid()) v = stop_gradient(v);
  std::shared_ptr<CapturedValue> base;
  if (view && !in.empty() && in[0].is_captured()) base = in[0].body_pointer()->captured;
  std::vector<Tensor> results;
  for (Value v : out) {
    results.push_back(v.valid() ? wrap(v, base) : Tensor{});
    if (!base || !v.valid()) continue;
    CapturedValue& c = *results.back().body_pointer()->captured;
    c.view = &op;
    c.attrs = attrs;
    c.others.assign(in.begin() + 1, in.end());
  }
  return results;
}

// Of a view it is a copy or the view itself, as its memory happens to be: no view that could be written through.
Tensor Capture::contiguous(const Tensor& t) {
  const Value v = value_of(t);
  const std::shared_ptr<CapturedValue> c = t.body_pointer()->captured;
  return c->base ? wrap(graph().call("identity", {v}), c) : t;
}

TensorType Capture::type(const Tensor& t) { return t.is_captured() ? graph().type(value_of(t)) : type_of(t); }

std::string Capture::describe(const Tensor& t) {
  if (!t.is_captured()) {
    const auto named = names_.find(key_of(t));
    return named == names_.end() ? type_text(t) : str("'", named->second.first, "', ", type_text(t));
  }
  const CapturedValue& c = *t.body_pointer()->captured;
  if (c.capture != id_) return "a tensor of another capture";
  for (const Frame& f : frames_)
    if (f.serial == c.frame) return to_string(f.graph->type(c.value));
  return "a tensor of a branch or loop that has ended";
}

Tensor Capture::dims(std::span<const Dim> d) {
  locate();
  require_sources(d);
  return wrap(graph().dims(d, top().sources));
}
Tensor Capture::dim(Dim d) {
  const Tensor v = dims(std::span(&d, 1));
  const int64_t zero = 0;
  return wrap(graph().call("gather",
                           {value_of(v), graph().constant(Tensor::of_ints(DType::i64, {}, std::span(&zero, 1)))},
                           {{"axis", int64_t(0)}}));
}

bool Capture::decide(Constraint::Kind relation, Dim a, Dim b) {
  check(relation == Constraint::equal || relation == Constraint::at_least, "capture: a relation of another kind");
  const Proof p = prove({relation, a, b, ""});
  if (p != Proof::unknown) return p == Proof::yes;
  const std::string at = here();
  auto value = [&](Dim d) {
    return evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> {
      const auto it = examples_.find(s.id);
      if (it != examples_.end()) return it->second;
      fail(ErrorCode::unsupported, "capture: the program decides by the size ", d, ", and ", s.name,
           " is known only while it runs", at.empty() ? "" : "\n  at " + at);
    });
  };
  const int64_t x = value(a), y = value(b);
  const bool holds = relation == Constraint::equal ? x == y : x >= y;
  Constraint c = holds   ? Constraint{relation, a, b, ""}
                 : x < y ? Constraint{Constraint::at_least, b, a + 1, ""}
                         : Constraint{Constraint::at_least, a, b + 1, ""};
  c.reason = str("captured for sizes where ", to_string(c), at.empty() ? "" : ", decided at " + at);
  for (const Guard& g : guards_)
    if (g.relation.kind == c.kind && g.relation.a == c.a && g.relation.b == c.b) return holds;
  guards_.push_back({c, at});
  graph_.add_constraint(c);
  return holds;
}

int64_t Capture::number(Dim d) {
  if (d.is_constant()) return d.value();
  const std::string at = here();
  const int64_t n = evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> {
    const auto it = examples_.find(s.id);
    if (it != examples_.end()) return it->second;
    fail(ErrorCode::unsupported, "capture: the size ", d, " is used as a number, and ", s.name,
         " is known only while the program runs", at.empty() ? "" : "\n  at " + at);
  });
  decide(Constraint::equal, d, n);
  return n;
}

void Capture::require(const Constraint& c) {
  const std::string at = here();
  Proof p = prove(c);
  if (p == Proof::yes) return;
  const bool by_examples = has_example(c.a) && has_example(c.b);
  if (by_examples) {
    const auto example = [&](const Symbol& s) -> std::optional<int64_t> { return examples_.at(s.id); };
    p = prove({c.kind, evaluate(c.a, example), evaluate(c.b, example), ""});
  }
  if (p == Proof::no)
    fail(ErrorCode::shape_mismatch, c.reason, ": it must be that ", to_string(c), " (sizes for which that holds)",
         at.empty() ? "" : "\n  at " + at);
  if (!by_examples) return graph().add_constraint(c);  // checked while it runs
  for (const Guard& g : guards_)
    if (g.relation.kind == c.kind && g.relation.a == c.a && g.relation.b == c.b) return;
  guards_.push_back({c, at});
  graph_.add_constraint(c);
}

std::vector<Tensor> Capture::emit(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in,
                                  std::span<const RegionFn> regions) {
  locate();
  Values operands;
  for (const Tensor& t : in) operands.push_back(value_of(t));
  std::vector<Tensor> results;
  for (Value v : graph().emit(op, attrs, operands, regions)) results.push_back(wrap(v));
  return results;
}

std::pair<Tensor, Tensor> Capture::draw(int64_t count) {
  if (depth() > 0)
    fail(ErrorCode::unsupported,
         "capture: random numbers inside a branch or a loop over tensors (each pass would draw the same; draw them "
         "before it)");
  if (!random_.first.defined())
    random_ = {input("random.0.key", {DType::i64, {1}}, {1}), input("random.0.counter", {DType::i64, {1}}, {1})};
  const Tensor before = Tensor::of_ints(DType::i64, {1}, std::span<const int64_t>(&draws_, 1));
  const Tensor counter = draws_ ? eager::call1("add", {random_.second, constant(before)}) : random_.second;
  draws_ += count;
  return {random_.first, counter};
}

Tensor Capture::constant(const Tensor& t) {
  locate();
  return wrap(graph().constant(copy_of(t)));
}

Tensor Capture::evaluated(Value v) {
  std::map<uint32_t, Tensor>& kept = top().evaluated;
  if (const auto it = kept.find(v.id); it != kept.end()) return it->second;
  Tensor& result = kept[v.id];
  ir::Graph& g = graph();
  if (const Tensor* c = g.constant_of(v)) return result = *c;
  const TensorType& t = g.type(v);
  if (const Facts f = g.facts(v); f.known && is_constant(f.content) && is_int(t.dtype)) {
    std::vector<int64_t> numbers;
    for (Dim d : f.content) numbers.push_back(d.value());
    Sizes shape;
    if (t.rank()) shape.push_back(int64_t(numbers.size()));
    return kept[v.id] = Tensor::of_ints(t.dtype, shape, numbers);
  }
  const ir::Node* n = g.def(v);
  if (!n || n->is("weight") || n->op->info.random || !n->regions.empty() || !is_constant(t.shape)) return {};
  int64_t count = 1;
  for (Dim d : t.shape) count *= d.value();
  if (count > 65536) return {};
  std::vector<Tensor> in;
  for (Value x : n->in) {
    in.push_back(x.valid() ? evaluated(x) : Tensor{});
    if (x.valid() && !in.back().defined()) return {};
  }
  struct Pause {
    bool was = std::exchange(capturing, false);
    ~Pause() { capturing = was; }
  } pause;
  for (Tensor& x : in)
    if (x.defined()) x = x.contiguous();
  const std::vector<Tensor> out = evaluate(*n->op, n->attrs, in);
  return kept[v.id] = out[g.result_index(v)];
}

Tensor Capture::known(const Tensor& t) { return evaluated(value_of(t)); }

std::vector<TensorType> Capture::input_types() const {
  std::vector<TensorType> types;
  for (size_t i = 0; i < arguments_; ++i) types.push_back(graph_.type(graph_.inputs()[i]));
  return types;
}

bool Capture::has_example(Dim d) const {
  std::vector<Dim> symbols;
  collect_symbols(d, symbols);
  return std::all_of(symbols.begin(), symbols.end(), [&](Dim s) { return examples_.count(s.as_symbol().id) > 0; });
}

bool Capture::is_stated(Dim d) const {
  std::vector<Dim> symbols;
  collect_symbols(d, symbols);
  const auto any = [&](auto&& of) { return std::any_of(frames_.begin(), frames_.end(), of); };
  return any([&](const Frame& f) {
           return std::find(f.composite.begin(), f.composite.end(), d) != f.composite.end();
         }) ||
         std::all_of(symbols.begin(), symbols.end(),
                     [&](Dim s) { return any([&](const Frame& f) { return f.stated.count(s.as_symbol().id) > 0; }); });
}

Program Capture::finish(std::span<const Tensor> outputs, std::span<const std::string> names) {
  Program p;
  for (size_t k = 0; k < outputs.size(); ++k) {
    Value v = value_of(outputs[k]);
    const bool direct = !graph_.def(v) || graph_.is_weight(v) || graph_.constant_of(v) || graph_.is_output(v);
    if (direct) v = graph_.call("identity", {v});
    graph_.add_output(names[k], v);
  }
  p.first_changed = graph_.outputs().size();
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i]->version == 0) continue;
    p.changed_inputs.push_back(i);
    graph_.add_output(str("changed.", i), graph_.call("identity", {value_in(*inputs_[i], 0)}));
  }
  ended_ = true;
  eager::set_stager(before_);
  p.weights = std::make_shared<ir::Weights>();
  for (Lifted& l : lifted_) {
    if (l.changed) continue;
    if (l.weight)
      check(p.weights->emplace(l.name, l.tensor.contiguous().detach()).second, "capture: two weights are called '",
            l.name, "'");
    p.seen.push_back({l.tensor, l.weight ? l.name : "", l.version});
    if (!l.buffer) continue;
    graph_.insert_before(graph_.first());
    graph_.replace(l.first, graph_.constant(copy_of(l.tensor)));
    graph_.insert_before(nullptr);
    const auto& inputs = graph_.inputs();
    graph_.remove_input(size_t(std::find(inputs.begin(), inputs.end(), l.first) - inputs.begin()));
  }
  for (Lifted& l : lifted_) {
    if (!l.changed) continue;
    const auto& inputs = graph_.inputs();
    auto at = std::find(inputs.begin(), inputs.end(), l.first);
    Value in = l.first;
    if (at == inputs.end()) {
      in = graph_.add_input("state." + l.name, type_of(l.tensor));
      graph_.replace(l.first, in);
      at = inputs.end() - 1;
    }
    const Value now = l.now->value == l.first ? in : l.now->value;
    p.states.push_back({l.tensor, l.name, size_t(at - inputs.begin()), graph_.outputs().size()});
    graph_.add_output("state." + l.name, graph_.def(now) ? now : graph_.call("identity", {now}));
  }
  graph_.erase_dead();
  if (ir::prune_regions(graph_)) graph_.erase_dead();
  p.graph = std::move(graph_);
  p.guards = std::move(guards_);
  return p;
}

}  // namespace neve::capture
