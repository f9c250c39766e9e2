// Layers, losses and modules: what models are made of. Long because one should find every layer in one place.
//
//     struct Net : nn::Module {
//       nn::Linear fc1 = add("fc1", nn::Linear(64, 32));
//       nn::Linear fc2 = add("fc2", nn::Linear(32, 10));
//       Tensor forward(const Tensor& x) const { return fc2(relu(fc1(x))); }
//     };
//     Net net;
//     optim::AdamW optimiser(net.parameters(), {.lr = 1e-3});
//     Tensor loss = nn::cross_entropy(net.forward(x), labels);
//     optimiser.zero_grad();
//     loss.backward();
//     optimiser.step();
//     nn::save_weights("net.safetensors", net.state_dict());
//
// Names, arguments, defaults, initial distributions and names of parameters are those of torch.nn and of Python's
// neve.nn: state dicts go both ways, and after the same manual_seed both begin with the same weights.
#pragma once
#include <neve/array.h>
#include <neve/autograd.h>
#include <neve/losses.h>
#include <neve/module.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace neve::nn {

// ---- products ----------------------------------------------------------------------------------------------------

struct LinearOptions {
  bool bias = true;
  DType dtype = DType::f32;
};
/// y = x weight^T + bias: [..., in] -> [..., out]. Weights: evenly of +-1 / sqrt(in).
struct Linear : Layer<Linear> {
  Linear(int64_t in_features, int64_t out_features, const LinearOptions& options = {});
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias;  ///< [out, in]; [out] or undefined
};
/// x weight^T + bias. @throws Error{shape_mismatch | type_mismatch}
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, const char* call = "linear");

struct EmbeddingOptions {
  std::optional<int64_t> padding_idx = {};  ///< a row that begins as zeros and gets no gradient; may be negative
  std::optional<double> max_norm = {};      ///< used rows of a larger norm are scaled down to it first, in place
  DType dtype = DType::f32;
};
/// Rows of weight [count, size] by index: i64 or i32 [...] -> [..., size]. Weights: normal.
/// @throws Error{invalid_argument} for an index outside of 0 .. count - 1, also as padding_idx
struct Embedding : Layer<Embedding> {
  Embedding(int64_t count, int64_t size, const EmbeddingOptions& o = {});
  /// An embedding of given rows [count, size], which it shares. @param freeze  they are not trained
  static Embedding from_pretrained(const Tensor& rows, bool freeze = true, const EmbeddingOptions& o = {});
  Tensor forward(const Tensor& indices) const;
  Tensor weight;

 private:
  Embedding(const Tensor& weight, const EmbeddingOptions& o);
  std::optional<int64_t> padding_;
  std::optional<double> max_norm_;
};

/// y[..., o] = x1 weight[o] x2 + bias[o] of x1 [..., in1] and x2 [..., in2]. Weights: evenly of +-1 / sqrt(in1).
class Bilinear : public Module {
 public:
  Bilinear(int64_t in1, int64_t in2, int64_t out, const LinearOptions& options = {});
  Tensor operator()(const Tensor& x1, const Tensor& x2) const {
    return run(x1, [&](const Tensor& x) { return forward(x, x2); });
  }
  Tensor forward(const Tensor& x1, const Tensor& x2) const;
  Tensor weight, bias;  ///< [out, in1, in2]; [out] or undefined
};

struct Flatten : Layer<Flatten> {
  explicit Flatten(int64_t first = 1, int64_t last = -1) : Layer("Flatten"), first(first), last(last) {}
  Tensor forward(const Tensor& x) const { return flatten(x, first, last); }
  int64_t first, last;
};
struct Unflatten : Layer<Unflatten> {  ///< one axis as several; one size may be -1
  Unflatten(int64_t axis, Sizes sizes) : Layer("Unflatten"), axis(axis), sizes(std::move(sizes)) {}
  Tensor forward(const Tensor& x) const { return x.unflatten(axis, sizes); }
  int64_t axis;
  Sizes sizes;
};
struct Identity : Layer<Identity> {
  Identity() : Layer("Identity") {}
  Tensor forward(const Tensor& x) const { return x; }
};

// ---- convolution -------------------------------------------------------------------------------------------------

/// One size for all spatial axes, or one for each: {.stride = 2}, {.padding = {1, 2}}.
class Each {
 public:
  Each(int64_t all) : values_{all} {}  // NOLINT: implicit on purpose
  Each(int all) : values_{all} {}      // NOLINT
  Each(std::initializer_list<int64_t> values) : values_(values) {}
  Each(std::vector<int64_t> values) : values_(std::move(values)) {}  // NOLINT
  /// @throws Error{invalid_argument} for another number of sizes, or one below `least`
  std::vector<int64_t> of(const char* call, const char* name, int64_t axes, int64_t least = 0) const;

 private:
  std::vector<int64_t> values_;
};

