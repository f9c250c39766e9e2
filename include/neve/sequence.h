// Layers over sequences: recurrent layers and cells, attention, transformers.
#pragma once
#include <neve/nn.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace neve::nn {

// ---- recurrent layers --------------------------------------------------------------------------------------------

struct RecurrentOptions {
  int64_t layers = 1;
  bool bias = true;
  bool batch_first = false;  ///< x is [n, t, input] instead of [t, n, input]
  double dropout = 0;        ///< between layers, in training
  bool bidirectional = false;
  bool relu = false;  ///< of RNN: relu instead of tanh
  DType dtype = DType::f32;
};
/// What RNN, LSTM and GRU share. Parameters: weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ..._reverse, as in
/// torch. The registry's op runs the whole sequence; of the gradient only the chain through time goes step by step.
class Recurrent : public Module {
 public:
  struct Result {   ///< of x [t, n, input], or [t, input]: then all of it is without n
    Tensor y;       ///< [t, n, hidden * directions]
    Tensor h;       ///< after the last step: [layers * directions, n, hidden]
    Tensor c = {};  ///< of LSTM only
  };
  /// @param h0, c0  [layers * directions, n, hidden]; undefined: zeros
  /// @throws Error{shape_mismatch}
  Result operator()(const Tensor& x, const Tensor& h0 = {}, const Tensor& c0 = {}) const {
    if (!has_hooks()) return forward(x, h0, c0);
    const Tensor in = before_forward(x);
    Result r = forward(in, h0, c0);
    r.y = after_forward(in, r.y);
    return r;
  }
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
struct RNN : Recurrent {  ///< h = tanh(x w_ih^T + b_ih + h w_hh^T + b_hh), or relu of it
  RNN(int64_t input, int64_t hidden, const RecurrentOptions& o = {})
      : Recurrent("RNN", o.relu ? "relu" : "tanh", input, hidden, o) {}
};
struct LSTM : Recurrent {
  LSTM(int64_t input, int64_t hidden, const RecurrentOptions& o = {}) : Recurrent("LSTM", "lstm", input, hidden, o) {}
};
struct GRU : Recurrent {
  GRU(int64_t input, int64_t hidden, const RecurrentOptions& o = {}) : Recurrent("GRU", "gru", input, hidden, o) {}
};

struct CellOptions {
  bool bias = true;
  bool relu = false;  ///< of RNNCell: relu instead of tanh
  DType dtype = DType::f32;
};
/// One step of a recurrent layer. Parameters: weight_ih, weight_hh, bias_ih, bias_hh, as in torch.
class Cell : public Module {
 public:
  struct State {
    Tensor h, c = {};  ///< [n, hidden] (without batch: [hidden]); c of LSTMCell only
  };
  Tensor weight_ih, weight_hh, bias_ih, bias_hh;

 protected:
  Cell(std::string type, std::string mode, int64_t input, int64_t hidden, const CellOptions& o);
  /// @throws Error{shape_mismatch}
  State step(const Tensor& x, const State& before) const;

 private:
  std::string mode_;
  int64_t input_, hidden_;
};
/// x [n, input] (or [input]), h [n, hidden] (undefined: zeros) -> h after.
struct RNNCell : Cell {
  RNNCell(int64_t input, int64_t hidden, const CellOptions& o = {})
      : Cell("RNNCell", o.relu ? "relu" : "tanh", input, hidden, o) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const {
    return run(x, [&](const Tensor& in) { return forward(in, h); });
  }
  Tensor forward(const Tensor& x, const Tensor& h = {}) const { return step(x, {h}).h; }
};
struct GRUCell : Cell {
  GRUCell(int64_t input, int64_t hidden, const CellOptions& o = {}) : Cell("GRUCell", "gru", input, hidden, o) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {}) const {
    return run(x, [&](const Tensor& in) { return forward(in, h); });
  }
  Tensor forward(const Tensor& x, const Tensor& h = {}) const { return step(x, {h}).h; }
};
struct LSTMCell : Cell {
  LSTMCell(int64_t input, int64_t hidden, const CellOptions& o = {}) : Cell("LSTMCell", "lstm", input, hidden, o) {}
  State operator()(const Tensor& x, const State& s = {}) const {
    if (!has_hooks()) return forward(x, s);
    const Tensor in = before_forward(x);
    State after = forward(in, s);
    after.h = after_forward(in, after.h);
    return after;
  }
  State forward(const Tensor& x, const State& s = {}) const { return step(x, s); }
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
  int64_t kdim = 0, vdim = 0;  ///< features of key and value; 0: those of query
  bool add_bias_kv = false;    ///< one more position of key and value, which is trained
  bool add_zero_attn = false;  ///< one more position, of zeros
  DType dtype = DType::f32;
};
/// softmax(q k^T / sqrt(d)) v in several heads, between linear layers. Vaswani et al., 2017.
/// Parameters: in_proj_weight (of other kdim or vdim: q_proj_weight, k_proj_weight, v_proj_weight), in_proj_bias,
/// out_proj.weight, out_proj.bias; bias_k, bias_v.
class MultiheadAttention : public Module {
 public:
  MultiheadAttention(int64_t size, int64_t heads, const AttentionOptions& o = {});
  /// query [s, n, size], key [t, n, kdim], value [t, n, vdim] ([n, s, size] with batch_first; all without n) -> as
  /// query.
  Tensor operator()(const Tensor& query, const Tensor& key, const Tensor& value,
                    const AttentionMasks& masks = {}) const {
    return run(query, [&](const Tensor& q) {
      return forward(q, key.is(query) ? q : key, value.is(query) ? q : value, masks);
    });
  }
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value, const AttentionMasks& masks = {}) const;
  /// The result, and what each position looked at: [n, s, t], the mean of the heads, or [n, heads, s, t].
  std::pair<Tensor, Tensor> forward_with_weights(const Tensor& query, const Tensor& key, const Tensor& value,
                                                 const AttentionMasks& masks = {}, bool average = true) const;
  Tensor in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias;  ///< undefined where not used

 private:
  std::pair<Tensor, Tensor> attend(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const AttentionMasks& masks, bool weights) const;
  std::vector<Tensor> project(const Tensor& q, const Tensor& k, const Tensor& v) const;
  int64_t size_, heads_;
  AttentionOptions options_;

 public:
  Linear out_proj;
  Tensor bias_k, bias_v;
};

