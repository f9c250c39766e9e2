// Losses: functions of what a model gives and what is wanted.
#pragma once
#include <neve/tensor.h>

#include <functional>
#include <vector>

namespace neve::nn {

enum class Reduction : uint8_t { mean, sum, none };
struct CrossEntropyOptions {
  Tensor weight = {};  ///< of each class
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;  ///< mean: over the weights of what is not ignored
  double label_smoothing = 0;             ///< mixes the target with equal probabilities
};
/// -log softmax(x)[target]: x [n, classes, ...], target i64 [n, ...]; or probabilities of the shape of x, where the
/// mean is over the positions and nothing is ignored.
/// @throws Error{shape_mismatch | type_mismatch}; Error{invalid_argument} for a target that is no class
Tensor cross_entropy(const Tensor& x, const Tensor& target, const CrossEntropyOptions& o = {});
/// -x[target], x being log probabilities. label_smoothing must be 0.
Tensor nll_loss(const Tensor& x, const Tensor& target, const CrossEntropyOptions& o = {});
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction r = Reduction::mean);  ///< (x - target)^2
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction r = Reduction::mean);   ///< |x - target|
/// d^2 / (2 beta) where d = |x - target| is below beta, else d - beta / 2.
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, double beta = 1, Reduction r = Reduction::mean);
/// -(target log s + (1 - target) log(1 - s)) of s = sigmoid(x), without overflow.
Tensor bce_with_logits(const Tensor& x, const Tensor& target, Reduction r = Reduction::mean);
struct BCEOptions {
  Tensor weight = {};      ///< of each element, broadcast
  Tensor pos_weight = {};  ///< of the positive part, broadcast; of bce_with_logits only
  Reduction reduction = Reduction::mean;
};
Tensor bce_with_logits(const Tensor& x, const Tensor& target, const BCEOptions& o);
/// -(target log x + (1 - target) log(1 - x)) of probabilities x; logarithms are at least -100.
/// @throws Error{invalid_argument} for x outside of [0, 1]
Tensor bce_loss(const Tensor& x, const Tensor& target, const BCEOptions& o = {});
/// target (log target - x), x being log probabilities; the mean is over all elements.
/// @param batch_mean  the sum divided by the batch, instead of `r`
Tensor kl_div(const Tensor& x, const Tensor& target, Reduction r = Reduction::mean, bool log_target = false,
              bool batch_mean = false);
/// d^2 / 2 where d = |x - target| is up to delta, else delta (d - delta / 2).
Tensor huber_loss(const Tensor& x, const Tensor& target, double delta = 1, Reduction r = Reduction::mean);
struct PoissonOptions {
  bool log_input = true;  ///< exp(x) - target x; else x - target log(x + eps)
  bool full = false;      ///< with Stirling's term
  double eps = 1e-8;
  Reduction reduction = Reduction::mean;
};
Tensor poisson_nll_loss(const Tensor& x, const Tensor& target, const PoissonOptions& o = {});
/// (log var + (x - target)^2 / var) / 2, with var at least eps. @param full  with the constant log(2 pi) / 2
Tensor gaussian_nll_loss(const Tensor& x, const Tensor& target, const Tensor& var, bool full = false, double eps = 1e-6,
                         Reduction r = Reduction::mean);
Tensor soft_margin_loss(const Tensor& x, const Tensor& target, Reduction r = Reduction::mean);  ///< targets -1 and 1
/// x where target is 1, max(0, margin - x) where it is -1.
Tensor hinge_embedding_loss(const Tensor& x, const Tensor& target, double margin = 1, Reduction r = Reduction::mean);
/// max(0, -target (x1 - x2) + margin).
Tensor margin_ranking_loss(const Tensor& x1, const Tensor& x2, const Tensor& target, double margin = 0,
                           Reduction r = Reduction::mean);
/// 1 - cos where target is 1, max(0, cos - margin) where it is -1: x1 and x2 [n, d], target [n].
Tensor cosine_embedding_loss(const Tensor& x1, const Tensor& x2, const Tensor& target, double margin = 0,
                             Reduction r = Reduction::mean);
struct TripletOptions {
  double margin = 1, p = 2, eps = 1e-6;
  bool swap = false;                                                       ///< the nearer negative
  std::function<Tensor(const Tensor&, const Tensor&)> distance = nullptr;  ///< of one's own, instead of Lp
  Reduction reduction = Reduction::mean;
};
/// max(0, d(anchor, positive) - d(anchor, negative) + margin).
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& o = {});
struct MultiMarginOptions {
  int64_t p = 1;  ///< 1 or 2
  double margin = 1;
  Tensor weight = {};  ///< of each class
  Reduction reduction = Reduction::mean;
};
/// sum over other classes of max(0, margin - x[target] + x[i])^p, divided by the number of classes.
Tensor multi_margin_loss(const Tensor& x, const Tensor& target, const MultiMarginOptions& o = {});
/// Mean over classes of binary cross entropy with logits.
Tensor multilabel_soft_margin_loss(const Tensor& x, const Tensor& target, const Tensor& weight = {},
                                   Reduction r = Reduction::mean);
struct CTCOptions {
  int64_t blank = 0;
  Reduction reduction = Reduction::mean;  ///< mean: each loss divided by its target's length first
  bool zero_infinity = false;             ///< losses of impossible targets count as 0
};
/// -log of the probability that the path reads as the targets. Graves et al., 2006.
/// @param log_probs  [t, n, classes]
/// @param targets  i64 [n, s], or all joined in one axis
/// @cost  t steps of a few ops on [n, 2 s + 1]
Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const std::vector<int64_t>& input_lengths,
                const std::vector<int64_t>& target_lengths, const CTCOptions& o = {});

}  // namespace neve::nn
