// Makes a graph of what a program does.
#include "capture/capture.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "eager/autograd.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::capture {
namespace {

uint64_t next_id() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1);
}

/// What makes two handles names of one tensor.
std::vector<int64_t> key_of(const Tensor& t) {
  std::vector<int64_t> k{int64_t(reinterpret_cast<intptr_t>(t.storage().get())), t.byte_offset(), int64_t(t.dtype())};
  k.insert(k.end(), t.shape().begin(), t.shape().end());
  k.insert(k.end(), t.strides().begin(), t.strides().end());
  return k;
}

/// Results that share the memory of operand 0 when the op runs at once.
bool shares_memory(const OpDef& op) {
  const std::string_view n = op.info.name;
  return n == "reshape" || n == "squeeze" || n == "unsqueeze" || n == "flatten" || n == "transpose" || n == "slice" ||
         n == "expand" || n == "split" || n == "gather";
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

Capture::Capture() : id_(next_id()) { before_ = eager::set_stager(this); }
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
  if (!graph_.location || to_string(graph_.location) != text) graph_.location = location_from(text);
}

void Capture::note_sources(Value v) {
  bool states = false;
  for (Dim d : graph_.type(v).shape) {
    if (d.is_constant()) continue;
    std::vector<Dim> symbols;
    collect_symbols(d, symbols);
    for (Dim s : symbols) states = stated_.insert(s.as_symbol().id).second || states;
  }
  if (states) sources_.push_back(v);
}

Tensor Capture::wrap(Value v, std::shared_ptr<CapturedValue> base) {
  const TensorType& t = graph_.type(v);
  Sizes shape;
  int64_t count = 1;
  for (Dim d : t.shape) {
    shape.push_back(d.is_constant() ? d.value() : -1);
    count = d.is_constant() && count >= 0 ? count * d.value() : -1;
  }
  auto value = std::make_shared<CapturedValue>();
  value->capture = id_;
  value->value = v;
  if (base) value->base_version = base->version;
  value->base = std::move(base);
  note_sources(v);
  return Tensor::of_captured(t.dtype, shape, count, std::move(value));
}

Tensor Capture::input(const std::string& name, const TensorType& type, const Sizes& example) {
  for (size_t a = 0; a < type.shape.size() && a < example.size(); ++a)
    if (type.shape[a].is_symbol()) examples_.emplace(type.shape[a].as_symbol().id, example[a]);
  return wrap(graph_.add_input(name, type));
}

void Capture::name(const Tensor& t, const std::string& name) {
  if (t.defined() && !t.is_captured()) names_.emplace(key_of(t), name);
}

Capture::Lifted& Capture::lift(const Tensor& t) {
  const std::vector<int64_t> key = key_of(t);
  const auto it = lifted_.find(key);
  if (it != lifted_.end()) return it->second;
  for (const auto& [other, l] : lifted_)
    if (other[0] == key[0] && l.changed)
      fail(ErrorCode::unsupported, "capture: ", type_text(t), " shares its memory with '", l.name,
           "', which the program changed in place (use one of the two, or clone() it)");
  Lifted l;
  l.tensor = t;
  l.version = t.storage()->version();
  const auto named = names_.find(key);
  l.name = named != names_.end() ? named->second : str("captured.", lifted_.size());
  l.weight = is_float(t.dtype()) && t.rank() >= 1 && t.element_count() > 1;
  l.buffer = !l.weight && named != names_.end();
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
  l.now = l.first;
  return lifted_.emplace(key, std::move(l)).first->second;
}

Value Capture::value_of(const Tensor& t) {
  if (!t.defined()) return {};
  if (!t.is_captured()) return lift(t).now;
  const CapturedValue& c = *t.body_pointer()->captured;
  if (c.capture != id_)
    fail(ErrorCode::unsupported, "capture: a tensor of another capture is used (return it from there, or pass it in)");
  if (c.base && c.base->version != c.base_version)
    fail(ErrorCode::unsupported, "capture: ", describe(t),
         " shares memory with a tensor that was changed in place after it was taken (take it again, or clone() it "
         "first)",
         here().empty() ? "" : "\n  at " + here());
  return c.value;
}

