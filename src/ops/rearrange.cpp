// Moving elements by a rule: depth and space, reversed sequences, roll, triangles, columns and images.
#include <algorithm>
#include <cstring>

#include "base/threads.h"
#include "op/def.h"
#include "ops/support/dims.h"
#include "ops/support/gradients.h"
#include "ops/support/strided.h"

namespace neve::ops {
namespace {

Value reshape_dims(Builder& b, Value x, const Shape& shape, Value source) {
  const Value sources[] = {source};
  return reshape_to(b, x, b.dims(std::span(shape.data(), shape.size()), sources));
}

struct DepthToSpace {
  int64_t blocksize = 1;
  std::string mode = "DCR";

  static constexpr OpInfo info{
      .name = "depth_to_space",
      .summary = "Channels spread over blocks of space: [N, C, H, W] to [N, C / b^2, H b, W b].",
      .source = "ONNX DepthToSpace-13",
      .inputs = {{"input", "[N, C, H, W]"}},
      .outputs = {{"output"}}};
  static constexpr auto attrs =
      std::tuple{attr("blocksize", &DepthToSpace::blocksize, "b."),
                 attr("mode", &DepthToSpace::mode, "DCR: the block is the outer part of C; CRD: the inner part.")};

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(x.rank() == 4, "input must be [N, C, H, W], got ", x);
    t.require(blocksize > 0, "blocksize is ", blocksize, " (1 or more)");
    t.require(mode == "DCR" || mode == "CRD", "mode is '", mode, "' (DCR or CRD)");
    t.require_divides(blocksize * blocksize, x.shape[1],
                      str("number of channels must be a multiple of ", blocksize * blocksize));
    t.result(x.dtype,
             {x.shape[0], floordiv(x.shape[1], blocksize * blocksize), x.shape[2] * blocksize, x.shape[3] * blocksize});
  }
  Value lower(Builder& b, std::span<const Value> in) const {
    const Shape x = b.type(in[0]).shape;
    const Dim k = blocksize, c = floordiv(x[1], k * k);
    const bool outer = mode == "DCR";
    const Shape split = outer ? Shape{x[0], k, k, c, x[2], x[3]} : Shape{x[0], c, k, k, x[2], x[3]};
    const std::vector<int64_t> perm =
        outer ? std::vector<int64_t>{0, 3, 4, 1, 5, 2} : std::vector<int64_t>{0, 1, 4, 2, 5, 3};
    const Value y = b.call("transpose", {reshape_dims(b, in[0], split, in[0])}, {{"perm", perm}});
    return reshape_dims(b, y, {x[0], c, x[2] * k, x[3] * k}, in[0]);
  }
  static std::vector<Sample> samples() {
    return {sample(DepthToSpace{.blocksize = 2}, {in({2, 8, 2, 3})}),
            sample(DepthToSpace{.blocksize = 2, .mode = "CRD"}, {in({1, 8, 2, 3})}),
            sample(DepthToSpace{}, {in({1, 2, 2, 1})})};
  }
};

struct SpaceToDepth {
  int64_t blocksize = 1;
  std::string mode = "DCR";

