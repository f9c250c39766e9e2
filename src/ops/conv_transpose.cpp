// Transposed convolution, and columns back to images.
#include "op/def.h"
#include "ops/detail/build.h"
#include "ops/detail/conv.h"
#include "ops/detail/conv_attrs.h"
#include "ops/detail/float_io.h"

namespace neve::ops {
namespace {

struct ConvTranspose : ConvAttrs {
  std::vector<int64_t> output_padding = {}, output_shape = {};

  static constexpr OpInfo info{
      .name = "conv_transpose",
      .summary =
          "Transposed convolution: every element of x adds its multiple of the kernel to y; the adjoint of conv.",
      .source = "ONNX ConvTranspose-22",
      .inputs = {{"x", "[n, c, ...]"}, {"w", "[c, m / group, kernel...]"}, {"bias", "[m]", Arity::optional}},
      .outputs = {{"y", "[n, m, ...]"}}};
  static constexpr auto attrs = std::tuple_cat(
      conv_attr_fields,
      std::tuple{
          attr("output_padding", &ConvTranspose::output_padding, "Extra size at the end of each spatial axis of y."),
          attr("output_shape", &ConvTranspose::output_shape, "Spatial sizes of y; then pads follow from them.")});

  Window window(const Shape& x, const Shape& w) const {
    return slide_transposed(spec(w), std::span(x.begin() + 2, x.end()), output_padding, output_shape);
  }

  void infer(Inferring& t) const {
    t.require_float(0);
    t.require_same_dtype(0, 1);
    check_conv(t, *this, 0, 1);
    const Shape &x = t.in(0).shape, &w = t.in(1).shape;
    const size_t spatial = x.size() - 2;
    t.require(output_padding.empty() || output_padding.size() == spatial, "output_padding has ", output_padding.size(),
              " values (expected ", spatial, ")");
    t.require(output_shape.empty() || output_shape.size() == spatial, "output_shape has ", output_shape.size(),
              " values (expected ", spatial, ")");
    t.require_equal(x[1], w[0], "channels of x and the first axis of w must agree");
    t.require_divides(group, x[1], "group must divide the input channels");
    Shape y{x[0], w[1] * group};
    for (Dim d : window(x, w).out) {
      t.require_at_least(d, 0, "the output size must not be negative");
      y.push_back(d);
    }
    check_bias(t, 2, 0, y[1]);
    t.result(t.in(0).dtype, y);
  }

  void eval(Evaluating& e) const {
    const Sizes &x = e.in[0].shape(), &w = e.in[1].shape(), &y = e.out(0).shape();
    const Window win = window(Shape(x.begin(), x.end()), Shape(w.begin(), w.end()));
    const ConvGeometry g = conv_geometry(spec(w), win, y, w, x);  // as the adjoint of a convolution from y to x
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      conv_backward_input<T>(g, in[0].data_as<T>(), in[1].data_as<T>(), e.has(2) ? in[2].data_as<T>() : nullptr,
                             out[0].data_as<T>(), e.threads);
    });
  }

  /// A convolution back over dy, with the padding that was cut off; what output_padding added is cut off first.
  Values grad(const Gradient& g) const {
    Builder& b = g.b;
    const Shape &x = b.type(g.in[0]).shape, &w = b.type(g.in[1]).shape;
    const Window win = window(x, w);
    ConvAttrs back = *this;
    back.auto_pad = "NOTSET";
    back.pads.clear();
    for (const Shape* pads : {&win.pad_begin, &win.pad_end})
      for (size_t i = 0; i < pads->size(); ++i) {
        if (!(*pads)[i].is_constant())
          fail(ErrorCode::unsupported,
               "conv_transpose: its gradient with auto_pad or output_shape needs constant spatial sizes of x and w, "
               "got ",
               b.type(g.in[0]), " and ", b.type(g.in[1]), " (give pads and output_padding)");
        const int64_t extra = pads == &win.pad_end && !output_padding.empty() ? output_padding[i] : 0;
        back.pads.push_back((*pads)[i].value() - extra);
      }
    Values d(g.in.size());
    if (g.needs[0]) d[0] = b.call("conv", {g.dy(), g.in[1]}, back.list());
    if (g.needs[1]) d[1] = b.call("conv_weight_grad", {g.dy(), g.in[0], b.shape_of(g.in[1])}, back.list());
    if (g.in.size() > 2 && g.in[2].valid() && g.needs[2]) {
      std::vector<int64_t> axes = axes_from(1, b.rank(g.dy()));
      axes[0] = 0;
      d[2] = reduce_sum(b, g.dy(), axes, false);
    }
    return d;
  }

