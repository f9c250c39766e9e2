// How operations on tensors that take part in gradients reach autograd, which lies above this layer.
#pragma once
#include <neve/tensor.h>

namespace neve {

/// Set once, before the first AutogradMeta is made. Each is called for tensors that have one.
struct TensorHooks {
  void (*destroy)(AutogradMeta*);
  Tensor (*reshape)(const Tensor&, const Sizes& shape);
  Tensor (*transpose)(const Tensor&, const Sizes& perm);
  Tensor (*slice)(const Tensor&, int64_t axis, int64_t begin, int64_t end);
  Tensor (*to)(const Tensor&, DType);
  Tensor (*clone)(const Tensor&);
  void (*copy_from)(const Tensor& target, const Tensor& source);
};
extern const TensorHooks* tensor_hooks;

}  // namespace neve
