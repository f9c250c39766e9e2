// Detection: non-maximum suppression.
#include <algorithm>
#include <vector>

#include "op/def.h"
#include "ops/detail/build.h"

namespace neve::ops {
namespace {

struct Box {
  float x0, y0, x1, y1;
  float area() const { return (x1 - x0) * (y1 - y0); }
};

Box box_of(const float* p, bool centre) {
  if (centre) return {p[0] - p[2] / 2, p[1] - p[3] / 2, p[0] + p[2] / 2, p[1] + p[3] / 2};
  return {std::min(p[1], p[3]), std::min(p[0], p[2]), std::max(p[1], p[3]), std::max(p[0], p[2])};
}

/// Whether the intersection over the union is above the threshold.
bool overlaps(const Box& a, const Box& b, float threshold) {
  const float w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0), h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (!(w > 0 && h > 0)) return false;
  const float intersection = w * h, total = a.area() + b.area() - intersection;
  return a.area() > 0 && b.area() > 0 && total > 0 && intersection / total > threshold;
}

struct NonMaxSuppression {
  bool center_point_box = false;

  static constexpr OpInfo info{
      .name = "non_max_suppression",
      .summary = "Picks boxes by falling score, leaving out those that overlap one picked before by more than the threshold.",
      .source = "ONNX NonMaxSuppression-11",
      .inputs = {{"boxes", "f32 [batch, boxes, 4]"}, {"scores", "f32 [batch, classes, boxes]"},
                 {"max_output_boxes_per_class", "i64; absent: 0, which picks none", Arity::optional},
                 {"iou_threshold", "f32; absent: 0", Arity::optional},
                 {"score_threshold", "f32; absent: every score will do", Arity::optional}},
      .outputs = {{"selected_indices", "i64 [picked, 3]: batch, class, box"}}};
  static constexpr auto attrs = std::tuple{attr("center_point_box", &NonMaxSuppression::center_point_box,
                                                "Boxes are x centre, y centre, width, height; else two corners y, x, y, x.")};

  void infer(Inferring& t) const {
    for (size_t i : {0, 1, 3, 4})
      if (t.has(i)) require_dtype(t, i, DType::f32);
    if (t.has(2)) require_dtype(t, 2, DType::i64);
    for (size_t i : {2, 3, 4})
      if (t.has(i)) t.require_shape(t.in(i).rank() <= 1, t.input_name(i), " is ", t.in(i), " (expected one value)");
    require_rank(t, 0, 3);
    require_rank(t, 1, 3);
    const Shape &boxes = t.in(0).shape, &scores = t.in(1).shape;
    t.require_equal(boxes[0], scores[0], "batches of boxes and scores must agree");
    t.require_equal(boxes[1], scores[2], "there must be a score for each box");
    t.require_equal(boxes[2], 4, "boxes must be [batch, boxes, 4]");
    const Dim most = scores[0] * scores[1] * scores[2];
    t.result(DType::i64, Shape{t.fresh("selected", 0, std::min(upper_bound(most), Dim::unbounded)), 3});
  }

  void eval(Evaluating& e) const {
    const Sizes& s = e.in[1].shape();
    const int64_t batch = s[0], classes = s[1], count = s[2];
    auto value = [&](size_t i, double otherwise) { return e.has(i) && e.in[i].element_count() ? e.in[i].item() : otherwise; };
    const int64_t most = e.has(2) && e.in[2].element_count() ? std::max<int64_t>(e.in[2].item_int(), 0) : 0;
    const float overlap = float(value(3, 0)), least = float(value(4, 0));
    const bool bounded = e.has(4) && e.in[4].element_count() > 0;
    std::vector<int64_t> picked;
    std::vector<int64_t> order;
    std::vector<Box> kept;
    for (int64_t n = 0; n < batch * classes && most > 0; ++n) {
      const float* score = e.in[1].data_as<float>() + n * count;
      const float* boxes = e.in[0].data_as<float>() + n / classes * count * 4;
      order.clear(), kept.clear();
      for (int64_t i = 0; i < count; ++i)
        if (!bounded || score[i] > least) order.push_back(i);
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return score[a] > score[b]; });
      for (int64_t i : order) {
        if (int64_t(kept.size()) == most) break;
        const Box b = box_of(boxes + i * 4, center_point_box);
        if (std::any_of(kept.begin(), kept.end(), [&](const Box& k) { return overlaps(b, k, overlap); })) continue;
        kept.push_back(b);
        picked.insert(picked.end(), {n / classes, n % classes, i});
      }
    }
    const Tensor& y = e.allocate(0, {int64_t(picked.size()) / 3, 3});
    std::copy(picked.begin(), picked.end(), y.data_as<int64_t>());
  }

  static std::vector<Sample> samples() {
    const SampleInput boxes = given(Tensor::of(DType::f32, {1, 6, 4},
                                               {0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101}));
    const SampleInput scores = given(Tensor::of(DType::f32, {1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3}));
    const SampleInput three = given(Tensor::of(DType::i64, {}, {3})), half = given(Tensor::of(DType::f32, {}, {0.5}));
    return {sample(NonMaxSuppression{}, {boxes, scores, three, half, given(Tensor::of(DType::f32, {}, {0.4}))}, 0, "exact"),
            sample(NonMaxSuppression{.center_point_box = true}, {boxes, scores, three, half}, 0, "exact"),
            sample(NonMaxSuppression{}, {boxes, scores}, 0, "exact")};
  }
};

}  // namespace

OpList detection() { return {def<NonMaxSuppression>()}; }

}  // namespace neve::ops
