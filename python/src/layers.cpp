// Layers that are computed in one call outside of captures. What a layer accepts, and its words for what it does not,
// stand in Python.
#include <nanobind/stl/string.h>
#include <neve/nn.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "capture.h"
#include "convert.h"
#include "core/tensor_hooks.h"
#include "nn/recurrent.h"

namespace neve::python {
namespace {

/// One for each of n axes, or a tuple or list of n of them; nothing for whatever else.
std::optional<std::vector<int64_t>> each(nb::handle h, size_t n, int64_t least) {
  std::vector<int64_t> v(n);
  if (PyTuple_Check(h.ptr()) || PyList_Check(h.ptr())) {
    const auto items = nb::borrow<nb::sequence>(h);
    if (nb::len(items) != n) return {};
    for (size_t i = 0; i < n; ++i)
      if (!whole(nb::object(items[i]), least, v[i])) return {};
    return v;
  }
  if (!whole(h, least, v[0])) return {};
  std::fill(v.begin() + 1, v.end(), v[0]);
  return v;
}

nb::object conv(size_t n, nb::handle x, nb::handle weight, nb::handle bias, nb::handle stride, nb::handle padding,
                nb::handle dilation, nb::handle groups) {
  Tensor *const image = as_known(x), *const w = as_known(weight), *const b = as_known(bias);
  if (capturing || !image || !w || (!b && !bias.is_none())) return nb::none();
  if (!is_float(image->dtype()) || image->rank() != int64_t(n) + 2) return nb::none();
  auto strides = each(stride, n, 1), pads = each(padding, n, 0), dilations = each(dilation, n, 1);
  int64_t group = 1;
  if (!strides || !pads || !dilations || !whole(groups, 1, group)) return nb::none();
  pads->reserve(2 * n);
  pads->insert(pads->end(), pads->begin(), pads->end());
  remember_place();
  Tensor y;
  try {
    nb::gil_scoped_release free;
    y = ops::conv(
        *image, *w, b ? *b : Tensor{},
        {.strides = std::move(*strides), .pads = std::move(*pads), .dilations = std::move(*dilations), .group = group});
  } catch (const Error&) {
    return nb::none();
  }
  return nb::cast(std::move(y));
}

/// Weights (w_ih, w_hh, b_ih, b_hh) of each direction as the recurrent ops take them.
nb::object recurrent_weights(const std::string& mode, nb::handle given) {
  std::vector<nn::Recurrent::Weights> all;
  for (nb::handle h : nb::borrow<nb::sequence>(given)) {
    nn::Recurrent::Weights w;
    Tensor* const to[] = {&w.w_ih, &w.w_hh, &w.b_ih, &w.b_hh};
    for (size_t i = 0; i < std::size(to); ++i)
      if (const nb::object t = h[i]; !t.is_none()) *to[i] = as_tensor(t, "weights").detach();
    all.push_back(std::move(w));
  }
  nn::recurrent::OnnxWeights made;
  {
    const nb::gil_scoped_release free;
    made = nn::recurrent::in_onnx_order(mode, all);
  }
  return nb::make_tuple(made.w_ih, made.w_hh, made.bias.defined() ? nb::cast(made.bias) : nb::none());
}

}  // namespace

void bind_layers(nb::module_& m) {
  m.def(
      "linear",
      [](const Tensor& x, const Tensor& weight, nb::handle bias, const char* call) {
        const Tensor b = bias.is_none() ? Tensor{} : as_tensor(bias, "bias");
        remember_place();
        nb::gil_scoped_release free;
        return nn::linear(x, weight, b, call);
      },
      nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("call"));
  m.def("recurrent_weights", &recurrent_weights, nb::arg("mode"), nb::arg("weights"));
  // None where the arguments are not of the plainest kind, or the op refuses them: there the layer itself says why.
  m.def("conv", &conv, nb::arg("axes"), nb::arg("x"), nb::arg("weight"), nb::arg("bias").none(), nb::arg("stride"),
        nb::arg("padding"), nb::arg("dilation"), nb::arg("groups"));
}

}  // namespace neve::python
