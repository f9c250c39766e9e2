// Models that are ready made; names of parameters are those of torchvision, so published state dicts load.
#pragma once
#include <neve/nn.h>

namespace neve::models {

/// f32[n, 3, h, w] -> f32[n, classes]. He et al., 2015. Parameters: conv1.weight, layer1.0.bn1.bias, fc.weight, ...
class ResNet : public nn::Layer<ResNet> {
 public:
  /// @param bottleneck  blocks of 1x1, 3x3, 1x1 convolutions instead of two 3x3
  /// @param counts  blocks of each of the four stages
  ResNet(bool bottleneck, const std::vector<int64_t>& counts, int64_t classes);
  Tensor forward(const Tensor& x) const;

 private:
  nn::Conv2d conv1_;
  nn::BatchNorm2d bn1_;
  nn::MaxPool2d maxpool_;
  std::vector<nn::Sequential> layers_;
  nn::Linear fc_;
};
ResNet resnet18(int64_t classes = 1000);
ResNet resnet34(int64_t classes = 1000);
ResNet resnet50(int64_t classes = 1000);
ResNet resnet101(int64_t classes = 1000);

}  // namespace neve::models
