// Gradients of what was computed: the tape, and how it is walked back.
#pragma once
#include <neve/tensor.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace neve {

/// Whether operations of this thread are recorded. True at first.
bool is_grad_enabled();
void set_grad_enabled(bool enabled);
/// Switches recording on or off for this thread, until it is destroyed.
class GradMode {
 public:
  explicit GradMode(bool enabled);
  ~GradMode();
  GradMode(const GradMode&) = delete;
  GradMode& operator=(const GradMode&) = delete;

 private:
  bool before_;
};
struct NoGrad : GradMode {
  NoGrad() : GradMode(false) {}
};
struct EnableGrad : GradMode {
  EnableGrad() : GradMode(true) {}
};

namespace autograd {

struct BackwardOptions {
  bool retain_graph = false;  ///< keep what the tape saved, for another walk; create_graph implies it
  bool create_graph = false;  ///< record the gradients themselves: for derivatives of derivatives
};
/// Adds the gradients of `outputs` to `.grad()` of every leaf that they were computed from.
/// @param gradients  one for each output, of its shape; may be empty (or hold undefined tensors) for outputs of one
///     element, whose gradient is then 1
/// @throws Error{invalid_argument} an output that was not recorded; one of several elements without a gradient; a tape
///     that an earlier walk freed; a tensor that was changed in place after it was saved (both ops are named)
/// @cost  about twice the forward computation; frees what was saved unless it is retained
void backward(std::span<const Tensor> outputs, std::span<const Tensor> gradients = {}, BackwardOptions options = {});

struct GradOptions : BackwardOptions {
  bool allow_unused = false;  ///< inputs that have no part in the outputs get an undefined tensor instead of an error
};
/// The gradients of `outputs` by `inputs` (any recorded tensors, not only leaves). Leaves `.grad()` as it is.
std::vector<Tensor> grad(std::span<const Tensor> outputs, std::span<const Tensor> inputs,
                         std::span<const Tensor> gradients = {}, GradOptions options = {});

/// Records `outputs` as a function of `inputs` whose gradient is `backward`, which gets one gradient for each output
/// (undefined where an output has no influence) and returns one for each input (undefined: none). The outputs must have
/// been computed with recording off. `name` stands in messages. With create_graph, backward runs recorded.
std::vector<Tensor> custom(std::string name, std::span<const Tensor> inputs, std::vector<Tensor> outputs,
                           std::function<std::vector<Tensor>(std::span<const Tensor>)> backward);

/// Runs `f` without saving what its gradient needs; it is run once more during backward. Gradients reach `inputs` by
/// both backward and grad; leaves that `f` holds (the weights of a module) by backward alone.
/// @param preserve_random_state  random numbers are drawn again as they were, else anew
/// @cost  one more forward
std::vector<Tensor> checkpoint(std::function<std::vector<Tensor>(std::span<const Tensor>)> f,
                               std::span<const Tensor> inputs, bool preserve_random_state = true);

/// d f(x) / d x: the shape of f(x), then that of x; zeros where f(x) does not depend on x. With create_graph it is
/// recorded, as a function of x too if x asks for gradients.
/// @throws Error{invalid_argument} for a result that was not recorded
/// @cost  one backward for each element of f(x)
Tensor jacobian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x, bool create_graph = false);
/// The second derivatives of a function of one element: the shape of x twice.
/// @throws Error{shape_mismatch} for a result of more elements
Tensor hessian(const std::function<Tensor(const Tensor&)>& f, const Tensor& x);

struct GradcheckOptions {
  double eps = 1e-6;                ///< half the width of the differences
  double atol = 1e-5, rtol = 1e-3;  ///< how far the gradient may be from them: atol + rtol |difference|
  bool raise = true;                ///< else false is returned where they differ
};
/// Whether gradients agree with central differences, for every element of every input that asks for gradients.
/// @throws Error{invalid_argument} that names the element where they differ, and for no input that asks for gradients;
///     Error{type_mismatch} for an input that does and is not f64
/// @cost  two calls of f for each element of the inputs, one backward for each element of the outputs and input
bool gradcheck(const std::function<std::vector<Tensor>(std::span<const Tensor>)>& f, std::span<const Tensor> inputs,
               const GradcheckOptions& options = {});
/// gradcheck of the gradients of f: second derivatives.
bool gradgradcheck(const std::function<std::vector<Tensor>(std::span<const Tensor>)>& f, std::span<const Tensor> inputs,
                   const GradcheckOptions& options = {});

/// Anomaly mode: backward stops at the first gradient with a NaN, naming the place of the forward operation. Slow. For
/// this process.
void set_anomaly_mode(bool on);
bool anomaly_mode();
/// Says where the caller is, for errors: `here` as a number (0: unknown), called for every recorded operation; `text`
/// as words ("model.py:12"). Set by the Python package.
struct PlaceProvider {
  uint32_t (*here)() = nullptr;
  std::string (*text)(uint32_t place) = nullptr;
};
void set_place_provider(PlaceProvider provider);

}  // namespace autograd
}  // namespace neve
