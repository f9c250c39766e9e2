// Hooks, containers, mixed precision, data and second derivatives of recurrent layers in C++; errors, whole.
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <cmath>

#include "support/message.h"

namespace neve::test {
namespace {

TEST(Hooks, BeforeAndAfterForward) {
  const nn::Linear fc(2, 2);
  const nn::Sequential net{fc, nn::ReLU()};
  std::vector<std::string> seen;
  const int64_t before = fc.register_forward_pre_hook([&](const nn::Module& m, const Tensor& x) {
    seen.push_back("before " + m.type() + " " + type_text(x));
    return x * 0;
  });
  fc.register_forward_hook([&](const nn::Module&, const Tensor& x, const Tensor& y) {
    seen.push_back("after " + std::to_string(sum(abs(x)).item<int>()) + " " + type_text(y));
    return y - fc.bias + 7;
  });
  EXPECT_EQ(to_vector(net(ones({1, 2}))), (std::vector<float>{7, 7}));
  EXPECT_EQ(seen, (std::vector<std::string>{"before Linear f32[1, 2]", "after 0 f32[1, 2]"}));
  fc.remove_hook(before);
  net(ones({1, 2}));
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(message_of([&] { fc.remove_hook(before); }),
            "not_found: remove_hook: 0 is no hook of Linear (what register_forward_hook returned)");
  const nn::LSTM lstm(2, 3);
  lstm.register_forward_hook([](const nn::Module&, const Tensor&, const Tensor& y) { return zeros_like(y); });
  EXPECT_EQ(sum(abs(lstm(ones({2, 1, 2})).y)).item(), 0);
}

TEST(Containers, DictsAndLists) {
  struct Net : nn::Module {
    nn::ModuleDict<nn::Linear> heads = add("heads", nn::ModuleDict<nn::Linear>());
    nn::ParameterList scales = add("scales", nn::ParameterList({ones({2}), zeros({3})}));
    nn::ParameterDict named = add("named", nn::ParameterDict());
  };
  Net net;
  net.heads.put("a", nn::Linear(2, 1));
  net.heads.put("b", nn::Linear(2, 1, {.bias = false}));
  net.named.put("w", full({1}, 3));
  std::string names;
  for (const auto& [name, t] : net.named_parameters()) names += name + " ";
  EXPECT_EQ(names, "heads.a.weight heads.a.bias heads.b.weight scales.0 scales.1 named.w ");
  EXPECT_TRUE(net.heads["b"].weight.is(net.parameters()[2]));
  EXPECT_TRUE(net.heads.contains("a"));
  EXPECT_EQ(net.scales[1].size(0), 3);
  EXPECT_EQ(net.named["w"].item(), 3);
  EXPECT_EQ(message_of([&] { net.heads["c"]; }), "not_found: ModuleDict: there is no 'c' (a, b)");
  EXPECT_EQ(message_of([&] { net.named["x"]; }), "not_found: ParameterDict: there is no 'x' (w)");
}

// Second derivatives through whole sequences: the gradient of a gradient norm, against differences.
template <class L>
void check_second_order(const L& layer) {
  layer.to(DType::f64);
  manual_seed(5);
  const Tensor x = randn({3, 2, 2}, DType::f64);
  x.set_requires_grad();
  auto penalty = [&](const Tensor& at) {
    const Tensor y = layer(at).y;
    autograd::GradOptions o;
    o.create_graph = true;
    const Tensor g = autograd::grad(std::vector<Tensor>{sum(y * y)}, std::vector<Tensor>{at}, {}, o)[0];
    return sum(g * g);
  };
  penalty(x).backward();
  const Tensor have = x.grad();
  for (int64_t k = 0; k < x.element_count(); k += 5) {
    const double step = 1e-5;
    double ends[2];
    for (int side = 0; side < 2; ++side) {
      const Tensor moved = x.detach().clone();
      moved.data_as<double>()[k] += side ? step : -step;
      moved.set_requires_grad();
      ends[side] = penalty(moved).item();
    }
    EXPECT_NEAR(have.item(k), (ends[1] - ends[0]) / (2 * step), 1e-6) << layer.type() << " " << k;
  }
}

TEST(Recurrent, SecondDerivatives) {
  check_second_order(nn::RNN(2, 3));
  check_second_order(nn::LSTM(2, 3, {.bidirectional = true}));
  check_second_order(nn::GRU(2, 3));
}

TEST(Recurrent, OperandsChangedInPlaceAreFound) {
  const nn::GRU gru(2, 3);
  const Tensor x = ones({2, 1, 2}), y = gru(x).y;
  x *= 2;
  EXPECT_EQ(message_of([&] { sum(y).backward(); }),
            "invalid_argument: backward: an operand or a result of gru was changed in place after it was used (clone() "
            "before the change)");
}

TEST(Amp, ProductsInSmallDtypesLossesInF32) {
  const nn::Linear fc(4, 3);
  const nn::LayerNorm norm(3);
  const Tensor x = ones({2, 4});
  {
    const amp::Autocast guard(DType::bf16);
    EXPECT_EQ(type_text(fc(x)), "bf16[2, 3]");
    EXPECT_EQ(type_text(norm(fc(x))), "f32[2, 3]");
    EXPECT_EQ(type_text(nn::cross_entropy(fc(x), ints({0, 2}))), "f32[]");
    EXPECT_EQ(type_text(nn::Conv1d(4, 2, 1)(ones({1, 4, 3}))), "bf16[1, 2, 3]");
    EXPECT_EQ(type_text(nn::GRU(4, 3)(ones({2, 1, 4})).y), "bf16[2, 1, 3]");
    EXPECT_EQ(type_text(nn::MultiheadAttention(4, 2)(ones({2, 1, 4}), ones({2, 1, 4}), ones({2, 1, 4}))),
              "bf16[2, 1, 4]");
    {
      const amp::Autocast off(DType::bf16, false);
      EXPECT_EQ(type_text(fc(x)), "f32[2, 3]");
    }
    nn::cross_entropy(fc(x), ints({0, 2})).backward();
  }
  EXPECT_EQ(type_text(fc(x)), "f32[2, 3]");
  EXPECT_EQ(type_text(fc.weight.grad()), "f32[3, 4]");
  EXPECT_EQ(message_of([] { const amp::Autocast guard(DType::f32); }),
            "invalid_argument: Autocast: dtype is f32 (bf16 or f16)");
}

TEST(Amp, ScalerSkipsStepsThatAreNotFinite) {
  const Tensor p = ones({2});
  p.set_requires_grad();
  optim::SGD optimiser({p}, {.lr = 1});
  amp::GradScaler scaler({.init_scale = 8, .growth_interval = 2});
  scaler.scale(sum(p * 0.5)).backward();
  EXPECT_EQ(to_vector(p.grad()), (std::vector<float>{4, 4}));
  EXPECT_TRUE(scaler.step(optimiser));
  EXPECT_EQ(to_vector(p), (std::vector<float>{0.5, 0.5}));
  scaler.update();
  p.set_grad(full({2}, INFINITY));
  EXPECT_FALSE(scaler.step(optimiser));
  EXPECT_EQ(to_vector(p), (std::vector<float>{0.5, 0.5}));
  scaler.update();
  EXPECT_EQ(scaler.scale(), 4);
  for (int i = 0; i < 2; ++i) {
    optimiser.zero_grad();
    scaler.scale(sum(p)).backward();
    scaler.unscale(optimiser);
    EXPECT_EQ(to_vector(p.grad()), (std::vector<float>{1, 1}));
    scaler.step(optimiser);
    scaler.update();
  }
  EXPECT_EQ(scaler.scale(), 8);
  amp::GradScaler other;
  other.load_state_dict(scaler.state_dict());
  EXPECT_EQ(other.scale(), 8);
  EXPECT_EQ(message_of([&] { other.update(); }).substr(0, 52), "invalid_argument: GradScaler: update() before any st");
}

TEST(Layers, WrongCalls) {
  EXPECT_EQ(message_of([] { nn::Bilinear(2, 3, 4)(ones({5, 2}), ones({4, 3})); }),
            "shape_mismatch: Bilinear: inputs are f32[5, 2] and f32[4, 3] ([..., 2] and [..., 3], with the same axes "
            "before)");
  EXPECT_EQ(message_of([] { nn::InstanceNorm2d(3)(ones({2, 4, 5, 5})); }),
            "shape_mismatch: InstanceNorm2d: input is f32[2, 4, 5, 5] with 4 channels on axis 1 (3 channels)");
  EXPECT_EQ(message_of([] { nn::ReflectionPad1d(4)(ones({1, 1, 4})); }),
            "invalid_argument: ReflectionPad1d: pads are [4, 4] and the input f32[1, 1, 4] (reflect pads axis 2 by at "
            "most 3)");
  EXPECT_EQ(message_of([] { nn::Upsample({.mode = "bilinear"})(ones({1, 1, 4, 4})); }),
            "invalid_argument: Upsample: size is [] and scale [] (one of them)");
  EXPECT_EQ(message_of([] { nn::pixel_shuffle(ones({1, 3, 2, 2}), 2); }),
            "shape_mismatch: pixel_shuffle: input is f32[1, 3, 2, 2] and factor 2 ([..., channels, h, w], channels "
            "divisible by 4)");
  EXPECT_EQ(message_of([] { nn::GRUCell(3, 4)(ones({2, 3}), ones({2, 5})); }),
            "shape_mismatch: GRUCell: h is f32[2, 5] and the input f32[2, 3] (h of shape [2, 4])");
  EXPECT_EQ(message_of([] { nn::bce_loss(full({2}, 2), ones({2})); }),
            "invalid_argument: bce_loss: input holds 2 (probabilities from 0 to 1; bce_with_logits takes all numbers)");
  EXPECT_EQ(message_of([] { nn::ctc_loss(zeros({4, 1, 3}), ints({1, 2}), {5}, {2}); }),
            "invalid_argument: ctc_loss: input_lengths is [5] and log_probs f32[4, 1, 3] (1 lengths of at most 4)");
  EXPECT_EQ(message_of([] { nn::TransformerEncoder(8, 2, 0); }),
            "invalid_argument: TransformerEncoder: layers is 0 (a positive integer)");
}

}  // namespace
}  // namespace neve::test
