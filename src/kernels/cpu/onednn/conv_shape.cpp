// Attributes, paddings and weights of convolutions as oneDNN wants them.
#include "kernels/cpu/onednn/conv_shape.h"

#include "op/spatial.h"

namespace neve::kernels::onednn {
using dnnl::memory;

ConvShape read_attrs(const SubgraphNode& n, bool transposed) {
  ConvShape c;
  c.strides = n.attrs.get_ints("strides");
  c.dilations = n.attrs.get_ints("dilations");
  c.pads = n.attrs.get_ints("pads");
  c.auto_pad = n.attrs.get_string("auto_pad");
  c.group = n.attrs.get_int("group");
  c.transposed = transposed;
  if (transposed) {
    c.output_padding = n.attrs.get_ints("output_padding");
    c.output_shape = n.attrs.get_ints("output_shape");
  }
  return c;
}

Geometry geometry(const ConvShape& c, const Sizes& x, const Sizes& w, const Sizes& y) {
  Geometry g;
  const size_t spatial = x.size() - 2;
  WindowSpec spec;
  for (size_t i = 0; i < spatial; ++i) spec.kernel.push_back(Dim(w[2 + i]));
  spec.strides = c.strides, spec.dilations = c.dilations, spec.pads = c.pads, spec.auto_pad = c.auto_pad;
  std::vector<Dim> in;
  for (size_t i = 0; i < spatial; ++i) in.push_back(Dim(x[2 + i]));
  const Window window = c.transposed ? slide_transposed(spec, in, c.output_padding, c.output_shape) : slide(spec, in);
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t stride = spec.stride(i), dilation = spec.dilation(i), extent = (w[2 + i] - 1) * dilation + 1;
    const int64_t begin = window.pad_begin[i].value();
    // What is left over at the end is what oneDNN wants stated; it may be less than ONNX's pad, or negative.
    const int64_t end = c.transposed ? (x[2 + i] - 1) * stride + extent - begin - y[2 + i]
                                     : (y[2 + i] - 1) * stride + extent - begin - x[2 + i];
    g.strides.push_back(stride);
    g.dilations.push_back(dilation - 1);
    g.pad_begin.push_back(begin);
    g.pad_end.push_back(end);
    g.fits = g.fits && begin >= 0;
  }
  return g;
}

memory::dims weight_dims(const ConvShape& c, const Sizes& w) {
  memory::dims d(w.begin(), w.end());
  if (c.transposed) {
    std::swap(d[0], d[1]);
    if (c.group > 1) d[1] /= c.group;
  }
  if (c.group == 1) return d;
  memory::dims g{c.group};
  if (c.transposed) {
    g.push_back(w[1]);
    g.push_back(w[0] / c.group);
  } else {
    g.push_back(w[0] / c.group);
    g.push_back(w[1]);
  }
  g.insert(g.end(), w.begin() + 2, w.end());
  return g;
}

memory::desc plain_weight(const ConvShape& c, const Sizes& w, memory::data_type t) {
  const memory::dims dims = weight_dims(c, w);
  int64_t taps = 1;
  for (size_t i = 2; i < w.size(); ++i) taps *= w[i];
  memory::dims strides(dims.size());
  int64_t s = 1;
  for (size_t i = dims.size(); i-- > dims.size() - (w.size() - 2);) strides[i] = s, s *= dims[i];
  const size_t o = c.group > 1 ? 1 : 0, i = o + 1;
  if (c.transposed) {
    strides[o] = taps;
    strides[i] = taps * w[1];
  } else {
    strides[i] = taps;
    strides[o] = taps * w[1];
  }
  if (c.group > 1) strides[0] = taps * w[1] * (w[0] / c.group);
  return memory::desc(dims, t, strides);
}

std::optional<Layout> name_of(const memory::desc& md, const Shape& shape) {
  bool may_grow = false;
  for (size_t a = 2; a < shape.size(); ++a) may_grow = may_grow || !shape[a].is(1);
  if (may_grow && md.get_inner_nblks() == 0 && md.get_format_kind() == memory::format_kind::blocked) {
    const memory::dims d = md.get_dims(), strides = md.get_strides();
    bool last = d.size() > 2 && d[1] > 1 && strides[1] == 1;
    int64_t expected = d[1];
    for (size_t a = d.size(); last && a-- > 2;) {
      last = strides[a] == expected;
      expected *= d[a];
    }
    if (last) return channels_last(d.size());
  }
  return layout_of(md);
}

}  // namespace neve::kernels::onednn
