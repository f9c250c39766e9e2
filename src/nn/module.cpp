// Module: parameters, buffers and inner modules under names, found by walking.
#include <neve/autograd.h>
#include <neve/functions.h>
#include <neve/module.h>

#include <algorithm>
#include <set>

#include "base/error.h"

namespace neve::nn {

struct Module::Body {
  struct Entry {
    std::string name;
    Tensor tensor;
    bool trained = false, saved = true;
  };
  std::string type;
  std::vector<Entry> tensors;
  std::vector<std::pair<std::string, Module>> children;
  std::vector<std::pair<int64_t, BeforeHook>> before;
  std::vector<std::pair<int64_t, AfterHook>> after;
  int64_t next_hook = 0;
  bool training = true;

  void check_name(const char* call, const std::string& name) const {
    if (name.empty() || name.find('.') != std::string::npos)
      fail(ErrorCode::invalid_argument, call, ": the name is '", name, "' (a word without dots)");
    const bool taken = std::any_of(tensors.begin(), tensors.end(), [&](const Entry& e) { return e.name == name; }) ||
                       std::any_of(children.begin(), children.end(), [&](const auto& c) { return c.first == name; });
    if (taken) fail(ErrorCode::invalid_argument, call, ": '", name, "' is in ", type, " already (another name)");
  }
};

Module::Module(std::string type) : body_(std::make_shared<Body>()) { body_->type = std::move(type); }

void Module::add_child(const std::string& name, const Module& module) const {
  body_->check_name("add", name);
  body_->children.emplace_back(name, module);
}

Tensor Module::add_parameter(const std::string& name, const Tensor& value) {
  body_->check_name("add_parameter", name);
  if (!value.defined())
    fail(ErrorCode::invalid_argument, "add_parameter: '", name, "' is an undefined tensor (a tensor)");
  const Tensor t = value.is_leaf() ? value : value.detach();
  t.set_requires_grad();
  body_->tensors.push_back({name, t, true, true});
  return t;
}

Tensor Module::add_buffer(const std::string& name, const Tensor& value, bool saved) {
  body_->check_name("add_buffer", name);
  if (!value.defined()) fail(ErrorCode::invalid_argument, "add_buffer: '", name, "' is an undefined tensor (a tensor)");
  body_->tensors.push_back({name, value, false, saved});
  return value;
}

const std::string& Module::type() const { return body_->type; }
bool Module::is_training() const { return body_->training; }

void Module::fail_unknown(const std::string& name) const {
  std::string known;
  for (const Body::Entry& e : body_->tensors) known += (known.empty() ? "" : ", ") + e.name;
  for (const auto& [child, m] : body_->children) known += (known.empty() ? "" : ", ") + child;
  fail(ErrorCode::not_found, type(), ": there is no '", name, "' (", known.empty() ? "it is empty" : known, ")");
}

// ---- hooks -------------------------------------------------------------------------------------------------------

int64_t Module::register_forward_pre_hook(BeforeHook hook) const {
  if (!hook) fail(ErrorCode::invalid_argument, "register_forward_pre_hook: the function is empty (a function)");
  body_->before.emplace_back(body_->next_hook, std::move(hook));
  return body_->next_hook++;
}
int64_t Module::register_forward_hook(AfterHook hook) const {
  if (!hook) fail(ErrorCode::invalid_argument, "register_forward_hook: the function is empty (a function)");
  body_->after.emplace_back(body_->next_hook, std::move(hook));
  return body_->next_hook++;
}
void Module::remove_hook(int64_t number) const {
  auto is_it = [&](const auto& h) { return h.first == number; };
  if (std::erase_if(body_->before, is_it) + std::erase_if(body_->after, is_it) == 0)
    fail(ErrorCode::not_found, "remove_hook: ", number, " is no hook of ", type(),
         " (what register_forward_hook returned)");
}
bool Module::has_hooks() const { return !body_->before.empty() || !body_->after.empty(); }
Tensor Module::before_forward(Tensor x) const {
  for (const auto& [number, hook] : std::vector(body_->before))  // a copy: a hook may remove itself
    if (const Tensor changed = hook(*this, x); changed.defined()) x = changed;
  return x;
}
Tensor Module::after_forward(const Tensor& x, Tensor y) const {
  for (const auto& [number, hook] : std::vector(body_->after))
    if (const Tensor changed = hook(*this, x, y); changed.defined()) y = changed;
  return y;
}

// ---- traversal ---------------------------------------------------------------------------------------------------

std::vector<std::pair<std::string, Module>> Module::named_children() const { return body_->children; }

std::vector<std::pair<std::string, Module>> Module::named_modules() const {
  std::vector<std::pair<std::string, Module>> all;
  std::set<const Body*> seen;
  const std::function<void(const std::string&, const Module&)> walk = [&](const std::string& path, const Module& m) {
    if (!seen.insert(m.body_.get()).second) return;
    all.emplace_back(path, m);
    for (const auto& [name, child] : m.body_->children) walk(path.empty() ? name : path + "." + name, child);
  };
  walk("", *this);
  return all;
}

std::vector<std::pair<std::string, Tensor>> Module::named_parameters() const {
  std::vector<std::pair<std::string, Tensor>> all;
  std::set<const TensorBody*> seen;
  for (const auto& [path, m] : named_modules())
    for (const Body::Entry& e : m.body_->tensors)
      if (e.trained && seen.insert(e.tensor.body_pointer()).second)
        all.emplace_back(path.empty() ? e.name : path + "." + e.name, e.tensor);
  return all;
}

std::vector<std::pair<std::string, Tensor>> Module::named_buffers() const {
  std::vector<std::pair<std::string, Tensor>> all;
  for (const auto& [path, m] : named_modules())
    for (const Body::Entry& e : m.body_->tensors)
      if (!e.trained) all.emplace_back(path.empty() ? e.name : path + "." + e.name, e.tensor);
  return all;
}

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> all;
  for (auto& [name, t] : named_parameters()) all.push_back(t);
  return all;
}

