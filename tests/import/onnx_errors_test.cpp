// Files that are not what they should be: every one gets an Error that says what is wrong.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "import/model_writer.h"
#include "import/onnx.h"

namespace neve::test {
namespace {
namespace fs = std::filesystem;

Error refused(const std::string& bytes, const import::OnnxOptions& options = {}, const std::string& folder = "") {
  try {
    import::parse_onnx(std::as_bytes(std::span(bytes.data(), bytes.size())), options, folder);
  } catch (const Error& e) {
    return e;
  }
  return {ErrorCode::internal, "nothing was refused"};
}

void expect_refused(const std::string& bytes, ErrorCode code, const std::string& text) {
  const Error e = refused(bytes);
  EXPECT_EQ(e.code(), code) << e.message();
  EXPECT_NE(e.message().find(text), std::string::npos) << e.message();
}

std::string simple(std::vector<Message> nodes, std::vector<Message> initializers = {}) {
  return model(graph({.nodes = std::move(nodes),
                      .inputs = {value("x", f32, {"2"})},
                      .outputs = {value("y", f32, {})},
                      .initializers = std::move(initializers)}));
}

TEST(OnnxErrors, AllMissingOperatorsAreListed) {
  const Error e = refused(simple({node("Frobnicate", {"x"}, {"a"}), node("Relu", {"a"}, {"b"}),
                                  node("Frobnicate", {"b"}, {"c"}), node("Twist", {"c"}, {"y"}, {}, "org.example")}));
  EXPECT_EQ(e.code(), ErrorCode::unsupported);
  EXPECT_EQ(e.message(),
            "onnx: 'model' needs 2 operators that Neve does not have: Frobnicate (domain 'ai.onnx', opset 17, node "
            "'Frobnicate_node' and 1 more), "
            "Twist (domain 'org.example', opset not imported, node 'Twist_node')");
}

TEST(OnnxErrors, NotAModel) {
  expect_refused("", ErrorCode::corrupt_file, "holds no graph");
  expect_refused("hello world, this is a text", ErrorCode::corrupt_file, "is not an ONNX model");
  const std::string good = simple({node("Relu", {"x"}, {"y"})});
  for (size_t n = 1; n < good.size(); ++n) {
    const Error e = refused(good.substr(0, n));
    EXPECT_TRUE(e.code() == ErrorCode::corrupt_file || e.code() == ErrorCode::unsupported ||
                e.code() == ErrorCode::internal)
        << e.message();
    if (e.code() == ErrorCode::internal) {
      EXPECT_EQ(e.message(), "nothing was refused");  // a cut between two fields may leave a smaller model
    }
  }
}

TEST(OnnxErrors, IllFormedGraphs) {
  expect_refused(simple({node("Add", {"x", "b"}, {"a"}), node("Neg", {"a"}, {"b"}), node("Relu", {"b"}, {"y"})}),
                 ErrorCode::corrupt_file, "has a cycle");
  expect_refused(simple({node("Relu", {"x"}, {"y"}), node("Neg", {"x"}, {"y"})}), ErrorCode::corrupt_file,
                 "'y' is defined twice");
  expect_refused(simple({node("Relu", {"ghost"}, {"y"})}), ErrorCode::corrupt_file,
                 "'ghost' is used, but nothing makes it");
  expect_refused(simple({node("Relu", {"x"}, {"z"})}), ErrorCode::corrupt_file, "'y' is used, but nothing makes it");
  expect_refused(simple({node("Relu", {"x"}, {"y", "z"})}), ErrorCode::corrupt_file, "2 outputs");
}

TEST(OnnxErrors, ShapeErrorsNameTheNode) {
  const Error e = refused(simple({node("Add", {"x", "w"}, {"y"})}, {floats("w", {3}, {1, 2, 3})}));
  EXPECT_EQ(e.code(), ErrorCode::shape_mismatch);
  EXPECT_NE(e.message().find("\n  at Add node 'Add_node' of model"), std::string::npos) << e.message();
}

TEST(OnnxErrors, Attributes) {
  expect_refused(simple({node("Softmax", {"x"}, {"y"}, {float_attr("axis", 1)})}), ErrorCode::corrupt_file,
                 "attribute 'axis' is of kind float (int is right)");
  expect_refused(simple({node("Relu", {"x"}, {"y"}, {int_attr("shininess", 1)})}), ErrorCode::unsupported,
                 "attribute 'shininess' is not known");
  expect_refused(simple({node("Softmax", {"x"}, {"y"}, {int_attr("axis", 0), int_attr("axis", 0)})}),
                 ErrorCode::corrupt_file, "is there twice");
  expect_refused(simple({node("Softmax", {"x"}, {"y"}, {ref_attr("axis", "a", 2)})}), ErrorCode::corrupt_file,
                 "outside of a function");
}

TEST(OnnxErrors, Tensors) {
  const auto with = [](const Message& t) { return simple({node("Add", {"x", "w"}, {"y"})}, {t}); };
  expect_refused(with(floats("w", {3}, {1, 2})), ErrorCode::corrupt_file, "8 bytes of raw data, but FLOAT[3] takes 12");
  expect_refused(with(floats("w", {-2}, {1, 2})), ErrorCode::corrupt_file, "dim -2");
  expect_refused(with(floats("w", {int64_t(1) << 40, int64_t(1) << 40}, {1})), ErrorCode::corrupt_file,
                 "more elements than any file holds");
  expect_refused(with(floats("w", {int64_t(1) << 43}, {1})), ErrorCode::corrupt_file, "takes");
  expect_refused(with(Message().number(1, 2).number(2, 99).text(8, "w")), ErrorCode::corrupt_file,
                 "element type 99 does not exist");
  expect_refused(with(Message().number(1, 2).number(2, text_type).text(8, "w")), ErrorCode::unsupported, "STRING");
  expect_refused(with(Message().number(1, 2).number(2, f32).text(8, "w")), ErrorCode::corrupt_file,
                 "0 values, but f32[2] takes 2");
}

TEST(OnnxErrors, OperatorSets) {
  const Message g = graph(
      {.nodes = {node("Relu", {"x"}, {"y"})}, .inputs = {value("x", f32, {"2"})}, .outputs = {value("y", f32, {})}});
  expect_refused(model(g, 99), ErrorCode::unsupported, "operator set 99 (1 to 26 are read)");
  expect_refused(model(g, -1), ErrorCode::unsupported, "operator set -1");
}

TEST(OnnxErrors, FunctionsThatCallThemselves) {
  Message f;
  f.text(1, "Self").text(4, "a").text(5, "b").message(7, node("Self", {"a"}, {"b"}, {}, "my")).text(10, "my");
  expect_refused(model(graph({.nodes = {node("Self", {"x"}, {"y"}, {}, "my")},
                              .inputs = {value("x", f32, {"2"})},
                              .outputs = {value("y", f32, {})}}),
                       17, {f}, {"my"}),
                 ErrorCode::corrupt_file, "'Self' calls itself");
}

TEST(OnnxErrors, DeepNesting) {
  Message g = graph({.nodes = {node("Identity", {"x"}, {"r"})}, .outputs = {value("r", f32, {})}});
  for (int i = 0; i < 200; ++i)
    g = graph({.nodes = {node("If", {"c"}, {"r"}, {graph_attr("then_branch", g), graph_attr("else_branch", g)})},
               .outputs = {value("r", f32, {})}})
                    .bytes.size() > 1 << 20
            ? g
            : graph({.nodes = {node("If", {"c"}, {"r"}, {graph_attr("then_branch", g)})},
                     .outputs = {value("r", f32, {})}});
  expect_refused(model(g), ErrorCode::corrupt_file, "is not an ONNX model");
}

TEST(OnnxErrors, Options) {
  const std::string bytes = simple({node("Relu", {"x"}, {"y"})});
  EXPECT_EQ(refused(bytes, {.input_shapes = {{"z", {1}}}}).message(),
            "onnx: input_shapes: 'z' is not an input (the inputs are 'x')");
  EXPECT_EQ(refused(bytes, {.input_shapes = {{"x", {1, 2}}}}).code(), ErrorCode::shape_mismatch);
}

// ---- external data ------------------------------------------------------------------------------------------------

class External : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / ("neve_external_" + std::to_string(::getpid()));
    fs::create_directories(root_ / "model");
    write(root_ / "model" / "weights.bin");
    write(root_ / "secret.bin");
  }
  void TearDown() override { fs::remove_all(root_); }
  static void write(const fs::path& path) {
    const float data[] = {0, 1, 2, 3};
    std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(data), sizeof data);
  }
  static std::string with(const std::string& location, const std::string& offset = "4",
                          const std::string& length = "8") {
    Message t;
    t.number(1, 2).number(2, f32).text(8, "w").number(14, 1);
    t.message(13, Message().text(1, "location").text(2, location));
    t.message(13, Message().text(1, "offset").text(2, offset));
    if (!length.empty()) t.message(13, Message().text(1, "length").text(2, length));
    return simple({node("Add", {"x", "w"}, {"y"})}, {t});
  }
  void expect_external_refused(const std::string& bytes, ErrorCode code, const std::string& text) {
    const Error e = refused(bytes, {}, (root_ / "model").string());
    EXPECT_EQ(e.code(), code) << e.message();
    EXPECT_NE(e.message().find(text), std::string::npos) << e.message();
  }
  fs::path root_;
};

