// Loop nests as kernels.
#include "kernels/kernel.h"

namespace neve::kernels {
namespace {

class LoopBoundKernel final : public BoundKernel {
 public:
  LoopBoundKernel(std::shared_ptr<const BoundLoop> loop, size_t inputs, size_t outputs)
      : loop_(std::move(loop)), inputs_(inputs), outputs_(outputs) {}
  size_t scratch_bytes() const override { return loop_->scratch_bytes(); }
  void run(const RunArgs& args) const override {
    constexpr size_t most = 128;
    void* buffers[most];
    check(inputs_ + outputs_ <= most, "loop: more than ", most, " buffers");
    for (size_t i = 0; i < inputs_; ++i) buffers[i] = const_cast<void*>(args.in[i]);
    for (size_t k = 0; k < outputs_; ++k) buffers[inputs_ + k] = args.out[k];
    loop_->run(buffers, args.scratch);
  }
  size_t bytes() const override { return 1024; }

 private:
  std::shared_ptr<const BoundLoop> loop_;
  size_t inputs_, outputs_;
};

class LoopKernel final : public Kernel {
 public:
  LoopKernel(std::shared_ptr<const LoopNest> nest, std::vector<Dim> values, std::shared_ptr<const LoopCode> code,
             std::vector<Layout> in, std::vector<Layout> out)
      : nest_(std::move(nest)),
        values_(std::move(values)),
        code_(std::move(code)),
        in_layouts_(std::move(in)),
        out_layouts_(std::move(out)) {
    for (const LoopBuffer& b : nest_->buffers) ++(b.output ? outputs_ : inputs_);
  }
  std::string description() const override { return "loop"; }
  Layout input_layout(size_t i) const override { return i < in_layouts_.size() ? in_layouts_[i] : Layout{}; }
  Layout output_layout(size_t k) const override { return k < out_layouts_.size() ? out_layouts_[k] : Layout{}; }
  std::span<const Dim> shape_values() const override { return values_; }
  int in_place(size_t output) const override {
    for (size_t i = 0; i < inputs_; ++i)
      if (nest_->buffers[i].used && may_share_memory(*nest_, int32_t(i), int32_t(inputs_ + output))) return int(i);
    return -1;
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<LoopBoundKernel>(code_->bind(sizes.values, sizes.threads), inputs_, outputs_));
  }

 private:
  std::shared_ptr<const LoopNest> nest_;
  std::vector<Dim> values_;
  std::shared_ptr<const LoopCode> code_;
  std::vector<Layout> in_layouts_, out_layouts_;
  size_t inputs_ = 0, outputs_ = 0;
};

}  // namespace

std::shared_ptr<const Kernel> make_loop_kernel(std::shared_ptr<const LoopNest> nest, std::vector<Dim> values,
                                               std::shared_ptr<const LoopCode> code, std::vector<Layout> inputs,
                                               std::vector<Layout> outputs) {
  return std::make_shared<LoopKernel>(std::move(nest), std::move(values), std::move(code), std::move(inputs),
                                      std::move(outputs));
}

}  // namespace neve::kernels
