// Kernels in turns: what is told of their times, and how often each runs.
#include "compile/timing.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>

#include "ir/graph.h"
#include "ir/text.h"

namespace neve::test {
namespace {
using namespace kernels;
using compile::time_kernels;

/// Does nothing for a while, and counts its runs.
class Waits final : public Kernel {
 public:
  Waits(double milliseconds, bool binds = true) : milliseconds_(milliseconds), binds_(binds) {}
  std::string description() const override { return "waits"; }
  Result<BoundKernel> bind(const BindSizes&) const override {
    if (!binds_) return "not at these sizes";
    return std::shared_ptr<const BoundKernel>(std::make_shared<Bound>(*this));
  }
  int runs() const { return runs_; }

 private:
  struct Bound final : BoundKernel {
    explicit Bound(const Waits& k) : kernel(k) {}
    void run(const RunArgs& args) const override {
      EXPECT_NE(args.in[0], args.out[0]);
      ++kernel.runs_;
      const auto until =
          std::chrono::steady_clock::now() + std::chrono::duration<double, std::milli>(kernel.milliseconds_);
      while (std::chrono::steady_clock::now() < until) {
      }
    }
    const Waits& kernel;
  };
  double milliseconds_;
  bool binds_;
  mutable std::atomic<int> runs_{0};
};

TEST(Timing, OneFarBehindLeavesAndOneThatCannotBeBoundNeverRuns) {
  const ir::Graph g = ir::parse(R"(graph forward(%x: f32[8]) {
  %0: f32[8] = relu(%x)
  return %0 "y"
})");
  const Subgraph piece = ir::to_subgraph(g);
  Request request;
  request.graph = &piece;
  request.offered.resize(1);
  request.sizes.assign(piece.types.size(), {8});
  const Waits fast(0), slow(20), cannot(0, false);
  const std::vector<double> ms = time_kernels({{&slow, &request, {}}, {&cannot, &request, {}}, {&fast, &request, {}}});
  ASSERT_EQ(ms.size(), 3u);
  EXPECT_GE(ms[0], 20);
  EXPECT_EQ(ms[1], 1e30);
  EXPECT_LT(ms[2], ms[0]);
  EXPECT_EQ(cannot.runs(), 0);
  EXPECT_GE(fast.runs(), 4);  // one that does not count, and three that do
  EXPECT_LT(slow.runs(), fast.runs());
}

}  // namespace
}  // namespace neve::test
