// Detection: non-maximum suppression.
#include <algorithm>
#include <vector>

#include "op/def.h"
#include "ops/detail/build.h"

namespace neve::ops {
namespace {

template <class T>
struct Box {
  T x0, y0, x1, y1;
  T area() const { return (x1 - x0) * (y1 - y0); }
};

template <class T>
Box<T> box_of(const T* p, bool centre) {
  if (centre) return {p[0] - p[2] / 2, p[1] - p[3] / 2, p[0] + p[2] / 2, p[1] + p[3] / 2};
  return {std::min(p[1], p[3]), std::min(p[0], p[2]), std::max(p[1], p[3]), std::max(p[0], p[2])};
}

/// Whether the intersection over the union is above the threshold.
template <class T>
bool overlaps(const Box<T>& a, const Box<T>& b, T threshold) {
  const T w = std::min(a.x1, b.x1) - std::max(a.x0, b.x0), h = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
  if (!(w > 0 && h > 0)) return false;
  const T intersection = w * h, total = a.area() + b.area() - intersection;
  return a.area() > 0 && b.area() > 0 && total > 0 && intersection / total > threshold;
}

struct NonMaxSuppression {
  bool center_point_box = false;

  static constexpr OpInfo info{
      .name = "non_max_suppression",
      .summary =
          "Picks boxes by falling score, leaving out those that overlap one picked before by more than the threshold.",
      .source = "ONNX NonMaxSuppression-11",
      .inputs = {{"boxes", "a float [batch, boxes, 4]"},
                 {"scores", "[batch, classes, boxes]"},
                 {"max_output_boxes_per_class", "one i64; absent: 0, which picks none", Arity::optional},
                 {"iou_threshold", "one value; absent: 0", Arity::optional},
                 {"score_threshold", "one value; absent: every score will do", Arity::optional}},
      .outputs = {{"selected_indices", "i64 [picked, 3]: batch, class, box"}}};
  static constexpr auto attrs =
      std::tuple{attr("center_point_box", &NonMaxSuppression::center_point_box,
                      "Boxes are x centre, y centre, width, height; else two corners y, x, y, x.")};

  void infer(Inferring& t) const {
    t.require_float(0);
    for (size_t i : {1, 3, 4})
      if (t.has(i)) t.require_same_dtype(0, i);
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
    const int64_t most = e.has(2) && e.in[2].element_count() ? std::max<int64_t>(e.in[2].item_int(), 0) : 0;
    std::vector<int64_t> picked;
    if (most > 0) {
      if (e.in[0].dtype() == DType::f64)
        pick<double>(e, e.in[0], e.in[1], most, picked);
      else
        pick<float>(e, e.in[0].to(DType::f32), e.in[1].to(DType::f32), most, picked);
    }
    const Tensor& y = e.allocate(0, {int64_t(picked.size()) / 3, 3});
    std::copy(picked.begin(), picked.end(), y.data_as<int64_t>());
  }

  template <class T>
  void pick(const Evaluating& e, const Tensor& boxes_in, const Tensor& scores_in, int64_t most,
            std::vector<int64_t>& picked) const {
    const Sizes& s = scores_in.shape();
    const int64_t batch = s[0], classes = s[1], count = s[2];
    const bool bounded = e.has(4) && e.in[4].element_count() > 0;
    const T overlap = e.has(3) && e.in[3].element_count() ? T(e.in[3].item()) : T(0),
            least = bounded ? T(e.in[4].item()) : T(0);
    std::vector<int64_t> order;
    std::vector<Box<T>> kept;
    for (int64_t n = 0; n < batch * classes; ++n) {
      const T* score = scores_in.data_as<T>() + n * count;
      const T* boxes = boxes_in.data_as<T>() + n / classes * count * 4;
      order.clear(), kept.clear();
      for (int64_t i = 0; i < count; ++i)
        if (!bounded || score[i] > least) order.push_back(i);
      std::sort(order.begin(), order.end(),
                [&](int64_t a, int64_t b) { return score[a] > score[b] || (score[a] == score[b] && a < b); });
      for (int64_t i : order) {
        if (int64_t(kept.size()) == most) break;
        const Box<T> b = box_of(boxes + i * 4, center_point_box);
        if (std::any_of(kept.begin(), kept.end(), [&](const Box<T>& k) { return overlaps(b, k, overlap); })) continue;
        kept.push_back(b);
        picked.insert(picked.end(), {n / classes, n % classes, i});
      }
    }
  }

  static std::vector<Sample> samples() {
    const SampleInput boxes =
        given(Tensor::of(DType::f32, {1, 6, 4}, {0, 0,  1, 1,  0, 0.1,  1, 1.1,  0, -0.1, 1, 0.9,
                                                 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100,  1, 101}));
    const SampleInput scores = given(Tensor::of(DType::f32, {1, 1, 6}, {0.9, 0.75, 0.6, 0.95, 0.5, 0.3}));
    const SampleInput three = given(Tensor::of(DType::i64, {}, {3})), half = given(Tensor::of(DType::f32, {}, {0.5}));
    return {
        sample(NonMaxSuppression{}, {boxes, scores, three, half, given(Tensor::of(DType::f32, {}, {0.4}))}, 0, "exact"),
        sample(NonMaxSuppression{.center_point_box = true}, {boxes, scores, three, half}, 0, "exact"),
        sample(NonMaxSuppression{}, {boxes, scores}, 0, "exact")};
  }
};

}  // namespace

OpList detection() { return {def<NonMaxSuppression>()}; }

}  // namespace neve::ops
