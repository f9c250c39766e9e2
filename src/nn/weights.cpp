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

double clip_grad_norm(const std::vector<Tensor>& parameters, double most) {
  if (!(most >= 0)) fail(ErrorCode::invalid_argument, "clip_grad_norm: the bound is ", most, " (0 or more)");
  const std::vector<Tensor> all = gradients(parameters);
  const double norm = eager::total_norm(all), factor = most / (norm + 1e-6);
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