enum class PadMode : uint8_t { constant, reflect, replicate, circular };
struct ConvOptions {
  Each stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Each output_padding = 0;  ///< of transposed convolutions only
  DType dtype = DType::f32;
  PadMode padding_mode = PadMode::constant;  ///< what is padded; constant: zeros, the only one of transposed ones
  bool same_padding = false;                 ///< instead of padding: as much as keeps the sizes, of stride 1
};
/// Convolution over `axes` spatial axes: [n, in, ...] (or [in, ...]) -> [n, out, ...]. Weights: evenly of +-1 /
/// sqrt(fan in).
struct Conv : Layer<Conv> {
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias;  ///< [out, in / groups, kernel...], transposed [in, out / groups, kernel...]; [out] or undefined

 protected:
  Conv(std::string type, int64_t axes, bool transposed, int64_t in, int64_t out, const Each& kernel,
       const ConvOptions& o);

 private:
  int64_t axes_, in_, groups_;
  bool transposed_;
  PadMode padding_mode_;
  std::vector<int64_t> kernel_, stride_, pads_, dilation_, output_padding_;  ///< pads_: before, then after all axes
};
struct Conv1d : Conv {
  Conv1d(int64_t in, int64_t out, const Each& kernel, const ConvOptions& o = {})
      : Conv("Conv1d", 1, false, in, out, kernel, o) {}
};
struct Conv2d : Conv {
  Conv2d(int64_t in, int64_t out, const Each& kernel, const ConvOptions& o = {})
      : Conv("Conv2d", 2, false, in, out, kernel, o) {}
};
struct Conv3d : Conv {
  Conv3d(int64_t in, int64_t out, const Each& kernel, const ConvOptions& o = {})
      : Conv("Conv3d", 3, false, in, out, kernel, o) {}
};
struct ConvTranspose1d : Conv {
  ConvTranspose1d(int64_t in, int64_t out, const Each& kernel, const ConvOptions& o = {})
      : Conv("ConvTranspose1d", 1, true, in, out, kernel, o) {}
};
struct ConvTranspose2d : Conv {
  ConvTranspose2d(int64_t in, int64_t out, const Each& kernel, const ConvOptions& o = {})
      : Conv("ConvTranspose2d", 2, true, in, out, kernel, o) {}
};
struct ConvTranspose3d : Conv {
  ConvTranspose3d(int64_t in, int64_t out, const Each& kernel, const ConvOptions& o = {})
      : Conv("ConvTranspose3d", 3, true, in, out, kernel, o) {}
};

// ---- pooling -----------------------------------------------------------------------------------------------------

struct PoolOptions {
  Each stride = 0;  ///< 0: that of the window
  Each padding = 0;
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< of means only
  int64_t divisor_override = 0;   ///< of means: the sums are divided by it; 0: by the size of the window
  Each dilation = 1;              ///< of maxima only
};
/// Maxima or means of windows over spatial axes of [n, c, ...] (or [c, ...]).
struct Pool : Layer<Pool> {
  Tensor forward(const Tensor& x) const;

 protected:
  Pool(std::string type, int64_t axes, bool maximum, const Each& window, const PoolOptions& o);

 private:
  int64_t axes_;
  bool maximum_, ceil_mode_, count_include_pad_;
  int64_t divisor_override_;
  std::vector<int64_t> window_, stride_, padding_, dilation_;
};
struct MaxPool1d : Pool {
  explicit MaxPool1d(const Each& window, const PoolOptions& o = {}) : Pool("MaxPool1d", 1, true, window, o) {}
};
struct MaxPool2d : Pool {
  explicit MaxPool2d(const Each& window, const PoolOptions& o = {}) : Pool("MaxPool2d", 2, true, window, o) {}
};
struct MaxPool3d : Pool {
  explicit MaxPool3d(const Each& window, const PoolOptions& o = {}) : Pool("MaxPool3d", 3, true, window, o) {}
};
struct AvgPool1d : Pool {
  explicit AvgPool1d(const Each& window, const PoolOptions& o = {}) : Pool("AvgPool1d", 1, false, window, o) {}
};
struct AvgPool2d : Pool {
  explicit AvgPool2d(const Each& window, const PoolOptions& o = {}) : Pool("AvgPool2d", 2, false, window, o) {}
};
struct AvgPool3d : Pool {
  explicit AvgPool3d(const Each& window, const PoolOptions& o = {}) : Pool("AvgPool3d", 3, false, window, o) {}
};
/// (sum of x^p)^(1 / p) of windows.
struct LPPool : Layer<LPPool> {
  Tensor forward(const Tensor& x) const;

 protected:
  LPPool(std::string type, int64_t axes, double p, const Each& window, const Each& stride, bool ceil_mode);

