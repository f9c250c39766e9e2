// Mixed precision: the dtype of this thread's autocast, and the scaler of gradients.
#include <neve/amp.h>
#include <neve/autograd.h>
#include <neve/functions.h>

#include <cmath>

#include "base/error.h"
#include "eager/optimise.h"

namespace neve::amp {
namespace {
constinit thread_local std::optional<DType> in_force;
}  // namespace

Autocast::Autocast(DType dtype, bool enabled) : before_(in_force) {
  if (dtype != DType::bf16 && dtype != DType::f16)
    fail(ErrorCode::invalid_argument, "Autocast: dtype is ", to_string(dtype), " (bf16 or f16)");
  in_force = enabled ? std::optional(dtype) : std::nullopt;
}
Autocast::~Autocast() { in_force = before_; }
std::optional<DType> autocast_dtype() { return in_force; }

GradScaler::GradScaler(const GradScalerOptions& o) : options_(o), scale_(o.init_scale) {
  if (!(o.growth_factor > 1))
    fail(ErrorCode::invalid_argument, "GradScaler: growth_factor is ", o.growth_factor, " (above 1)");
  if (!(o.backoff_factor > 0 && o.backoff_factor < 1))
    fail(ErrorCode::invalid_argument, "GradScaler: backoff_factor is ", o.backoff_factor, " (between 0 and 1)");
  if (!(o.init_scale > 0)) fail(ErrorCode::invalid_argument, "GradScaler: init_scale is ", o.init_scale, " (above 0)");
}

Tensor GradScaler::scale(const Tensor& loss) const { return options_.enabled ? loss * scale_ : loss; }

void GradScaler::unscale(optim::Optimizer& optimiser) {
  if (!options_.enabled) return;
  if (found_.contains(&optimiser))
    fail(ErrorCode::invalid_argument,
         "GradScaler: unscale was called twice since the last update() (once for each step)");
  std::vector<Tensor> gradients;
  const NoGrad off;
  for (const Tensor& p : optimiser.parameters())
    if (const Tensor g = p.grad(); g.defined()) {
      g *= 1 / scale_;
      gradients.push_back(g);
    }
  found_[&optimiser] = !gradients.empty() && !std::isfinite(eager::total_norm(gradients));
}

bool GradScaler::step(optim::Optimizer& optimiser) {
  if (options_.enabled) {
    if (!found_.contains(&optimiser)) unscale(optimiser);
    if (found_.at(&optimiser)) return false;
  }
  optimiser.step();
  return true;
}

void GradScaler::update() {
  if (!options_.enabled) return;
  if (found_.empty())
    fail(ErrorCode::invalid_argument,
         "GradScaler: update() before any step (scale the loss, backward, step(optimiser), update())");
  bool bad = false;
  for (const auto& [optimiser, found] : found_) bad = bad || found;
  if (bad) {
    scale_ *= options_.backoff_factor;
    good_ = 0;
  } else if (++good_ == options_.growth_interval) {
    scale_ *= options_.growth_factor;
    good_ = 0;
  }
  found_.clear();
}

NamedTensors GradScaler::state_dict() const {
  return {{"scale", Tensor::scalar(DType::f64, scale_)}, {"growth_tracker", Tensor::scalar_int(DType::i64, good_)}};
}
void GradScaler::load_state_dict(const NamedTensors& state) {
  const auto scale = state.find("scale"), good = state.find("growth_tracker");
  if (scale == state.end() || good == state.end())
    fail(ErrorCode::not_found, "GradScaler: load_state_dict: 'scale' or 'growth_tracker' is missing (both)");
  scale_ = scale->second.item();
  good_ = good->second.item_int();
}

}  // namespace neve::amp
