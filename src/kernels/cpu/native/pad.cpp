// Padding in all modes, for elements of any type, in row-major or permuted layouts.
#include <algorithm>

#include "kernels/cpu/native/map_copy.h"
#include "kernels/cpu/native/native.h"

namespace neve::kernels::native {
namespace {

struct PadPlan {
  std::string mode;
  int64_t element = 4;
  int value = -1;            // input of the piece; -1: zeros
  std::vector<size_t> axes;  // padded, in the order of the pads
  Layout layout;
};

class BoundMap final : public BoundKernel {
 public:
  BoundMap(MapCopy copy, int value) : copy_(std::move(copy)), value_(value) {}
  void run(const RunArgs& args) const override {
    copy_.run(static_cast<const std::byte*>(args.in[0]), static_cast<std::byte*>(args.out[0]),
              value_ < 0 ? nullptr : static_cast<const std::byte*>(args.in[size_t(value_)]), args.threads);
  }
  size_t bytes() const override { return copy_.bytes(); }

 private:
  MapCopy copy_;
  int value_;
};

/// The element of an axis of size n that stands at position i, which may lie outside; -1: none.
int64_t source(std::string_view mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  if (mode == "constant") return -1;
  if (mode == "edge") return std::clamp<int64_t>(i, 0, n - 1);
  if (mode == "wrap") return (i % n + n) % n;
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), p = (i % period + period) % period;
  return std::min(p, period - p);
}

class PadKernel final : public Kernel {
 public:
  PadKernel(PadPlan p, std::vector<Dim> pads) : p_(std::move(p)), pads_(std::move(pads)) {}
  std::string description() const override { return "native pad " + p_.mode; }
  Layout input_layout(size_t i) const override { return i == 0 ? p_.layout : Layout{}; }
  Layout output_layout(size_t) const override { return p_.layout; }
  std::span<const Dim> shape_values() const override { return pads_; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    const Sizes &x = sizes.in[0], &y = sizes.out[0];
    Sizes before(x.size(), 0);
    for (size_t k = 0; k < p_.axes.size(); ++k) before[p_.axes[k]] = sizes.values[k];
    Sizes from;
    std::vector<std::vector<int64_t>> maps;
    for (size_t k = 0; k < x.size(); ++k) {
      const size_t a = p_.layout.order.empty() ? k : size_t(p_.layout.order[k]);
      if (x[a] == 0 && y[a] > 0 && p_.mode != "constant")
        return str("axis ", a, " is empty, mode ", p_.mode, " takes from it");
      from.push_back(x[a]);
      auto& map = maps.emplace_back();
      for (int64_t i = 0; i < y[a]; ++i) map.push_back(source(p_.mode, i - before[a], x[a]));
    }
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundMap>(MapCopy(from, std::move(maps), p_.element), p_.value));
  }

 private:
  PadPlan p_;
  std::vector<Dim> pads_;
};

/// The content of a small integer tensor of the piece, constants included.
std::optional<std::vector<Dim>> content(const Subgraph& g, int32_t value) {
  if (size_t(value) < g.facts.size() && g.facts[size_t(value)].known) {
    const Shape& c = g.facts[size_t(value)].content;
    return std::vector<Dim>(c.begin(), c.end());
  }
  if (const Tensor* t = constant_input(g, value)) {
    std::vector<Dim> v;
    for (int64_t i : t->to_ints()) v.push_back(Dim(i));
    return v;
  }
  return {};
}

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (auto why = not_single(g)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& x = g.types[size_t(n.in[0])];
  if (input_number(g, n.in[0]) != 0) return "data is not the first input of the piece";
  const auto pads = content(g, n.in[1]);
  if (!pads) return "the pads are known only when it runs";
  PadPlan p;
  p.mode = n.attrs.get_string("mode");
  p.element = size_of(x.dtype);
  if (n.in.size() > 2 && n.in[2] >= 0 && p.mode == "constant") p.value = input_number(g, n.in[2]);
  if (n.in.size() > 3 && n.in[3] >= 0) {
    const auto axes = content(g, n.in[3]);
    if (!axes) return "the axes are known only when it runs";
    for (Dim a : *axes) {
      if (!a.is_constant()) return "the axes are known only when it runs";
      p.axes.push_back(size_t(a.value() < 0 ? a.value() + x.rank() : a.value()));
    }
  } else {
    for (int64_t a = 0; a < x.rank(); ++a) p.axes.push_back(size_t(a));
  }
  if (!r.plain_only && r.offered[0].blocks.empty()) p.layout = r.offered[0];
  return std::shared_ptr<const Kernel>(
      std::make_shared<PadKernel>(p, std::vector<Dim>(pads->begin(), pads->begin() + int64_t(p.axes.size()))));
}

}  // namespace

std::vector<Entry> pad_entries() { return {{"native.pad", accept}}; }

}  // namespace neve::kernels::native