 private:
  int64_t axes_;
  double p_;
  bool ceil_mode_;
  std::vector<int64_t> window_, stride_;
};
struct LPPool1d : LPPool {
  LPPool1d(double p, const Each& window, const Each& stride = 0, bool ceil_mode = false)
      : LPPool("LPPool1d", 1, p, window, stride, ceil_mode) {}
};
struct LPPool2d : LPPool {
  LPPool2d(double p, const Each& window, const Each& stride = 0, bool ceil_mode = false)
      : LPPool("LPPool2d", 2, p, window, stride, ceil_mode) {}
};
struct LPPool3d : LPPool {
  LPPool3d(double p, const Each& window, const Each& stride = 0, bool ceil_mode = false)
      : LPPool("LPPool3d", 3, p, window, stride, ceil_mode) {}
};
/// (maxima, where they are in each plane: i64), as MaxUnpool takes them.
std::tuple<Tensor, Tensor> max_pool_with_indices(const Tensor& x, const Each& window, const PoolOptions& o = {});
/// Puts each value where max_pool_with_indices found it, zeros elsewhere.
class MaxUnpool : public Module {
 public:
  /// @param output  spatial sizes of the result; none: the smallest that the windows reach
  Tensor operator()(const Tensor& x, const Tensor& indices, const Sizes& output = {}) const {
    return run(x, [&](const Tensor& in) { return forward(in, indices, output); });
  }
  Tensor forward(const Tensor& x, const Tensor& indices, const Sizes& output = {}) const;

 protected:
  MaxUnpool(std::string type, int64_t axes, const Each& window, const Each& stride, const Each& padding);

 private:
  int64_t axes_;
  std::vector<int64_t> window_, stride_, padding_;
};
struct MaxUnpool1d : MaxUnpool {
  explicit MaxUnpool1d(const Each& window, const Each& stride = 0, const Each& padding = 0)
      : MaxUnpool("MaxUnpool1d", 1, window, stride, padding) {}
};
struct MaxUnpool2d : MaxUnpool {
  explicit MaxUnpool2d(const Each& window, const Each& stride = 0, const Each& padding = 0)
      : MaxUnpool("MaxUnpool2d", 2, window, stride, padding) {}
};
struct MaxUnpool3d : MaxUnpool {
  explicit MaxUnpool3d(const Each& window, const Each& stride = 0, const Each& padding = 0)
      : MaxUnpool("MaxUnpool3d", 3, window, stride, padding) {}
};
/// (maxima of `output` parts of each spatial axis, where they are in each plane: i64).
std::tuple<Tensor, Tensor> adaptive_max_pool_with_indices(const Tensor& x, const Each& output);
/// Means (or maxima) of `output` parts of each spatial axis, whatever its size; parts may overlap by one element. 0: as
/// many parts as elements.
struct AdaptivePool : Layer<AdaptivePool> {
  Tensor forward(const Tensor& x) const;

 protected:
  AdaptivePool(std::string type, int64_t axes, bool maximum, const Each& output);

 private:
  int64_t axes_;
  bool maximum_;
  std::vector<int64_t> output_;
};
struct AdaptiveAvgPool1d : AdaptivePool {
  explicit AdaptiveAvgPool1d(const Each& output) : AdaptivePool("AdaptiveAvgPool1d", 1, false, output) {}
};
struct AdaptiveAvgPool2d : AdaptivePool {
  explicit AdaptiveAvgPool2d(const Each& output) : AdaptivePool("AdaptiveAvgPool2d", 2, false, output) {}
};
struct AdaptiveAvgPool3d : AdaptivePool {
  explicit AdaptiveAvgPool3d(const Each& output) : AdaptivePool("AdaptiveAvgPool3d", 3, false, output) {}
};
struct AdaptiveMaxPool1d : AdaptivePool {
  explicit AdaptiveMaxPool1d(const Each& output) : AdaptivePool("AdaptiveMaxPool1d", 1, true, output) {}
};
struct AdaptiveMaxPool2d : AdaptivePool {
  explicit AdaptiveMaxPool2d(const Each& output) : AdaptivePool("AdaptiveMaxPool2d", 2, true, output) {}
};
struct AdaptiveMaxPool3d : AdaptivePool {
  explicit AdaptiveMaxPool3d(const Each& output) : AdaptivePool("AdaptiveMaxPool3d", 3, true, output) {}
};

// ---- normalisation -----------------------------------------------------------------------------------------------

struct BatchNormOptions {
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;  ///< share of the batch in the running statistics; none: their plain mean
  bool affine = true;                    ///< whether there are weight and bias
  bool track_running_stats = true;       ///< whether evaluation uses running statistics
  DType dtype = DType::f32;
};
/// (x - mean) / sqrt(var + eps) * weight + bias for each channel (axis 1): in training of the batch, and the running
/// statistics move to it (with the unbiased variance); in evaluation the running ones.
struct BatchNorm : Layer<BatchNorm> {
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;  ///< undefined where not asked for

 protected:
  BatchNorm(std::string type, int64_t channels, int64_t least_rank, int64_t most_rank, const BatchNormOptions& o);

