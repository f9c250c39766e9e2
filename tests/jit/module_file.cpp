// Modules as files: captured in C++, saved, loaded, trained and called again; what Python wrote is read.
#include <neve/neve.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "support/text_model.h"

namespace neve::test {
namespace {
namespace fs = std::filesystem;

struct Net : nn::Module {
  nn::Linear fc1 = add("fc1", nn::Linear(4, 8));
  nn::LayerNorm norm = add("norm", nn::LayerNorm(Sizes{8}));
  nn::Dropout drop = add("drop", nn::Dropout(0.25));
  nn::Linear fc2 = add("fc2", nn::Linear(8, 1));
  Net() : Module("Net") {}
  Tensor forward(const Tensor& x) const { return fc2(drop(relu(norm(fc1(x))))); }
};

class ModuleFile : public ::testing::Test {
 protected:
  ModuleFile() {
    std::string path = (fs::temp_directory_path() / "neve-module-XXXXXX").string();
    folder_ = ::mkdtemp(path.data());
    ::setenv("NEVE_CACHE_DIR", (folder_ / "cache").c_str(), 1);
    manual_seed(5);
  }
  ~ModuleFile() override {
    ::unsetenv("NEVE_CACHE_DIR");
    fs::remove_all(folder_);
  }
  std::string path(const std::string& name = "m.neve") const { return (folder_ / name).string(); }
  fs::path folder_;
};

void expect_near(const Tensor& a, const Tensor& b, double tolerance = 1e-5) {
  ASSERT_EQ(a.shape(), b.shape());
  const auto x = to_vector(a.detach()), y = to_vector(b.detach());
  for (size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], y[i], tolerance) << "element " << i;
}

std::string words_of(const std::function<void()>& call, ErrorCode code) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), code) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "no error";
  return "";
}
void expect_word(const std::string& text, const std::string& word) {
  EXPECT_NE(text.find(word), std::string::npos) << word << " in:\n" << text;
}

TEST_F(ModuleFile, TraceKeepsSizesOpen) {
  Net net;
  net.eval();
  const jit::Function f = jit::trace(net, rand({2, 4}), {.dims = {{"batch", "4"}}, .names = {"x"}});
  EXPECT_EQ(f.inputs()[0].name, "x");
  EXPECT_EQ(f.inputs()[0].shape, (std::vector<std::string>{"batch", "4"}));
  const NoGrad off;
  for (int64_t n : {1, 5}) {
    const Tensor x = rand({n, 4});
    expect_near(f(x), net.forward(x));
  }
  net.fc1.weight.copy_from(net.fc1.weight * 2.0);  // seen by the next call
  const Tensor x = rand({3, 4});
  expect_near(f(x), net.forward(x));
  expect_near(optimize(f.model(), {.tune = false}).session().run({x})[0], net.forward(x));
  EXPECT_THROW(f(rand({3, 5})), Error);
}

TEST_F(ModuleFile, TraceRefusesValuesAndWhatDiffers) {
  EXPECT_THROW(jit::trace([](const Tensor& x) { return x.item() > 0 ? x : x * 2.0; }, rand({1})), Error);
  int calls = 0;
  EXPECT_THROW(jit::trace([&](const Tensor& x) { return x * double(++calls); }, rand({2})), Error);
}

TEST_F(ModuleFile, TraceOpensEverySizeThatTheProgramDoesNotFix) {
  const NoGrad off;
  nn::Conv2d conv(3, 2, 3);
  const jit::Function images = jit::trace([&](const Tensor& x) { return relu(conv(x)); }, rand({1, 3, 8, 9}));
  EXPECT_EQ(images.inputs()[0].shape, (std::vector<std::string>{"x0_0", "3", "x0_2", "x0_3"}));
  for (const Sizes& s : {Sizes{2, 3, 5, 12}, Sizes{1, 3, 30, 4}}) {
    const Tensor x = rand(s);
    expect_near(images(x), relu(conv(x)));
  }
  EXPECT_THROW(images(rand({2, 4, 8, 9})), Error);

  nn::Linear linear(4, 5);
  const jit::Function sequences = jit::trace([&](const Tensor& x) { return linear(x); }, rand({2, 3, 4}));
  EXPECT_EQ(sequences.inputs()[0].shape, (std::vector<std::string>{"x0_0", "x0_1", "4"}));
  const Tensor words = rand({3, 7, 4});
  expect_near(sequences(words), linear(words));

  const jit::Function reads = jit::trace([](const Tensor& x) { return x * double(x.size(1)); }, rand({2, 3, 4}));
  EXPECT_EQ(reads.inputs()[0].shape, (std::vector<std::string>{"x0_0", "3", "x0_2"}));
  ASSERT_EQ(reads.guards().size(), 1u);
  EXPECT_EQ(reads.guards()[0].relation, "x0_1 = 3");
  const Tensor x = rand({5, 3, 7});
  expect_near(reads(x), x * 3.0);
  EXPECT_THROW(reads(rand({5, 4, 7})), Error);

  const auto sum = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{in[0] * 2.0, in[0] + in[1]}; };
  const jit::Function two = jit::trace(sum, {rand({2, 3}), rand({2, 3})});
  const Tensor a = rand({6, 5}), b = rand({6, 5});
  expect_near(two({a, b})[1], a + b);
  EXPECT_THROW(two({a, rand({7, 5})}), Error);

  int calls = 0;  // another number at another run: the second output is not what was captured
  const auto unsteady = [&](const std::vector<Tensor>& in) {
    return std::vector<Tensor>{in[0] + 1.0, in[0] * double(++calls)};
  };
  expect_word(words_of([&] { jit::trace(unsteady, {rand({2}) + 1.0}); }, ErrorCode::internal), "output 1 differs");
  // Right for the example's size alone: the check on another shape says so.
  const Sizes outside = {2};
  const auto baked = [&](const Tensor& t) { return t * (t.is_captured() ? double(outside[0]) : double(t.size(0))); };
  expect_word(words_of([&] { jit::trace(baked, rand({2}) + 1.0); }, ErrorCode::internal), "for (f32[3])");
}

