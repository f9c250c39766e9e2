// Weights in files, and bounds on gradients.
#include <neve/nn.h>

#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "core/safetensors.h"
#include "eager/optimise.h"

namespace neve::nn {

void save_weights(const std::string& path, const NamedTensors& tensors) {
  for (const auto& [name, t] : tensors)
    if (!t.defined()) fail(ErrorCode::invalid_argument, "save_weights: '", name, "' is an undefined tensor (a tensor)");
  write_file(path, write_safetensors({tensors.begin(), tensors.end()}));
}

NamedTensors load_weights(const std::string& path) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  const auto tensors = read_safetensors(file->bytes(), file, str("load_weights: '", path, "'"));
  return {tensors.begin(), tensors.end()};
}

namespace {
std::vector<Tensor> gradients(const std::vector<Tensor>& parameters) {
  std::vector<Tensor> all;
  for (const Tensor& p : parameters)
    if (const Tensor g = p.grad(); g.defined()) all.push_back(g);
  return all;
}
}  // namespace

namespace {
// The Lp norm of all elements of all tensors.
double common_norm(const std::vector<Tensor>& all, double p) {
  if (p == 2 || all.empty()) return eager::total_norm(all);
  const NoGrad off;
  double sum = 0;
  for (const Tensor& g : all) {
    const double one = norm(g.dtype() == DType::f64 ? g : g.to(DType::f32), p).item();
    if (std::isinf(p))
      sum = std::isnan(one) || one > sum ? one : sum;  // a NaN stays
    else
      sum += std::pow(one, p);
  }
  return std::isinf(p) ? sum : std::pow(sum, 1 / p);
}
}  // namespace

double clip_grad_norm(const std::vector<Tensor>& parameters, double most, double p, bool must_be_finite) {
  if (!(most >= 0)) fail(ErrorCode::invalid_argument, "clip_grad_norm: the bound is ", most, " (0 or more)");
  if (!(p > 0)) fail(ErrorCode::invalid_argument, "clip_grad_norm: p is ", p, " (above 0)");
  const std::vector<Tensor> all = gradients(parameters);
  const double norm = common_norm(all, p), factor = most / (norm + 1e-6);
  if (must_be_finite && !std::isfinite(norm))
    fail(ErrorCode::invalid_argument, "clip_grad_norm: the norm of the gradients is ", norm, " (a finite number)");
  const NoGrad off;
  if (factor < 1 || !std::isfinite(factor))
    for (const Tensor& g : all) {
      if ((g.dtype() == DType::f32 || g.dtype() == DType::f64) && g.is_contiguous())
        eager::scale(std::span(&g, 1), factor);
      else
        g *= factor;
    }
  return norm;
}

void clip_grad_value(const std::vector<Tensor>& parameters, double most) {
  if (!(most >= 0)) fail(ErrorCode::invalid_argument, "clip_grad_value: the bound is ", most, " (0 or more)");
  const NoGrad off;
  for (const Tensor& g : gradients(parameters)) copy_into(g, clip(g, -most, most));
}

}  // namespace neve::nn
