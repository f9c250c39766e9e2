// The loss of sequences whose places in time are not known (CTC).
#include <neve/nn.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "nn/check.h"

namespace neve::nn {
namespace {

constexpr double never = -1e30;  // a logarithm of probability zero that keeps sums and gradients finite

// [n, 2 s + 1]: the targets with blanks between and around them.
std::vector<int64_t> labels_of(const Tensor& targets, const std::vector<int64_t>& lengths, int64_t n, int64_t blank,
                               int64_t longest) {
  int64_t total = 0;
  for (int64_t k : lengths) total += k;
  const bool joined = targets.rank() == 1;
  if (joined ? targets.size(0) != total : targets.rank() != 2 || targets.size(0) != n || targets.size(1) < longest)
    fail(ErrorCode::shape_mismatch, "ctc_loss: targets is ", type_text(targets), " and target_lengths ", lengths, " ([",
         n, ", at least ", longest, "], or all ", total, " labels joined in one axis)");
  const std::vector<int64_t> all = to_int_vector(targets);
  std::vector<int64_t> made(size_t(n * (2 * longest + 1)), blank);
  int64_t at = 0;
  for (int64_t b = 0; b < n; ++b) {
    const int64_t from = joined ? at : b * targets.size(1);
    for (int64_t k = 0; k < lengths[size_t(b)]; ++k)
      made[size_t(b * (2 * longest + 1) + 2 * k + 1)] = all[size_t(from + k)];
    at += lengths[size_t(b)];
  }
  return made;
}

void check_lengths(const char* name, const std::vector<int64_t>& v, int64_t n, int64_t most, const Tensor& x) {
  bool right = int64_t(v.size()) == n;
  for (int64_t k : v) right = right && k >= 0 && k <= most;
  if (!right)
    fail(ErrorCode::invalid_argument, "ctc_loss: ", name, " is ", v, " and log_probs ", type_text(x), " (", n,
         " lengths", most < std::numeric_limits<int64_t>::max() ? str(" of at most ", most) : std::string(), ")");
}

Tensor mask(const std::vector<uint8_t>& v, const Sizes& shape) { return from_vector(v, shape).to(DType::boolean); }

}  // namespace

Tensor ctc_loss(const Tensor& given, const Tensor& targets, const std::vector<int64_t>& input_lengths,
                const std::vector<int64_t>& target_lengths, const CTCOptions& o) {
  check_float("ctc_loss", "log_probs", given);
  check_defined("ctc_loss", "targets", targets);
  const Tensor log_probs = raised(given);
  if (log_probs.rank() != 3 || log_probs.size(0) == 0)
    fail(ErrorCode::shape_mismatch, "ctc_loss: log_probs is ", type_text(given), " ([time, batch, classes])");
  const int64_t steps = log_probs.size(0), n = log_probs.size(1), classes = log_probs.size(2);
  if (o.blank < 0 || o.blank >= classes)
    fail(ErrorCode::invalid_argument, "ctc_loss: blank is ", o.blank, " (a class of 0..", classes - 1, ")");
  check_lengths("input_lengths", input_lengths, n, steps, given);
  check_lengths("target_lengths", target_lengths, n, std::numeric_limits<int64_t>::max(), given);
  int64_t longest = 0;
  for (int64_t k : target_lengths) longest = std::max(longest, k);
  const std::vector<int64_t> labels = labels_of(targets, target_lengths, n, o.blank, longest);
  const int64_t s = 2 * longest + 1;
  for (int64_t k : labels)
    if (k < 0 || k >= classes)
      fail(ErrorCode::invalid_argument, "ctc_loss: targets holds ", k, " (classes 0..", classes - 1, ")");

  // Whether a path may come from two labels before, which is another label; where paths begin and end.
  std::vector<uint8_t> skips(size_t(n * s), 0);
  std::vector<float> starts(size_t(n * s), float(never));
  std::vector<int64_t> ends;
  std::vector<uint8_t> empty;
  for (int64_t b = 0; b < n; ++b) {
    const int64_t* row = labels.data() + b * s;
    const int64_t length = target_lengths[size_t(b)];
    for (int64_t i = 2; i < s; ++i) skips[size_t(b * s + i)] = row[i] != o.blank && row[i] != row[i - 2];
    for (int64_t i = 0; i < std::min<int64_t>(length > 0 ? 2 : 1, s); ++i) starts[size_t(b * s + i)] = 0;
    ends.insert(ends.end(), {2 * length, std::max<int64_t>(2 * length - 1, 0)});
    empty.insert(empty.end(), {0, uint8_t(length == 0)});
  }
  const DType dtype = log_probs.dtype();
  const Tensor emit = gather_elements(log_probs, expand(from_vector(labels, {1, n, s}), {steps, n, s}), 2);
  const Tensor nothing = full({n, 2}, never, dtype), may_skip = mask(skips, {n, s});
  Tensor alpha = emit.select(0, 0) + from_vector(starts, {n, s}).to(dtype);
  const int64_t last = n ? *std::max_element(input_lengths.begin(), input_lengths.end()) : 0;
  for (int64_t t = 1; t < last; ++t) {
    const Tensor padded = concat({nothing, alpha}, 1);
    const Tensor two = where(may_skip, padded.narrow(1, 0, s), never);
    const Tensor joined = logsumexp(stack({alpha, padded.narrow(1, 1, s), two}), {0});
    const Tensor next = maximum(joined + emit.select(0, t), never);
    std::vector<uint8_t> alive;
    for (int64_t k : input_lengths) alive.push_back(k > t);
    const bool all_alive = std::find(alive.begin(), alive.end(), 0) == alive.end();
    alpha = all_alive ? next : where(mask(alive, {n, 1}), next, alpha);
  }
  const Tensor reached = where(mask(empty, {n, 2}), never, gather_elements(alpha, from_vector(ends, {n, 2}), 1));
  Tensor loss = -logsumexp(reached, {1});
  loss = where(loss > -never / 2, o.zero_infinity ? 0.0 : std::numeric_limits<double>::infinity(), loss);
  if (o.reduction == Reduction::none) return loss;
  if (o.reduction == Reduction::sum) return sum(loss);
  std::vector<float> lengths;
  for (int64_t k : target_lengths) lengths.push_back(float(std::max<int64_t>(k, 1)));
  return mean(loss / from_vector(lengths).to(dtype));
}

}  // namespace neve::nn
