// The rest of the layers, losses and schedules against Python's neve.
#include "nn/golden.h"

namespace neve::test {
namespace {

TEST(GoldenMore, Norms) {
  check("instance_norm1d", nn::InstanceNorm1d(3, {.affine = true}));
  check("instance_norm2d", nn::InstanceNorm2d(3, {.track_running_stats = true}));
  check("instance_norm3d", nn::InstanceNorm3d(2));
  check("local_response_norm", nn::LocalResponseNorm(4));
  check("sync_batch_norm", nn::SyncBatchNorm(3));
}

TEST(GoldenMore, Pools) {
  check("adaptive_max_pool1d", nn::AdaptiveMaxPool1d(3));
  check("adaptive_max_pool2d_uneven", nn::AdaptiveMaxPool2d({3, 2}));
  check("adaptive_max_pool3d", nn::AdaptiveMaxPool3d({2, 3, 2}));
  check("lp_pool1d", nn::LPPool1d(4, 2));
  check("lp_pool2d", nn::LPPool2d(2, {2, 3}, 2));
  check("lp_pool3d", nn::LPPool3d(2, 2));
  const nn::MaxUnpool2d unpool(2);
  check("unpool", unpool, [&](const Tensor& x) {
    const auto [y, places] = nn::max_pool_with_indices(x, 2);
    return unpool(y, places);
  });
}

TEST(GoldenMore, PaddingAndPixels) {
  check("pixel_shuffle", nn::PixelShuffle(2));
  check("pixel_unshuffle", nn::PixelUnshuffle(2));
  check("channel_shuffle", nn::ChannelShuffle(3));
  check("upsample_nearest", nn::Upsample({.scale = {2}}));
  check("upsample_bilinear", nn::Upsample({.size = {5, 7}, .mode = "bilinear"}));
  check("upsample_bicubic", nn::Upsample({.scale = {1.5}, .mode = "bicubic"}));
  check("upsample_corners", nn::UpsamplingBilinear2d(2));
  check("upsample_nearest2d", nn::UpsamplingNearest2d(3));
  check("upsample_linear", nn::Upsample({.scale = {2}, .mode = "linear"}));
  check("upsample_trilinear", nn::Upsample({.size = {3, 5, 4}, .mode = "trilinear"}));
  check("upsample_area", nn::Upsample({.size = {2, 2}, .mode = "area"}));
  check("constant_pad1d", nn::ConstantPad1d({1, 2}, 0.5));
  check("constant_pad3d", nn::ConstantPad3d(1, -1));
  check("zero_pad2d", nn::ZeroPad2d({1, -1, 2, 0}));
  check("reflection_pad1d", nn::ReflectionPad1d({2, 1}));
  check("reflection_pad2d", nn::ReflectionPad2d({1, 2, 2, 1}));
  check("replication_pad2d", nn::ReplicationPad2d({1, 2, 3, 0}));
  check("replication_pad3d", nn::ReplicationPad3d(1));
  check("circular_pad1d", nn::CircularPad1d({2, 1}));
  check("circular_pad2d", nn::CircularPad2d({1, 2, 2, 1}));
  check("unfold", nn::Unfold({2, 3}, {.padding = 1, .stride = 2}));
  check("fold", nn::Fold({4, 5}, 2, {.padding = 1}));
  check("unflatten", nn::Unflatten(1, {2, -1}));
}

TEST(GoldenMore, Activations) {
  check("celu", nn::CELU(0.7));
  check("selu", nn::SELU());
  check("relu6", nn::ReLU6());
  check("hardtanh", nn::Hardtanh(-0.5, 0.7));
  check("hardshrink", nn::Hardshrink(0.3));
  check("softshrink", nn::Softshrink(0.3));
  check("tanhshrink", nn::Tanhshrink());
  check("softsign", nn::Softsign());
  check("log_sigmoid", nn::LogSigmoid());
  check("softmin", nn::Softmin(0));
  check("softmax2d", nn::Softmax2d());
  check("threshold", nn::Threshold(0.1, -2));
  check("glu", nn::GLU(1));
  check("prelu", nn::PReLU(3));
  const nn::RReLU rrelu;
  rrelu.eval();
  check("rrelu", rrelu);
}

TEST(GoldenMore, SequencesAndCells) {
  const Tensor state = golden().at("state/in");
  const nn::RNN rnn(3, 4, {.layers = 2, .bidirectional = true, .relu = true});
  check("rnn_relu", rnn, [&](const Tensor& x) { return rnn(x).y; });
  const nn::GRU gru(3, 4, {.layers = 2, .bidirectional = true});
  check("gru_deep", gru, [&](const Tensor& x) {
    const auto r = gru(x);
    return concat({r.y.ravel(), r.h.ravel()});
  });
  const nn::LSTM lstm(3, 4);
  check("lstm_states", lstm, [&](const Tensor& x) {
    const auto r = lstm(x);
    return concat({r.h.ravel(), r.c.ravel()});
  });
  const nn::RNNCell rnn_cell(3, 4);
  check("rnn_cell", rnn_cell, [&](const Tensor& x) { return rnn_cell(x, state); });
  const nn::GRUCell gru_cell(3, 4);
  check("gru_cell", gru_cell, [&](const Tensor& x) { return gru_cell(x, state); });
  const nn::LSTMCell lstm_cell(3, 4, {.bias = false});
  check("lstm_cell", lstm_cell, [&](const Tensor& x) {
    const auto s = lstm_cell(x, {state, state * 0.5});
    return concat({s.h, s.c}, 1);
  });
}

TEST(GoldenMore, PairsAndTransformers) {
  const Tensor other = golden().at("other/in"), memory = golden().at("memory/in");
  const nn::Bilinear bilinear(5, 3, 2);
  check("bilinear", bilinear, [&](const Tensor& x) { return bilinear(x, other); });
  const nn::CosineSimilarity cosine;
  check("cosine", cosine, [&](const Tensor& x) { return cosine(x, other); });
  const nn::PairwiseDistance distance(3);
  check("distance", distance, [&](const Tensor& x) { return distance(x, other); });
  const nn::TransformerDecoderLayer decoder(8, 2, {.feedforward = 16, .dropout = 0});
  check("decoder", decoder, [&](const Tensor& x) { return decoder(x, memory, {.causal = true}); });
  manual_seed(12);
  const nn::Transformer transformer(8, 2, 2, 2, {.feedforward = 16, .dropout = 0, .norm_first = true});
  for (const auto& [name, t] : transformer.state_dict())  // after the same seed the same first weights
    EXPECT_EQ(to_vector(t), to_vector(golden().at("transformer/state/" + name))) << name;
  check("transformer", transformer, [&](const Tensor& x) { return transformer(x, memory); });
}

void check_loss(const std::string& name, const std::function<Tensor(const Tensor&)>& loss) {
  const Tensor x = golden().at("loss/x").clone();
  x.set_requires_grad();
  const Tensor y = loss(x);
  expect_same(y, golden().at("loss/" + name + "/out"), name);
  y.backward();
  expect_same(x.grad(), golden().at("loss/" + name + "/grad"), name + " gradient", 1e-4);
}

TEST(GoldenMore, Losses) {
  auto at = [](const char* name) { return golden().at(std::string("loss/") + name); };
  const Tensor t = at("t"), v = at("v"), p = at("p"), sign = at("sign"), label = at("label"), weight = at("weight");
  check_loss("huber", [&](const Tensor& x) { return nn::huber_loss(x, t, 0.6); });
  check_loss("poisson", [&](const Tensor& x) { return nn::poisson_nll_loss(x, p * 4, {.full = true}); });
  check_loss("poisson_plain", [&](const Tensor& x) { return nn::poisson_nll_loss(exp(x), p, {.log_input = false}); });
  check_loss("gaussian", [&](const Tensor& x) { return nn::gaussian_nll_loss(x, t, at("deviation"), true); });
  check_loss("kl", [&](const Tensor& x) { return nn::kl_div(x, p, nn::Reduction::mean, false, true); });
  check_loss("kl_log", [&](const Tensor& x) { return nn::kl_div(x, t, nn::Reduction::mean, true); });
  check_loss("bce", [&](const Tensor& x) { return nn::bce_loss(sigmoid(x), p, {.weight = weight}); });
  check_loss("bce_logits", [&](const Tensor& x) {
    return nn::bce_with_logits(x, p, nn::BCEOptions{.weight = weight, .pos_weight = weight * 2});
  });
  check_loss("soft_margin", [&](const Tensor& x) { return nn::soft_margin_loss(x, sign); });
  check_loss("multilabel", [&](const Tensor& x) { return nn::multilabel_soft_margin_loss(x, p, weight); });
  check_loss("multi_margin", [&](const Tensor& x) {
    return nn::multi_margin_loss(x, label, {.p = 2, .margin = 0.7, .weight = weight});
  });
  check_loss("hinge", [&](const Tensor& x) { return nn::hinge_embedding_loss(x, sign, 0.8); });
  check_loss("ranking", [&](const Tensor& x) { return nn::margin_ranking_loss(x, t, sign, 0.2); });
  check_loss("cosine", [&](const Tensor& x) { return nn::cosine_embedding_loss(x, t, at("rows"), -0.3); });
  check_loss("triplet", [&](const Tensor& x) { return nn::triplet_margin_loss(x, t, v, {.margin = 2, .swap = true}); });
  check_loss("cross_entropy", [&](const Tensor& x) { return nn::cross_entropy(x, label, {.weight = weight}); });
  check_loss("ctc", [&](const Tensor& x) {
    return nn::ctc_loss(log_softmax(sum(x) * at("logs"), -1), at("targets"), {6, 5}, {3, 2});
  });
}

void check_rates(const std::string& name, const std::function<std::shared_ptr<optim::Schedule>(optim::Optimizer&)>& f) {
  const Tensor p = ones({1});
  p.set_requires_grad();
  optim::SGD optimiser({p}, {.lr = 0.1});
  const auto schedule = f(optimiser);
  const Tensor want = golden().at("schedule/" + name);
  for (int64_t k = 0; k < want.size(0); ++k) {
    EXPECT_NEAR(optimiser.lr(), want.item(k), 1e-12) << name << ", step " << k;
    schedule->step();
  }
}

TEST(GoldenMore, Schedules) {
  using namespace optim;
  check_rates("multi_step", [](Optimizer& o) { return std::make_shared<MultiStepLR>(o, std::vector<int64_t>{3, 5}); });
  check_rates("constant", [](Optimizer& o) { return std::make_shared<ConstantLR>(o); });
  check_rates("exponential", [](Optimizer& o) { return std::make_shared<ExponentialLR>(o, 0.9); });
  check_rates("polynomial", [](Optimizer& o) { return std::make_shared<PolynomialLR>(o, 6, 2); });
  check_rates("restarts", [](Optimizer& o) { return std::make_shared<CosineWarmRestartsLR>(o, 3, 2); });
  check_rates("warmup", [](Optimizer& o) { return std::make_shared<WarmupLR>(o, 3, 9, WarmupLR::Decay::cosine); });
  check_rates("one_cycle", [](Optimizer& o) { return std::make_shared<OneCycleLR>(o, 0.5, 10); });
  check_rates("one_cycle3", [](Optimizer& o) {
    return std::make_shared<OneCycleLR>(o, 0.5, 10, OneCycleOptions{.linear = true, .three_phase = true});
  });
  check_rates("sequential", [](Optimizer& o) {
    const auto first = std::make_shared<ConstantLR>(o, 0.5, 2);
    const auto second = std::make_shared<ExponentialLR>(o, 0.9);
    return std::make_shared<SequentialLR>(o, std::vector<std::shared_ptr<Schedule>>{first, second},
                                          std::vector<int64_t>{4});
  });
  const Tensor p = ones({1});
  p.set_requires_grad();
  SGD optimiser({p}, {.lr = 0.1});
  ReduceOnPlateauLR schedule(optimiser, {.patience = 1, .cooldown = 1});
  const double metrics[] = {1.0, 0.9, 0.9, 0.95, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8};
  for (int64_t k = 0; k < 10; ++k) {
    schedule.step(metrics[k]);
    EXPECT_NEAR(optimiser.lr(), golden().at("schedule/plateau").item(k), 1e-12) << "metric " << k;
  }
}

}  // namespace
}  // namespace neve::test
