// Optimisers and schedules of the learning rate.
//
//     optim::SGD optimiser(net.parameters(), {.lr = 0.1, .momentum = 0.9});
//     optim::CosineLR schedule(optimiser, 1000);
//     for (...) {
//       optimiser.zero_grad();
//       loss_of(batch).backward();
//       optimiser.step();
//       schedule.step();
//     }
#pragma once
#include <neve/tensor.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace neve {
using NamedTensors = std::map<std::string, Tensor>;
}

namespace neve::optim {

/// Base of the optimisers: parameters in groups, state for each, one pass over parameter, gradient and state for an
/// update. Parameters of f16 and bf16 are updated through a copy in f32 that the state keeps. Not thread-safe. Move
/// only.
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(Optimizer&&) noexcept;
  Optimizer& operator=(Optimizer&&) noexcept;
  /// Updates the parameters that have a gradient.
  void step();
  void zero_grad();                        ///< forgets the gradients
  std::vector<Tensor> parameters() const;  ///< of all groups
  size_t groups() const;
  double lr(size_t group = 0) const;
  void set_lr(double lr);  ///< of all groups. @throws Error{invalid_argument} for a negative one
  void set_lr(size_t group, double lr);
  /// The state of all parameters, in the order in which they were given: "0.step", "0.exp_avg", ...; share memory.
  NamedTensors state_dict() const;
  /// Copies a state. @throws Error{not_found | shape_mismatch} for what does not fit the parameters
  void load_state_dict(const NamedTensors& state);

 protected:
  struct State {
    int64_t step = 0;
    Tensor first, second, third, master;
  };
  struct Group {
    std::vector<Tensor> parameters;
    std::vector<State> states;
    double lr = 0;
  };
  explicit Optimizer(const char* name, std::vector<const char*> state_names);
  /// @throws Error{invalid_argument} for no parameters, one given twice, one that was computed, or a negative lr
  void add(const std::vector<Tensor>& parameters, double lr);
  /// Which of first, second and third a parameter of group g has, as bits, and what they begin with.
  virtual int wanted(size_t group) const = 0;
  virtual double initial(size_t) const { return 0; }
  struct Batch;  ///< parameters of a group that are at the same step
  virtual void update(size_t group, double lr, const Batch& batch) = 0;

 private:
  void update_group(size_t group);
  const char* name_;
  std::vector<const char*> state_names_;
  std::vector<Group> groups_;
};

struct SGDOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, maximize = false;
};
/// g = grad + weight_decay p; b = momentum b + (1 - dampening) g; p -= lr b, or lr (g + momentum b) with nesterov.
class SGD : public Optimizer {
 public:
  explicit SGD(const std::vector<Tensor>& parameters, const SGDOptions& o = {});
  void add_group(const std::vector<Tensor>& parameters, const SGDOptions& o);

 private:
  int wanted(size_t group) const override;
  void update(size_t group, double lr, const Batch& batch) override;
  std::vector<SGDOptions> options_;
};

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false, maximize = false;
};
/// m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; p -= lr m^ / (sqrt(v^) + eps). weight_decay is added to the
/// gradient.
class Adam : public Optimizer {
 public:
  explicit Adam(const std::vector<Tensor>& parameters, const AdamOptions& o = {});
  void add_group(const std::vector<Tensor>& parameters, const AdamOptions& o);

 protected:
  Adam(const char* name, bool decoupled, const std::vector<Tensor>& parameters, const AdamOptions& o);

 private:
  int wanted(size_t group) const override;
  void update(size_t group, double lr, const Batch& batch) override;
  std::vector<AdamOptions> options_;
  bool decoupled_ = false;
};
struct AdamWOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 1e-2;
  bool amsgrad = false, maximize = false;
};
/// Adam whose weight decay is no part of the gradient: p -= lr weight_decay p.
class AdamW : public Adam {
 public:
  explicit AdamW(const std::vector<Tensor>& parameters, const AdamWOptions& o = {});
};

