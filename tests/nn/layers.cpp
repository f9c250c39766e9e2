// Modules and layers in C++: names, modes and state; values made by hand; training; errors, whole.
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <cmath>
#include <cstdio>
#include <filesystem>

#include "support/message.h"

namespace neve::test {
namespace {

void expect_near(const Tensor& a, const std::vector<float>& want, double tolerance = 1e-5) {
  const std::vector<float> have = to_vector(a);
  ASSERT_EQ(have.size(), want.size()) << to_string(a);
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(have[i], want[i], tolerance) << "element " << i;
}

struct Net : nn::Module {
  nn::Linear fc1 = add("fc1", nn::Linear(2, 8));
  nn::Sequential rest = add("rest", nn::Sequential{nn::Tanh(), nn::Linear(8, 1)});
  Tensor forward(const Tensor& x) const { return rest(fc1(x)); }
};

TEST(Operators, NumbersAndPromotion) {
  const Tensor a = tensor({1, 2, 3});
  expect_near(a + 1, {2, 3, 4});
  expect_near(1 - a, {0, -1, -2});
  expect_near(2 / a, {2, 1, 2.f / 3});
  expect_near(-a * a, {-1, -4, -9});
  EXPECT_EQ(type_text(ints({1, 2}) + 1), "i64[2]");
  EXPECT_EQ(type_text(ints({1, 2}) + 1.5), "f32[2]");
  EXPECT_EQ(type_text(ints({1, 2}) / 2), "f32[2]");
  EXPECT_EQ(type_text(a + Tensor::zeros(DType::f64, {3})), "f64[3]");
  EXPECT_EQ(to_int_vector(a >= 2), (std::vector<int64_t>{0, 1, 1}));
  EXPECT_EQ(to_int_vector(!(a != 2)), (std::vector<int64_t>{0, 1, 0}));
  const Tensor b = a.clone();
  const Tensor view = b.slice(0, 1, 3);
  b *= 10;
  expect_near(view, {20, 30});
  expect_near(where(a > 1, a, 0), {0, 2, 3});
  expect_near(clip(a, 1.5, 2.5), {1.5, 2, 2.5});
  EXPECT_EQ(message_of([] { (void)(zeros({2}) + zeros({3})); }).substr(0, 20), "shape_mismatch: add:");
  EXPECT_EQ(message_of([] { ints({1, 2}) += 0.5; }),
            "type_mismatch: add: the result is f32, which i64[2] cannot hold in place");
}

TEST(Functions, SumsShapesAndIndices) {
  const Tensor x = arange(6).reshape({2, 3});
  EXPECT_EQ(to_int_vector(sum(x, {1})), (std::vector<int64_t>{3, 12}));
  EXPECT_EQ(type_text(mean(x)), "f32[]");
  EXPECT_EQ(mean(x).item(), 2.5);
  EXPECT_EQ(max(x).item_int(), 5);
  EXPECT_EQ(to_int_vector(argmax(x, 1)), (std::vector<int64_t>{2, 2}));
  EXPECT_NEAR(var(x.to(DType::f64)).item(), 35.0 / 12, 1e-12);
  EXPECT_EQ(to_int_vector(index(x, {rest, -1})), (std::vector<int64_t>{2, 5}));
  EXPECT_EQ(to_int_vector(index(x, {0, Slice{.step = -1}})), (std::vector<int64_t>{2, 1, 0}));
  EXPECT_EQ(to_int_vector(index(x, {x > 3})), (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(type_text(index(x, {new_axis, Slice{}, 1})), "i64[1, 2]");
  set_index(x, {Slice{}, 0}, 7);
  EXPECT_EQ(to_int_vector(x), (std::vector<int64_t>{7, 1, 2, 7, 4, 5}));
  EXPECT_EQ(type_text(stack({x, x}, -1)), "i64[2, 3, 2]");
  EXPECT_EQ(type_text(concat({x, ones({1, 3})})), "f32[3, 3]");
  EXPECT_EQ(split(arange(5), 2).size(), 3u);
  EXPECT_EQ(type_text(flatten(zeros({2, 3, 4}), 1)), "f32[2, 12]");
  EXPECT_EQ(type_text(matmul(ones({2, 3}), ones({3}))), "f32[2]");
  const auto [values, places] = sort(tensor({3, 1, 2}));
  expect_near(values, {1, 2, 3});
  EXPECT_EQ(to_int_vector(places), (std::vector<int64_t>{1, 2, 0}));
  EXPECT_EQ(message_of([] { sum(zeros({2, 3}), {2}); }),
            "invalid_argument: sum: axis is 2 for a tensor of rank 2 (it must lie in [-2, 2))");
  EXPECT_EQ(message_of([] { max(zeros({0})); }),
            "invalid_argument: max: axis 0 of f32[0] is empty (one element or more)");
  EXPECT_EQ(message_of([] { matmul(zeros({2, 3}), zeros({2, 3})); }),
            "shape_mismatch: matmul: a is f32[2, 3] and b f32[2, 3] (a [.., m, k] and b [.., k, n], or vectors [k])");
}

// Of Python's neve: manual_seed(3); randn(3); rand(2); randperm(5); nn.Linear(3, 2).
TEST(Random, AsInPython) {
  manual_seed(3);
  const Tensor a = randn({3}), b = rand({2}), c = randperm(5);
  manual_seed(3);
  EXPECT_EQ(to_string(randn({3})), to_string(a));
  manual_seed(4);
  EXPECT_NE(to_string(randn({3})), to_string(a));
  EXPECT_EQ(sum(c).item_int(), 10);
  EXPECT_EQ(message_of([] { randint(2, 2, {1}); }),
            "invalid_argument: randint: the integers from 2 to 1 are none, or more than 2**53 (low < high)");
}

TEST(Module, NamesModesAndState) {
  Net net;
  std::string names;
  for (const auto& [name, t] : net.named_parameters()) names += name + " " + type_text(t) + "\n";
  EXPECT_EQ(names, "fc1.weight f32[8, 2]\nfc1.bias f32[8]\nrest.1.weight f32[1, 8]\nrest.1.bias f32[1]\n");
  EXPECT_TRUE(net.rest.is_training());
  net.eval();
  EXPECT_FALSE(net.rest.is_training());
  int64_t modules = 0;
  net.apply([&](const nn::Module&) { ++modules; });
  EXPECT_EQ(modules, 5);
  EXPECT_EQ(net.summary(),
            "layer                 parameters\n"
            "--------------------------------\n"
            "Module                         -\n"
            "  fc1: Linear                 24\n"
            "  rest: Sequential             -\n"
            "    0: Tanh                    -\n"
            "    1: Linear                  9\n"
            "--------------------------------\n"
            "33 parameters (33 trained, 0 fixed), 132 bytes");
  const Net other;
  other.load_state_dict(net.state_dict());
  const Tensor x = randn({4, 2});
  EXPECT_EQ(to_string(other.forward(x)), to_string(net.forward(x)));
  NamedTensors state = net.state_dict();
  state.erase("fc1.bias");
  state["fc2.bias"] = zeros({1});
  EXPECT_EQ(message_of([&] { net.load_state_dict(state); }),
            "invalid_argument: load_state_dict: the dict does not fit Module (strict = false ignores missing and "
            "unexpected names):\n  missing: fc1.bias\n  unexpected: fc2.bias");
  const nn::LoadResult r = net.load_state_dict(state, false);
  EXPECT_EQ(r.missing, std::vector<std::string>{"fc1.bias"});
  EXPECT_EQ(r.unexpected, std::vector<std::string>{"fc2.bias"});
  state["fc1.weight"] = zeros({2, 8});
  EXPECT_EQ(message_of([&] { net.load_state_dict(state, false); }),
            "invalid_argument: load_state_dict: the dict does not fit Module (the same names and shapes):\n"
            "  unequal shape: fc1.weight: [2, 8] in the dict, [8, 2] in the module");
  EXPECT_EQ(message_of([&] { net.add("fc1", nn::ReLU()); }),
            "invalid_argument: add: 'fc1' is in Module already (another name)");
  EXPECT_EQ(message_of([&] { net.add("a.b", nn::ReLU()); }),
            "invalid_argument: add: the name is 'a.b' (a word without dots)");
}

TEST(Module, AnotherDtypeKeepsHandles) {
  Net net;
  const std::vector<Tensor> held = net.parameters();
  net.to(DType::f64);
  EXPECT_EQ(type_text(net.fc1.weight), "f64[8, 2]");
  EXPECT_EQ(type_text(held[0]), "f64[8, 2]");
  EXPECT_TRUE(held[0].requires_grad());
  sum(net.forward(zeros({1, 2}, DType::f64))).backward();
  EXPECT_EQ(type_text(net.fc1.bias.grad()), "f64[8]");
  EXPECT_EQ(message_of([&] { net.to(DType::i64); }),
            "type_mismatch: to: dtype is i64 (a float dtype: f64, f32, bf16, f16)");
}

TEST(Training, EveryOptimiserLowersTheLoss) {
  const Tensor x = from_vector(std::vector<float>{0, 0, 0, 1, 1, 0, 1, 1}, {4, 2});
  const Tensor y = from_vector(std::vector<float>{0, 1, 1, 0}, {4, 1});
  auto run = [&](const char* name, auto make) {
    manual_seed(1);
    Net net;
    auto optimiser = make(net.parameters());
    double first = 0, last = 0;
    for (int i = 0; i < 300; ++i) {
      const Tensor loss = nn::mse_loss(net.forward(x), y);
      optimiser.zero_grad();
      loss.backward();
      optimiser.step();
      last = loss.item();
      if (!i) first = last;
    }
    EXPECT_LT(last, 0.3 * first) << name;
  };
  using Parameters = std::vector<Tensor>;
  run("SGD", [](const Parameters& p) { return optim::SGD(p, {.lr = 0.1, .momentum = 0.9, .nesterov = true}); });
  run("Adam", [](const Parameters& p) { return optim::Adam(p, {.lr = 0.05, .amsgrad = true}); });
  run("AdamW", [](const Parameters& p) { return optim::AdamW(p, {.lr = 0.05}); });
  run("RMSprop",
      [](const Parameters& p) { return optim::RMSprop(p, {.lr = 0.02, .momentum = 0.5, .centered = true}); });
  run("Adagrad", [](const Parameters& p) { return optim::Adagrad(p, {.lr = 0.3}); });
  run("Lamb", [](const Parameters& p) { return optim::Lamb(p, {.lr = 0.05}); });
}

TEST(Training, OptimiserGoesOnFromItsState) {
  const Tensor x = randn({4, 2}), y = randn({4, 1});
  Net a, b;
  b.load_state_dict(a.state_dict());
  optim::Adam oa(a.parameters(), {.lr = 0.1}), ob(b.parameters(), {.lr = 0.1});
  auto step = [&](const Net& net, optim::Optimizer& o) {
    o.zero_grad();
    nn::mse_loss(net.forward(x), y).backward();
    o.step();
  };
  for (int i = 0; i < 3; ++i) step(a, oa);
  b.load_state_dict(a.state_dict());
  ob.load_state_dict(oa.state_dict());
  step(a, oa);
  step(b, ob);
  EXPECT_EQ(to_string(a.fc1.weight), to_string(b.fc1.weight));
  EXPECT_EQ(message_of([] { optim::SGD({}, {}); }),
            "invalid_argument: SGD: there are no parameters (at least one: net.parameters())");
  const Tensor p = zeros({2}).set_requires_grad();
  EXPECT_EQ(message_of([&] { optim::Adam({p, p}); }),
            "invalid_argument: Adam: a parameter f32[2] is in two groups, or twice in one (once)");
  EXPECT_EQ(message_of([&] { optim::AdamW({p}, {.beta2 = 1}); }),
            "invalid_argument: AdamW: a beta is 1 (from 0 to below 1)");
  EXPECT_EQ(message_of([&] { optim::SGD({p}, {.nesterov = true}); }),
            "invalid_argument: SGD: nesterov with momentum 0 and dampening 0 (momentum above 0, dampening 0)");
}

TEST(Training, HalfPrecisionKeepsACopyInF32) {
  const Tensor p = full({1}, 1.0, DType::bf16).set_requires_grad();
  optim::SGD optimiser({p}, {.lr = 1e-3});
  for (int i = 0; i < 10; ++i) {
    p.set_grad(ones({1}, DType::bf16));
    optimiser.step();
  }
  EXPECT_NEAR(optimiser.state_dict().at("0.master").item(), 0.99, 1e-6);
  EXPECT_NEAR(p.item(), 0.99, 4e-3);
}

TEST(Training, Schedules) {
  const Tensor p = zeros({1}).set_requires_grad();
  optim::SGD o({p}, {.lr = 1});
  optim::StepLR every(o, 2, 0.5);
  for (int i = 0; i < 4; ++i) every.step();
  EXPECT_NEAR(o.lr(), 0.25, 1e-12);
  o.set_lr(1);
  optim::CosineLR cosine(o, 10);
  cosine.step(5);
  EXPECT_NEAR(o.lr(), 0.5, 1e-12);
  o.set_lr(1);
  const optim::LinearLR linear(o, 4, 0.5);
  EXPECT_NEAR(o.lr(), 0.5, 1e-12);
}

TEST(Training, ClippedGradients) {
  const Tensor p = tensor({3, 4}).clone().set_requires_grad();
  sum(p * p).backward();
  EXPECT_NEAR(nn::clip_grad_norm({p}, 1), 10, 1e-5);
  expect_near(p.grad(), {0.6f, 0.8f});
  nn::clip_grad_value({p}, 0.7);
  expect_near(p.grad(), {0.6f, 0.7f});
}

TEST(Layers, WrongCalls) {
  EXPECT_EQ(message_of([] { nn::Linear(3, 2)(zeros({4, 2})); }),
            "shape_mismatch: Linear: input is f32[4, 2] and weight f32[2, 3] (the last axis of the input must be 3)");
  EXPECT_EQ(message_of([] { nn::Linear(3, 0); }), "invalid_argument: Linear: out_features is 0 (a positive integer)");
  EXPECT_EQ(
      message_of([] { nn::Linear(3, 2)(zeros({4, 3}, DType::f64)); }),
      "type_mismatch: Linear: input is f64[4, 3] and weight f32[2, 3] (one dtype: to(DType::f32) of the input, or "
      "of the module)");
  EXPECT_EQ(message_of([] { nn::Linear(3, 2)(Tensor()); }),
            "invalid_argument: Linear: input is an undefined tensor (a tensor)");
  EXPECT_EQ(message_of([] { nn::Conv2d(3, 4, 3)(zeros({1, 2, 8, 8})); }),
            "shape_mismatch: Conv2d: input is f32[1, 2, 8, 8] with 2 channels on axis 1 (3 channels)");
  EXPECT_EQ(message_of([] { nn::Conv2d(3, 4, 3)(zeros({1, 3, 2, 8})); }),
            "shape_mismatch: Conv2d: input is f32[1, 3, 2, 8]: axis 2 has 2 elements with padding and the kernel "
            "reaches over 3 (a larger input, or padding)");
  EXPECT_EQ(message_of([] { nn::Conv2d(3, 4, {3, 3, 3}); }),
            "invalid_argument: Conv2d: kernel is [3, 3, 3] (sizes of 1 or more, one or one for each of 2 axes)");
  EXPECT_EQ(message_of([] { nn::Conv2d(3, 4, 3, {.groups = 2}); }),
            "invalid_argument: Conv2d: in_channels is 3 and groups 2 (groups divides the channels)");
  EXPECT_EQ(message_of([] { nn::BatchNorm2d(3)(zeros({2, 4, 8, 8})); }),
            "shape_mismatch: BatchNorm2d: input is f32[2, 4, 8, 8] (rank 4: [batch, 3, ...])");
  EXPECT_EQ(message_of([] { nn::BatchNorm1d(3)(zeros({1, 3})); }),
            "invalid_argument: BatchNorm1d: input is f32[1, 3] in training: one value for each channel has no variance "
            "(a larger batch, or eval())");
  EXPECT_EQ(message_of([] { nn::LayerNorm(3)(zeros({2, 4})); }),
            "shape_mismatch: LayerNorm: input is f32[2, 4] and the normalised shape [3] (the input ends in [3])");
  EXPECT_EQ(message_of([] { nn::Embedding(3, 2)(ints({0, 3})); }),
            "invalid_argument: Embedding: input holds 3 (indices of 3 embeddings lie in 0..2)");
  EXPECT_EQ(message_of([] { nn::Dropout(1.5); }), "invalid_argument: Dropout: p is 1.5 (a probability from 0 to 1)");
  EXPECT_EQ(
      message_of([] { nn::MaxPool2d(2, {.padding = 2}); }),
      "invalid_argument: MaxPool2d: padding is [2, 2] and the window [2, 2] (padding of at most half the window)");
  EXPECT_EQ(message_of([] { nn::LSTM(3, 4)(zeros({2, 4})); }),
            "shape_mismatch: LSTM: input is f32[2, 4] ([sequence, batch, 3], or without batch)");
  EXPECT_EQ(message_of([] { nn::MultiheadAttention(6, 4); }),
            "invalid_argument: MultiheadAttention: size is 6 and heads 4 (heads divides size)");
  EXPECT_EQ(message_of([] { nn::cross_entropy(zeros({2, 3}), ints({0, 3})); }),
            "invalid_argument: cross_entropy: target holds 3 (classes 0..2, or ignore_index -100)");
  EXPECT_EQ(message_of([] { nn::cross_entropy(zeros({2, 3}), ints({0})); }),
            "shape_mismatch: cross_entropy: input is f32[2, 3] and target i64[1] (target of shape [2]: the input's "
            "without its classes on axis 1)");
  EXPECT_EQ(message_of([] { nn::cross_entropy(zeros({2, 3}), zeros({2})); }),
            "type_mismatch: cross_entropy: target is f32[2] (class indices: i64 or i32; to(DType::i64) converts)");
  EXPECT_EQ(message_of([] { nn::mse_loss(zeros({2}), zeros({3})); }),
            "shape_mismatch: mse_loss: input is f32[2] and target f32[3] (one shape)");
}

TEST(Layers, Losses) {
  const Tensor x = from_vector(std::vector<float>{1, 2, 3, 1, 1, 1}, {2, 3}), t = ints({2, 0});
  const double a = -std::log(std::exp(3.0) / (std::exp(1.0) + std::exp(2.0) + std::exp(3.0))), b = std::log(3.0);
  EXPECT_NEAR(nn::cross_entropy(x, t).item(), (a + b) / 2, 1e-6);
  expect_near(nn::cross_entropy(x, t, {.reduction = nn::Reduction::none}), {float(a), float(b)});
  EXPECT_NEAR(nn::cross_entropy(x, t, {.ignore_index = 0}).item(), a, 1e-6);
  EXPECT_NEAR(nn::nll_loss(log_softmax(x, 1), t).item(), (a + b) / 2, 1e-6);
  // Smoothing: 0.9 of the loss and 0.1 of the mean loss over all classes.
  const double all = (3 * a + 3) / 3, even = b;
  EXPECT_NEAR(nn::cross_entropy(x, t, {.label_smoothing = 0.1}).item(), (0.9 * a + 0.1 * all + even) / 2, 1e-6);
  const Tensor p = tensor({0.5, -1}), q = tensor({1, 0});
  EXPECT_NEAR(nn::bce_with_logits(p, q).item(), (std::log1p(std::exp(-0.5)) + std::log1p(std::exp(-1.0))) / 2, 1e-6);
  EXPECT_NEAR(nn::l1_loss(p, q).item(), 0.75, 1e-6);
  EXPECT_NEAR(nn::mse_loss(p, q, nn::Reduction::sum).item(), 1.25, 1e-6);
  EXPECT_NEAR(nn::smooth_l1_loss(p, q).item(), (0.125 + 0.5) / 2, 1e-6);
  EXPECT_NEAR(nn::kl_div(log(tensor({0.5, 0.5})), tensor({1, 0}), nn::Reduction::sum).item(), std::log(2.0), 1e-6);
}

TEST(Layers, RecurrentBothWays) {
  // The op of the whole sequence and the recorded steps are two implementations of one thing.
  for (const bool both : {false, true}) {
    manual_seed(5);
    const nn::RecurrentOptions o{.layers = 2, .bidirectional = both};
    const nn::LSTM lstm(3, 4, o);
    const nn::GRU gru(3, 4, o);
    const nn::RNN rnn(3, 4, o);
    const Tensor x = randn({5, 2, 3});
    auto same = [&](const nn::Recurrent& layer) {
      const nn::Recurrent::Result recorded = layer(x);
      const NoGrad off;
      const nn::Recurrent::Result plain = layer(x);
      expect_near(recorded.y, to_vector(plain.y));
      expect_near(recorded.h, to_vector(plain.h));
      EXPECT_EQ(type_text(plain.h), both ? "f32[4, 2, 4]" : "f32[2, 2, 4]");
    };
    same(lstm);
    same(gru);
    same(rnn);
    sum(lstm(x).y).backward();
    for (const auto& [name, p] : lstm.named_parameters()) EXPECT_TRUE(p.grad().defined()) << name;
  }
}

TEST(Layers, AttentionMasks) {
  manual_seed(2);
  const nn::MultiheadAttention layer(8, 2, {.batch_first = true});
  const Tensor x = randn({1, 4, 8});
  // What comes later has no part in the first position.
  const Tensor y = layer(x, x, x, {.causal = true});
  const Tensor z = index(x, {Slice{}, Slice{0, 1}});
  expect_near(index(y, {0, 0}), to_vector(index(layer(z, z, z), {0, 0})));
  const Tensor hidden = from_vector(std::vector<float>{0, 0, 0, 1}, {1, 4}) > 0;
  const Tensor w = index(x, {Slice{}, Slice{0, 3}});
  expect_near(index(layer(x, x, x, {.padding = hidden}), {0, 1}), to_vector(index(layer(w, w, w), {0, 1})));
  EXPECT_EQ(message_of([&] { layer(x, x, x, {.attention = zeros({2, 2})}); }),
            "shape_mismatch: MultiheadAttention: attention is f32[2, 2] ([4, 4] or [2, 4, 4])");
}

TEST(Weights, FilesAndHostileFiles) {
  const std::string path = (std::filesystem::temp_directory_path() / "neve_nn_weights.safetensors").string();
  Net net;
  nn::save_weights(path, net.state_dict());
  const Net other;
  other.load_state_dict(nn::load_weights(path));
  EXPECT_EQ(to_string(other.fc1.weight), to_string(net.fc1.weight));
  FILE* f = std::fopen(path.c_str(), "wb");
  std::fputs("\x10", f);
  std::fclose(f);
  EXPECT_EQ(message_of([&] { nn::load_weights(path); }), "corrupt_file: load_weights: '" + path + "': is too short");
  std::filesystem::remove(path);
  EXPECT_EQ(message_of([&] { nn::load_weights(path); }).substr(0, 10), "not_found:");
}

TEST(Models, ResNetHasThePublishedNames) {
  const models::ResNet net = models::resnet18(10);
  const NamedTensors state = net.state_dict();
  EXPECT_EQ(state.size(), 122u);
  EXPECT_EQ(type_text(state.at("layer2.0.downsample.0.weight")), "f32[128, 64, 1, 1]");
  EXPECT_EQ(type_text(state.at("fc.weight")), "f32[10, 512]");
  net.eval();
  const NoGrad off;
  EXPECT_EQ(type_text(net(zeros({2, 3, 32, 32}))), "f32[2, 10]");
}

}  // namespace
}  // namespace neve::test
