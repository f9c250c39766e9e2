// Trains a small convolutional network on handwritten digits, checks it on images that it never saw, and saves it.
#include <neve/neve.h>

#include <cstdio>
#include <string>

using namespace neve;

// A residual of two convolutions. Members are parts of the model by being added, under the names of their weights.
struct Block : nn::Layer<Block> {
  explicit Block(int64_t channels)
      : Layer("Block"),
        body(add("body", nn::Sequential{nn::Conv2d(channels, channels, 3, {.padding = 1, .bias = false}),
                                        nn::BatchNorm2d(channels), nn::ReLU(),
                                        nn::Conv2d(channels, channels, 3, {.padding = 1, .bias = false}),
                                        nn::BatchNorm2d(channels)})) {}
  Tensor forward(const Tensor& x) const { return relu(x + body(x)); }
  nn::Sequential body;
};

struct Net : nn::Module {
  nn::Conv2d conv1 = add("conv1", nn::Conv2d(1, 24, 3, {.padding = 1, .bias = false}));
  nn::BatchNorm2d bn1 = add("bn1", nn::BatchNorm2d(24));
  Block block1 = add("block1", Block(24));
  nn::MaxPool2d pool = add("pool", nn::MaxPool2d(2));
  nn::Conv2d conv2 = add("conv2", nn::Conv2d(24, 40, 3, {.padding = 1}));
  Block block2 = add("block2", Block(40));
  nn::Linear fc = add("fc", nn::Linear(40, 10));

  // f32[n, 1, 8, 8] -> f32[n, 10]
  Tensor forward(const Tensor& x) const {
    Tensor y = block1(relu(bn1(conv1(x))));
    y = block2(hard_swish(conv2(pool(y))));
    return fc(mean(y, {2, 3}));
  }
};

double accuracy(const Net& net, const Tensor& images, const Tensor& labels) {
  const NoGrad off;
  net.eval();
  const Tensor right = argmax(net.forward(images), 1) == labels;
  net.train();
  return mean(right).item();
}

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: %s examples/05_cpp/digits.safetensors\n", argv[0]), 2;
  try {
    const NamedTensors data = nn::load_weights(argv[1]);
    auto images = [&](const char* name) { return unsqueeze(data.at(name), 1).to(DType::f32) / 16; };
    auto labels = [&](const char* name) { return data.at(name).to(DType::i64); };
    const Tensor x = images("train_images"), y = labels("train_labels");
    const Tensor test_x = images("test_images"), test_y = labels("test_labels");

    manual_seed(7);
    Net net;
    std::printf("%s\n", net.summary().c_str());

    const int64_t epochs = 8, batch = 64, n = x.size(0), steps = epochs * ((n + batch - 1) / batch);
    optim::AdamW optimiser(net.parameters(), {.lr = 4e-3});
    optim::CosineLR schedule(optimiser, steps);
    for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
      double total = 0;
      for (const Tensor& part : split(randperm(n), batch)) {
        const Tensor loss = nn::cross_entropy(net.forward(gather(x, part)), gather(y, part), {.label_smoothing = 0.05});
        optimiser.zero_grad();
        loss.backward();
        nn::clip_grad_norm(net.parameters(), 5);
        optimiser.step();
        schedule.step();
        total += loss.item() * double(part.size(0));
      }
      std::printf("epoch %2lld: loss %.4f, held out %.2f%%\n", (long long)epoch, total / double(n),
                  100 * accuracy(net, test_x, test_y));
    }

    nn::save_weights("digits_net.safetensors", net.state_dict());
    Net again;  // the same network from the file
    again.load_state_dict(nn::load_weights("digits_net.safetensors"));
    const double reached = accuracy(again, test_x, test_y);
    std::printf("from the file: held out %.2f%%\n", 100 * reached);
    return reached >= 0.98 ? 0 : 1;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