struct RMSpropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false, maximize = false;
};
/// s = alpha s + (1 - alpha) g^2; p -= lr g / (sqrt(s) + eps), with momentum on request.
class RMSprop : public Optimizer {
 public:
  explicit RMSprop(const std::vector<Tensor>& parameters, const RMSpropOptions& o = {});
  void add_group(const std::vector<Tensor>& parameters, const RMSpropOptions& o);

 private:
  int wanted(size_t group) const override;
  void update(size_t group, double lr, const Batch& batch) override;
  std::vector<RMSpropOptions> options_;
};

struct AdagradOptions {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
  bool maximize = false;
};
/// s += g^2; p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(s) + eps).
class Adagrad : public Optimizer {
 public:
  explicit Adagrad(const std::vector<Tensor>& parameters, const AdagradOptions& o = {});
  void add_group(const std::vector<Tensor>& parameters, const AdagradOptions& o);

 private:
  int wanted(size_t) const override { return 1; }
  double initial(size_t group) const override { return options_[group].initial_accumulator_value; }
  void update(size_t group, double lr, const Batch& batch) override;
  std::vector<AdagradOptions> options_;
};

struct LambOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-6, weight_decay = 1e-2;
  bool bias_correction = true;
};
/// u = Adam's direction + weight_decay p; p -= lr |p| / |u| u, norms for each parameter. You et al., 2020.
class Lamb : public Optimizer {
 public:
  explicit Lamb(const std::vector<Tensor>& parameters, const LambOptions& o = {});
  void add_group(const std::vector<Tensor>& parameters, const LambOptions& o);

 private:
  int wanted(size_t) const override { return 3; }
  void update(size_t group, double lr, const Batch& batch) override;
  std::vector<LambOptions> options_;
};

/// Base of the schedules: rate(base, t) is the rate of a group whose first one was `base`, at step t. The rates of step
/// 0 are set at once; a schedule that is made anew goes on with step(t). The optimiser must outlive it.
class Schedule {
 public:
  virtual ~Schedule() = default;
  void step() { step(at_ + 1); }  ///< goes on by one; call it after the optimiser's step
  void step(int64_t t);           ///< goes to step t
  int64_t at() const { return at_; }
  virtual double rate(double base, int64_t t) const = 0;

 protected:
  explicit Schedule(Optimizer& optimiser);
  const Optimizer* optimiser() const { return optimiser_; }

 private:
  friend class SequentialLR;
  Optimizer* optimiser_;
  std::vector<double> base_;
  int64_t at_ = 0;
};
/// base * gamma^(t / every), in whole steps.
class StepLR : public Schedule {
 public:
  StepLR(Optimizer& optimiser, int64_t every, double gamma = 0.1);
  double rate(double base, int64_t t) const override;

 private:
  int64_t every_;
  double gamma_;
};
/// Half a cosine from base at 0 to `least` at `steps`. Loshchilov & Hutter, 2017.
class CosineLR : public Schedule {
 public:
  CosineLR(Optimizer& optimiser, int64_t steps, double least = 0);
  double rate(double base, int64_t t) const override;

 private:
  int64_t steps_;
  double least_;
};
/// base times a factor that goes from `start` to `end` in `steps` steps: also a warm-up.
class LinearLR : public Schedule {
 public:
  explicit LinearLR(Optimizer& optimiser, int64_t steps = 5, double start = 1.0 / 3, double end = 1);
  double rate(double base, int64_t t) const override;

 private:
  int64_t steps_;
  double start_, end_;
};
/// base * factor(t).
class LambdaLR : public Schedule {
 public:
  LambdaLR(Optimizer& optimiser, std::function<double(int64_t)> factor);
  double rate(double base, int64_t t) const override { return base * factor_(t); }

 private:
  std::function<double(int64_t)> factor_;
};

