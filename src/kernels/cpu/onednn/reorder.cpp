// Copies between layouts.
#include <cstring>

#include "base/threads.h"
#include "kernels/cpu/onednn/common.h"

namespace neve::kernels {
namespace {

class BoundCopy final : public BoundKernel {
 public:
  explicit BoundCopy(int64_t bytes) : bytes_(bytes) {}
  void run(const RunArgs& args) const override {
    const std::byte* from = static_cast<const std::byte*>(args.in[0]);
    std::byte* to = static_cast<std::byte*>(args.out[0]);
    parallel_for(bytes_, 1 << 16, args.threads,
                 [&](int64_t begin, int64_t end, int) { std::memcpy(to + begin, from + begin, size_t(end - begin)); });
  }

 private:
  int64_t bytes_;
};

/// Something of the same size that oneDNN moves: what is moved is not looked at.
DType moved_as(DType t) { return size_of(t) == 1 ? DType::u8 : size_of(t) == 4 ? DType::f32 : t; }

class ReorderKernel final : public Kernel {
 public:
  ReorderKernel(DType dtype, Layout from, Layout to) : dtype_(dtype), from_(std::move(from)), to_(std::move(to)) {}
  std::string description() const override {
    return from_ == to_ ? std::string("copy") : str("oneDNN reorder ", to_string(from_), " -> ", to_string(to_));
  }
  Layout input_layout(size_t) const override { return from_; }
  Layout output_layout(size_t) const override { return to_; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    if (from_ == to_) {
      const int64_t n = padded_elements(from_, sizes.in[0].data(), sizes.in[0].size()) * size_of(dtype_);
      return std::shared_ptr<const BoundKernel>(std::make_shared<BoundCopy>(n));
    }
    return onednn::refuse_errors("oneDNN", [&]() -> Result<BoundKernel> {
      const DType t = moved_as(dtype_);
      const auto a = onednn::describe(t, sizes.in[0], from_), b = onednn::describe(t, sizes.in[0], to_);
      if (!a || !b) {
        std::string size;
        for (int64_t n : sizes.in[0]) size += str(size.empty() ? "" : ", ", n);
        return str("no descriptor for ", dtype_, "[", size, "] in ", to_string(from_), " or ", to_string(to_));
      }
      dnnl::primitive_attr attr;
      attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      const dnnl::reorder::primitive_desc pd(onednn::cpu_engine(), *a, onednn::cpu_engine(), *b, attr);
      const auto scratch = pd.scratchpad_desc();
      std::vector<onednn::Argument> args{{DNNL_ARG_FROM, *a, onednn::Argument::input, 0},
                                         {DNNL_ARG_TO, *b, onednn::Argument::output, 0},
                                         {DNNL_ARG_SCRATCHPAD, scratch, onednn::Argument::scratch, 0}};
      return std::shared_ptr<const BoundKernel>(
          std::make_shared<onednn::BoundPrimitive>(dnnl::reorder(pd), std::move(args), scratch.get_size()));
    });
  }

 private:
  DType dtype_;
  Layout from_, to_;
};

}  // namespace

std::shared_ptr<const Kernel> make_reorder(DType dtype, size_t, const Layout& from, const Layout& to) {
  return std::make_shared<ReorderKernel>(dtype, from, to);
}

}  // namespace neve::kernels
