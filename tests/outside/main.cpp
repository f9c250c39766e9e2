// Uses an installed Neve as a stranger would: loads a model, optimises it for batch 1..8, runs three batches, saves,
// loads, runs again.
#include <neve/neve.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <string>

namespace {

// A result per image, and the same one for an image whatever stands beside it in the batch.
bool agree(const neve::Tensor& a, const neve::Tensor& b, int64_t count) {
  for (int64_t k = 0; k < count; ++k)
    if (!(std::fabs(a.item(k) - b.item(k)) <= 1e-4 * (1 + std::fabs(a.item(k))))) return false;
  return true;
}

int use(const std::string& path) {
  neve::Model model = neve::load(path);
  neve::OptimizeOptions options;
  options.ranges = {{.min = {{"x", {1, 1, 8, 8}}}, .max = {{"x", {8, 1, 8, 8}}}}};
  options.tune = false;  // a test of the interface, not of speed
  neve::Engine engine = neve::optimize(model, options);
  neve::Session session = engine.session();

  neve::Tensor images = neve::Tensor::zeros(neve::DType::f32, {8, 1, 8, 8});
  for (int64_t i = 0; i < images.element_count(); ++i) images.data_as<float>()[i] = float(i % 17) / 16;
  const neve::Tensor all = session.run({images}).at(0).clone();
  if (all.shape() != neve::Sizes{8, 10}) return std::fprintf(stderr, "shape: %s\n", neve::type_text(all).c_str()), 1;
  for (int64_t batch : {1, 3, 8})
    if (!agree(session.run({images.slice(0, 0, batch)}).at(0), all, batch * 10)) {
      return std::fprintf(stderr, "batch %d differs\n", int(batch)), 1;
    }

  engine.save("outside.neve");
  if (!agree(neve::load("outside.neve").engine().session().run({images}).at(0), all, 80)) {
    return std::fprintf(stderr, "the archive differs\n"), 1;
  }
  try {
    session.run({neve::Tensor::zeros(neve::DType::f32, {9, 1, 8, 8})});
    return std::fprintf(stderr, "a batch outside of the range ran\n"), 1;
  } catch (const neve::Error&) {
  }
  std::printf("neve %s: all well\n", neve::version());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return use(argc > 1 ? argv[1] : "digits.onnx");
  } catch (const std::exception& e) {
    return std::fprintf(stderr, "%s\n", e.what()), 1;
  }
}