/// base * gamma^(number of milestones that t has reached).
class MultiStepLR : public Schedule {
 public:
  MultiStepLR(Optimizer& optimiser, std::vector<int64_t> milestones, double gamma = 0.1);
  double rate(double base, int64_t t) const override;

 private:
  std::vector<int64_t> milestones_;
  double gamma_;
};
/// base * factor before `steps`, then base.
class ConstantLR : public Schedule {
 public:
  explicit ConstantLR(Optimizer& optimiser, double factor = 1.0 / 3, int64_t steps = 5);
  double rate(double base, int64_t t) const override { return t < steps_ ? base * factor_ : base; }

 private:
  double factor_;
  int64_t steps_;
};
/// base * gamma^t.
class ExponentialLR : public Schedule {
 public:
  ExponentialLR(Optimizer& optimiser, double gamma);
  double rate(double base, int64_t t) const override;

 private:
  double gamma_;
};
/// base * (1 - t / steps)^power, 0 from `steps` on.
class PolynomialLR : public Schedule {
 public:
  explicit PolynomialLR(Optimizer& optimiser, int64_t steps = 5, double power = 1);
  double rate(double base, int64_t t) const override;

 private:
  int64_t steps_;
  double power_;
};
/// Half a cosine of `first` steps, then again of first * times, and so on. Loshchilov & Hutter, 2017 (SGDR).
class CosineWarmRestartsLR : public Schedule {
 public:
  CosineWarmRestartsLR(Optimizer& optimiser, int64_t first, int64_t times = 1, double least = 0);
  double rate(double base, int64_t t) const override;

 private:
  int64_t first_, times_;
  double least_;
};
/// base * t / steps up to base, then constant, or linearly or along half a cosine to 0 at `total`.
class WarmupLR : public Schedule {
 public:
  enum class Decay : uint8_t { constant, linear, cosine };
  WarmupLR(Optimizer& optimiser, int64_t steps, int64_t total = 0, Decay decay = Decay::constant);
  double rate(double base, int64_t t) const override;

 private:
  int64_t steps_, total_;
  Decay decay_;
};
struct OneCycleOptions {
  double start_share = 0.3;  ///< of the steps that go up
  bool linear = false;       ///< instead of half cosines
  double div_factor = 25, final_div_factor = 1e4;
  bool three_phase = false;
};
/// Up from highest / div_factor to `highest`, then down to the first rate / final_div_factor. Smith & Topin, 2018.
/// The momentum stays as it is (Python's can move it the other way).
class OneCycleLR : public Schedule {
 public:
  OneCycleLR(Optimizer& optimiser, double highest, int64_t steps, const OneCycleOptions& o = {});
  /// @throws Error{invalid_argument} for a step behind the last
  double rate(double base, int64_t t) const override;

 private:
  double highest_;
  int64_t steps_;
  OneCycleOptions options_;
};
/// One schedule after another: schedules[i + 1] begins, from its step 0, at milestones[i].
class SequentialLR : public Schedule {
 public:
  SequentialLR(Optimizer& optimiser, std::vector<std::shared_ptr<Schedule>> schedules, std::vector<int64_t> milestones);
  double rate(double base, int64_t t) const override;

 private:
  std::vector<std::shared_ptr<Schedule>> schedules_;
  std::vector<int64_t> milestones_;
};

struct PlateauOptions {
  bool maximum = false;  ///< whether the metric should grow
  double factor = 0.1;
  int64_t patience = 10;
  double threshold = 1e-4;
  bool relative = true;  ///< the threshold is a share of the best
  int64_t cooldown = 0;
  double least = 0, eps = 1e-8;
};
/// Multiplies the rates by `factor` when a metric has not improved for more than `patience` steps.
class ReduceOnPlateauLR {
 public:
  explicit ReduceOnPlateauLR(Optimizer& optimiser, const PlateauOptions& o = {});
  void step(double metric);

 private:
  Optimizer* optimiser_;
  PlateauOptions options_;
  double best_;
  int64_t bad_ = 0, cooling_ = 0;
};

}  // namespace neve::optim
