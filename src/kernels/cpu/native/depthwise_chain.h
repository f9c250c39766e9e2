// What the kernels for a depthwise convolution and those of one tap before and after it share: the rows that go from
// one to the next stay in the cache.
#pragma once
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/depthwise.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {

/// A convolution of one tap, one group, without strides and padding, and what follows it.
struct PointPlan {
  PackedProduct product;  ///< its `a` is left to who knows it
  ProductEnd end;
};
/// Reads one, or refuses; `which` names it in the refusal.
std::optional<std::string> read_point(const Subgraph& g, const FixedConv& c, std::string_view which, Isa isa,
                                      PointPlan& p);

/// Rows of a depthwise convolution that reads one of one tap: the rows of the first that the second needs next are made
/// in a ring.
class ExpandedRows {
 public:
  ExpandedRows(const PointPlan& expand, const DepthwisePlan& depthwise, const Sizes& x, const Sizes& y);
  /// Adds what one thread needs.
  void add_to(ScratchPlan& own);
  /// What a thread has holds nothing yet.
  void begin(std::byte* own) const;
  const DepthwiseRows& rows() const { return rows_; }
  /// Row i of the results of all images. Goes on from row i - 1, if that was made last.
  void row(const RunArgs& args, std::byte* own, int64_t i, float* y) const;

 private:
  /// What the ring of a thread holds.
  struct Ring {
    int64_t next;   ///< row of all results that may go on from it
    int64_t made;   ///< rows of the image before this one are in it, or are needed no more
    int64_t begin;  ///< row of the image that lies at its begin
  };
  int64_t apart() const { return p_.product.first(p_.product.panels()); }  ///< of pixels in the ring, in floats
  int64_t line() const { return rows_.in_columns() * apart(); }            ///< a row in the ring, in floats
  void expand(const RunArgs& args, int64_t first, int64_t count, float* to) const;

  PointPlan p_;
  const Simd& simd_;
  DepthwiseRows rows_;
  int64_t height_, batch_, ring_;
  size_t outside_at_ = 0, ring_at_ = 0, state_at_ = 0;
};

/// A convolution of one tap of pixels that a depthwise one made.
class PointStrip {
 public:
  explicit PointStrip(const PointPlan& p) : p_(p), simd_(simd_for(p.product.isa)) {}
  /// pixels: [count, k]; they are written as pixels [first, first + count) of the results.
  void run(const RunArgs& args, const float* pixels, int64_t first, int64_t count) const;

 private:
  PointPlan p_;
  const Simd& simd_;
};

/// Rows of results that are made together, for a weight that is read once for them.
int64_t strip_height(const DepthwiseRows& rows);
constexpr int64_t most_strip_floats = 96 << 10;  // it stays in the second cache beside a panel
constexpr size_t most_ring_bytes = 3 << 18;      // the same

/// The pieces of a chain: each begins with a convolution.
std::vector<Subgraph> convolutions_of(const Subgraph& g);

/// Channels are last, and all weights are packed; bind() is left to the kernel.
class DepthwiseChainKernel : public Kernel {
 public:
  Layout output_layout(size_t) const override { return last_; }
  std::string packing_key(size_t i) const override;
  size_t packed_bytes(size_t i) const override;
  void pack(size_t i, const Tensor& weight, void* packed, int threads) const override;

 protected:
  virtual const DepthwisePlan& depthwise() const = 0;
  virtual std::vector<const PackedProduct*> products() const = 0;
  Layout last_ = channels_last(4);

 private:
  const PackedProduct* product_of(size_t input) const;
};

}  // namespace neve::kernels::native