TEST_F(External, IsMapped) {
  const std::string bytes = with("weights.bin");
  const auto m =
      import::parse_onnx(std::as_bytes(std::span(bytes.data(), bytes.size())), {}, (root_ / "model").string());
  const Tensor w = m.weights->at("w");
  EXPECT_EQ(w.item(0), 1);
  EXPECT_EQ(w.item(1), 2);
  EXPECT_FALSE(w.storage()->writable());
}

TEST_F(External, StaysInsideTheFolder) {
  expect_external_refused(with("../secret.bin"), ErrorCode::corrupt_file, "outside of the model's folder");
  expect_external_refused(with("a/../../secret.bin"), ErrorCode::corrupt_file, "outside of the model's folder");
  expect_external_refused(with((root_ / "secret.bin").string()), ErrorCode::corrupt_file, "relative to the model");
  expect_external_refused(with(""), ErrorCode::corrupt_file, "relative to the model");
  fs::create_symlink(root_ / "secret.bin", root_ / "model" / "link.bin");
  expect_external_refused(with("link.bin"), ErrorCode::corrupt_file, "a link leads out of it");
  fs::create_directory_symlink(root_, root_ / "model" / "up");
  expect_external_refused(with("up/secret.bin"), ErrorCode::corrupt_file, "outside of the model's folder");
}

TEST_F(External, OffsetsAndLengthsAreChecked) {
  expect_external_refused(with("weights.bin", "12"), ErrorCode::corrupt_file, "beyond the end");
  expect_external_refused(with("weights.bin", "99999999999999999999"), ErrorCode::corrupt_file, "is not a count");
  expect_external_refused(with("weights.bin", "-4"), ErrorCode::corrupt_file, "is not a count");
  expect_external_refused(with("weights.bin", "0", "12"), ErrorCode::corrupt_file, "12 bytes of external data");
  expect_external_refused(with("missing.bin"), ErrorCode::not_found, "missing.bin");
  expect_external_refused(with("."), ErrorCode::corrupt_file, "");
  EXPECT_EQ(refused(with("weights.bin")).code(), ErrorCode::unsupported) << "a model from memory has no folder";
}

}  // namespace
}  // namespace neve::test
