// Optimisers over the fused updates of eager/optimise.h, and schedules.
#include <neve/autograd.h>
#include <neve/functions.h>
#include <neve/optim.h>

#include <cmath>
#include <numbers>
#include <set>

#include "base/error.h"
#include "eager/optimise.h"

namespace neve::optim {

struct Optimizer::Batch {
  int64_t step = 1;
  std::vector<eager::Updated> parameters;
};

Optimizer::Optimizer(const char* name, std::vector<const char*> state_names)
    : name_(name), state_names_(std::move(state_names)) {}
Optimizer::~Optimizer() = default;
Optimizer::Optimizer(Optimizer&&) noexcept = default;
Optimizer& Optimizer::operator=(Optimizer&&) noexcept = default;

namespace {
void check_rate(const char* call, double lr) {
  if (!(lr >= 0)) fail(ErrorCode::invalid_argument, call, ": lr is ", lr, " (0 or more)");
}
}  // namespace

void Optimizer::add(const std::vector<Tensor>& parameters, double lr) {
  if (parameters.empty())
    fail(ErrorCode::invalid_argument, name_, ": there are no parameters (at least one: net.parameters())");
  check_rate(name_, lr);
  std::set<const TensorBody*> known;
  for (const Group& g : groups_)
    for (const Tensor& p : g.parameters) known.insert(p.body_pointer());
  for (const Tensor& p : parameters) {
    if (!p.defined()) fail(ErrorCode::invalid_argument, name_, ": a parameter is an undefined tensor (a tensor)");
    if (!p.is_leaf())
      fail(ErrorCode::invalid_argument, name_, ": a parameter ", type_text(p),
           " was computed from others (a leaf: a module's parameter, or detach())");
    if (!known.insert(p.body_pointer()).second)
      fail(ErrorCode::invalid_argument, name_, ": a parameter ", type_text(p),
           " is in two groups, or twice in one (once)");
  }
  groups_.push_back({parameters, std::vector<State>(parameters.size()), lr});
}

std::vector<Tensor> Optimizer::parameters() const {
  std::vector<Tensor> all;
  for (const Group& g : groups_) all.insert(all.end(), g.parameters.begin(), g.parameters.end());
  return all;
}
size_t Optimizer::groups() const { return groups_.size(); }
double Optimizer::lr(size_t group) const { return groups_.at(group).lr; }
void Optimizer::set_lr(size_t group, double lr) {
  check_rate(name_, lr);
  groups_.at(group).lr = lr;
}
void Optimizer::set_lr(double lr) {
  for (size_t g = 0; g < groups_.size(); ++g) set_lr(g, lr);
}

void Optimizer::zero_grad() {
  for (const Group& g : groups_)
    for (const Tensor& p : g.parameters) p.set_grad({});
}

void Optimizer::step() {
  const NoGrad off;
  for (size_t g = 0; g < groups_.size(); ++g) update_group(g);
}

void Optimizer::update_group(size_t at) {
  Group& group = groups_[at];
  std::map<int64_t, Batch> batches;
  std::vector<std::pair<Tensor, Tensor>> low;  // parameter, its copy in f32
  const int want = wanted(at);
  for (size_t i = 0; i < group.parameters.size(); ++i) {
    Tensor p = group.parameters[i].detach(), g = group.parameters[i].grad();
    if (!g.defined()) continue;
    State& s = group.states[i];
    if (p.dtype() == DType::f16 || p.dtype() == DType::bf16) {
      if (!s.master.defined()) s.master = p.to(DType::f32);
      low.emplace_back(p, s.master);
      p = s.master;
      g = g.to(DType::f32);
    }
    for (const auto& [bit, t] : {std::pair(1, &s.first), std::pair(2, &s.second), std::pair(4, &s.third)})
      if ((want & bit) && (!t->defined() || t->dtype() != p.dtype())) *t = full(p.shape(), initial(at), p.dtype());
    Batch& b = batches[++s.step];
    b.parameters.push_back({p, g.detach().contiguous(), want & 1 ? s.first : Tensor(), want & 2 ? s.second : Tensor(),
                            want & 4 ? s.third : Tensor()});
  }
  for (auto& [step, b] : batches) {
    b.step = step;
    update(at, group.lr, b);
  }
  for (const auto& [p, master] : low) copy_into(p, master);
}

NamedTensors Optimizer::state_dict() const {
  NamedTensors state;
  size_t at = 0;
  for (const Group& g : groups_)
    for (const State& s : g.states) {
      const std::string prefix = str(at++, ".");
      if (!s.step) continue;
      state[prefix + "step"] = Tensor::scalar_int(DType::i64, s.step);
      const Tensor* kept[] = {&s.first, &s.second, &s.third};
      for (size_t k = 0; k < state_names_.size(); ++k)
        if (kept[k]->defined()) state[prefix + state_names_[k]] = *kept[k];
      if (s.master.defined()) state[prefix + "master"] = s.master;
    }
  return state;
}

void Optimizer::load_state_dict(const NamedTensors& state) {
  std::vector<std::vector<State>> made;
  size_t at = 0, used = 0;
  for (const Group& g : groups_) {
    made.emplace_back();
    for (const Tensor& p : g.parameters) {
      const std::string prefix = str(at++, ".");
      State s;
      auto take = [&](const std::string& name, Tensor& to) {
        const auto found = state.find(prefix + name);
        if (found == state.end()) return;
        ++used;
        if (found->second.shape() != p.shape())
          fail(ErrorCode::shape_mismatch, name_, ": load_state_dict: '", prefix, name, "' is ",
               type_text(found->second), " and the parameter ", type_text(p), " (one shape)");
        to = found->second.detach().clone();
      };
      if (const auto found = state.find(prefix + "step"); found != state.end()) {
        s.step = found->second.item_int();
        ++used;
      }
      Tensor* kept[] = {&s.first, &s.second, &s.third};
      for (size_t k = 0; k < state_names_.size(); ++k) take(state_names_[k], *kept[k]);
      take("master", s.master);
      made.back().push_back(std::move(s));
    }
  }
  if (used != state.size())
    fail(ErrorCode::not_found, name_, ": load_state_dict: the state has ", state.size(), " tensors, of which ", used,
         " belong to the ", at, " parameters (the state of the same optimiser and parameters)");
  for (size_t g = 0; g < groups_.size(); ++g) groups_[g].states = std::move(made[g]);
}

// ---- optimisers --------------------------------------------------------------------------------------------------

SGD::SGD(const std::vector<Tensor>& parameters, const SGDOptions& o) : Optimizer("SGD", {"momentum_buffer"}) {
  add_group(parameters, o);
}
void SGD::add_group(const std::vector<Tensor>& parameters, const SGDOptions& o) {
  if (o.nesterov && (o.momentum <= 0 || o.dampening != 0))
    fail(ErrorCode::invalid_argument, "SGD: nesterov with momentum ", o.momentum, " and dampening ", o.dampening,
         " (momentum above 0, dampening 0)");
  add(parameters, o.lr);
  options_.push_back(o);
}
int SGD::wanted(size_t group) const { return options_[group].momentum != 0 ? 1 : 0; }
void SGD::update(size_t group, double lr, const Batch& b) {
  const SGDOptions& o = options_[group];
  eager::sgd(b.parameters, {.lr = lr,
                            .momentum = o.momentum,
                            .dampening = o.dampening,
                            .weight_decay = o.weight_decay,
                            .nesterov = o.nesterov,
                            .first_step = b.step == 1,
                            .maximize = o.maximize});
}

namespace {
void check_betas(const char* call, double beta1, double beta2) {
  for (double b : {beta1, beta2})
    if (!(b >= 0 && b < 1)) fail(ErrorCode::invalid_argument, call, ": a beta is ", b, " (from 0 to below 1)");
}
}  // namespace

Adam::Adam(const char* name, bool decoupled, const std::vector<Tensor>& parameters, const AdamOptions& o)
    : Optimizer(name, {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"}), decoupled_(decoupled) {
  add_group(parameters, o);
}
Adam::Adam(const std::vector<Tensor>& parameters, const AdamOptions& o) : Adam("Adam", false, parameters, o) {}
void Adam::add_group(const std::vector<Tensor>& parameters, const AdamOptions& o) {
  check_betas(decoupled_ ? "AdamW" : "Adam", o.beta1, o.beta2);
  add(parameters, o.lr);
  options_.push_back(o);
}
int Adam::wanted(size_t group) const { return options_[group].amsgrad ? 7 : 3; }
void Adam::update(size_t group, double lr, const Batch& b) {
  const AdamOptions& o = options_[group];
  eager::adam(b.parameters, {.lr = lr,
                             .beta1 = o.beta1,
                             .beta2 = o.beta2,
                             .epsilon = o.eps,
                             .weight_decay = o.weight_decay,
                             .step = b.step,
                             .decoupled = decoupled_,
                             .amsgrad = o.amsgrad,
                             .maximize = o.maximize});
}
AdamW::AdamW(const std::vector<Tensor>& parameters, const AdamWOptions& o)
    : Adam("AdamW", true, parameters,
           {.lr = o.lr,
            .beta1 = o.beta1,
            .beta2 = o.beta2,
            .eps = o.eps,
            .weight_decay = o.weight_decay,
            .amsgrad = o.amsgrad,
            .maximize = o.maximize}) {}

RMSprop::RMSprop(const std::vector<Tensor>& parameters, const RMSpropOptions& o)
    : Optimizer("RMSprop", {"square_avg", "momentum_buffer", "grad_avg"}) {
  add_group(parameters, o);
}
void RMSprop::add_group(const std::vector<Tensor>& parameters, const RMSpropOptions& o) {
  add(parameters, o.lr);
  options_.push_back(o);
}
int RMSprop::wanted(size_t group) const {
  return 1 + (options_[group].momentum != 0 ? 2 : 0) + (options_[group].centered ? 4 : 0);
}
void RMSprop::update(size_t group, double lr, const Batch& b) {
  const RMSpropOptions& o = options_[group];
  eager::rmsprop(b.parameters, {.lr = lr,
                                .alpha = o.alpha,
                                .epsilon = o.eps,
                                .weight_decay = o.weight_decay,
                                .momentum = o.momentum,
                                .centered = o.centered,
                                .maximize = o.maximize});
}

Adagrad::Adagrad(const std::vector<Tensor>& parameters, const AdagradOptions& o) : Optimizer("Adagrad", {"sum"}) {
  add_group(parameters, o);
}
void Adagrad::add_group(const std::vector<Tensor>& parameters, const AdagradOptions& o) {
  add(parameters, o.lr);
  options_.push_back(o);
}
void Adagrad::update(size_t group, double lr, const Batch& b) {
  const AdagradOptions& o = options_[group];
  eager::adagrad(b.parameters, {.lr = lr,
                                .lr_decay = o.lr_decay,
                                .weight_decay = o.weight_decay,
                                .epsilon = o.eps,
                                .step = b.step,
                                .maximize = o.maximize});
}

Lamb::Lamb(const std::vector<Tensor>& parameters, const LambOptions& o) : Optimizer("Lamb", {"exp_avg", "exp_avg_sq"}) {
  add_group(parameters, o);
}
void Lamb::add_group(const std::vector<Tensor>& parameters, const LambOptions& o) {
  check_betas("Lamb", o.beta1, o.beta2);
  add(parameters, o.lr);
  options_.push_back(o);
}
void Lamb::update(size_t group, double lr, const Batch& b) {
  const LambOptions& o = options_[group];
  eager::lamb(b.parameters, {.lr = lr,
                             .beta1 = o.beta1,
                             .beta2 = o.beta2,
                             .epsilon = o.eps,
                             .weight_decay = o.weight_decay,
                             .step = b.step,
                             .bias_correction = o.bias_correction});
}

}  // namespace neve::optim