  double flops(std::span<const TensorType> in, std::span<const TensorType>) const { return conv_flops(in[1], in[0]); }

  static std::vector<Sample> samples() {
    return {sample(ConvTranspose{}, {in({1, 2, 4}), in({2, 3, 3}), in({3})}),
            sample(ConvTranspose{{.strides = {2, 3}, .pads = {1, 0, 1, 1}}}, {in({2, 2, 3, 3}), in({2, 2, 3, 3})}),
            sample(ConvTranspose{{.strides = {2, 2}, .dilations = {1, 2}, .group = 2}, {1, 0}},
                   {in({1, 4, 3, 2}), in({4, 1, 3, 2}), in({2})}),
            sample(ConvTranspose{{.strides = {2, 2}, .auto_pad = "SAME_UPPER"}}, {in({1, 1, 3, 3}), in({1, 2, 3, 3})}),
            sample(ConvTranspose{{.strides = {2, 2}, .auto_pad = "SAME_LOWER"}}, {in({1, 1, 3, 3}), in({1, 2, 3, 3})}),
            sample(ConvTranspose{{.strides = {3, 2}}, {1, 1}, {10, 8}},
                   {SampleInput{.type = {DType::f32, {1, 1, 3, 3}}, .value = {}, .symbolic = false}, in({1, 2, 3, 3})}),
            sample(ConvTranspose{}, {in({1, 1, 2, 2, 3}), in({1, 2, 2, 1, 2})})};
  }
};

/// The image geometry of col2im: windows over the last axes of an image of `image` sizes.
struct Col2im {
  std::vector<int64_t> strides = {}, pads = {}, dilations = {};

  static constexpr OpInfo info{
      .name = "col2im",
      .summary = "Adds columns of blocks into an image, each at its place; the adjoint of taking blocks from an image.",
      .source = "ONNX Col2Im-18; torch.nn.Fold",
      .inputs = {{"x", "[n, c * product(block), blocks]"},
                 {"image_shape", "i64, spatial sizes"},
                 {"block_shape", "i64, kernel sizes"}},
      .outputs = {{"y", "[n, c, image...]"}}};
  static constexpr auto attrs =
      std::tuple{attr("strides", &Col2im::strides, "Step between blocks; empty: 1."),
                 attr("pads", &Col2im::pads, "Padding of the image: begins, then ends; empty: 0."),
                 attr("dilations", &Col2im::dilations, "Distance within a block; empty: 1.")};

  WindowSpec spec(const Shape& block) const {
    WindowSpec s;
    s.kernel = block, s.strides = strides, s.dilations = dilations, s.pads = pads;
    return s;
  }

