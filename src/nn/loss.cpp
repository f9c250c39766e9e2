// Losses, but for that of sequences (ctc.cpp).
#include <neve/nn.h>

#include <algorithm>
#include <cmath>
#include <numbers>

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
  const Tensor in = raised(single ? unsqueeze(x, 0) : x), t = single ? unsqueeze(target, 0) : target;
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

// Targets that are probabilities.
Tensor cross_entropy_of_shares(const Tensor& given, const Tensor& target, const CrossEntropyOptions& o) {
  const Tensor x = raised(given);
  const int64_t axis = x.rank() == 1 ? 0 : 1, n = x.size(axis);
  Tensor t = target.to(x.dtype()), log_prob = log_softmax(x, axis);
  if (o.label_smoothing != 0) t = t * (1 - o.label_smoothing) + o.label_smoothing / double(n);
  if (o.weight.defined()) {
    if (o.weight.shape() != Sizes{n})
      fail(ErrorCode::shape_mismatch, "cross_entropy: weight is ", type_text(o.weight), " and the input ", type_text(x),
           " (one weight for each of ", n, " classes)");
    Sizes wide(size_t(x.rank()), 1);
    wide[size_t(axis)] = n;
    log_prob = log_prob * o.weight.reshape(wide);
  }
  const Tensor loss = -sum(log_prob * t, {axis});
  return reduced(loss, o.reduction);
}

}  // namespace

Tensor cross_entropy(const Tensor& x, const Tensor& target, const CrossEntropyOptions& o) {
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    fail(ErrorCode::invalid_argument, "cross_entropy: label_smoothing is ", o.label_smoothing, " (from 0 to 1)");
  if (x.defined() && target.defined() && is_float(x.dtype()) && is_float(target.dtype()) && x.rank() &&
      x.shape() == target.shape())
    return cross_entropy_of_shares(x, target, o);
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

namespace {

// Input and target of one shape and dtype, f32 or more under autocast.
struct Pair {
  Pair(const char* call, const Tensor& x_given, const Tensor& target)
      : x(raised(x_given)), t(fitting(call, x_given, target).to(x.dtype())) {}
  Tensor x, t;
};

Tensor weighted(const Tensor& loss, const Tensor& weight) { return weight.defined() ? loss * weight : loss; }

}  // namespace

// ---- regression --------------------------------------------------------------------------------------------------

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction r) {
  const Pair p("mse_loss", x, target);
  const Tensor d = p.x - p.t;
  return reduced(d * d, r);
}
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction r) {
  const Pair p("l1_loss", x, target);
  return reduced(abs(p.x - p.t), r);
}
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta, Reduction r) {
  if (!(beta >= 0)) fail(ErrorCode::invalid_argument, "smooth_l1_loss: beta is ", beta, " (0 or more)");
  if (beta == 0) return l1_loss(x, target, r);
  const Pair p("smooth_l1_loss", x, target);
  const Tensor d = abs(p.x - p.t);
  return reduced(where(d < beta, d * d * (0.5 / beta), d - 0.5 * beta), r);
}
Tensor huber_loss(const Tensor& x, const Tensor& target, double delta, Reduction r) {
  if (!(delta > 0)) fail(ErrorCode::invalid_argument, "huber_loss: delta is ", delta, " (above 0)");
  const Pair p("huber_loss", x, target);
  const Tensor d = abs(p.x - p.t);
  return reduced(where(d <= delta, d * d * 0.5, (d - 0.5 * delta) * delta), r);
}
Tensor poisson_nll_loss(const Tensor& x, const Tensor& target, const PoissonOptions& o) {
  const Pair p("poisson_nll_loss", x, target);
  Tensor loss = o.log_input ? exp(p.x) - p.t * p.x : p.x - p.t * log(p.x + o.eps);
  if (o.full) {
    const Tensor safe = maximum(p.t, 1.0);
    loss = loss + where(p.t > 1.0, p.t * log(safe) - p.t + log(safe * (2 * std::numbers::pi)) * 0.5, 0.0);
  }
  return reduced(loss, o.reduction);
}
Tensor gaussian_nll_loss(const Tensor& x, const Tensor& target, const Tensor& var, bool full, double eps, Reduction r) {
  const Pair p("gaussian_nll_loss", x, target);
  check_float("gaussian_nll_loss", "var", var);
  Tensor v = var.rank() == x.rank() - 1 ? unsqueeze(var, var.rank()) : var;
  v = v + (maximum(v, eps) - v).detach();
  const Tensor d = p.x - p.t, loss = (log(v) + d * d / v) * 0.5;
  return reduced(full ? loss + 0.5 * std::log(2 * std::numbers::pi) : loss, r);
}
Tensor kl_div(const Tensor& x, const Tensor& target, Reduction r, bool log_target, bool batch_mean) {
  const Pair p("kl_div", x, target);
  Tensor loss;
  if (log_target) {
    loss = exp(p.t) * (p.t - p.x);
  } else {
    const Tensor zero = p.t <= 0.0;
    loss = where(zero, 0.0, p.t * log(where(zero, 1.0, p.t))) - p.t * p.x;
  }
  return batch_mean ? sum(loss) / (x.rank() ? x.size(0) : 1) : reduced(loss, r);
}

// ---- classification ----------------------------------------------------------------------------------------------

