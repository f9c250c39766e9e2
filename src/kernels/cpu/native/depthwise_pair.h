// What the kernels for a depthwise convolution and one of one tap, in either order, share.
#pragma once
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/depthwise.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {

/// Reads a convolution of one tap, one group, without strides and padding, and what follows it, as a product whose
/// input `a` is left to the caller; or refuses. `which` names it in the refusal.
inline std::optional<std::string> read_point(const Subgraph& g, const FixedConv& c, std::string_view which, Isa isa,
                                             PackedProduct& product, ProductEnd& end) {
  const SubgraphNode& n = g.nodes[0];
  const TensorType &x = g.types[size_t(n.in[0])], &w = g.types[size_t(n.in[1])];
  if (x.rank() != 4 || c.groups != 1 || !w.shape[2].is(1) || !w.shape[3].is(1))
    return str(which, " has other taps than one");
  for (int64_t s : n.attrs.get_ints("strides"))
    if (s != 1) return str(which, " has a stride");
  for (int64_t pad : n.attrs.get_ints("pads"))
    if (pad) return str(which, " has a padding");
  product.b = c.w, product.turned = true, product.mixed = true;
  product.k = c.channels, product.n = c.outputs, product.isa = isa;
  return read_end(c.steps, end);
}

/// Channels are last, and both weights are packed; bind() is left to the kernel.
class DepthwisePairKernel : public Kernel {
 public:
  Layout output_layout(size_t) const override { return last_; }
  std::string packing_key(size_t i) const override {
    return i == depthwise().w ? std::string(packed_taps_key) : i == product().b ? panels_key(product()) : "";
  }
  size_t packed_bytes(size_t i) const override {
    return i == depthwise().w ? packed_taps(depthwise()) : i == product().b ? panels_bytes(product()) : 0;
  }
  void pack(size_t i, const Tensor& weight, void* packed, int threads) const override {
    float* to = static_cast<float*>(packed);
    i == depthwise().w ? pack_taps(depthwise(), weight, to)
                       : pack_panels(product(), weight.data_as<float>(), to, threads);
  }

 protected:
  virtual const DepthwisePlan& depthwise() const = 0;
  virtual const PackedProduct& product() const = 0;
  Layout last_ = channels_last(4);
};

}  // namespace neve::kernels::native