  static constexpr OpInfo info{
      .name = "space_to_depth",
      .summary = "Blocks of space moved into channels: [N, C, H, W] to [N, C b^2, H / b, W / b].",
      .source = "ONNX SpaceToDepth-13; mode as DepthToSpace",
      .inputs = {{"input", "[N, C, H, W]"}},
      .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{
      attr("blocksize", &SpaceToDepth::blocksize, "b."),
      attr("mode", &SpaceToDepth::mode, "DCR: the block is the outer part of the channels; CRD: the inner part.")};

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(x.rank() == 4, "input must be [N, C, H, W], got ", x);
    t.require(blocksize > 0, "blocksize is ", blocksize, " (1 or more)");
    t.require(mode == "DCR" || mode == "CRD", "mode is '", mode, "' (DCR or CRD)");
    for (size_t a : {2, 3})
      t.require_divides(blocksize, x.shape[a], str("size of axis ", a, " must be a multiple of ", blocksize));
    t.result(x.dtype, {x.shape[0], x.shape[1] * (blocksize * blocksize), floordiv(x.shape[2], blocksize),
                       floordiv(x.shape[3], blocksize)});
  }
  Value lower(Builder& b, std::span<const Value> in) const {
    const Shape x = b.type(in[0]).shape;
    const Dim k = blocksize, h = floordiv(x[2], k), w = floordiv(x[3], k);
    const std::vector<int64_t> perm =
        mode == "DCR" ? std::vector<int64_t>{0, 3, 5, 1, 2, 4} : std::vector<int64_t>{0, 1, 3, 5, 2, 4};
    const Value y = b.call("transpose", {reshape_dims(b, in[0], {x[0], x[1], h, k, w, k}, in[0])}, {{"perm", perm}});
    return reshape_dims(b, y, {x[0], x[1] * k * k, h, w}, in[0]);
  }
  static std::vector<Sample> samples() {
    return {sample(SpaceToDepth{.blocksize = 2}, {in({2, 2, 4, 2})}),
            sample(SpaceToDepth{.blocksize = 2, .mode = "CRD"}, {in({1, 2, 4, 2})}),
            sample(SpaceToDepth{}, {in({1, 2, 3, 1})})};
  }
};

struct ReverseSequence {
  int64_t batch_axis = 1, time_axis = 0;

  static constexpr OpInfo info{.name = "reverse_sequence",
                               .summary = "The first sequence_lens[i] steps of each sample i reversed.",
                               .source = "ONNX ReverseSequence-10",
                               .inputs = {{"input", "rank of 2 or more"}, {"sequence_lens", "i64 [batch]"}},
                               .outputs = {{"Y"}}};
  static constexpr auto attrs = std::tuple{attr("batch_axis", &ReverseSequence::batch_axis, "0 or 1."),
                                           attr("time_axis", &ReverseSequence::time_axis, "1 or 0.")};

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(x.rank() >= 2, "input must have rank 2 or more, got ", x);
    t.require((batch_axis == 0 && time_axis == 1) || (batch_axis == 1 && time_axis == 0), "batch_axis is ", batch_axis,
              ", time_axis ", time_axis, " (one is 0, the other 1)");
    require_index_vector(t, 1);
    t.require_equal(t.in(1).shape[0], x.shape[size_t(batch_axis)], "length of sequence_lens and size of the batch");
    t.result(x);
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const int64_t batch = x.shape()[size_t(batch_axis)], time = x.shape()[size_t(time_axis)];
    const int64_t bytes = product(x.shape(), 2, x.shape().size()) * size_of(x.dtype());
    const int64_t step_b = x.strides()[size_t(batch_axis)] * size_of(x.dtype()),
                  step_t = x.strides()[size_t(time_axis)] * size_of(x.dtype());
    const std::vector<int64_t> lens = e.in[1].to_ints();
    for (int64_t n : lens)
      if (n < 0 || n > time)
        fail(ErrorCode::invalid_argument, "reverse_sequence: sequence_lens holds ", n, " (from 0 to ", time, ")");
    const Tensor& out = output(e, 0, x.shape());
    for (int64_t b = 0; b < batch; ++b)
      for (int64_t t = 0; t < time; ++t) {
        const int64_t from = t < lens[size_t(b)] ? lens[size_t(b)] - 1 - t : t;
        std::memcpy(out.data() + b * step_b + t * step_t, x.data() + b * step_b + from * step_t, size_t(bytes));
      }
  }
  Values grad(const Gradient& g) const {
    return {g.b.call("reverse_sequence", {g.dy(), g.in[1]}, {{"batch_axis", batch_axis}, {"time_axis", time_axis}}),
            {}};
  }
  static std::vector<Sample> samples() {
    return {sample(ReverseSequence{}, {in({4, 3}), given_ints({4, 1, 0})}),
            sample(ReverseSequence{.batch_axis = 0, .time_axis = 1}, {in({2, 4, 2}), given_ints({3, 2})})};
  }
};

struct Roll {
  std::vector<int64_t> shifts = {}, axes = {};

