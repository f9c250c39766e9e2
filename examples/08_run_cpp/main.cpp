// Optimises a model of images for batches 1 to 16, runs three batches, and saves the engine.
#include <neve/neve.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s examples/digits/digits.onnx\n", argv[0]), 2;
  try {
    const neve::Model model = neve::load(argv[1]);
    neve::OptimizeOptions options;
    options.ranges = {neve::parse_range("x=1x1x8x8..16x1x8x8")};
    const neve::Engine engine = neve::optimize(model, options);

    neve::Session session = engine.session();  // one for each thread
    std::vector<neve::Tensor> scores;          // written in place from the second call of a size on
    for (int64_t batch : {1, 5, 16}) {
      const neve::Tensor images = neve::Tensor::zeros(neve::DType::f32, {batch, 1, 8, 8});
      session.run({images}, scores);
      std::printf("%s -> %s\n", neve::type_text(images).c_str(), neve::type_text(scores[0]).c_str());
    }

    // Without exceptions, for code that has none.
    neve::Error error(neve::ErrorCode::internal, "");
    if (!session.try_run({neve::Tensor::zeros(neve::DType::f32, {17, 1, 8, 8})}, scores, error))
      std::printf("%s: %s\n", neve::to_string(error.code()), error.what());

    engine.save("digits.neve");
    return 0;
  } catch (const neve::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
