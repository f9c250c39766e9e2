// How operations on tensors that take part in gradients, or in a capture, reach what lies above this layer.
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
  Tensor (*contiguous)(const Tensor&);  ///< of a captured tensor
  /// What a captured tensor is in words: "f32[batch, 3] of the program that is being captured".
  std::string (*describe)(const Tensor&);
};
extern const TensorHooks* tensor_hooks;
/// Whether this thread captures a program: then the members of every tensor go through the hooks.
extern constinit thread_local bool capturing;
inline bool is_hooked(const Tensor& t) { return capturing || t.is_captured() || t.body_pointer()->autograd; }

}  // namespace neve