 private:
  int64_t channels_, least_, most_;
  double eps_;
  std::optional<double> momentum_;
};
struct BatchNorm1d : BatchNorm {  ///< [n, c] or [n, c, l]
  explicit BatchNorm1d(int64_t channels, const BatchNormOptions& o = {})
      : BatchNorm("BatchNorm1d", channels, 2, 3, o) {}
};
struct BatchNorm2d : BatchNorm {  ///< [n, c, h, w]
  explicit BatchNorm2d(int64_t channels, const BatchNormOptions& o = {})
      : BatchNorm("BatchNorm2d", channels, 4, 4, o) {}
};
struct BatchNorm3d : BatchNorm {  ///< [n, c, d, h, w]
  explicit BatchNorm3d(int64_t channels, const BatchNormOptions& o = {})
      : BatchNorm("BatchNorm3d", channels, 5, 5, o) {}
};

/// In one process the same as BatchNorm2d, for inputs of rank 2 to 5.
struct SyncBatchNorm : BatchNorm {
  explicit SyncBatchNorm(int64_t channels, const BatchNormOptions& o = {})
      : BatchNorm("SyncBatchNorm", channels, 2, 5, o) {}
};

struct InstanceNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = false;               ///< whether there are weight and bias
  bool track_running_stats = false;  ///< whether evaluation uses running statistics
  DType dtype = DType::f32;
};
/// Normalises each plane of [n, c, ...] by itself.
struct InstanceNorm : Layer<InstanceNorm> {
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;  ///< undefined where not asked for

 protected:
  InstanceNorm(std::string type, int64_t axes, int64_t channels, const InstanceNormOptions& o);

 private:
  int64_t axes_, channels_;
  double eps_, momentum_;
};
struct InstanceNorm1d : InstanceNorm {
  explicit InstanceNorm1d(int64_t channels, const InstanceNormOptions& o = {})
      : InstanceNorm("InstanceNorm1d", 1, channels, o) {}
};
struct InstanceNorm2d : InstanceNorm {
  explicit InstanceNorm2d(int64_t channels, const InstanceNormOptions& o = {})
      : InstanceNorm("InstanceNorm2d", 2, channels, o) {}
};
struct InstanceNorm3d : InstanceNorm {
  explicit InstanceNorm3d(int64_t channels, const InstanceNormOptions& o = {})
      : InstanceNorm("InstanceNorm3d", 3, channels, o) {}
};
/// x / (k + alpha / size * sum of squares over `size` neighbouring channels)^beta.
struct LocalResponseNorm : Layer<LocalResponseNorm> {
  explicit LocalResponseNorm(int64_t size, double alpha = 1e-4, double beta = 0.75, double k = 1);
  Tensor forward(const Tensor& x) const;

 private:
  int64_t size_;
  double alpha_, beta_, k_;
};

struct NormOptions {
  double eps = 1e-5;
  bool affine = true;  ///< whether there is a weight
  bool bias = true;    ///< and a bias
  DType dtype = DType::f32;
};
/// (x - mean) / sqrt(var + eps) * weight + bias over the last axes, which have the sizes `shape`.
struct LayerNorm : Layer<LayerNorm> {
  explicit LayerNorm(const Sizes& shape, const NormOptions& o = {});
  explicit LayerNorm(int64_t size, const NormOptions& o = {}) : LayerNorm(Sizes{size}, o) {}
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias;

 private:
  Sizes shape_;
  double eps_;
};
/// x / sqrt(mean(x^2) + eps) * weight over the last axes.
struct RMSNorm : Layer<RMSNorm> {
  /// @param affine  whether there is a weight
  explicit RMSNorm(const Sizes& shape, double eps = 1.1920928955078125e-07, DType dtype = DType::f32,
                   bool affine = true);
  explicit RMSNorm(int64_t size, double eps = 1.1920928955078125e-07, DType dtype = DType::f32, bool affine = true)
      : RMSNorm(Sizes{size}, eps, dtype, affine) {}
  Tensor forward(const Tensor& x) const;
  Tensor weight;

 private:
  Sizes shape_;
  double eps_;
};
/// Normalises each of `groups` groups of channels of [n, c, ...] by itself.
struct GroupNorm : Layer<GroupNorm> {
  GroupNorm(int64_t groups, int64_t channels, const NormOptions& o = {});
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias;

 private:
  int64_t groups_, channels_;
  double eps_;
};

// ---- activations and dropout -------------------------------------------------------------------------------------