  void infer(Inferring& t) const {
    t.require_type(is_float(t.in(0).dtype), "x is ", t.in(0), " (expected a float)");
    require_rank(t, 0, 3);
    for (size_t i : {1, 2}) {
      require_dtype(t, i, DType::i64);
      require_rank(t, i, 1);
    }
    const Shape *image = t.content(1), *block = t.content(2);
    const Shape& x = t.in(0).shape;
    const Dim axes =
        t.require_equal(t.in(1).shape[0], t.in(2).shape[0], "image_shape and block_shape must be of one length");
    if (!axes.is_constant()) t.fail_with(ErrorCode::unsupported, "the number of spatial axes must be known");
    Shape y{x[0]};
    Dim product = 1;
    if (block) {
      check_window(t, spec(*block), block->size());
      for (Dim d : *block) product *= d;
      y.push_back(floordiv(x[1], product));
    } else {
      y.push_back(t.fresh("col2im_channels"));
    }
    for (int64_t i = 0; i < axes.value(); ++i) y.push_back(image ? (*image)[size_t(i)] : t.fresh(str("col2im_", i)));
    if (image && block) {
      Dim count = 1;
      for (Dim d : slide(spec(*block), *image).out) count *= d;
      t.require_equal(x[2], count, "x must have one column for each block of the image");
      t.require_equal(y[1] * product, x[1], "channels of x must be a multiple of the block's size");
    }
    t.result(t.in(0).dtype, y);
  }

  /// A transposed convolution whose kernels are unit vectors, one axis at a time: here as direct scatter.
  void eval(Evaluating& e) const {
    const Sizes image = e.in[1].to_ints(), block = e.in[2].to_ints(), &x = e.in[0].shape();
    const int64_t taps = product(block), channels = taps ? x[1] / taps : 0;
    Sizes y{x[0], channels};
    y.insert(y.end(), image.begin(), image.end());
    e.allocate(0, y);
    const WindowSpec s = spec(Shape(block.begin(), block.end()));
    const Window win = slide(s, Shape(image.begin(), image.end()));
    eval_float(e, [&]<class T>(std::span<const Tensor> in, std::span<const Tensor> out) {
      scatter(s, win, in[0].data_as<T>(), image, block, x[0] * channels, x[2], out[0].data_as<T>());
    });
  }

  template <class T>
  static void scatter(const WindowSpec& s, const Window& win, const T* x, const Sizes& image, const Sizes& block,
                      int64_t planes, int64_t columns, T* y) {
    const int64_t area = product(image), taps = product(block);
    std::fill_n(y, planes * area, T(0));
    for (int64_t k = 0; k < taps; ++k)
      for (int64_t l = 0; l < columns; ++l) {
        int64_t at = 0, run = 1, rk = k, rl = l;
        bool inside = true;
        for (size_t i = image.size(); i-- > 0;) {
          const int64_t out = win.out[i].value();
          const int64_t p = rl % out * s.stride(i) + rk % block[i] * s.dilation(i) - win.pad_begin[i].value();
          inside = inside && p >= 0 && p < image[i];
          at += p * run;
          run *= image[i], rk /= block[i], rl /= out;
        }
        if (!inside) continue;
        for (int64_t c = 0; c < planes; ++c) y[c * area + at] += x[(c * taps + k) * columns + l];
      }
  }

  /// The windows of dy.
  Values grad(const Gradient& g) const {
    const Value dx =
        g.b.call("im2col", {g.dy(), g.in[2]}, {{"strides", strides}, {"pads", pads}, {"dilations", dilations}});
    return {g.b.call("reshape", {dx, g.b.shape_of(g.in[0])}, {{"allowzero", true}}), {}, {}};
  }

  static std::vector<Sample> samples() {
    auto fixed = [](std::initializer_list<int64_t> s) {
      SampleInput x = in(s);
      x.symbolic = false;
      return x;
    };
    return {sample(Col2im{}, {fixed({1, 5, 5}), given_ints({5, 5}), given_ints({1, 5})}),
            sample(Col2im{.strides = {2, 2}}, {fixed({2, 18, 4}), given_ints({5, 5}), given_ints({3, 3})}),
            sample(Col2im{.pads = {1, 0, 1, 0}, .dilations = {1, 2}},
                   {fixed({1, 4, 15}), given_ints({4, 5}), given_ints({2, 2})})};
  }
};

}  // namespace

OpList conv_transpose() { return {def<ConvTranspose>(), def<Col2im>()}; }

}  // namespace neve::ops
