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
#include <neve/autograd.h>
#include <neve/functions.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace neve {
using NamedTensors = std::map<std::string, Tensor>;
}

namespace neve::nn {

/// What load_state_dict could not match.
struct LoadResult {
  std::vector<std::string> missing, unexpected;
};

/// A piece of a model: parameters, buffers and inner modules, each under a name. Derive from it, and name what you add
/// as the member is called.
///
/// A Module is a handle, as a Tensor is: a copy is another name of the same parameters, inner modules and mode.
/// Not thread-safe while it is changed; forward in evaluation mode may run in several threads.
class Module {
 public:
  /// @param type  name of the class, for messages and summary()
  explicit Module(std::string type = "Module");

  /// All parameters of this module and those inside, each once, in the order in which they were added.
  std::vector<Tensor> parameters() const;
  std::vector<std::pair<std::string, Tensor>> named_parameters() const;  ///< "layer1.0.conv1.weight"
  std::vector<std::pair<std::string, Tensor>> named_buffers() const;
  std::vector<std::pair<std::string, Module>> named_modules() const;  ///< this one first, as ""
  std::vector<std::pair<std::string, Module>> named_children() const;

  /// Training mode (dropout drops, batch norm measures) for this module and all inside; or evaluation. True at first.
  void train(bool on = true) const;
  void eval() const { train(false); }
  bool is_training() const;
  void zero_grad() const;                                         ///< forgets the gradients of the parameters
  void requires_grad(bool on = true) const;                       ///< whether the parameters ask for gradients
  void apply(const std::function<void(const Module&)>& f) const;  ///< on all inside, then on this one
  /// Converts parameters and buffers of float dtypes; members and optimisers go on with the same tensors, gradients are
  /// forgotten. @throws Error{type_mismatch} for a dtype that is no float
  void to(DType dtype) const;

  /// Name -> tensor of all parameters and saved buffers; they share memory with the module's.
  NamedTensors state_dict() const;
  /// Copies values by name, converting. Nothing is copied where something is wrong.
  /// @param strict  whether the names must be the same
  /// @throws Error{invalid_argument} whose text lists missing and unexpected names and unequal shapes
  LoadResult load_state_dict(const NamedTensors& state, bool strict = true) const;

  const std::string& type() const;
  /// A table of the modules inside with their numbers of parameters.
  std::string summary() const;

  /// Adds an inner module under a name, and returns it: `nn::Linear fc = add("fc", nn::Linear(2, 3));`
  /// @throws Error{invalid_argument} for a name that is empty, has a dot, or is taken
  template <class M>
  M add(const std::string& name, M module) {
    add_child(name, module);
    return module;
  }
  /// Adds a tensor that is trained, and returns it, asking for gradients.
  Tensor add_parameter(const std::string& name, const Tensor& value);
  /// Adds a tensor that is state but not trained. @param saved  whether it is part of state_dict
  Tensor add_buffer(const std::string& name, const Tensor& value, bool saved = true);

 private:
  struct Body;
  void add_child(const std::string& name, const Module& module) const;
  std::shared_ptr<Body> body_;
};

/// Gives a module with `Tensor forward(const Tensor&) const` the call `layer(x)`. A class of your own may derive from
/// Layer<Net> instead of Module.
template <class Self>
struct Layer : Module {
  using Module::Module;
  Tensor operator()(const Tensor& x) const { return static_cast<const Self&>(*this).forward(x); }
};

// ---- containers --------------------------------------------------------------------------------------------------

/// Modules one after another, named "0", "1" ...: nn::Sequential{nn::Linear(8, 4), nn::ReLU(), nn::Linear(4, 2)}.
/// Takes every module with `Tensor forward(const Tensor&) const`. With braces they are made from left to right, and
/// draw their first weights in that order on every compiler; with parentheses C++ leaves the order open.
class Sequential : public Layer<Sequential> {
 public:
  template <class... M>
    requires(std::derived_from<M, Module> && ...)
  explicit Sequential(M... modules) : Layer("Sequential") {
    (push_back(std::move(modules)), ...);
  }
  template <class M>
  void push_back(M module) {
    add(std::to_string(steps_->size()), module);
    steps_->push_back([module](const Tensor& x) { return module.forward(x); });
  }
  Tensor forward(const Tensor& x) const;
  size_t size() const { return steps_->size(); }

 private:
  std::shared_ptr<std::vector<std::function<Tensor(const Tensor&)>>> steps_ =
      std::make_shared<std::vector<std::function<Tensor(const Tensor&)>>>();
};

/// A list of modules of one class, named "0", "1" ...: `nn::ModuleList<Block> blocks = add("blocks",
/// nn::ModuleList<Block>());`, then blocks.push_back(Block(...)).
template <class M>
class ModuleList : public Module {
 public:
  ModuleList() : Module("ModuleList") {}
  void push_back(M module) { items_->push_back(add(std::to_string(items_->size()), std::move(module))); }
  size_t size() const { return items_->size(); }
  const M& operator[](size_t i) const { return items_->at(i); }
  auto begin() const { return items_->begin(); }
  auto end() const { return items_->end(); }

