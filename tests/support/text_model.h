// Models written as text: weights drawn by a seed, a public Model around them, inputs, comparison with the reference.
#pragma once
#include <gtest/gtest.h>
#include <neve/engine.h>

#include <cmath>
#include <string>
#include <vector>

#include "api/impl.h"
#include "base/error.h"
#include "ir/text.h"

namespace neve::test {

/// Values in [-1, 1) for floats, 0..hi for whole numbers, both for bools; the same for the same seed.
inline Tensor draw(DType dtype, const Sizes& shape, uint64_t seed, int64_t hi = 3) {
  const Tensor x = Tensor::empty(DType::f64, shape);
  uint64_t s = seed * 0x9e3779b97f4a7c15ull + 1;
  for (int64_t k = 0; k < x.element_count(); ++k) {
    s = s * 6364136223846793005ull + 1442695040888963407ull;
    const double u = double(s >> 11) * 0x1p-53;
    x.data_as<double>()[k] = is_float(dtype)           ? 2 * u - 1
                             : dtype == DType::boolean ? double(u < 0.5)
                                                       : std::floor(u * double(hi + 1));
  }
  return x.to(dtype);
}

/// A value for every weight node: variances (their name has "var" in it) positive, the rest small.
inline void draw_weights(const ir::Graph& g, ir::Weights& weights) {
  for (ir::Node* n = g.first(); n; n = n->next) {
    if (n->is("weight")) {
      const std::string name = n->attrs.get_string("name");
      Sizes shape;
      for (Dim d : g.type(n->out[0]).shape) shape.push_back(d.value());
      if (!weights.count(name)) {
        Tensor w = draw(g.dtype(n->out[0]), shape, 1000 + weights.size());
        if (name.find("var") != std::string::npos)
          for (int64_t k = 0; k < w.element_count(); ++k)
            w.data_as<float>()[k] = std::abs(w.data_as<float>()[k]) + 0.5f;
        weights[name] = w;
      }
    }
    for (const auto& r : n->regions) draw_weights(*r, weights);
  }
}

/// The model that a text describes.
inline Model text_model(std::string_view text) {
  auto impl = std::make_shared<Model::Impl>();
  ir::Graph g = ir::parse(text);
  draw_weights(g, *impl->loaded.module.weights);
  impl->inputs = jit::ports_of(g, false);
  impl->outputs = jit::ports_of(g, true);
  impl->loaded.module.format = "text";
  impl->loaded.module.methods.emplace("forward", std::move(g));
  return Model(std::move(impl));
}

/// Options for tests: nothing is timed, nothing is read from or written to the user's cache.
inline OptimizeOptions quiet() {
  OptimizeOptions o;
  o.tune = false;
  o.use_tactic_cache = false;
  o.gate = false;
  o.threads = 2;
  return o;
}

/// The message of the Error that `f` throws.
template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) {
    return e.message();
  }
  return "(nothing was thrown)";
}

/// Every element within `tolerance` of the largest value; whole numbers equal.
inline void expect_close(const std::vector<Tensor>& y, const std::vector<Tensor>& y0, double tolerance,
                         const std::string& what) {
  ASSERT_EQ(y.size(), y0.size()) << what;
  for (size_t i = 0; i < y.size(); ++i) {
    ASSERT_EQ(type_text(y[i]), type_text(y0[i])) << what << ", output " << i;
    const jit::OutputVerdict v = jit::compare(y[i], y0[i], {tolerance, tolerance * 1e-2});
    EXPECT_TRUE(v.ok) << what << ", output " << i << " differs by " << v.max_difference << " at element "
                      << v.worst_index << ": " << v.got << " for " << v.expected;
  }
}

inline std::vector<Tensor> draw_inputs(const Model& m, const std::vector<Sizes>& sizes, uint64_t seed = 1) {
  std::vector<Tensor> in;
  for (size_t i = 0; i < sizes.size(); ++i) in.push_back(draw(m.inputs()[i].dtype, sizes[i], seed + i));
  return in;
}

inline bool same_bits(const Tensor& a, const Tensor& b) {
  return type_text(a) == type_text(b) &&
         (a.bytes() == 0 || std::memcmp(a.contiguous().data(), b.contiguous().data(), size_t(a.bytes())) == 0);
}

}  // namespace neve::test
