// The reference kernel: a subgraph run by the definitions of its ops. Last in every list.
#include <cstring>

#include "kernels/kernel.h"
#include "op/reference.h"

namespace neve::kernels {
namespace {

class ReferenceBound final : public BoundKernel {
 public:
  ReferenceBound(std::shared_ptr<const Subgraph> g, BindSizes sizes) : graph_(std::move(g)), sizes_(std::move(sizes)) {}
  void run(const RunArgs& args) const override {
    std::vector<Tensor> in;
    for (size_t i = 0; i < graph_->inputs.size(); ++i)
      in.push_back(
          Tensor::borrow(const_cast<void*>(args.in[i]), graph_->types[size_t(graph_->inputs[i])].dtype, sizes_.in[i]));
    const std::vector<Tensor> out = evaluate(*graph_, in, args.threads);
    for (size_t k = 0; k < out.size(); ++k) {
      check(out[k].shape() == sizes_.out[k], "reference: output ", k, " is ", type_text(out[k]),
            ", planned were sizes ", sizes_.out[k]);
      const Tensor c = out[k].contiguous();
      if (c.bytes()) std::memcpy(args.out[k], c.data(), size_t(c.bytes()));
    }
  }

 private:
  std::shared_ptr<const Subgraph> graph_;
  BindSizes sizes_;
};

class ReferenceKernel final : public Kernel {
 public:
  explicit ReferenceKernel(Subgraph g) : graph_(std::make_shared<const Subgraph>(std::move(g))) {}
  std::string description() const override { return "reference"; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(std::make_shared<ReferenceBound>(graph_, sizes));
  }
  std::vector<Tensor> run_dynamic(std::span<const Tensor> in, int threads) const override {
    std::vector<Tensor> out = evaluate(*graph_, in, threads);
    // What merely passes an input on would otherwise point into memory that the plan uses again.
    for (Tensor& t : out)
      for (const Tensor& i : in)
        if (t.storage() == i.storage()) t = t.clone();
    return out;
  }

 private:
  std::shared_ptr<const Subgraph> graph_;
};

}  // namespace

std::shared_ptr<const Kernel> make_reference(const Subgraph& graph) { return std::make_shared<ReferenceKernel>(graph); }

}  // namespace neve::kernels