 private:
  std::shared_ptr<std::vector<M>> items_ = std::make_shared<std::vector<M>>();
};

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

/// Rows of weight [count, size] by index: i64 or i32 [...] -> [..., size]. Weights: normal.
/// @throws Error{invalid_argument} for an index outside of 0 .. count - 1
struct Embedding : Layer<Embedding> {
  Embedding(int64_t count, int64_t size, DType dtype = DType::f32);
  Tensor forward(const Tensor& indices) const;
  Tensor weight;
};

struct Flatten : Layer<Flatten> {
  explicit Flatten(int64_t first = 1, int64_t last = -1) : Layer("Flatten"), first(first), last(last) {}
  Tensor forward(const Tensor& x) const { return flatten(x, first, last); }
  int64_t first, last;
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

struct ConvOptions {
  Each stride = 1, padding = 0, dilation = 1;
  int64_t groups = 1;
  bool bias = true;
  Each output_padding = 0;  ///< of transposed convolutions only
  DType dtype = DType::f32;
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
  std::vector<int64_t> kernel_, stride_, padding_, dilation_, output_padding_;
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
};
/// Maxima or means of windows over spatial axes of [n, c, ...] (or [c, ...]).
struct Pool : Layer<Pool> {
  Tensor forward(const Tensor& x) const;

 protected:
  Pool(std::string type, int64_t axes, bool maximum, const Each& window, const PoolOptions& o);

 private:
  int64_t axes_;
  bool maximum_, ceil_mode_, count_include_pad_;
  std::vector<int64_t> window_, stride_, padding_;
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
/// Means (or maxima) of `output` parts of each spatial axis, whatever its size. Maxima want sizes that `output`
/// divides.
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

// ---- normalisation -----------------------------------------------------------------------------------------------

struct BatchNormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  ///< share of the batch in the running statistics
  bool affine = true;     ///< whether there are weight and bias
  DType dtype = DType::f32;
};
/// (x - mean) / sqrt(var + eps) * weight + bias for each channel (axis 1): in training of the batch, and the running
/// statistics move to it (with the unbiased variance); in evaluation the running ones.
struct BatchNorm : Layer<BatchNorm> {
  Tensor forward(const Tensor& x) const;
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 protected:
  BatchNorm(std::string type, int64_t channels, int64_t least_rank, int64_t most_rank, const BatchNormOptions& o);

 private:
  int64_t channels_, least_, most_;
  double eps_, momentum_;
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
  explicit RMSNorm(const Sizes& shape, double eps = 1.1920928955078125e-07, DType dtype = DType::f32);
  explicit RMSNorm(int64_t size, double eps = 1.1920928955078125e-07, DType dtype = DType::f32)
      : RMSNorm(Sizes{size}, eps, dtype) {}
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
struct Softplus : Layer<Softplus> {
  Softplus() : Layer("Softplus") {}
  Tensor forward(const Tensor& x) const { return softplus(x); }
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
/// In training: elements are zero with probability p, the others scaled by 1 / (1 - p); otherwise x.
struct Dropout : Layer<Dropout> {
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) const;
  double p;
};
Tensor dropout(const Tensor& x, double p = 0.5, bool training = true);

// ---- recurrent layers --------------------------------------------------------------------------------------------

struct RecurrentOptions {
  int64_t layers = 1;
  bool bias = true;
  bool batch_first = false;  ///< x is [n, t, input] instead of [t, n, input]
  double dropout = 0;        ///< between layers, in training
  bool bidirectional = false;
  DType dtype = DType::f32;
};
/// What RNN, LSTM and GRU share. Parameters: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..._reverse, as in
/// torch. Without recording the registry's op runs the whole sequence; recorded, the steps are written out.
class Recurrent : public Module {
 public:
  struct Result {
    Tensor y;       ///< [t, n, hidden * directions]
    Tensor h;       ///< after the last step: [layers * directions, n, hidden]
    Tensor c = {};  ///< of LSTM only
  };
  /// @param h0, c0  [layers * directions, n, hidden]; undefined: zeros
  /// @throws Error{shape_mismatch}
  Result operator()(const Tensor& x, const Tensor& h0 = {}, const Tensor& c0 = {}) const { return forward(x, h0, c0); }
  Result forward(const Tensor& x, const Tensor& h0 = {}, const Tensor& c0 = {}) const;
  struct Weights {
    Tensor w_ih, w_hh, b_ih, b_hh;
  };

 protected:
  Recurrent(std::string type, std::string mode, int64_t input, int64_t hidden, const RecurrentOptions& o);

