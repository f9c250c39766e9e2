// Mistakes that only C++ can make: empty handles, and errors as values.
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <string>

namespace neve {
namespace {

std::string str_of(const Error& e) { return std::string(to_string(e.code())) + ": " + e.what(); }

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return str_of(e);
  }
  return "nothing was thrown";
}

const std::string rest = " is empty (load, optimize and Engine::session give one that is not)";

TEST(Handles, EmptyOnesSaySo) {
  const Model model;
  const Engine engine;
  EXPECT_FALSE(model.defined());
  EXPECT_FALSE(engine.defined());
  EXPECT_EQ(message_of([&] { model.inputs(); }), "invalid_argument: Model" + rest);
  EXPECT_EQ(message_of([&] { model({}); }), "invalid_argument: Model" + rest);
  EXPECT_EQ(message_of([&] { model.engine(); }), "invalid_argument: Model" + rest);
  EXPECT_EQ(message_of([&] { optimize(model); }), "invalid_argument: Model" + rest);
  EXPECT_EQ(message_of([&] { engine.session(); }), "invalid_argument: Engine" + rest);
  EXPECT_EQ(message_of([&] { engine.report_json(); }), "invalid_argument: Engine" + rest);
  EXPECT_EQ(message_of([&] { engine.save("nowhere.neve"); }), "invalid_argument: Engine" + rest);
}

TEST(Handles, TryRunGivesTheErrorAsAValue) {
  OptimizeOptions options;
  options.ranges = {parse_range("x=1x1x8x8..2x1x8x8")};
  options.tune = options.gate = false;
  Session session = optimize(load(std::string(NEVE_TEST_DIR) + "/../examples/digits/digits.onnx"), options).session();
  std::vector<Tensor> out;
  Error error(ErrorCode::internal, "");
  EXPECT_TRUE(session.try_run({Tensor::zeros(DType::f32, {2, 1, 8, 8})}, out, error));
  EXPECT_FALSE(session.try_run({Tensor::zeros(DType::f32, {3, 1, 8, 8})}, out, error));
  EXPECT_EQ(str_of(error),
            "shape_mismatch: run: sizes x=3x1x8x8 are outside every range (the engine was made for "
            "x=1x1x8x8..2x1x8x8)");
  EXPECT_FALSE(session.try_run({}, out, error));
  EXPECT_EQ(str_of(error), "invalid_argument: run: 0 inputs given (the model takes 1: x: f32[batch, 1, 8, 8])");
  EXPECT_FALSE(session.try_run({Tensor{}}, out, error));
  EXPECT_EQ(str_of(error), "type_mismatch: run: input 'x' is missing (must be f32[batch, 1, 8, 8])");
}

}  // namespace
}  // namespace neve