  static constexpr OpInfo info{.name = "roll",
                               .summary = "Elements moved along axes; what leaves at one end comes in at the other.",
                               .source = "numpy.roll, torch.roll",
                               .inputs = {{"x"}}};
  static constexpr auto attrs =
      std::tuple{attr("shifts", &Roll::shifts, "By how many positions, one for each axis."),
                 attr("axes", &Roll::axes, "Axes; empty: x as if it were flat, with one shift.")};

  void infer(Inferring& t) const {
    t.require(axes.empty() ? shifts.size() == 1 : shifts.size() == axes.size(), "shifts is ", shifts, ", axes ", axes,
              " (one shift for each axis, or one shift alone)");
    for (int64_t a : axes) t.axis(a, t.in(0).rank());
    t.result(t.in(0));
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const Tensor& out = output(e, 0, x.shape());
    if (out.element_count() == 0) return;
    Tensor now = x;
    const std::vector<int64_t> at = axes.empty() ? std::vector<int64_t>{0} : axes;
    for (size_t k = 0; k < at.size(); ++k) {
      const size_t a = size_t(at[k] < 0 ? at[k] + x.rank() : at[k]);
      const int64_t n = axes.empty() ? x.element_count() : x.shape()[a];
      const int64_t outer = axes.empty() ? 1 : product(x.shape(), 0, a);
      const int64_t bytes = x.bytes() / (n * outer), shift = ((shifts[k] % n) + n) % n;
      const Tensor y = Tensor::empty(x.dtype(), x.shape());
      for (int64_t o = 0; o < outer; ++o) {
        const std::byte* from = now.data() + o * n * bytes;
        std::byte* to = y.data() + o * n * bytes;
        std::memcpy(to + shift * bytes, from, size_t((n - shift) * bytes));
        std::memcpy(to, from + (n - shift) * bytes, size_t(shift * bytes));
      }
      now = y;
    }
    copy_flat(now, out, e.threads);
  }
  Values grad(const Gradient& g) const {
    std::vector<int64_t> back = shifts;
    for (int64_t& s : back) s = -s;
    return {g.b.call("roll", {g.dy()}, {{"shifts", back}, {"axes", axes}})};
  }
  static std::vector<Sample> samples() {
    return {sample(Roll{.shifts = {1}}, {in({2, 3})}), sample(Roll{.shifts = {-1, 5}, .axes = {0, -1}}, {in({3, 4})}),
            sample(Roll{.shifts = {2}, .axes = {0}}, {in(DType::i64, {0, 2}, 0, 1)})};
  }
};

struct Trilu {
  bool upper = true;

  static constexpr OpInfo info{
      .name = "trilu",
      .summary = "The upper or lower triangle of matrices; zeros elsewhere.",
      .source = "ONNX Trilu-14",
      .inputs = {{"input", "[.., rows, columns]"},
                 {"k", "i64, one element, default 0: which diagonal; above the main one if positive", Arity::optional}},
      .outputs = {{"output"}}};
  static constexpr auto attrs =
      std::tuple{attr("upper", &Trilu::upper, "Keep the diagonal k and what is above it, else below it.")};

