// Layers, random numbers and optimisers against Python's neve: golden.safetensors, which Python wrote (make_golden.py).
#include "nn/golden.h"

#include <cstdlib>

namespace neve::test {
namespace {

TEST(Golden, Layers) {
  check("linear", nn::Linear(5, 3));
  check("embedding", nn::Embedding(7, 3));
  check("conv1d", nn::Conv1d(4, 6, 3, {.stride = 2, .padding = 1, .groups = 2}));
  check("conv2d", nn::Conv2d(3, 4, {3, 2}, {.padding = {1, 0}, .dilation = 2}));
  check("conv3d", nn::Conv3d(2, 3, 2, {.bias = false}));
  check("conv_transpose1d", nn::ConvTranspose1d(3, 2, 4, {.stride = 3, .padding = 1}));
  check("conv_transpose2d",
        nn::ConvTranspose2d(4, 6, 3, {.stride = 2, .padding = 1, .groups = 2, .output_padding = 1}));
  check("max_pool2d", nn::MaxPool2d(3, {.stride = 2, .padding = 1}));
  check("avg_pool2d", nn::AvgPool2d(2, {.stride = 2, .padding = 1, .count_include_pad = false}));
  check("adaptive_avg_pool2d", nn::AdaptiveAvgPool2d({2, 3}));
  check("adaptive_max_pool2d", nn::AdaptiveMaxPool2d(2));
  check("batch_norm1d", nn::BatchNorm1d(3));
  check("batch_norm2d", nn::BatchNorm2d(3));
  check("layer_norm", nn::LayerNorm(Sizes{2, 5}));
  check("group_norm", nn::GroupNorm(2, 4));
  check("rms_norm", nn::RMSNorm(6));
  check("gelu", nn::GELU());
  check("silu", nn::SiLU());
  check("hardsigmoid", nn::Hardsigmoid());
}

TEST(Golden, SequencesAndAttention) {
  const nn::RNN rnn(3, 4);
  check("rnn", rnn, [&](const Tensor& x) { return rnn(x).y; });
  const nn::LSTM lstm(3, 4, {.layers = 2, .bidirectional = true});
  check("lstm", lstm, [&](const Tensor& x) { return lstm(x).y; });
  const nn::GRU gru(3, 4, {.batch_first = true});
  check("gru", gru, [&](const Tensor& x) { return gru(x).y; });
  const nn::MultiheadAttention attention(8, 2, {.batch_first = true});
  check("attention", attention, [&](const Tensor& x) { return attention(x, x, x); });
  for (const bool first : {false, true})
    check(first ? "encoder_true" : "encoder_false",
          nn::TransformerEncoderLayer(8, 2, {.feedforward = 16, .dropout = 0, .gelu = true, .norm_first = first}));
}

// After the same seed and the same draws, the same numbers, bit for bit; so models begin with the same weights.
TEST(Golden, RandomNumbers) {
  auto same = [](const Tensor& have, const Tensor& want, const std::string& what) {
    EXPECT_EQ(to_vector(have), to_vector(want)) << what;
  };
  manual_seed(3);
  same(randn({3}), golden().at("random/randn"), "randn");
  same(rand({2}), golden().at("random/rand"), "rand");
  same(randperm(5), golden().at("random/randperm"), "randperm");
  same(randint(2, 9, {4}), golden().at("random/randint"), "randint");
  const nn::TransformerEncoderLayer layer(8, 2, {.feedforward = 16});
  for (const auto& [name, t] : layer.state_dict()) same(t, golden().at("random/state/" + name), name);
}

template <class Optimiser, class Options>
void check_training(const std::string& name, const Options& options) {
  manual_seed(4);
  const nn::Sequential model{nn::Linear(3, 8), nn::Tanh(), nn::Linear(8, 4)};
  Optimiser optimiser(model.parameters(), options);
  const Tensor x = randn({6, 3}), target = randint(0, 4, {6});
  for (int i = 0; i < 5; ++i) {
    optimiser.zero_grad();
    nn::cross_entropy(model(x), target, {.label_smoothing = 0.1}).backward();
    optimiser.step();
  }
  for (const auto& [key, t] : model.state_dict())
    expect_same(t, golden().at("train_" + name + "/" + key), name + " " + key);
}

TEST(Golden, FiveStepsOfTraining) {
  check_training<optim::AdamW>("AdamW", optim::AdamWOptions{.lr = 0.05, .weight_decay = 0.01});
  check_training<optim::Lamb>("Lamb", optim::LambOptions{.lr = 0.05, .weight_decay = 0.01});
  check_training<optim::RMSprop>("RMSprop", optim::RMSpropOptions{.lr = 0.05, .weight_decay = 0.01});
  check_training<optim::Adagrad>("Adagrad", optim::AdagradOptions{.lr = 0.05, .weight_decay = 0.01});
  check_training<optim::SGD>("SGD",
                             optim::SGDOptions{.lr = 0.05, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true});
}

// For tests/python/test_cpp_weights.py, which reads what is written here.
TEST(Golden, WritesForPython) {
  const char* path = std::getenv("NEVE_TEST_WEIGHTS");
  if (!path) GTEST_SKIP() << "no NEVE_TEST_WEIGHTS: the Python test runs this";
  manual_seed(3);
  const nn::TransformerEncoderLayer layer(8, 2, {.feedforward = 16});
  nn::save_weights(path, layer.state_dict());
}

}  // namespace
}  // namespace neve::test
