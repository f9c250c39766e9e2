// Updates of parameters: one pass over parameter, gradient and state for each optimiser, in place.
#pragma once
#include <neve/tensor.h>

#include <span>

namespace neve::eager {

/// Tensors of one parameter; all contiguous, of one float dtype and shape.
struct Updated {
  Tensor parameter, gradient, first, second, third;  ///< state: as the optimiser says; may be undefined
};

/// g = gradient + weight_decay * p; with momentum: first = momentum * first + (1 - dampening) * g (or g at the first
/// step); p -= lr * (nesterov ? g + momentum * first : first).
struct SgdOptions {
  double lr = 1e-2, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, first_step = false, maximize = false;
};
void sgd(std::span<const Updated> parameters, const SgdOptions& o);

/// Adam, Kingma and Ba 2015; decoupled: AdamW, Loshchilov and Hutter 2019. first, second: running means of the gradient
/// and its square; third (amsgrad): the largest second so far. `step` counts from 1.
struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weight_decay = 0;
  int64_t step = 1;
  bool decoupled = false, amsgrad = false, maximize = false;
};
void adam(std::span<const Updated> parameters, const AdamOptions& o);

/// RMSprop (Hinton); first: running mean of the square, second: momentum, third: running mean (centred).
struct RmspropOptions {
  double lr = 1e-2, alpha = 0.99, epsilon = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false, maximize = false;
};
void rmsprop(std::span<const Updated> parameters, const RmspropOptions& o);

/// Adagrad (Duchi et al. 2011); first: sum of squares.
struct AdagradOptions {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, epsilon = 1e-10;
  int64_t step = 1;
  bool maximize = false;
};
void adagrad(std::span<const Updated> parameters, const AdagradOptions& o);

/// LAMB (You et al. 2020): Adam's direction, scaled by |p| / |update| for each parameter.
struct LambOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6, weight_decay = 0.01;
  int64_t step = 1;
  bool bias_correction = true;
};
void lamb(std::span<const Updated> parameters, const LambOptions& o);

/// Euclidean norm over all of them together, computed in f64.
double total_norm(std::span<const Tensor> tensors);
/// Multiplies each by `factor`, in place.
void scale(std::span<const Tensor> tensors, double factor);

}  // namespace neve::eager