std::vector<Tensor> Capture::call(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  locate();
  Values operands;
  for (const Tensor& t : in) operands.push_back(value_of(t));
  if (op.info.regions) fail(ErrorCode::internal, "internal: capture: ", op.info.name, " has regions");
  Values out;
  try {
    out = graph_.emit(op, attrs, operands);
  } catch (const Error& e) {
    const std::string at = here();
    throw at.empty() || e.message().find(at) != std::string::npos ? e : e.with("  at " + at);
  }
  std::shared_ptr<CapturedValue> base;
  if (shares_memory(op) && !in.empty() && in[0].is_captured()) base = in[0].body_pointer()->captured;
  std::vector<Tensor> results;
  for (Value v : out) results.push_back(v.valid() ? wrap(v, base) : Tensor{});
  return results;
}

// A value in the place of one of another type: equal by proof or by what the graph then requires.
Value Capture::equal_types(Value v, const TensorType& as, const char* op) {
  const TensorType& t = graph_.type(v);
  if (t.dtype != as.dtype || t.rank() != as.rank())
    fail(ErrorCode::shape_mismatch, op, ": ", t, " in the place of ", as,
         " (an operation in place cannot change the type)");
  for (size_t a = 0; a < as.shape.size(); ++a) {
    const Proof p = equal(t.shape[a], as.shape[a]);
    if (p == Proof::no)
      fail(ErrorCode::shape_mismatch, op, ": ", t, " in the place of ", as,
           " (an operation in place cannot change the shape)");
    if (p == Proof::unknown)
      graph_.add_constraint({Constraint::equal, t.shape[a], as.shape[a], str(op, " in place: axis ", a)});
  }
  return v;
}

void Capture::assign(const Tensor& x, const Tensor& value, const char* op) {
  locate();
  const Value v = value_of(value);
  if (x.is_captured()) {
    value_of(x);
    CapturedValue& c = *x.body_pointer()->captured;
    if (c.base)
      fail(ErrorCode::unsupported, op, ": ", describe(x),
           " is a view of another tensor; changing it in place is not captured (assign through the tensor itself, "
           "x[...] = ..., or work on a clone())",
           here().empty() ? "" : "\n  at " + here());
    c.value = equal_types(v, graph_.type(c.value), op);
    ++c.version;
    return;
  }
  const bool before = lifted_.count(key_of(x)) > 0;
  Lifted& l = lift(x);
  if (before && !l.weight && !l.buffer)
    fail(
        ErrorCode::unsupported, op, ": ", type_text(x),
        " was used as a constant of the program before it is changed in place (make it a buffer of a module, or return "
        "its new value)",
        here().empty() ? "" : "\n  at " + here());
  for (const auto& [key, other] : lifted_)
    if (&other != &l && other.tensor.storage() == x.storage())
      fail(ErrorCode::unsupported, op, ": ", type_text(x), " shares its memory with '", other.name,
           "', which the program uses too (clone() one of them)");
  l.now = equal_types(v, type_of(l.tensor), op);
  l.changed = true;
}

TensorType Capture::type(const Tensor& t) {
  return t.is_captured() ? graph_.type(t.body_pointer()->captured->value) : type_of(t);
}

std::string Capture::describe(const Tensor& t) {
  if (!t.is_captured()) {
    const auto named = names_.find(key_of(t));
    return named == names_.end() ? type_text(t) : str("'", named->second, "', ", type_text(t));
  }
  const CapturedValue& c = *t.body_pointer()->captured;
  if (c.capture != id_) return "a tensor of another capture";
  return to_string(graph_.type(c.value));
}

Tensor Capture::dims(std::span<const Dim> d) {
  locate();
  return wrap(graph_.dims(d, sources_));
}
Tensor Capture::dim(Dim d) {
  locate();
  const Value v = graph_.dims(std::span(&d, 1), sources_);
  const int64_t zero = 0;
  return wrap(graph_.call("gather", {v, graph_.constant(Tensor::of_ints(DType::i64, {}, std::span(&zero, 1)))},
                          {{"axis", int64_t(0)}}));
}

