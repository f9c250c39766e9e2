// ResNet 18, 34, 50 and 101.
#include <neve/models.h>

#include "base/error.h"

namespace neve::models {
namespace {

// Two 3x3 convolutions, or 1x1, 3x3 (which has the stride) and 1x1, beside a shortcut.
struct Block : nn::Layer<Block> {
  Block(bool bottleneck, int64_t inputs, int64_t planes, int64_t stride)
      : Layer(bottleneck ? "Bottleneck" : "BasicBlock"), bottleneck(bottleneck) {
    const int64_t outputs = bottleneck ? 4 * planes : planes;
    auto convolution = [&](const char* name, int64_t in, int64_t out, int64_t kernel, int64_t step) {
      return add(name, nn::Conv2d(in, out, kernel, {.stride = step, .padding = kernel / 2, .bias = false}));
    };
    convs.push_back(convolution("conv1", inputs, planes, bottleneck ? 1 : 3, bottleneck ? 1 : stride));
    norms.push_back(add("bn1", nn::BatchNorm2d(planes)));
    convs.push_back(convolution("conv2", planes, planes, 3, bottleneck ? stride : 1));
    norms.push_back(add("bn2", nn::BatchNorm2d(planes)));
    if (bottleneck) {
      convs.push_back(convolution("conv3", planes, outputs, 1, 1));
      norms.push_back(add("bn3", nn::BatchNorm2d(outputs)));
    }
    if (stride == 1 && inputs == outputs) return;
    has_shortcut = true;
    shortcut = add("downsample", nn::Sequential{nn::Conv2d(inputs, outputs, 1, {.stride = stride, .bias = false}),
                                                nn::BatchNorm2d(outputs)});
  }
  Tensor forward(const Tensor& x) const {
    Tensor y = x;
    for (size_t i = 0; i < convs.size(); ++i) {
      y = norms[i](convs[i](y));
      if (i + 1 < convs.size()) y = relu(y);
    }
    return relu(y + (has_shortcut ? shortcut(x) : x));
  }
  bool bottleneck, has_shortcut = false;
  std::vector<nn::Conv2d> convs;
  std::vector<nn::BatchNorm2d> norms;
  nn::Sequential shortcut;
};

}  // namespace

ResNet::ResNet(bool bottleneck, const std::vector<int64_t>& counts, int64_t classes)
    : Layer("ResNet"),
      conv1_(add("conv1", nn::Conv2d(3, 64, 7, {.stride = 2, .padding = 3, .bias = false}))),
      bn1_(add("bn1", nn::BatchNorm2d(64))),
      maxpool_(add("maxpool", nn::MaxPool2d(3, {.stride = 2, .padding = 1}))),
      layers_([&] {
        if (counts.size() != 4)
          fail(ErrorCode::invalid_argument, "ResNet: there are ", counts.size(), " stages (4 numbers of blocks)");
        std::vector<nn::Sequential> made;
        int64_t inputs = 64;
        for (size_t i = 0; i < 4; ++i) {
          nn::Sequential stage;
          const int64_t planes = 64 << i;
          for (int64_t k = 0; k < counts[i]; ++k) {
            stage.push_back(Block(bottleneck, inputs, planes, i && k == 0 ? 2 : 1));
            inputs = bottleneck ? 4 * planes : planes;
          }
          made.push_back(add("layer" + std::to_string(i + 1), stage));
        }
        return made;
      }()),
      fc_(add("fc", nn::Linear(bottleneck ? 2048 : 512, classes))) {}

Tensor ResNet::forward(const Tensor& x) const {
  Tensor y = maxpool_(relu(bn1_(conv1_(x))));
  for (const nn::Sequential& layer : layers_) y = layer(y);
  return fc_(flatten(global_average_pool(y), 1));
}

ResNet resnet18(int64_t classes) { return ResNet(false, {2, 2, 2, 2}, classes); }
ResNet resnet34(int64_t classes) { return ResNet(false, {3, 4, 6, 3}, classes); }
ResNet resnet50(int64_t classes) { return ResNet(true, {3, 4, 6, 3}, classes); }
ResNet resnet101(int64_t classes) { return ResNet(true, {3, 4, 23, 3}, classes); }

}  // namespace neve::models
