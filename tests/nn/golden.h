// Cases of golden.safetensors, which Python's neve wrote (make_golden.py), and how a layer is compared with one.
#pragma once
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

namespace neve::test {

inline const NamedTensors& golden() {
  static const NamedTensors all = nn::load_weights(std::string(NEVE_TEST_DIR) + "/nn/golden.safetensors");
  return all;
}

inline NamedTensors under(const std::string& prefix) {
  NamedTensors part;
  for (const auto& [name, t] : golden())
    if (name.starts_with(prefix)) part[name.substr(prefix.size())] = t;
  return part;
}

inline void expect_same(const Tensor& have, const Tensor& want, const std::string& what, double tolerance = 2e-5) {
  ASSERT_EQ(type_text(have), type_text(want)) << what;
  const std::vector<float> a = to_vector(have), b = to_vector(want);
  float scale = 1;
  for (float v : b) scale = std::max(scale, std::abs(v));
  for (size_t i = 0; i < a.size(); ++i) ASSERT_NEAR(a[i], b[i], tolerance * scale) << what << ", element " << i;
}

// The layer with the weights of the case gives its result, its gradient, and its state afterwards.
template <class L>
void check(const std::string& name, const L& layer, const std::function<Tensor(const Tensor&)>& call) {
  const NamedTensors state = under(name + "/state/");
  NamedTensors before = state;
  std::erase_if(before, [](const auto& e) { return e.first.starts_with("running") || e.first.starts_with("num_"); });
  const nn::LoadResult r = layer.load_state_dict(before, false);
  EXPECT_TRUE(r.unexpected.empty()) << name;
  EXPECT_EQ(r.missing.size(), state.size() - before.size()) << name;
  const Tensor x = golden().at(name + "/in").clone();
  if (is_float(x.dtype())) x.set_requires_grad();
  const Tensor y = call(x);
  expect_same(y, golden().at(name + "/out"), name);
  sum(y * y).backward();
  if (is_float(x.dtype())) expect_same(x.grad(), golden().at(name + "/grad"), name + " gradient", 1e-4);
  for (const auto& [key, t] : layer.state_dict()) expect_same(t, state.at(key), name + " " + key);
}
template <class L>
void check(const std::string& name, const L& layer) {
  check(name, layer, [&](const Tensor& x) { return layer(x); });
}

}  // namespace neve::test