struct TransformerOptions {
  int64_t feedforward = 2048;
  double dropout = 0.1;
  bool gelu = false;  ///< instead of relu
  double eps = 1e-5;
  bool batch_first = false, norm_first = false;
  bool bias = true;                                           ///< of linear layers, attention and norms
  std::function<Tensor(const Tensor&)> activation = nullptr;  ///< of one's own, instead of relu
  DType dtype = DType::f32;
};
/// Self attention, then two linear layers, each with a residual and a norm.
class TransformerEncoderLayer : public Layer<TransformerEncoderLayer> {
 public:
  TransformerEncoderLayer(int64_t size, int64_t heads, const TransformerOptions& o = {});
  Tensor operator()(const Tensor& x, const AttentionMasks& masks = {}) const {
    return run(x, [&](const Tensor& in) { return forward(in, masks); });
  }
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
/// Self attention, attention to the memory, then two linear layers, each with a residual and a norm.
class TransformerDecoderLayer : public Module {
 public:
  TransformerDecoderLayer(int64_t size, int64_t heads, const TransformerOptions& o = {});
  Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionMasks& masks = {},
                    const AttentionMasks& memory_masks = {}) const {
    return run(x, [&](const Tensor& in) { return forward(in, memory, masks, memory_masks); });
  }
  Tensor forward(const Tensor& x, const Tensor& memory, const AttentionMasks& masks = {},
                 const AttentionMasks& memory_masks = {}) const;

 private:
  TransformerOptions options_;
  Tensor feed(const Tensor& x) const;

 public:
  MultiheadAttention self_attn, multihead_attn;
  Linear linear1;
  Dropout dropout;
  Linear linear2;
  LayerNorm norm1, norm2, norm3;
  Dropout dropout1, dropout2, dropout3;
};
/// `layers` encoder layers, all with the first weights of one, as torch copies them; and a norm at the end if asked
/// for. Parameters: layers.0. ..., norm. ...
class TransformerEncoder : public Layer<TransformerEncoder> {
 public:
  TransformerEncoder(int64_t size, int64_t heads, int64_t layers, const TransformerOptions& o = {}, bool norm = false);
  Tensor operator()(const Tensor& x, const AttentionMasks& masks = {}) const {
    return run(x, [&](const Tensor& in) { return forward(in, masks); });
  }
  Tensor forward(const Tensor& x, const AttentionMasks& masks = {}) const;
  ModuleList<TransformerEncoderLayer> layers = add("layers", ModuleList<TransformerEncoderLayer>());

 private:
  std::vector<LayerNorm> norm_;  ///< none or one
};
class TransformerDecoder : public Module {
 public:
  TransformerDecoder(int64_t size, int64_t heads, int64_t layers, const TransformerOptions& o = {}, bool norm = false);
  Tensor operator()(const Tensor& x, const Tensor& memory, const AttentionMasks& masks = {},
                    const AttentionMasks& memory_masks = {}) const {
    return run(x, [&](const Tensor& in) { return forward(in, memory, masks, memory_masks); });
  }
  Tensor forward(const Tensor& x, const Tensor& memory, const AttentionMasks& masks = {},
                 const AttentionMasks& memory_masks = {}) const;
  ModuleList<TransformerDecoderLayer> layers = add("layers", ModuleList<TransformerDecoderLayer>());

 private:
  std::vector<LayerNorm> norm_;
};
/// Encoder and decoder, each with a norm at the end. Vaswani et al., 2017. Weights: Xavier's, as in torch.
class Transformer : public Module {
 public:
  explicit Transformer(int64_t size = 512, int64_t heads = 8, int64_t encoder_layers = 6, int64_t decoder_layers = 6,
                       const TransformerOptions& o = {});
  struct Masks {
    AttentionMasks source = {}, target = {}, memory = {};
  };
  Tensor operator()(const Tensor& source, const Tensor& target, const Masks& masks) const {
    return run(source, [&](const Tensor& in) { return forward(in, target, masks); });
  }
  Tensor operator()(const Tensor& source, const Tensor& target) const { return (*this)(source, target, Masks{}); }
  Tensor forward(const Tensor& source, const Tensor& target, const Masks& masks) const;
  TransformerEncoder encoder;
  TransformerDecoder decoder;
};

}  // namespace neve::nn