TEST_F(ModuleFile, RoundTripInBothModes) {
  Net net;
  jit::save(net, rand({3, 4}), path());
  jit::Module again = jit::load(path());
  EXPECT_TRUE(again.is_training() && net.is_training());
  EXPECT_EQ(again.type(), "Net");
  const NamedTensors a = net.state_dict(), b = again.state_dict();
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, t] : a) expect_near(t.to(DType::f32), b.at(name).to(DType::f32), 0);
  const NoGrad off;
  const Tensor x = rand({6, 4});
  manual_seed(9);
  const Tensor want = net.forward(x);
  manual_seed(9);
  expect_near(again.forward(x), want);
  net.eval(), again.eval();
  expect_near(again.forward(x), net.forward(x));
}

TEST_F(ModuleFile, BuffersAreChangedByCalls) {
  nn::BatchNorm1d net(3);
  jit::save(net, rand({4, 3}), path());  // its training counts values: sizes as numbers
  jit::Module again = jit::load(path());
  const NoGrad off;
  const Tensor x = rand({4, 3});
  expect_near(again.forward(x), net.forward(x));
  expect_near(again.state_dict().at("running_var"), net.state_dict().at("running_var"));
  EXPECT_EQ(again.state_dict().at("num_batches_tracked").item_int(), 1);
  net.eval(), again.eval();
  expect_near(again.forward(x), net.forward(x));
}

TEST_F(ModuleFile, LoadedModulesTrainAndAreSavedAgain) {
  Net net;
  jit::save(net, rand({3, 4}), path());
  jit::Module again = jit::load(path());
  const Tensor x = rand({8, 4}), y = rand({8, 1});
  std::vector<double> losses[2];
  const auto train = [&](auto& model, std::vector<double>& track) {
    manual_seed(1);
    optim::SGD optimiser(model.parameters(), {.lr = 0.05});
    for (int step = 0; step < 6; ++step) {
      const Tensor loss = nn::mse_loss(model.forward(x), y);
      optimiser.zero_grad();
      loss.backward();
      optimiser.step();
      track.push_back(loss.item());
    }
  };
  train(net, losses[0]);
  train(again, losses[1]);
  for (size_t i = 0; i < losses[0].size(); ++i) EXPECT_NEAR(losses[0][i], losses[1][i], 1e-4);
  jit::save(again, path("again.neve"));
  jit::Module third = jit::load(path("again.neve"));
  net.eval(), third.eval();
  const NoGrad off;
  expect_near(third.forward(x), net.forward(x), 1e-4);
}

TEST_F(ModuleFile, FunctionsOfSeveralTensorsInsideOfOthers) {
  const jit::Function f = jit::trace(jit::TensorFunction([](const std::vector<Tensor>& in) {
                                       return std::vector<Tensor>{in[0] + in[1], in[0] * 2.0, in[1]};
                                     }),
                                     {rand({2, 3}), rand({2, 3})});
  jit::save(f, path());
  const jit::Module again = jit::load(path());
  const Tensor a = rand({4, 3}), b = rand({4, 3});
  const auto y = again.forward({a, b});
  ASSERT_EQ(y.size(), 3u);
  expect_near(y[0], a + b);
  EXPECT_TRUE(y[2].is(b));
  const jit::Function outer =
      jit::trace([&](const Tensor& x) { return relu(again.call("forward", {x, x})[0]); }, rand({2, 3}));
  expect_near(outer(a), relu(a + a));
  const Model m = load(path());
  expect_near(optimize(m, {.tune = false}).session().run({a, b})[1], a * 2.0);
  EXPECT_THROW(again.call("encode", {a}), Error);
  EXPECT_THROW(again.forward({a}), Error);
  EXPECT_THROW(again.call("forward", {a, b}, {int64_t(3)}), Error);
}

