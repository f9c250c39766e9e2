// Resampling: nearest for elements of any type over any axes, linear in f32 over one or two; row-major or permuted
// layouts.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/threads.h"
#include "kernels/cpu/native/map_copy.h"
#include "kernels/cpu/native/native.h"

namespace neve::kernels::native {
namespace {

struct ResizePlan {
  std::string coordinates, nearest_mode;
  bool linear = false;
  int64_t element = 4;
  std::vector<size_t> axes;
  std::vector<double> scales;  // per entry of axes; empty: size after / size before
  Layout layout;
  Isa isa = Isa::baseline;
};

/// Where output i lies in the input, by ONNX's text; in f32, so that a scale such as f32(2.3) hits the half way points
/// that its decimal form does.
float source(std::string_view mode, int64_t i, float in, float out, float scale) {
  const float x = float(i);
  if (mode == "asymmetric") return x / scale;
  if (mode == "align_corners") return out == 1 ? 0.f : x * (in - 1) / (out - 1);
  if (mode == "pytorch_half_pixel" && out == 1) return 0.f;
  const float half = (x + 0.5f) / scale - 0.5f;
  return mode == "half_pixel_symmetric" ? in / 2 * (1 - out / (scale * in)) + half : half;
}

int64_t nearest(std::string_view mode, double x) {
  if (mode == "floor") return int64_t(std::floor(x));
  if (mode == "ceil") return int64_t(std::ceil(x));
  return mode == "round_prefer_ceil" ? int64_t(std::floor(x + 0.5)) : int64_t(std::ceil(x - 0.5));
}

class BoundNearest final : public BoundKernel {
 public:
  explicit BoundNearest(MapCopy copy) : copy_(std::move(copy)) {}
  void run(const RunArgs& args) const override {
    copy_.run(static_cast<const std::byte*>(args.in[0]), static_cast<std::byte*>(args.out[0]), nullptr, args.threads);
  }
  size_t bytes() const override { return copy_.bytes(); }

 private:
  MapCopy copy_;
};

/// One axis: output i is wa[i] * x[a[i]] + wb[i] * x[b[i]].
struct Taps {
  int64_t in = 1, out = 1;
  std::vector<int64_t> a{0}, b{0};
  std::vector<float> wa{1}, wb{0};
};

/// [outer, rows, middle, columns, inner], of which rows and columns are resampled.
class BoundLinear final : public BoundKernel {
 public:
  BoundLinear(int64_t outer, Taps rows, int64_t middle, Taps columns, int64_t inner, int threads, Isa isa)
      : rows_(std::move(rows)),
        columns_(std::move(columns)),
        outer_(outer),
        middle_(middle),
        inner_(inner),
        line_(middle * columns_.in * inner),
        threads_(threads),
        simd_(simd_for(isa)) {}
  size_t scratch_bytes() const override { return size_t(threads_ * round_up(line_ * 4, 64)); }
  size_t bytes() const override { return sizeof(*this) + size_t(rows_.out + columns_.out) * 24; }
  void run(const RunArgs& args) const override {
    const float* x = static_cast<const float*>(args.in[0]);
    float* y = static_cast<float*>(args.out[0]);
    const int64_t result = middle_ * columns_.out * inner_;
    parallel_for(outer_ * rows_.out, std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(result, 1)), threads_,
                 [&](int64_t begin, int64_t end, int part) {
                   float* buffer = reinterpret_cast<float*>(args.scratch + part * round_up(line_ * 4, 64));
                   for (int64_t i = begin; i < end; ++i) {
                     const size_t r = size_t(i % rows_.out);
                     const float* from = x + i / rows_.out * rows_.in * line_;
                     const float* line = from + rows_.a[r] * line_;
                     if (rows_.wb[r] != 0) {
                       simd_.blend(line, from + rows_.b[r] * line_, rows_.wa[r], rows_.wb[r], buffer, line_);
                       line = buffer;
                     }
                     for (int64_t m = 0; m < middle_; ++m)
                       columns(line + m * columns_.in * inner_, y + i * result + m * columns_.out * inner_);
                   }
                 });
  }

 private:
  void columns(const float* x, float* y) const {
    const Taps& c = columns_;
    if (inner_ == 1) {
      for (size_t i = 0; i < size_t(c.out); ++i) y[i] = x[c.a[i]] * c.wa[i] + x[c.b[i]] * c.wb[i];
      return;
    }
    for (int64_t i = 0; i < c.out; ++i) {
      const size_t k = size_t(i);
      if (c.wb[k] == 0)
        std::memcpy(y + i * inner_, x + c.a[k] * inner_, size_t(inner_) * sizeof(float));
      else
        simd_.blend(x + c.a[k] * inner_, x + c.b[k] * inner_, c.wa[k], c.wb[k], y + i * inner_, inner_);
    }
  }