struct ReLU : Layer<ReLU> {
  ReLU() : Layer("ReLU") {}
  Tensor forward(const Tensor& x) const { return relu(x); }
};
struct Sigmoid : Layer<Sigmoid> {
  Sigmoid() : Layer("Sigmoid") {}
  Tensor forward(const Tensor& x) const { return sigmoid(x); }
};
struct Tanh : Layer<Tanh> {
  Tanh() : Layer("Tanh") {}
  Tensor forward(const Tensor& x) const { return tanh(x); }
};
struct SiLU : Layer<SiLU> {
  SiLU() : Layer("SiLU") {}
  Tensor forward(const Tensor& x) const { return swish(x); }
};
struct Mish : Layer<Mish> {
  Mish() : Layer("Mish") {}
  Tensor forward(const Tensor& x) const { return mish(x); }
};
struct Hardswish : Layer<Hardswish> {
  Hardswish() : Layer("Hardswish") {}
  Tensor forward(const Tensor& x) const { return hard_swish(x); }
};
struct Hardsigmoid : Layer<Hardsigmoid> {  ///< relu6(x + 3) / 6
  Hardsigmoid() : Layer("Hardsigmoid") {}
  Tensor forward(const Tensor& x) const { return hard_sigmoid(x, {.alpha = 1.0 / 6, .beta = 0.5}); }
};
struct GELU : Layer<GELU> {
  /// @param approximate  "none" or "tanh"
  explicit GELU(std::string approximate = "none") : Layer("GELU"), approximate(std::move(approximate)) {}
  Tensor forward(const Tensor& x) const { return gelu(x, approximate); }
  std::string approximate;
};
struct LeakyReLU : Layer<LeakyReLU> {
  explicit LeakyReLU(double slope = 0.01) : Layer("LeakyReLU"), slope(slope) {}
  Tensor forward(const Tensor& x) const { return leaky_relu(x, slope); }
  double slope;
};
struct ELU : Layer<ELU> {
  explicit ELU(double alpha = 1) : Layer("ELU"), alpha(alpha) {}
  Tensor forward(const Tensor& x) const { return elu(x, alpha); }
  double alpha;
};
struct Softplus : Layer<Softplus> {  ///< log(1 + exp(beta x)) / beta, x itself where beta x is above the threshold
  explicit Softplus(double beta = 1, double threshold = 20) : Layer("Softplus"), beta(beta), threshold(threshold) {}
  Tensor forward(const Tensor& x) const { return where(x * beta > threshold, x, softplus(x * beta) / beta); }
  double beta, threshold;
};
struct Softmax : Layer<Softmax> {
  explicit Softmax(int64_t axis = -1) : Layer("Softmax"), axis(axis) {}
  Tensor forward(const Tensor& x) const { return softmax(x, axis); }
  int64_t axis;
};
struct LogSoftmax : Layer<LogSoftmax> {
  explicit LogSoftmax(int64_t axis = -1) : Layer("LogSoftmax"), axis(axis) {}
  Tensor forward(const Tensor& x) const { return log_softmax(x, axis); }
  int64_t axis;
};
struct CELU : Layer<CELU> {  ///< max(0, x) + min(0, alpha (exp(x / alpha) - 1))
  explicit CELU(double alpha = 1) : Layer("CELU"), alpha(alpha) {}
  Tensor forward(const Tensor& x) const { return celu(x, alpha); }
  double alpha;
};
struct SELU : Layer<SELU> {  ///< Klambauer et al., 2017
  SELU() : Layer("SELU") {}
  Tensor forward(const Tensor& x) const { return selu(x, {.alpha = 1.6732632423543772, .gamma = 1.0507009873554805}); }
};
struct ReLU6 : Layer<ReLU6> {
  ReLU6() : Layer("ReLU6") {}
  Tensor forward(const Tensor& x) const { return hard_tanh(x, {.min_val = 0, .max_val = 6}); }
};
struct Hardtanh : Layer<Hardtanh> {
  explicit Hardtanh(double low = -1, double high = 1) : Layer("Hardtanh"), low(low), high(high) {}
  Tensor forward(const Tensor& x) const { return hard_tanh(x, {.min_val = low, .max_val = high}); }
  double low, high;
};
struct Hardshrink : Layer<Hardshrink> {  ///< x outside of [-lambda, lambda], else 0
  explicit Hardshrink(double lambda = 0.5) : Layer("Hardshrink"), lambda(lambda) {}
  Tensor forward(const Tensor& x) const { return shrink(x, {.bias = 0, .lambd = lambda}); }
  double lambda;
};
struct Softshrink : Layer<Softshrink> {  ///< x moved towards 0 by lambda, 0 where it would pass it
  explicit Softshrink(double lambda = 0.5) : Layer("Softshrink"), lambda(lambda) {}
  Tensor forward(const Tensor& x) const { return shrink(x, {.bias = lambda, .lambd = lambda}); }
  double lambda;
};
struct Tanhshrink : Layer<Tanhshrink> {
  Tanhshrink() : Layer("Tanhshrink") {}
  Tensor forward(const Tensor& x) const { return x - tanh(x); }
};
struct Softsign : Layer<Softsign> {
  Softsign() : Layer("Softsign") {}
  Tensor forward(const Tensor& x) const { return softsign(x); }
};
struct LogSigmoid : Layer<LogSigmoid> {
  LogSigmoid() : Layer("LogSigmoid") {}
  Tensor forward(const Tensor& x) const { return log_sigmoid(x); }
};
struct Softmin : Layer<Softmin> {
  explicit Softmin(int64_t axis = -1) : Layer("Softmin"), axis(axis) {}
  Tensor forward(const Tensor& x) const { return softmax(-x, axis); }
  int64_t axis;
};
struct Softmax2d : Layer<Softmax2d> {  ///< over the channels of [n, c, h, w] or [c, h, w]
  Softmax2d() : Layer("Softmax2d") {}
  Tensor forward(const Tensor& x) const { return softmax(x, -3); }
};
struct Threshold : Layer<Threshold> {  ///< x above the threshold, else value
  Threshold(double threshold, double value) : Layer("Threshold"), threshold(threshold), value(value) {}
  Tensor forward(const Tensor& x) const { return where(x > threshold, x, value); }
  double threshold, value;
};
struct GLU : Layer<GLU> {  ///< the first half of an axis times the sigmoid of its second half
  explicit GLU(int64_t axis = -1) : Layer("GLU"), axis(axis) {}
  Tensor forward(const Tensor& x) const;
  int64_t axis;
};
struct PReLU : Layer<PReLU> {  ///< x, below 0 times a slope that is trained: one, or one for each channel
  explicit PReLU(int64_t slopes = 1, double initial = 0.25, DType dtype = DType::f32);
  Tensor forward(const Tensor& x) const;
  Tensor weight;
};
/// x, below 0 times a slope: drawn from [low, high) for each element in training, else their mean.
struct RReLU : Layer<RReLU> {
  explicit RReLU(double low = 1.0 / 8, double high = 1.0 / 3) : Layer("RReLU"), low(low), high(high) {}
  Tensor forward(const Tensor& x) const;
  double low, high;
};