TEST_F(ModuleFile, EveryByteIsLookedAt) {
  Net net;
  net.eval();
  jit::save(net, rand({3, 4}), path());
  std::ifstream in(path(), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  const NoGrad off;
  const Tensor x = rand({2, 4}), want = net.forward(x);
  const auto load_bytes = [&](const std::string& bytes) {
    std::ofstream(path("bad.neve"), std::ios::binary) << bytes;
    return jit::load(path("bad.neve"));
  };
  for (size_t n = 0; n < whole.size(); n += whole.size() / 50 + 1) EXPECT_THROW(load_bytes(whole.substr(0, n)), Error);
  for (size_t at = 0; at < whole.size(); at += 37) {
    std::string bytes = whole;
    bytes[at] = char(bytes[at] ^ (1 << (at % 8)));
    try {
      const jit::Module m = load_bytes(bytes);
      expect_near(m.forward(x), want, 1e-6);  // padding
    } catch (const Error&) {
    }
  }
}

TEST_F(ModuleFile, FormsByValuesModesTypesAndSizes) {
  nn::Module owner("Forms");
  const auto traced = [](double factor, const std::vector<Tensor>& examples, const jit::TraceOptions& o = {}) {
    return jit::trace([=](const std::vector<Tensor>& in) { return std::vector<Tensor>{in[0] * factor}; }, examples, o);
  };
  const Tensor x = rand({2, 3});
  const jit::TraceOptions small{.dims = {{"2", "3"}}}, open{.dims = {{"n", "3"}}};
  const double nan = std::nan("");
  jit::save(owner,
            {{"run", traced(1, {x}), "", {std::monostate()}},
             {"run", traced(2, {x}), "eval", {true}},
             {"run", traced(3, {x}), "train", {true}},
             {"run", traced(4, {x}), "", {int64_t(1)}},
             {"run", traced(5, {x}), "", {1.0}},
             {"run", traced(6, {x}), "", {"true"}},
             {"run", traced(7, {x}), "", {nan}},
             {"run", traced(8, {x, x}), ""},
             {"sizes", traced(9, {x}, small), ""},
             {"sizes", traced(10, {x}, open), ""},
             {"sizes", traced(11, {x.to(DType::f64)}, open), ""}},
            path());
  jit::Module m = jit::load(path());
  const NoGrad off;
  const auto factor = [&](const char* method, const std::vector<Tensor>& in, const std::vector<jit::Constant>& c) {
    return (m.call(method, in, c)[0].to(DType::f32) / in[0].to(DType::f32)).item();
  };
  EXPECT_TRUE(m.is_training());
  EXPECT_NEAR(factor("run", {x}, {std::monostate()}), 1, 1e-5);
  EXPECT_NEAR(factor("run", {x}, {true}), 3, 1e-5);
  m.eval();
  EXPECT_NEAR(factor("run", {x}, {true}), 2, 1e-5);
  EXPECT_NEAR(factor("run", {x}, {int64_t(1)}), 4, 1e-5);
  EXPECT_NEAR(factor("run", {x}, {1.0}), 5, 1e-5);
  EXPECT_NEAR(factor("run", {x}, {"true"}), 6, 1e-5);
  EXPECT_NEAR(factor("run", {x}, {nan}), 7, 1e-5);
  EXPECT_NEAR(factor("run", {x, x}, {}), 8, 1e-5);
  EXPECT_NEAR(factor("sizes", {x}, {}), 9, 1e-5);
  EXPECT_NEAR(factor("sizes", {rand({4, 3})}, {}), 10, 1e-5);
  EXPECT_NEAR(factor("sizes", {x.to(DType::f64)}, {}), 11, 1e-5);
  const std::string values = words_of([&] { m.call("run", {x}, {false}); }, ErrorCode::invalid_argument);
  for (const char* word : {"values (null)", "values (true); eval): the values are (false)", "values (1.0)",
                           "values (\"true\")", "values (true); train): the mode is eval", "x1: f32"})
    expect_word(values, word);
  expect_word(words_of([&] { m.call("run", {x}); }, ErrorCode::invalid_argument), "1 tensor is given");
  expect_word(words_of([&] { m.call("sizes", {rand({4, 5})}); }, ErrorCode::shape_mismatch),
              "(x0: f32[n, 3]): input 'x0' axis 1 is 5, not 3");
  expect_word(words_of([&] { m.call("sizes", {x.to(DType::i64)}); }, ErrorCode::type_mismatch), "input 'x0' is i64");
  expect_word(words_of([&] { m.call("sizes", {rand({3})}); }, ErrorCode::shape_mismatch), "of 1 axis");
  jit::save(m, path("again.neve"));
  EXPECT_NEAR((jit::load(path("again.neve")).call("run", {x}, {1.0})[0] / x).item(), 5, 1e-5);
}

// Called by tests/python/test_cpp_modules.py: regions of Python, with their guards.
TEST_F(ModuleFile, CallsRegionsOfPython) {
  const char* in = std::getenv("NEVE_TEST_REGIONS_IN");
  if (!in) GTEST_SKIP() << "run by Python's tests";
  jit::Module m = jit::load(in);
  const NamedTensors expected = nn::load_weights(std::string(in) + ".safetensors");
  const Tensor x = expected.at("x");
  const NoGrad off;
  EXPECT_TRUE(m.is_training());
  m.eval();
  expect_near(m.call("forward", {x}, {std::monostate(), true})[0], expected.at("none"));
  expect_near(m.call("forward", {x}, {int64_t(3), true})[0], expected.at("three"));
  expect_near(m.call("forward", {x}, {0.5, true})[0], expected.at("half"));
  expect_near(m.call("forward", {x}, {"abc", true})[0], expected.at("abc"));
  expect_near(m.call("forward", {x}, {"abc", false})[0], expected.at("abc_off"));
  m.train();
  manual_seed(4);
  expect_near(m.call("forward", {x}, {int64_t(3), true})[0], expected.at("train"));
  for (const char* name : {"x3", "x4", "x6"})
    expect_near(m.call("sizes", {expected.at(name)})[0], expected.at(std::string("of_") + name));
  expect_near(m.call("sizes", {x.to(DType::f64)})[0].to(DType::f32), expected.at("f64"));
  const std::string none = words_of([&] { m.call("forward", {x}, {"abcd", true}); }, ErrorCode::invalid_argument);
  expect_word(none, "values (\"abc\", false); eval): the mode is train");
  expect_word(none, "values (0.5, true); train): the values are (\"abcd\", true)");
  expect_word(words_of([&] { m.call("sizes", {x.to(DType::bf16)}); }, ErrorCode::type_mismatch), "is bf16");
  expect_word(words_of([&] { m.call("sizes", {rand({8, 3})}); }, ErrorCode::shape_mismatch), "not 4");
}

// Called by tests/python/test_cpp_modules.py: prints and random numbers in branches and loops.
TEST_F(ModuleFile, PrintsAndDrawsAsPython) {
  const char* in = std::getenv("NEVE_TEST_PRINTS_IN");
  if (!in) GTEST_SKIP() << "run by Python's tests";
  jit::Module m = jit::load(in);
  const NamedTensors expected = nn::load_weights(std::string(in) + ".safetensors");
  const NoGrad off;
  std::ofstream out(std::string(in) + ".out", std::ios::binary);
  m.set_print([&](std::string_view text) { out << text; });
  manual_seed(3);
  for (const char* name : {"a", "b"}) {
    expect_near(m.forward(expected.at(name)), expected.at(std::string("of_") + name));
    EXPECT_EQ(random_state().second, expected.at(std::string("drawn_") + name).item_int());
  }
  EXPECT_THROW(m.forms("forward")[0].model(), Error);
  EXPECT_THROW(load(in), Error);
  EXPECT_THROW(jit::trace([&](const Tensor& x) { return m.forward(x); }, expected.at("a")), Error);
  jit::save(m, std::string(in) + ".again");
}

// Called by tests/python/test_cpp_modules.py: what C++ writes Python reads, and the reverse.
TEST_F(ModuleFile, ExchangesWithPython) {
  const char* out = std::getenv("NEVE_TEST_MODULE_OUT");
  const char* in = std::getenv("NEVE_TEST_MODULE_IN");
  if (!out || !in) GTEST_SKIP() << "run by Python's tests";
  manual_seed(3);
  Net net;
  jit::save(net, rand({3, 4}), out);
  jit::Module m = jit::load(in);
  m.eval();
  const NamedTensors expected = nn::load_weights(std::string(in) + ".safetensors");
  const NoGrad off;
  expect_near(m.forward(expected.at("x")), expected.at("forward"));
  expect_near(m.call("encode", {expected.at("x")}, {0.5})[0], expected.at("encode_half"));
  expect_near(m.call("encode", {expected.at("x")}, {2.0})[0], expected.at("encode_two"));
  EXPECT_THROW(m.call("encode", {expected.at("x")}), Error);
  EXPECT_THROW(m.call("encode", {expected.at("x")}, {3.0}), Error);
  EXPECT_NE(m.properties().find("\"heads\": 3"), std::string::npos);
}

}  // namespace
}  // namespace neve::test