  Taps rows_, columns_;
  int64_t outer_, middle_, inner_, line_;
  int threads_;
  const Simd& simd_;
};

class ResizeKernel final : public Kernel {
 public:
  explicit ResizeKernel(ResizePlan p) : p_(std::move(p)) {}
  std::string description() const override { return p_.linear ? "native resize linear" : "native resize nearest"; }
  Layout input_layout(size_t i) const override { return i == 0 ? p_.layout : Layout{}; }
  Layout output_layout(size_t) const override { return p_.layout; }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    const Sizes &x = sizes.in[0], &y = sizes.out[0];
    int64_t elements = 1;
    for (int64_t n : y) elements *= n;
    for (size_t a = 0; a < x.size() && elements; ++a)
      if (x[a] == 0) return str("axis ", a, " is empty and cannot grow to ", y[a]);
    std::vector<bool> changed(x.size());
    std::vector<double> scale(x.size(), 1);
    for (size_t k = 0; k < p_.axes.size(); ++k) {
      const size_t a = p_.axes[k];
      scale[a] = p_.scales.empty() ? double(y[a]) / double(x[a]) : p_.scales[k];
      changed[a] = x[a] != y[a] || scale[a] != 1;
    }
    std::vector<size_t> order;
    for (size_t k = 0; k < x.size(); ++k) order.push_back(p_.layout.order.empty() ? k : size_t(p_.layout.order[k]));
    return p_.linear && elements ? linear(x, y, changed, scale, order, sizes.threads)
                                 : nearest_of(x, y, changed, scale, order);
  }

 private:
  Result<BoundKernel> nearest_of(const Sizes& x, const Sizes& y, const std::vector<bool>& changed,
                                 const std::vector<double>& scale, const std::vector<size_t>& order) const {
    std::vector<std::vector<int64_t>> maps;
    Sizes from;
    for (size_t a : order) {
      auto& map = maps.emplace_back();
      from.push_back(x[a]);
      for (int64_t i = 0; i < y[a]; ++i) {
        const int64_t at =
            changed[a] ? nearest(p_.nearest_mode, source(p_.coordinates, i, float(x[a]), float(y[a]), float(scale[a])))
                       : i;
        map.push_back(std::clamp<int64_t>(at, 0, std::max<int64_t>(x[a] - 1, 0)));
      }
    }
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundNearest>(MapCopy(from, std::move(maps), p_.element)));
  }

  Result<BoundKernel> linear(const Sizes& x, const Sizes& y, const std::vector<bool>& changed,
                             const std::vector<double>& scale, const std::vector<size_t>& order, int threads) const {
    int64_t parts[3] = {1, 1, 1};
    std::vector<Taps> taps;
    for (size_t a : order) {
      if (!changed[a]) {
        parts[taps.size()] *= x[a];
        continue;
      }
      if (taps.size() == 2) return "linear over more than two axes";
      Taps t;
      t.in = x[a], t.out = y[a];
      t.a.clear(), t.b.clear(), t.wa.clear(), t.wb.clear();
      for (int64_t i = 0; i < y[a]; ++i) {
        const double at = source(p_.coordinates, i, float(x[a]), float(y[a]), float(scale[a])), base = std::floor(at);
        t.a.push_back(std::clamp<int64_t>(int64_t(base), 0, x[a] - 1));
        t.b.push_back(std::clamp<int64_t>(int64_t(base) + 1, 0, x[a] - 1));
        t.wa.push_back(float(1 - (at - base)));
        t.wb.push_back(float(at - base));
      }
      taps.push_back(std::move(t));
    }
    // With a single axis, it is the rows if anything lies within it, so that whole lines are blended.
    if (taps.size() == 1) {
      if (parts[1] == 1)
        taps.insert(taps.begin(), Taps{});  // [outer, 1, 1, axis, 1]
      else
        taps.push_back(Taps{}), parts[2] = parts[1], parts[1] = 1;
    }
    while (taps.size() < 2) taps.push_back(Taps{});
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundLinear>(
        parts[0], std::move(taps[0]), parts[1], std::move(taps[1]), parts[2], threads, p_.isa));
  }

  ResizePlan p_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  const Subgraph& g = *r.graph;
  if (auto why = not_single(g)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& x = g.types[size_t(n.in[0])];
  if (input_number(g, n.in[0]) != 0) return "x is not the first input of the piece";
  ResizePlan p;
  const std::string mode = n.attrs.get_string("mode");
  if (mode == "cubic") return "cubic interpolation";
  p.linear = mode == "linear";
  p.coordinates = n.attrs.get_string("coordinate_transformation_mode");
  p.nearest_mode = n.attrs.get_string("nearest_mode");
  p.isa = r.isa;
  p.element = size_of(x.dtype);
  if (p.coordinates == "tf_crop_and_resize") return "coordinates by a region of interest";
  if (p.linear && x.dtype != DType::f32) return str("linear only in f32, x is ", x);
  if (p.linear && n.attrs.get_bool("antialias")) return "a filter that widens with the scale";
  if (p.linear && n.attrs.get_bool("exclude_outside")) return "weights that leave out what lies outside";
  for (int64_t a : n.attrs.get_ints("axes")) p.axes.push_back(size_t(a < 0 ? a + x.rank() : a));
  if (p.axes.empty())
    for (int64_t a = 0; a < x.rank(); ++a) p.axes.push_back(size_t(a));
  p.scales = std::get<std::vector<double>>(n.attrs.get("scale_factors"));
  auto given = [&](size_t i) { return n.in.size() > i && n.in[i] >= 0 && !g.types[size_t(n.in[i])].shape[0].is(0); };
  if (given(2)) {
    const Tensor* scales = constant_input(g, n.in[2]);
    if (!scales) return "the scales are known only when it runs";
    for (int64_t i = 0; i < scales->element_count(); ++i) p.scales.push_back(scales->item(i));
  } else if (given(3) && n.attrs.get_string("keep_aspect_ratio_policy") != "stretch") {
    return "sizes that keep the aspect ratio";
  }
  if (!r.plain_only && r.offered[0].blocks.empty()) p.layout = r.offered[0];
  return std::shared_ptr<const Kernel>(std::make_shared<ResizeKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> resize_entries() { return {{"native.resize", accept}}; }

}  // namespace neve::kernels::native
