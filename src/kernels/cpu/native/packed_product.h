// A product of rows with a fixed weight that is packed by panels of columns, and what follows it: what the kernels for
// few and for many rows share.
#pragma once
#include <functional>

#include "kernels/cpu/native/epilogue.h"

namespace neve::kernels::native {

struct PackedProduct {
  size_t a = 0, b = 1;  ///< inputs of the piece
  std::vector<Step> steps;
  int64_t k = 0, n = 0;
  bool turned = false;       ///< the right side comes as [n, k]
  bool from_memory = false;  ///< the packed weight is in no cache when it is used
  int vectors = 4;           ///< of every panel; of mixed ones: at most
  bool mixed = false;  ///< panels differ by a vector, so that only the last vector of all may have columns to spare
  Isa isa = Isa::baseline;
  int64_t width() const { return vectors * simd_for(isa).lanes; }  ///< columns of a panel
  int64_t panels() const { return (n + width() - 1) / width(); }
  int64_t first(int64_t panel) const {  ///< column
    const int64_t lanes = simd_for(isa).lanes;
    return mixed ? (n + lanes - 1) / lanes * panel / panels() * lanes : panel * width();
  }
  /// Panels that are worth waking a thread for, with `rows`: so many multiplications, or bytes from memory.
  int64_t worth_waking(int64_t rows) const {
    const int64_t panel = std::max<int64_t>(1, k * width()),
                  by_work = work_of_waking / std::max<int64_t>(1, panel * rows);
    return std::max<int64_t>(
        1, from_memory ? std::min(by_work, bytes_of_waking / (panel * int64_t(sizeof(float)))) : by_work);
  }
  int vectors_of(int64_t panel) const { return int((first(panel + 1) - first(panel)) / simd_for(isa).lanes); }
};
constexpr int64_t most_panel_width = 64;

/// Reads a matmul with a weight and what follows it, and the rows at the point tuned for; or refuses.
std::optional<std::string> read_product(const Request& r, PackedProduct& p, int64_t& rows);
/// Reads a matmul whose right side nobody has packed, a matrix or one for each batch of the left side, and what follows
/// it; or refuses. Batches and rows of each are those at the point; -1: not known.
std::optional<std::string> read_unpacked_product(const Request& r, PackedProduct& p, int64_t& batches, int64_t& rows);
/// What may follow a product while its sums are in registers, in this order; inputs of the piece, -1: none.
struct ProductEnd {
  int bias = -1, residual = -1;
  Activation f;
};
/// Reads the steps as such an end, or refuses.
std::optional<std::string> read_end(const std::vector<Step>& steps, ProductEnd& end);
/// A panel with what is added and applied while its sums are in registers; rows and left side are left to the caller.
FinishedProduct panel_of(const PackedProduct& p, const ProductEnd& end, const RunArgs& args, int64_t panel);
/// Where its first result goes, and the residual comes from: element `at` of the results.
void place(FinishedProduct& panel, const PackedProduct& p, const ProductEnd& end, const RunArgs& args, int64_t at);

/// Has vectors of half the size, if fewer columns are to spare then.
bool halved(PackedProduct& p);

/// Names the packing, and its bytes.
std::string panels_key(const PackedProduct& p);
size_t panels_bytes(const PackedProduct& p);
/// One panel: position, column; zeros behind the last column.
void pack_panel(const PackedProduct& p, int64_t panel, const float* weight, float* to);
/// All of them, one behind the other.
void pack_panels(const PackedProduct& p, const float* weight, float* packed, int threads);

constexpr int64_t least_rows_of_matmul = 17;  ///< at the point tuned for: fewer are for gemv

/// Applies the steps to rows [row, row + count) of columns from `first` on and writes them. x: [count, width], at most
/// `width` columns of the results, which it may change.
void finish_rows(const PackedProduct& p, const Simd& simd, const RunArgs& args, int64_t row, int64_t count,
                 int64_t first, int64_t width, float* x);

/// The largest difference from sums in double on random data, against the largest result, of a product of so many rows
/// that has no steps. pack(weight) fills `packed`.
double product_error(const PackedProduct& p, int64_t rows, const BoundKernel& bound, const Tensor& packed,
                     const std::function<void(const float*)>& pack);

/// Has the weight packed; bind() is left to the kernel.
class PackedProductKernel : public Kernel {
 public:
  explicit PackedProductKernel(PackedProduct p) : p_(std::move(p)) {}
  std::string packing_key(size_t i) const override;
  size_t packed_bytes(size_t i) const override;
  void pack(size_t input, const Tensor& weight, void* packed, int threads) const override;
  bool weights_from_memory() const override { return p_.from_memory; }

 protected:
  int64_t rows_of(const BindSizes& sizes) const;
  PackedProduct p_;
};

}  // namespace neve::kernels::native
