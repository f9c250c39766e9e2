// The rarer options of layers, the cross entropy and initialisers against Python's neve; what goes wrong with them.
#include "nn/golden.h"

#include "support/message.h"

namespace neve::test {
namespace {

Tensor joined(const std::pair<Tensor, Tensor>& two) { return concat({two.first.ravel(), two.second.ravel()}); }

TEST(GoldenOptions, Convolutions) {
  check("conv_reflect", nn::Conv2d(3, 4, 3, {.stride = 2, .padding = {1, 2}, .padding_mode = nn::PadMode::reflect}));
  check("conv_same", nn::Conv2d(2, 3, {3, 2}, {.dilation = {2, 1}, .same_padding = true}));
  check("conv_same_circular", nn::Conv1d(2, 3, 4, {.padding_mode = nn::PadMode::circular, .same_padding = true}));
  check("conv_replicate", nn::Conv3d(2, 2, 2, {.padding = 1, .padding_mode = nn::PadMode::replicate}));
  EXPECT_EQ(message_of([] { nn::Conv2d(2, 3, 3, {.stride = 2, .same_padding = true}); }),
            "invalid_argument: Conv2d: same_padding with stride [2, 2] and padding [0, 0] (stride 1 and padding 0)");
  EXPECT_EQ(message_of([] { nn::ConvTranspose1d(2, 3, 3, {.padding_mode = nn::PadMode::reflect}); }),
            "unsupported: ConvTranspose1d: padding_mode of a transposed convolution (padding, with zeros)");
}

TEST(GoldenOptions, Pools) {
  check("max_pool_dilated", nn::MaxPool2d(2, {.stride = 1, .dilation = 2}));
  check("avg_pool_divisor", nn::AvgPool2d(2, {.padding = 1, .divisor_override = 3}));
  check("lp_pool_ceil", nn::LPPool2d(2, 2, 0, true));
  check("lp_pool_ceil4", nn::LPPool1d(4, 2, 0, true));
  const nn::Identity none;
  auto placed = [](const std::tuple<Tensor, Tensor>& found) { return std::get<0>(found) * (std::get<1>(found) + 1); };
  check("max_pool_places", none, [&](const Tensor& x) {
    return placed(nn::max_pool_with_indices(x, 2, {.stride = 1, .padding = 1, .dilation = 2}));
  });
  for (const auto& [name, output] :
       {std::pair("adaptive_places", nn::Each(2)), std::pair("adaptive_places_uneven", nn::Each({3, 2}))})
    check(name, none, [&](const Tensor& x) { return placed(nn::adaptive_max_pool_with_indices(x, output)); });
  const Tensor image = golden().at("adaptive_places/in");
  expect_same(nn::AdaptiveAvgPool2d({0, 1})(image), mean(image, {3}, true), "0 keeps the size", 1e-6);
  EXPECT_EQ(type_text(nn::AdaptiveMaxPool2d({0, 5})(image)), "f32[2, 2, 4, 5]");
  EXPECT_EQ(message_of([] { nn::AvgPool2d(2, {.dilation = 2}); }),
            "invalid_argument: AvgPool2d: dilation is [2, 2] (1: others are for maxima)");
  EXPECT_EQ(message_of([] { nn::MaxPool2d(2, {.divisor_override = 2}); }),
            "invalid_argument: MaxPool2d: divisor_override is 2 (0: it is for means)");
  EXPECT_EQ(message_of([] { nn::AvgPool1d(2, {.ceil_mode = true, .divisor_override = 2}); }),
            "unsupported: AvgPool1d: divisor_override with ceil_mode (one of them)");
  EXPECT_EQ(message_of([] { nn::MaxPool1d(2, {.dilation = 3})(zeros({1, 1, 3})); }),
            "shape_mismatch: MaxPool1d: input is f32[1, 1, 3]: axis 2 has 3 elements with padding and the window "
            "reaches over 4 (a larger input, or a smaller window)");
}

TEST(GoldenOptions, NormsAndActivations) {
  const nn::BatchNorm1d mean(3, {.momentum = {}});
  check("batch_norm_mean", mean, [&](const Tensor& x) { return mean(x * 0.5 + 1) + mean(x); });
  const nn::BatchNorm2d untracked(2, {.track_running_stats = false});
  untracked.eval();
  check("batch_norm_untracked", untracked);
  check("rms_plain", nn::RMSNorm(6, 1.1920928955078125e-07, DType::f32, false));
  check("softplus_beta", nn::Softplus(2, 1));
  check("nearest_size", nn::UpsamplingNearest2d(Sizes{5, 6}));
  check("bilinear_size", nn::UpsamplingBilinear2d(Sizes{5, 6}));
  const nn::PairwiseDistance far(2, 1e-6, true);
  check("distance_keepdim", far, [&](const Tensor& x) { return far(x, golden().at("other/in")); });
  EXPECT_EQ(type_text(nn::ConstantPad1d(1)(ones({1, 1, 2}))), "f32[1, 1, 4]");
}

TEST(GoldenOptions, Attention) {
  const Tensor k = golden().at("keys/in"), v = golden().at("values/in");
  const nn::MultiheadAttention dims(8, 2, {.kdim = 4, .vdim = 6});
  check("attention_dims", dims, [&](const Tensor& x) { return dims(x, k, v); });
  const nn::MultiheadAttention extra(8, 2, {.add_bias_kv = true, .add_zero_attn = true});
  const nn::AttentionMasks masks{.attention = golden().at("mask/in"), .padding = golden().at("padding/in")};
  check("attention_extra", extra,
        [&](const Tensor& x) { return joined(extra.forward_with_weights(x, x, x, masks, false)); });
  const nn::AttentionMasks causal{.padding = masks.padding, .causal = true};
  const Tensor x = golden().at("attention_extra/in");
  expect_same(extra(x, x, x, causal), extra(x, x, x, masks), "causal", 1e-6);
  const nn::MultiheadAttention single(8, 4, {.bias = false});
  check("attention_single", single, [&](const Tensor& in) { return joined(single.forward_with_weights(in, in, in)); });
  check("encoder_plain", nn::TransformerEncoderLayer(
                             8, 2, {.feedforward = 16, .dropout = 0, .bias = false, .activation = [](const Tensor& t) {
                                      return tanh(t);
                                    }}));
  EXPECT_EQ(message_of([&] { dims(x, x, x); }),
            "shape_mismatch: MultiheadAttention: key is f32[5, 2, 8] ([sequence, batch, 4], or without batch)");
  EXPECT_EQ(message_of([] { nn::MultiheadAttention(8, 2, {.vdim = -1}); }),
            "invalid_argument: MultiheadAttention: vdim is -1 (features; 0: those of query)");
}

TEST(GoldenOptions, SequencesWithoutBatch) {
  const Tensor x = golden().at("lstm/in"), one = select(x, 1, 1);  // [5, 2, 3]
  for (bool batch_first : {false, true}) {
    const nn::LSTM lstm(3, 4, {.layers = 2, .batch_first = batch_first, .bidirectional = true});
    const Tensor h = randn({4, 2, 4}), c = randn({4, 2, 4}), both = batch_first ? x.transpose({1, 0, 2}) : x;
    const nn::Recurrent::Result want = lstm(both, h, c);
    const nn::Recurrent::Result have = lstm(one, select(h, 1, 1), select(c, 1, 1));
    expect_same(have.y, select(want.y, batch_first ? 0 : 1, 1), "y", 1e-6);
    expect_same(have.h, select(want.h, 1, 1), "h", 1e-6);
    expect_same(have.c, select(want.c, 1, 1), "c", 1e-6);
    EXPECT_EQ(message_of([&] { lstm(one, h); }), "shape_mismatch: LSTM: h0 is f32[4, 2, 4] ([4, 4])");
  }
  EXPECT_EQ(type_text(nn::GRU(3, 4)(one).h), "f32[1, 4]");
}

TEST(GoldenOptions, GroupsOfAdagrad) {
  const Tensor a = tensor({1}).set_requires_grad(), b = tensor({1}).set_requires_grad();
  optim::Adagrad optimiser({a}, {.lr = 0.5});
  optimiser.add_group({b}, {.lr = 0.25, .initial_accumulator_value = 3});
  (a + b).sum().backward();
  optimiser.step();
  EXPECT_NEAR(a.item(), 0.5, 1e-6);           // 1 - 0.5 / sqrt(1)
  EXPECT_NEAR(b.item(), 1 - 0.25 / 2, 1e-6);  // sqrt(3 + 1)
}

TEST(GoldenOptions, CrossEntropyOfProbabilities) {
  const Tensor weight = golden().at("loss/weight");
  const nn::CrossEntropyOptions options[] = {{.weight = weight, .label_smoothing = 0.2},
                                             {.weight = weight, .reduction = nn::Reduction::sum},
                                             {.reduction = nn::Reduction::none},
                                             {}};
  const char* names[] = {"shares_mean", "shares_sum", "shares_none", "shares_single"};
  for (size_t i = 0; i < 4; ++i) {
    const Tensor share = golden().at(std::string(names[i]) + "/target");
    check(names[i], nn::Identity(), [&](const Tensor& x) { return nn::cross_entropy(x, share, options[i]); });
  }
  EXPECT_EQ(message_of([&] { nn::cross_entropy(ones({2, 4}), ones({2, 4}), {.weight = weight}); }),
            "shape_mismatch: cross_entropy: weight is f32[3] and the input f32[2, 4] (one weight for each of 4 "
            "classes)");
}

TEST(GoldenOptions, Initialisers) {
  namespace init = nn::init;
  manual_seed(6);
  auto same = [](const std::string& name, const Sizes& shape, const std::function<void(const Tensor&)>& fill) {
    const Tensor t = zeros(shape);
    fill(t);
    expect_same(t, golden().at("init/" + name), name, 1e-6);
  };
  same("xavier_normal", {4, 3, 2}, [](const Tensor& t) { init::xavier_normal(t, 2); });
  same("kaiming_out", {4, 3, 2}, [](const Tensor& t) { init::kaiming_normal(t, 0, init::Fan::out, "relu"); });
  same("kaiming_tanh", {4, 3}, [](const Tensor& t) { init::kaiming_uniform(t, 0, init::Fan::in, "tanh"); });
  same("trunc_normal", {5, 4}, [](const Tensor& t) { init::trunc_normal(t, 0.5, 2, -1, 3); });
  same("orthogonal", {3, 2, 2}, [](const Tensor& t) { init::orthogonal(t, 1.5); });
  same("orthogonal_tall", {5, 3}, [](const Tensor& t) { init::orthogonal(t); });
  same("eye", {2, 3}, [](const Tensor& t) { init::eye(t); });
  same("dirac", {4, 2, 3, 3}, [](const Tensor& t) { init::dirac(t, 2); });
  same("sparse", {6, 3}, [](const Tensor& t) { init::sparse(t, 0.4, 2); });
  EXPECT_EQ(message_of([] { init::kaiming_normal(ones({2, 2}), 0, init::Fan::in, "cubic"); }).substr(0, 56),
            "invalid_argument: gain: nonlinearity is 'cubic' (linear,");
  EXPECT_EQ(message_of([] { init::dirac(ones({3, 2, 1}), 2); }),
            "invalid_argument: dirac: groups is 2 and the tensor f32[3, 2, 1] (groups divides the first axis)");
}

TEST(Embedding, PaddingRowGetsNoGradient) {
  const nn::Embedding e(4, 2, {.padding_idx = -1});
  EXPECT_EQ(to_vector(e.weight[3]), (std::vector<float>{0, 0}));
  EXPECT_NE(to_vector(e.weight[2]), (std::vector<float>{0, 0}));
  e(ints({3, 1, 3})).sum().backward();
  EXPECT_EQ(to_vector(e.weight.grad()), (std::vector<float>{0, 0, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(message_of([] { nn::Embedding(4, 2, {.padding_idx = 4}); }),
            "invalid_argument: Embedding: padding_idx is 4 (an index of 4 embeddings)");
}

TEST(Embedding, LargeRowsAreScaledDown) {
  const Tensor rows = tensor({3, 4, 0.3, 0.4, 6, 8}).reshape({3, 2});
  const nn::Embedding e = nn::Embedding::from_pretrained(rows, true, {.max_norm = 1});
  EXPECT_FALSE(e.weight.requires_grad());
  const std::vector<float> y = to_vector(e(ints({0, 1, 0})));
  for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(y[i], (std::vector<float>{0.6, 0.8, 0.3, 0.4, 0.6, 0.8})[i], 1e-6) << i;
  EXPECT_EQ(to_vector(rows[2]), (std::vector<float>{6, 8}));  // not used
  EXPECT_NEAR(rows[0].item(), 0.6, 1e-6);                     // in place
  EXPECT_TRUE(nn::Embedding::from_pretrained(rows, false).weight.requires_grad());
  EXPECT_EQ(message_of([] { nn::Embedding::from_pretrained(ones({3})); }),
            "shape_mismatch: Embedding::from_pretrained: rows are f32[3] ([count, size])");
}

TEST(Clip, OtherNorms) {
  const Tensor a = tensor({1, 1}), b = tensor({1});
  const std::vector<Tensor> all{a, b};
  auto gradients = [&] {
    a.set_requires_grad(), b.set_requires_grad();
    a.set_grad(tensor({3, -4}));
    b.set_grad(tensor({1}));
  };
  gradients();
  EXPECT_NEAR(nn::clip_grad_norm(all, 4, 1), 8, 1e-5);
  EXPECT_NEAR(a.grad().item(1), -2, 1e-5);
  gradients();
  EXPECT_NEAR(nn::clip_grad_norm(all, 2, INFINITY), 4, 1e-5);
  EXPECT_NEAR(b.grad().item(), 0.5, 1e-5);
  gradients();
  EXPECT_NEAR(nn::clip_grad_norm(all, 100, 3), std::cbrt(27 + 64 + 1), 1e-4);
  EXPECT_EQ(b.grad().item(), 1);
  b.set_grad(tensor({INFINITY}));
  EXPECT_EQ(message_of([&] { nn::clip_grad_norm(all, 1, 2, true); }),
            "invalid_argument: clip_grad_norm: the norm of the gradients is inf (a finite number)");
  EXPECT_EQ(a.grad().item(), 3);  // as it was
  EXPECT_EQ(message_of([&] { nn::clip_grad_norm(all, 1, 0); }), "invalid_argument: clip_grad_norm: p is 0 (above 0)");
}

}  // namespace
}  // namespace neve::test