  void infer(Inferring& t) const {
    t.require_type(t.in(0).rank() >= 2, "input must have rank 2 or more, got ", t.in(0));
    if (t.has(1)) {
      require_indices(t, 1);
      require_single(t, 1);
    }
    t.result(t.in(0));
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const Sizes& s = x.shape();
    const int64_t rows = s[s.size() - 2], columns = s.back(), bytes = size_of(x.dtype());
    const int64_t k = e.has(1) ? std::clamp(e.in[1].item_int(), -rows - 1, columns + 1) : 0;
    const Tensor& out = output(e, 0, s);
    parallel_for(
        product(s, 0, s.size() - 1), std::max<int64_t>(1, (1 << 13) / std::max<int64_t>(columns, 1)), e.threads,
        [&](int64_t b, int64_t end, int) {
          for (int64_t r = b; r < end; ++r) {
            const int64_t edge =
                std::clamp(r % rows + k + (upper ? 0 : 1), int64_t(0), columns);  // kept: [edge, columns) or [0, edge)
            const int64_t first = upper ? edge : 0, last = upper ? columns : edge;
            std::byte* to = out.data() + r * columns * bytes;
            std::memset(to, 0, size_t(columns * bytes));
            std::memcpy(to + first * bytes, x.data() + (r * columns + first) * bytes, size_t((last - first) * bytes));
          }
        });
  }
  Values grad(const Gradient& g) const {
    Values out(g.in.size());
    std::vector<Value> in(g.in.begin(), g.in.end());
    in[0] = g.dy();
    out[0] = g.b.call("trilu", in, {{"upper", upper}});
    return out;
  }
  static std::vector<Sample> samples() {
    return {
        sample(Trilu{}, {in({3, 4})}),
        sample(Trilu{.upper = false}, {in({2, 3, 3}), given(Tensor::scalar_int(DType::i64, 1))}),
        sample(Trilu{}, {in({4, 3}), given_ints({-2})}),
        sample(Trilu{.upper = false}, {in(DType::boolean, {3, 3}, 0, 1), given(Tensor::scalar_int(DType::i64, -9))})};
  }
};

/// How windows lie over an image.
struct Windows {
  std::vector<int64_t> image, block, dilations, pads, strides, steps;  ///< steps: windows along each axis
  int64_t blocks = 1, windows = 1, pixels = 1;

  Windows(std::string_view op, std::vector<int64_t> img, std::vector<int64_t> blk, std::vector<int64_t> d,
          std::vector<int64_t> p, std::vector<int64_t> s)
      : image(std::move(img)),
        block(std::move(blk)),
        dilations(std::move(d)),
        pads(std::move(p)),
        strides(std::move(s)) {
    const size_t n = image.size();
    if (block.size() != n)
      fail(ErrorCode::shape_mismatch, op, ": image ", image, " and block ", block, " have different ranks");
    if (dilations.empty()) dilations.assign(n, 1);
    if (strides.empty()) strides.assign(n, 1);
    if (pads.empty()) pads.assign(2 * n, 0);
    for (size_t i = 0; i < n; ++i) {
      if (block[i] < 1 || image[i] < 0)
        fail(ErrorCode::invalid_argument, op, ": image ", image, " and block ", block, " must be sizes");
      const int64_t room = image[i] + pads[i] + pads[n + i] - dilations[i] * (block[i] - 1) - 1;
      steps.push_back(room < 0 ? 0 : room / strides[i] + 1);
      blocks *= block[i], windows *= steps[i], pixels *= image[i];
    }
  }
  /// Calls f(row of the column matrix, column, pixel) for each pixel of each window that lies inside of the image.
  template <class F>
  void each(F&& f) const {
    const size_t n = image.size();
    std::vector<int64_t> k(n), w(n);
    for (int64_t row = 0; row < blocks; ++row) {
      unravel(row, block, k);
      for (int64_t column = 0; column < windows; ++column) {
        unravel(column, steps, w);
        int64_t pixel = 0;
        bool inside = true;
        for (size_t i = 0; i < n; ++i) {
          const int64_t at = w[i] * strides[i] + k[i] * dilations[i] - pads[i];
          inside = inside && at >= 0 && at < image[i];
          pixel = pixel * image[i] + at;
        }
        if (inside) f(row, column, pixel);
      }
    }
  }
  static void unravel(int64_t index, const std::vector<int64_t>& shape, std::vector<int64_t>& at) {
    for (size_t i = shape.size(); i-- > 0;) {
      at[i] = index % shape[i];
      index /= shape[i];
    }
  }
};

void require_windows(Inferring& t, int64_t n, const std::vector<int64_t>& dilations, const std::vector<int64_t>& pads,
                     const std::vector<int64_t>& strides) {
  auto fits = [](const std::vector<int64_t>& v, int64_t count, int64_t least) {
    return v.empty() ||
           (int64_t(v.size()) == count && std::all_of(v.begin(), v.end(), [&](int64_t x) { return x >= least; }));
  };
  t.require(fits(dilations, n, 1) && fits(strides, n, 1) && fits(pads, 2 * n, 0), "dilations ", dilations, ", strides ",
            strides, " and pads ", pads, " do not fit ", n, " spatial axes (", n, " positive dilations and strides, ",
            2 * n, " pads)");
}