Tensor bce_with_logits(const Tensor& x, const Tensor& target, const BCEOptions& o) {
  const Pair p("bce_with_logits", x, target);
  const Tensor log = -log_sigmoid(p.x);  // log(1 + exp(-x))
  const Tensor loss = (1 - p.t) * p.x + (o.pos_weight.defined() ? ((o.pos_weight - 1) * p.t + 1) * log : log);
  return reduced(weighted(loss, o.weight), o.reduction);
}
Tensor bce_with_logits(const Tensor& x, const Tensor& target, Reduction r) {
  return bce_with_logits(x, target, BCEOptions{.reduction = r});
}
Tensor bce_loss(const Tensor& x, const Tensor& target, const BCEOptions& o) {
  if (o.pos_weight.defined()) fail(ErrorCode::unsupported, "bce_loss: pos_weight is given (it is for bce_with_logits)");
  const Pair p("bce_loss", x, target);
  if (!x.is_captured() && x.element_count()) {
    const double low = min(x.detach()).item(), high = max(x.detach()).item();
    if (low < 0 || high > 1)
      fail(ErrorCode::invalid_argument, "bce_loss: input holds ", low < 0 ? low : high,
           " (probabilities from 0 to 1; bce_with_logits takes all numbers)");
  }
  const Tensor loss = -(p.t * maximum(log(p.x), -100.0) + (1 - p.t) * maximum(log(1 - p.x), -100.0));
  return reduced(weighted(loss, o.weight), o.reduction);
}
Tensor soft_margin_loss(const Tensor& x, const Tensor& target, Reduction r) {
  const Pair p("soft_margin_loss", x, target);
  return reduced(softplus(-(p.t * p.x)), r);
}
Tensor multilabel_soft_margin_loss(const Tensor& x, const Tensor& target, const Tensor& weight, Reduction r) {
  const Pair p("multilabel_soft_margin_loss", x, target);
  const Tensor loss = -(p.t * log_sigmoid(p.x) + (1 - p.t) * log_sigmoid(-p.x));
  return reduced(mean(weighted(loss, weight), {-1}), r);
}
Tensor multi_margin_loss(const Tensor& x, const Tensor& target, const MultiMarginOptions& o) {
  const char* call = "multi_margin_loss";
  if (o.p != 1 && o.p != 2) fail(ErrorCode::invalid_argument, call, ": p is ", o.p, " (1 or 2)");
  const auto [in, t] = classes(call, x, target, {.weight = o.weight});
  if (in.rank() != 2)
    fail(ErrorCode::shape_mismatch, call, ": input is ", type_text(x), " ([batch, classes] or [classes])");
  Tensor z = relu(o.margin - gather_elements(in, unsqueeze(t, 1), 1) + in);
  if (o.p == 2) z = z * z;
  if (o.weight.defined()) z = z * unsqueeze(gather(o.weight, t, 0), 1);
  const Tensor own = unsqueeze(t.to(DType::i64), 1) == arange(in.size(1));
  return reduced(sum(where(own, 0.0, z), {1}) / in.size(1), o.reduction);
}

// ---- pairs -------------------------------------------------------------------------------------------------------

Tensor hinge_embedding_loss(const Tensor& x, const Tensor& target, double margin, Reduction r) {
  const Pair p("hinge_embedding_loss", x, target);
  return reduced(where(p.t == 1.0, 0.0, relu(margin - p.x)) + where(p.t == -1.0, 0.0, p.x), r);
}
Tensor margin_ranking_loss(const Tensor& x1, const Tensor& x2, const Tensor& target, double margin, Reduction r) {
  const Pair p("margin_ranking_loss", x1, x2);
  check_defined("margin_ranking_loss", "target", target);
  return reduced(relu(-(target * (p.x - p.t)) + margin), r);
}
Tensor cosine_embedding_loss(const Tensor& x1, const Tensor& x2, const Tensor& target, double margin, Reduction r) {
  const Pair p("cosine_embedding_loss", x1, x2);
  check_defined("cosine_embedding_loss", "target", target);
  const Sizes want = x1.rank() ? Sizes(x1.shape().begin(), x1.shape().end() - 1) : Sizes{-1};
  if (target.shape() != want)
    fail(ErrorCode::shape_mismatch, "cosine_embedding_loss: input is ", type_text(x1), " and target ",
         type_text(target), " (target of shape ", want, ")");
  const Tensor dot = sum(p.x * p.t, {-1}), n1 = sum(p.x * p.x, {-1}) + 1e-12, n2 = sum(p.t * p.t, {-1}) + 1e-12;
  const Tensor cos = dot / sqrt(n1 * n2);
  return reduced(where(target == 1, 1 - cos, 0.0) + where(target == -1, relu(cos - margin), 0.0), r);
}
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& o) {
  const Pair near("triplet_margin_loss", anchor, positive), far_pair("triplet_margin_loss", anchor, negative);
  auto distance = [&](const Tensor& a, const Tensor& b) {
    return o.distance ? o.distance(a, b) : pairwise_distance(a, b, o.p, o.eps);
  };
  Tensor far = distance(near.x, far_pair.t);
  if (o.swap) far = minimum(far, distance(near.t, far_pair.t));
  return reduced(relu(distance(near.x, near.t) - far + o.margin), o.reduction);
}

}  // namespace neve::nn
