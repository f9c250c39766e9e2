// Mixed precision: autocast, and the scaler of gradients that f16 needs.
//
//     {
//       amp::Autocast guard(DType::bf16);
//       loss = nn::cross_entropy(net(x), target);
//     }
//     loss.backward();
#pragma once
#include <neve/optim.h>
#include <neve/tensor.h>

#include <map>
#include <optional>

namespace neve::amp {

/// While it lives, products of this thread (linear, convolution, attention, recurrent layers) run in a small dtype;
/// losses and norms stay in f32. f64 is left alone. Guards may be nested.
class Autocast {
 public:
  /// @param dtype  bf16 or f16. @param enabled  false: as without, within another guard too
  /// @throws Error{invalid_argument} for another dtype
  explicit Autocast(DType dtype = DType::bf16, bool enabled = true);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  std::optional<DType> before_;
};
std::optional<DType> autocast_dtype();  ///< of the guard in force

struct GradScalerOptions {
  double init_scale = 65536, growth_factor = 2, backoff_factor = 0.5;
  int64_t growth_interval = 2000;
  bool enabled = true;
};
/// Scales the loss so that small gradients survive in f16, and skips steps whose gradients are not finite:
/// scaler.scale(loss).backward(); scaler.step(optimiser); scaler.update(). As torch.amp.GradScaler.
class GradScaler {
 public:
  explicit GradScaler(const GradScalerOptions& o = {});
  Tensor scale(const Tensor& loss) const;
  double scale() const { return options_.enabled ? scale_ : 1; }
  /// Divides the gradients by the scale, in place; step does it otherwise. To clip, call it before.
  /// @throws Error{invalid_argument} when called twice between updates
  void unscale(optim::Optimizer& optimiser);
  /// optimiser.step(), unless a gradient is not finite. Returns whether it was made.
  bool step(optim::Optimizer& optimiser);
  /// Less scale after a gradient that was not finite, more after growth_interval good steps.
  void update();
  NamedTensors state_dict() const;  ///< "scale", "growth_tracker"
  void load_state_dict(const NamedTensors& state);

 private:
  GradScalerOptions options_;
  double scale_;
  int64_t good_ = 0;
  std::map<const optim::Optimizer*, bool> found_;  ///< there: unscaled already; true: a gradient was not finite
};

}  // namespace neve::amp