/// x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along an axis.
Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t axis = 1, double eps = 1e-8);
/// Lp norm of x1 - x2 + eps along the last axis.
Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, double p = 2, double eps = 1e-6, bool keepdims = false);
/// x / max(Lp norm along an axis, eps).
Tensor normalize(const Tensor& x, double p = 2, int64_t axis = 1, double eps = 1e-12);
struct CosineSimilarity : Module {
  explicit CosineSimilarity(int64_t axis = 1, double eps = 1e-8) : Module("CosineSimilarity"), axis(axis), eps(eps) {}
  Tensor operator()(const Tensor& x1, const Tensor& x2) const {
    return run(x1, [&](const Tensor& x) { return forward(x, x2); });
  }
  Tensor forward(const Tensor& x1, const Tensor& x2) const { return cosine_similarity(x1, x2, axis, eps); }
  int64_t axis;
  double eps;
};
struct PairwiseDistance : Module {
  explicit PairwiseDistance(double p = 2, double eps = 1e-6, bool keepdims = false)
      : Module("PairwiseDistance"), p(p), eps(eps), keepdims(keepdims) {}
  Tensor operator()(const Tensor& x1, const Tensor& x2) const {
    return run(x1, [&](const Tensor& x) { return forward(x, x2); });
  }
  Tensor forward(const Tensor& x1, const Tensor& x2) const { return pairwise_distance(x1, x2, p, eps, keepdims); }
  double p, eps;
  bool keepdims;
};

/// In training: elements are zero with probability p, the others scaled by 1 / (1 - p); otherwise x.
struct Dropout : Layer<Dropout> {
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) const;
  double p;
};
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true);

/// In training whole channels of inputs with `axes` spatial axes are dropped together.
struct ChannelDropout : Layer<ChannelDropout> {
  Tensor forward(const Tensor& x) const;
  double p;

 protected:
  ChannelDropout(std::string type, int64_t axes, double p);

 private:
  int64_t axes_;
};
struct Dropout1d : ChannelDropout {
  explicit Dropout1d(double p = 0.5) : ChannelDropout("Dropout1d", 1, p) {}
};
struct Dropout2d : ChannelDropout {
  explicit Dropout2d(double p = 0.5) : ChannelDropout("Dropout2d", 2, p) {}
};
struct Dropout3d : ChannelDropout {
  explicit Dropout3d(double p = 0.5) : ChannelDropout("Dropout3d", 3, p) {}
};
/// Dropout that keeps mean and deviation of what SELU makes. Klambauer et al., 2017.
struct AlphaDropout : Layer<AlphaDropout> {
  explicit AlphaDropout(double p = 0.5) : AlphaDropout("AlphaDropout", p, false) {}
  Tensor forward(const Tensor& x) const;
  double p;

 protected:
  AlphaDropout(std::string type, double p, bool channels);

 private:
  bool channels_;
};
struct FeatureAlphaDropout : AlphaDropout {  ///< of whole channels
  explicit FeatureAlphaDropout(double p = 0.5) : AlphaDropout("FeatureAlphaDropout", p, true) {}
};

// ---- padding, resizing and moving pixels -------------------------------------------------------------------------