bool Capture::decide(Constraint::Kind relation, Dim a, Dim b) {
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
  const bool holds = relation == Constraint::equal      ? x == y
                     : relation == Constraint::at_least ? x >= y
                     : relation == Constraint::divides  ? y != 0 && x % y == 0
                                                        : x == y || x == 1 || y == 1;
  Constraint c{relation, a, b, ""};
  if (!holds) {
    if (relation == Constraint::divides || relation == Constraint::broadcastable) {
      c = {Constraint::equal, mod(a, b), Dim(x % y), ""};
    } else if (x < y) {
      c = {Constraint::at_least, b, a + 1, ""};
    } else {
      c = {Constraint::at_least, a, b + 1, ""};
    }
  }
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

Tensor Capture::constant(const Tensor& t) {
  locate();
  return wrap(graph_.constant(copy_of(t)));
}

Tensor Capture::evaluated(Value v) {
  if (const auto it = evaluated_.find(v.id); it != evaluated_.end()) return it->second;
  Tensor& result = evaluated_[v.id];
  if (const Tensor* c = graph_.constant_of(v)) return result = *c;
  const TensorType& t = graph_.type(v);
  if (const Facts f = graph_.facts(v); f.known && is_constant(f.content) && is_int(t.dtype)) {
    std::vector<int64_t> numbers;
    for (Dim d : f.content) numbers.push_back(d.value());
    Sizes shape;
    if (t.rank()) shape.push_back(int64_t(numbers.size()));
    return evaluated_[v.id] = Tensor::of_ints(t.dtype, shape, numbers);
  }
  const ir::Node* n = graph_.def(v);
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
  return evaluated_[v.id] = out[graph_.result_index(v)];
}

Tensor Capture::known(const Tensor& t) { return evaluated(value_of(t)); }

Program Capture::finish(std::span<const Tensor> outputs, std::span<const std::string> names) {
  Program p;
  for (size_t k = 0; k < outputs.size(); ++k) {
    Value v = value_of(outputs[k]);
    const bool direct = !graph_.def(v) || graph_.is_weight(v) || graph_.constant_of(v) || graph_.is_output(v);
    if (direct) v = graph_.call("identity", {v});
    graph_.add_output(names[k], v);
  }
  ended_ = true;
  eager::set_stager(before_);
  p.weights = std::make_shared<ir::Weights>();
  for (auto& [key, l] : lifted_) {
    if (l.changed) continue;
    if (l.weight) p.weights->emplace(l.name, l.tensor.contiguous().detach());
    p.seen.push_back({l.tensor, l.weight ? l.name : "", l.version});
    if (!l.buffer) continue;
    graph_.insert_before(graph_.first());
    graph_.replace(l.first, graph_.constant(copy_of(l.tensor)));
    graph_.insert_before(nullptr);
    const auto& inputs = graph_.inputs();
    graph_.remove_input(size_t(std::find(inputs.begin(), inputs.end(), l.first) - inputs.begin()));
  }
  for (auto& [key, l] : lifted_) {
    if (!l.changed) continue;
    const auto& inputs = graph_.inputs();
    auto at = std::find(inputs.begin(), inputs.end(), l.first);
    Value in = l.first;
    if (at == inputs.end()) {
      in = graph_.add_input("state." + l.name, type_of(l.tensor));
      graph_.replace(l.first, in);
      at = inputs.end() - 1;
    }
    const Value now = l.now == l.first ? in : l.now;
    p.states.push_back({l.tensor, l.name, size_t(at - inputs.begin()), graph_.outputs().size()});
    graph_.add_output("state." + l.name, graph_.def(now) ? now : graph_.call("identity", {now}));
  }
  graph_.erase_dead();
  p.graph = std::move(graph_);
  p.guards = std::move(guards_);
  return p;
}

}  // namespace neve::capture