struct Im2Col {
  std::vector<int64_t> dilations = {}, pads = {}, strides = {};

  static constexpr OpInfo info{.name = "im2col",
                               .summary = "The pixels of each window of an image as a column; 0 outside of it.",
                               .source = "torch.nn.Unfold; the reverse of ONNX Col2Im",
                               .inputs = {{"input", "[N, C, image..]"}, {"block_shape", "i64 [n]"}},
                               .outputs = {{"output", "[N, C prod(block), L]"}}};
  static constexpr auto attrs =
      std::tuple{attr("dilations", &Im2Col::dilations, "Between the pixels of a window; empty: 1."),
                 attr("pads", &Im2Col::pads, "Before each axis, then after each; empty: 0."),
                 attr("strides", &Im2Col::strides, "Between windows; empty: 1.")};

  void infer(Inferring& t) const {
    const TensorType& x = t.in(0);
    t.require_type(x.rank() >= 3, "input must be [N, C, image..], got ", x);
    require_index_vector(t, 1);
    const int64_t n = x.rank() - 2;
    t.require_equal(t.in(1).shape[0], n, "length of block_shape and number of spatial axes");
    require_windows(t, n, dilations, pads, strides);
    const auto block = t.ints(1);
    if (!block) return t.result(x.dtype, {x.shape[0], t.fresh("columns"), t.fresh("windows")});
    Dim rows = x.shape[1], windows = 1;
    for (size_t i = 0; i < size_t(n); ++i) {
      const int64_t d = dilations.empty() ? 1 : dilations[i], s = strides.empty() ? 1 : strides[i];
      const int64_t pad = pads.empty() ? 0 : pads[i] + pads[size_t(n) + i];
      const Dim room = x.shape[i + 2] + (pad - d * ((*block)[i] - 1) - 1);
      t.require_at_least(room, 0, str("room for a window along axis ", i + 2));
      rows *= (*block)[i], windows *= floordiv(room, s) + 1;
    }
    t.result(x.dtype, {x.shape[0], rows, windows});
  }
  void eval(Evaluating& e) const {
    const Tensor& x = e.in[0];
    const Windows w(info.name, {x.shape().begin() + 2, x.shape().end()}, e.in[1].to_ints(), dilations, pads, strides);
    const int64_t planes = x.shape()[0] * x.shape()[1], bytes = size_of(x.dtype());
    const Tensor& out = output(e, 0, {x.shape()[0], x.shape()[1] * w.blocks, w.windows});
    std::memset(out.data(), 0, size_t(out.bytes()));
    for (int64_t p = 0; p < planes; ++p)
      w.each([&](int64_t row, int64_t column, int64_t pixel) {
        std::memcpy(out.data() + ((p * w.blocks + row) * w.windows + column) * bytes,
                    x.data() + (p * w.pixels + pixel) * bytes, size_t(bytes));
      });
  }
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Value dx = b.call("col2im", {g.dy(), b.call("shape", {g.in[0]}, {{"start", int64_t(2)}}), g.in[1]},
                            {{"dilations", dilations}, {"pads", pads}, {"strides", strides}});
    return {reshape_like(b, dx, g.in[0]), {}};
  }
  static std::vector<Sample> samples() {
    return {sample(Im2Col{}, {in({1, 2, 4, 3}), given_ints({2, 2})}),
            sample(Im2Col{.dilations = {2}, .pads = {1, 0}, .strides = {2}}, {in({2, 1, 6}), given_ints({2})})};
  }
};

}  // namespace

OpList rearrange() {
  return {def<DepthToSpace>(), def<SpaceToDepth>(), def<ReverseSequence>(), def<Roll>(), def<Trilu>(), def<Im2Col>()};
}

}  // namespace neve::ops