/// More (or, below 0, less) at the ends of the last axes: {before, after} of the last axis, then of the one before it.
/// @throws Error{invalid_argument} for more pairs than axes, and for more than reflect and circular can show
Tensor pad(const Tensor& x, const Sizes& pads, PadMode mode = PadMode::constant, double value = 0);
/// Padding of `axes` spatial axes of [n, c, ...] or [c, ...]: one size for all ends, or as `pad` takes them.
struct Padding : Layer<Padding> {
  Tensor forward(const Tensor& x) const;

 protected:
  Padding(std::string type, int64_t axes, PadMode mode, const Each& pads, double value = 0);

 private:
  int64_t axes_;
  PadMode mode_;
  double value_;
  Sizes pads_;
};
struct ConstantPad1d : Padding {
  explicit ConstantPad1d(const Each& pads, double value = 0)
      : Padding("ConstantPad1d", 1, PadMode::constant, pads, value) {}
};
struct ConstantPad2d : Padding {
  explicit ConstantPad2d(const Each& pads, double value = 0)
      : Padding("ConstantPad2d", 2, PadMode::constant, pads, value) {}
};
struct ConstantPad3d : Padding {
  explicit ConstantPad3d(const Each& pads, double value = 0)
      : Padding("ConstantPad3d", 3, PadMode::constant, pads, value) {}
};
struct ZeroPad1d : Padding {
  explicit ZeroPad1d(const Each& pads) : Padding("ZeroPad1d", 1, PadMode::constant, pads) {}
};
struct ZeroPad2d : Padding {
  explicit ZeroPad2d(const Each& pads) : Padding("ZeroPad2d", 2, PadMode::constant, pads) {}
};
struct ZeroPad3d : Padding {
  explicit ZeroPad3d(const Each& pads) : Padding("ZeroPad3d", 3, PadMode::constant, pads) {}
};
struct ReflectionPad1d : Padding {
  explicit ReflectionPad1d(const Each& pads) : Padding("ReflectionPad1d", 1, PadMode::reflect, pads) {}
};
struct ReflectionPad2d : Padding {
  explicit ReflectionPad2d(const Each& pads) : Padding("ReflectionPad2d", 2, PadMode::reflect, pads) {}
};
struct ReflectionPad3d : Padding {
  explicit ReflectionPad3d(const Each& pads) : Padding("ReflectionPad3d", 3, PadMode::reflect, pads) {}
};
struct ReplicationPad1d : Padding {
  explicit ReplicationPad1d(const Each& pads) : Padding("ReplicationPad1d", 1, PadMode::replicate, pads) {}
};
struct ReplicationPad2d : Padding {
  explicit ReplicationPad2d(const Each& pads) : Padding("ReplicationPad2d", 2, PadMode::replicate, pads) {}
};
struct ReplicationPad3d : Padding {
  explicit ReplicationPad3d(const Each& pads) : Padding("ReplicationPad3d", 3, PadMode::replicate, pads) {}
};
struct CircularPad1d : Padding {
  explicit CircularPad1d(const Each& pads) : Padding("CircularPad1d", 1, PadMode::circular, pads) {}
};
struct CircularPad2d : Padding {
  explicit CircularPad2d(const Each& pads) : Padding("CircularPad2d", 2, PadMode::circular, pads) {}
};
struct CircularPad3d : Padding {
  explicit CircularPad3d(const Each& pads) : Padding("CircularPad3d", 3, PadMode::circular, pads) {}
};

struct UpsampleOptions {
  Sizes size = {};                 ///< spatial sizes of the result; or
  std::vector<double> scale = {};  ///< factors, one or one for each axis
  std::string mode = "nearest";    ///< nearest, nearest-exact, linear, bilinear, bicubic, trilinear or area
  bool align_corners = false;      ///< of linear, bilinear, bicubic and trilinear
};
/// Resamples the spatial axes of [n, c, ...]. As torch.nn.functional.interpolate.
/// @throws Error{invalid_argument | shape_mismatch} for neither or both of size and scale; for a mode of another rank
Tensor interpolate(const Tensor& x, const UpsampleOptions& o, const char* call = "interpolate");
struct Upsample : Layer<Upsample> {
  explicit Upsample(UpsampleOptions o) : Layer("Upsample"), options(std::move(o)) {}
  Tensor forward(const Tensor& x) const { return interpolate(x, options, "Upsample"); }
  UpsampleOptions options;
};
struct UpsamplingNearest2d : Upsample {
  explicit UpsamplingNearest2d(double scale) : Upsample({.scale = {scale}}) {}
  explicit UpsamplingNearest2d(Sizes size) : Upsample({.size = std::move(size)}) {}
};
struct UpsamplingBilinear2d : Upsample {
  explicit UpsamplingBilinear2d(double scale)
      : Upsample({.scale = {scale}, .mode = "bilinear", .align_corners = true}) {}
  explicit UpsamplingBilinear2d(Sizes size)
      : Upsample({.size = std::move(size), .mode = "bilinear", .align_corners = true}) {}
};