// ---- modes -------------------------------------------------------------------------------------------------------

void Module::train(bool on) const {
  for (const auto& [path, m] : named_modules()) m.body_->training = on;
}

void Module::zero_grad() const {
  for (const Tensor& t : parameters()) t.set_grad({});
}

void Module::requires_grad(bool on) const {
  for (const Tensor& t : parameters()) t.set_requires_grad(on);
}

void Module::apply(const std::function<void(const Module&)>& f) const {
  for (const auto& [name, child] : body_->children) child.apply(f);
  f(*this);
}

void Module::to(DType dtype) const {
  if (!is_float(dtype))
    fail(ErrorCode::type_mismatch, "to: dtype is ", to_string(dtype), " (a float dtype: f64, f32, bf16, f16)");
  const NoGrad off;
  for (const auto& [path, m] : named_modules())
    for (const Body::Entry& e : m.body_->tensors) {
      if (!is_float(e.tensor.dtype()) || e.tensor.dtype() == dtype) continue;
      const Tensor made = e.tensor.detach().to(dtype);
      if (e.trained) e.tensor.set_grad({});
      // The handles that members, other modules and optimisers hold go on with the new bytes.
      TensorBody& b = *e.tensor.body_pointer();
      b.dtype = dtype;
      b.storage = made.storage();
      b.offset = made.byte_offset();
      b.strides = made.strides();
    }
}

// ---- state -------------------------------------------------------------------------------------------------------

NamedTensors Module::state_dict() const {
  NamedTensors state;
  const std::function<void(const std::string&, const Module&)> walk = [&](const std::string& path, const Module& m) {
    for (const Body::Entry& e : m.body_->tensors)
      if (e.saved) state.emplace(path + e.name, e.tensor.detach());
    for (const auto& [name, child] : m.body_->children) walk(path + name + ".", child);
  };
  walk("", *this);  // a shared module stands under every name
  return state;
}

namespace {
std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}
}  // namespace

LoadResult Module::load_state_dict(const NamedTensors& state, bool strict) const {
  const NamedTensors own = state_dict();
  LoadResult result;
  for (const auto& [name, t] : own)
    if (!state.contains(name)) result.missing.push_back(name);
  std::string lines;
  for (const auto& [name, t] : state) {
    const auto found = own.find(name);
    if (found == own.end())
      result.unexpected.push_back(name);
    else if (!t.defined() || t.shape() != found->second.shape())
      lines += str("\n  unequal shape: ", name, ": ", t.defined() ? str(t.shape()) : std::string("undefined"),
                   " in the dict, ", found->second.shape(), " in the module");
  }
  std::string names;
  if (strict && !result.missing.empty()) names += "\n  missing: " + joined(result.missing);
  if (strict && !result.unexpected.empty()) names += "\n  unexpected: " + joined(result.unexpected);
  if (!names.empty() || !lines.empty())
    fail(ErrorCode::invalid_argument, "load_state_dict: the dict does not fit ", type(), " (",
         strict && lines.empty() ? "strict = false ignores missing and unexpected names" : "the same names and shapes",
         "):", names, lines);
  const NoGrad off;
  for (const auto& [name, t] : own)
    if (const auto found = state.find(name); found != state.end()) copy_into(t, found->second.detach());
  return result;
}

std::string Module::summary() const {
  struct Row {
    std::string name, count;
  };
  std::vector<Row> rows{{"layer", "parameters"}};
  int64_t total = 0, trained = 0, bytes = 0;
  std::set<const TensorBody*> seen;
  for (const auto& [path, m] : named_modules()) {
    int64_t count = 0;
    for (const Body::Entry& e : m.body_->tensors) {
      if (!e.trained || !seen.insert(e.tensor.body_pointer()).second) continue;
      count += e.tensor.element_count();
      bytes += e.tensor.bytes();
      trained += e.tensor.requires_grad() ? e.tensor.element_count() : 0;
    }
    total += count;
    const size_t depth = path.empty() ? 0 : size_t(std::count(path.begin(), path.end(), '.')) + 1;
    const std::string last = path.empty() ? "" : path.substr(path.rfind('.') + 1) + ": ";
    rows.push_back({std::string(2 * depth, ' ') + last + m.type(), count ? str(count) : std::string("-")});
  }
  size_t wide = 0;
  for (const Row& r : rows) wide = std::max(wide, r.name.size());
  std::string text;
  for (const Row& r : rows) {
    text += r.name + std::string(wide - r.name.size() + 2, ' ') +
            std::string(r.count.size() < 12 ? 12 - r.count.size() : 0, ' ') + r.count + "\n";
    if (&r == rows.data()) text += std::string(wide + 14, '-') + "\n";
  }
  return text + std::string(wide + 14, '-') + "\n" +
         str(total, " parameters (", trained, " trained, ", total - trained, " fixed), ", bytes, " bytes");
}

Tensor Sequential::forward(const Tensor& x) const {
  Tensor y = x;
  for (const auto& step : *steps_) y = step(y);
  return y;
}

}  // namespace neve::nn
