// Losses.
#include <neve/nn.h>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {
namespace {

Tensor reduced(const Tensor& loss, Reduction r) {
  return r == Reduction::mean ? mean(loss) : r == Reduction::sum ? sum(loss) : loss;
}
const char* name_of(Reduction r) { return r == Reduction::mean ? "mean" : r == Reduction::sum ? "sum" : "none"; }

// The target in the dtype of the input, of its shape.
Tensor fitting(const char* call, const Tensor& x, const Tensor& target) {
  check_float(call, "input", x);
  check_defined(call, "target", target);
  if (x.shape() != target.shape())
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " and target ", type_text(target),
         " (one shape)");
  return target.to(x.dtype());
}

// Input with a batch and target, as classes want them.
std::pair<Tensor, Tensor> classes(const char* call, const Tensor& x, const Tensor& target,
                                  const CrossEntropyOptions& o) {
  check_float(call, "input", x);
  check_defined(call, "target", target);
  if (target.dtype() != DType::i64 && target.dtype() != DType::i32)
    fail(ErrorCode::type_mismatch, call, ": target is ", type_text(target),
         " (class indices: i64 or i32; to(DType::i64) converts)");
  const bool single = x.rank() == 1 && target.rank() == 0;
  const Tensor in = single ? unsqueeze(x, 0) : x, t = single ? unsqueeze(target, 0) : target;
  Sizes want;
  for (int64_t i = 0; i < in.rank(); ++i)
    if (i != 1) want.push_back(in.size(i));
  if (in.rank() < 2 || t.shape() != want)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " and target ", type_text(target),
         " (target of shape ", in.rank() > 1 ? want : Sizes{}, ": the input's without its classes on axis 1)");
  const int64_t n = in.size(1);
  if (o.weight.defined() && o.weight.shape() != Sizes{n})
    fail(ErrorCode::shape_mismatch, call, ": weight is ", type_text(o.weight), " and the input ", type_text(x),
         " (one weight for each of ", n, " classes)");
  if (!t.is_captured())
    for (int64_t k : t.to_ints())
      if ((k < 0 || k >= n) && k != o.ignore_index)
        fail(ErrorCode::invalid_argument, call, ": target holds ", k, " (classes 0..", n - 1, ", or ignore_index ",
             o.ignore_index, ")");
  return {in, t};
}

Tensor smoothed(const Tensor& x, const Tensor& t, const CrossEntropyOptions& o) {
  const Tensor log_prob = log_softmax(x, 1);
  const Tensor ignored = t == o.ignore_index, safe = where(ignored, 0, t);
  Sizes wide(size_t(x.rank()), 1);
  wide[1] = x.size(1);
  const Tensor smooth = -sum(o.weight.defined() ? log_prob * o.weight.reshape(wide) : log_prob, {1});
  const Tensor picked = -squeeze(gather_elements(log_prob, unsqueeze(safe, 1), 1), {1});
  const Tensor w = where(ignored, 0.0, o.weight.defined() ? gather(o.weight, safe, 0) : ones_like(picked));
  const Tensor loss =
      picked * w * (1 - o.label_smoothing) + where(ignored, 0.0, smooth) * (o.label_smoothing / double(x.size(1)));
  return o.reduction == Reduction::mean ? sum(loss) / sum(w) : reduced(loss, o.reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& x, const Tensor& target, const CrossEntropyOptions& o) {
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    fail(ErrorCode::invalid_argument, "cross_entropy: label_smoothing is ", o.label_smoothing, " (from 0 to 1)");
  const auto [in, t] = classes("cross_entropy", x, target, o);
  Tensor loss;
  if (o.label_smoothing == 0)
    loss = std::get<0>(softmax_cross_entropy_loss(
        in, t, o.weight, {.reduction = name_of(o.reduction), .ignore_index = o.ignore_index, .outputs = 1}));
  else
    loss = smoothed(in, t, o);
  return o.reduction == Reduction::none ? loss.reshape(target.shape()) : loss;
}

Tensor nll_loss(const Tensor& x, const Tensor& target, const CrossEntropyOptions& o) {
  if (o.label_smoothing != 0)
    fail(ErrorCode::unsupported, "nll_loss: label_smoothing is ", o.label_smoothing, " (0, or cross_entropy)");
  const auto [in, t] = classes("nll_loss", x, target, o);
  const Tensor loss = negative_log_likelihood_loss(in, t, o.weight,
                                                   {.reduction = name_of(o.reduction), .ignore_index = o.ignore_index});
  return o.reduction == Reduction::none ? loss.reshape(target.shape()) : loss;
}

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction r) {
  const Tensor d = x - fitting("mse_loss", x, target);
  return reduced(d * d, r);
}
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction r) {
  const Tensor t = fitting("l1_loss", x, target);
  return reduced(abs(x - t), r);
}
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta, Reduction r) {
  if (!(beta >= 0)) fail(ErrorCode::invalid_argument, "smooth_l1_loss: beta is ", beta, " (0 or more)");
  if (beta == 0) return l1_loss(x, target, r);
  const Tensor d = abs(x - fitting("smooth_l1_loss", x, target));
  return reduced(where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta), r);
}
Tensor bce_with_logits(const Tensor& x, const Tensor& target, Reduction r) {
  const Tensor t = fitting("bce_with_logits", x, target);
  return reduced((1 - t) * x - log_sigmoid(x), r);
}
Tensor kl_div(const Tensor& x, const Tensor& target, Reduction r) {
  const Tensor t = fitting("kl_div", x, target);
  const Tensor zero = t <= 0.0;
  return reduced(where(zero, 0.0, t * log(where(zero, 1.0, t))) - t * x, r);
}

}  // namespace neve::nn