Tensor pixel_shuffle(const Tensor& x, int64_t factor);    ///< [..., c r^2, h, w] -> [..., c, h r, w r]
Tensor pixel_unshuffle(const Tensor& x, int64_t factor);  ///< the reverse of pixel_shuffle
Tensor channel_shuffle(const Tensor& x, int64_t groups);  ///< channels of [n, c, ...] in the order that mixes groups
struct PixelShuffle : Layer<PixelShuffle> {
  explicit PixelShuffle(int64_t factor) : Layer("PixelShuffle"), factor(factor) {}
  Tensor forward(const Tensor& x) const { return pixel_shuffle(x, factor); }
  int64_t factor;
};
struct PixelUnshuffle : Layer<PixelUnshuffle> {
  explicit PixelUnshuffle(int64_t factor) : Layer("PixelUnshuffle"), factor(factor) {}
  Tensor forward(const Tensor& x) const { return pixel_unshuffle(x, factor); }
  int64_t factor;
};
struct ChannelShuffle : Layer<ChannelShuffle> {
  explicit ChannelShuffle(int64_t groups) : Layer("ChannelShuffle"), groups(groups) {}
  Tensor forward(const Tensor& x) const { return channel_shuffle(x, groups); }
  int64_t groups;
};

struct WindowOptions {
  Each dilation = 1, padding = 0, stride = 1;
};
/// The windows of [n, c, h, w] as columns: [n, c * kh * kw, windows].
struct Unfold : Layer<Unfold> {
  explicit Unfold(const Each& kernel, const WindowOptions& o = {});
  Tensor forward(const Tensor& x) const;

 private:
  std::vector<int64_t> kernel_, dilation_, padding_, stride_;
};
/// Columns [n, c * kh * kw, windows] added into images [n, c, h, w] of the spatial sizes `output`.
struct Fold : Layer<Fold> {
  Fold(const Each& output, const Each& kernel, const WindowOptions& o = {});
  Tensor forward(const Tensor& x) const;

 private:
  std::vector<int64_t> output_, kernel_, dilation_, padding_, stride_;
};

// ---- weights and gradients ---------------------------------------------------------------------------------------

/// Writes tensors as a safetensors file, which Python's neve.load_weights and others read. Atomic. @throws Error{io}
void save_weights(const std::string& path, const NamedTensors& tensors);
/// Reads a safetensors file; the tensors map it. @throws Error{io | not_found | corrupt_file}
NamedTensors load_weights(const std::string& path);

/// Scales all gradients in place so that their common Lp norm is at most `most`; returns the norm before.
/// @param p  of the norm: above 0, infinity for the largest element
/// @throws Error{invalid_argument} for a negative bound or p; for a norm that is not finite, if `must_be_finite`
double clip_grad_norm(const std::vector<Tensor>& parameters, double most, double p = 2, bool must_be_finite = false);
/// Bounds every element of the gradients to [-most, most], in place.
void clip_grad_value(const std::vector<Tensor>& parameters, double most);

/// Initialisers: each fills a tensor in place, without recording. fan in: the elements that one output reads.
namespace init {
enum class Fan : uint8_t { in, out };
/// The factor by which a nonlinearity wants the deviation of weights enlarged: "linear", "conv1d" ..., "sigmoid",
/// "tanh", "relu", "leaky_relu" (of `slope`), "selu". @throws Error{invalid_argument} for another one
double gain(const std::string& nonlinearity, double slope = 0.01);
void uniform(const Tensor& t, double low = 0, double high = 1);
void normal(const Tensor& t, double mean = 0, double deviation = 1);
void constant(const Tensor& t, double value);
/// Normal numbers of [low, high]. @throws Error{invalid_argument} for an empty range or no deviation
void trunc_normal(const Tensor& t, double mean = 0, double deviation = 1, double low = -2, double high = 2);
void xavier_uniform(const Tensor& t, double gain = 1);  ///< Glorot & Bengio, 2010
void xavier_normal(const Tensor& t, double gain = 1);
/// Evenly of +-sqrt(3 / fan) times the gain of leaky_relu, or of another nonlinearity: He et al., 2015.
void kaiming_uniform(const Tensor& t, double slope = 0, Fan fan = Fan::in,
                     const std::string& nonlinearity = "leaky_relu");
void kaiming_normal(const Tensor& t, double slope = 0, Fan fan = Fan::in,
                    const std::string& nonlinearity = "leaky_relu");
void eye(const Tensor& t);                          ///< the identity, of a matrix
void dirac(const Tensor& t, int64_t groups = 1);    ///< a convolution [out, in, kernel...] that keeps its channels
void orthogonal(const Tensor& t, double gain = 1);  ///< [first axis, all others]: Saxe et al., 2013
/// Normal, with the share `sparsity` of each column of a matrix zero: Martens, 2010.
void sparse(const Tensor& t, double sparsity, double deviation = 0.01);
}  // namespace init

}  // namespace neve::nn

// The rest of the layers; it includes this file.
#include <neve/sequence.h>