 private:
  std::string mode_;
  int64_t input_, hidden_;
  RecurrentOptions options_;
  std::vector<Weights> weights_;  ///< by layer, then direction
};
struct RNN : Recurrent {  ///< h = tanh(x w_ih^T + b_ih + h w_hh^T + b_hh)
  RNN(int64_t input, int64_t hidden, const RecurrentOptions& o = {}) : Recurrent("RNN", "tanh", input, hidden, o) {}
};
struct LSTM : Recurrent {
  LSTM(int64_t input, int64_t hidden, const RecurrentOptions& o = {}) : Recurrent("LSTM", "lstm", input, hidden, o) {}
};
struct GRU : Recurrent {
  GRU(int64_t input, int64_t hidden, const RecurrentOptions& o = {}) : Recurrent("GRU", "gru", input, hidden, o) {}
};

// ---- attention ---------------------------------------------------------------------------------------------------

struct AttentionMasks {
  Tensor attention = {};  ///< [s, t] or [n * heads, s, t]; bool: true may not be seen; float: added
  Tensor padding = {};    ///< [n, t], as above
  bool causal = false;    ///< position i sees positions up to i
};
struct AttentionOptions {
  double dropout = 0;
  bool bias = true;
  bool batch_first = false;
  DType dtype = DType::f32;
};
/// softmax(q k^T / sqrt(d)) v in several heads, between linear layers. Vaswani et al., 2017.
/// Parameters: in_proj_weight, in_proj_bias, out_proj.weight, out_proj.bias.
class MultiheadAttention : public Module {
 public:
  MultiheadAttention(int64_t size, int64_t heads, const AttentionOptions& o = {});
  /// query [s, n, size], key and value [t, n, size] ([n, s, size] with batch_first) -> as query.
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionMasks& masks = {}) const {
    return forward(query, key, value, masks);
  }
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMasks& masks = {}) const;
  Tensor in_proj_weight, in_proj_bias;

 private:
  int64_t size_, heads_;
  AttentionOptions options_;

 public:
  Linear out_proj;
};

struct TransformerOptions {
  int64_t feedforward = 2048;
  double dropout = 0.1;
  bool gelu = false;  ///< instead of relu
  double eps = 1e-5;
  bool batch_first = false, norm_first = false;
  DType dtype = DType::f32;
};
/// Self attention, then two linear layers, each with a residual and a norm.
class TransformerEncoderLayer : public Layer<TransformerEncoderLayer> {
 public:
  TransformerEncoderLayer(int64_t size, int64_t heads, const TransformerOptions& o = {});
  Tensor operator()(const Tensor& x, const AttentionMasks& masks = {}) const { return forward(x, masks); }
  Tensor forward(const Tensor& x, const AttentionMasks& masks = {}) const;

 private:
  TransformerOptions options_;
  Tensor feed(const Tensor& x) const;

 public:
  MultiheadAttention self_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2;
  Dropout dropout1, dropout2;
};

// ---- losses ------------------------------------------------------------------------------------------------------

enum class Reduction : uint8_t { mean, sum, none };
struct CrossEntropyOptions {
  Tensor weight = {};  ///< of each class
  int64_t ignore_index = -100;
  Reduction reduction = Reduction::mean;  ///< mean: over the weights of what is not ignored
  double label_smoothing = 0;             ///< mixes the target with equal probabilities
};
/// -log softmax(x)[target]: x [n, classes, ...], target i64 [n, ...].
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
/// target (log target - x), x being log probabilities; the mean is over all elements.
Tensor kl_div(const Tensor& x, const Tensor& target, Reduction r = Reduction::mean);

// ---- weights and gradients ---------------------------------------------------------------------------------------

/// Writes tensors as a safetensors file, which Python's neve.load_weights and others read. Atomic. @throws Error{io}
void save_weights(const std::string& path, const NamedTensors& tensors);
/// Reads a safetensors file; the tensors map it. @throws Error{io | not_found | corrupt_file}
NamedTensors load_weights(const std::string& path);

/// Scales all gradients in place so that their common Euclidean norm is at most `most`; returns the norm before.
/// @throws Error{invalid_argument} for a negative bound
double clip_grad_norm(const std::vector<Tensor>& parameters, double most);
/// Bounds every element of the gradients to [-most, most], in place.
void clip_grad_value(const std::vector<Tensor>& parameters, double most);

/// Initialisers: each fills a tensor in place, without recording. fan in: the elements that one output reads.
namespace init {
void uniform(const Tensor& t, double low = 0, double high = 1);
void normal(const Tensor& t, double mean = 0, double deviation = 1);
void constant(const Tensor& t, double value);
void xavier_uniform(const Tensor& t, double gain = 1);  ///< Glorot & Bengio, 2010
/// Evenly of +-sqrt(6 / ((1 + slope^2) fan in)): He et al., 2015.
void kaiming_uniform(const Tensor& t, double slope = 0);
void kaiming_normal(const Tensor& t, double slope = 0);
}  // namespace init

}  // namespace neve::nn
