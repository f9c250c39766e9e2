// native.pad and native.resize against the definitions.
#include <gtest/gtest.h>

#include "kernels/support.h"

namespace neve::test {
namespace {

const Layout nhwc{{0, 2, 3, 1}, {}};

TEST(PadKernel, AllModes) {
  for (const char* mode : {"constant", "reflect", "edge", "wrap"})
    for (DType t : {DType::f32, DType::u8, DType::i16, DType::f64, DType::boolean}) {
      SCOPED_TRACE(str(mode, " ", t));
      const Dim n = Dim::symbol("n"), h = Dim::symbol("h", 1), w = Dim::symbol("w", 1);
      Piece p;
      const Value x = p.input(t, {n, 3, h, w});
      p.output(p.call("pad", {x, p.ints({0, 0, 2, 1, 0, 0, 1, 7})}, {{"mode", std::string(mode)}})[0]);
      Asked how;
      how.tolerance = 0;
      for (const Layout& l : {Layout{}, nhwc}) {
        how.offered = {l, {}};
        expect_reference("native.pad", p.subgraph(),
                         {{{id(n), 2}, {id(h), 5}, {id(w), 4}},
                          {{id(n), 1}, {id(h), 1}, {id(w), 1}},
                          {{id(n), 0}, {id(h), 2}, {id(w), 3}},
                          {{id(n), 3}, {id(h), 40}, {id(w), 61}}},
                         how);
      }
    }
}

TEST(PadKernel, ValueAxesAndCuts) {
  const Dim n = Dim::symbol("n", 3);
  for (double value : {0.0, 2.5}) {
    Piece p;
    const Value x = p.input(DType::f32, {n, 6});
    const Value v = p.constant(Tensor::scalar(DType::f32, value));
    p.output(p.call("pad", {x, p.ints({-1, 2, 3, -2}), v, p.ints({-1, 0})})[0]);
    expect_reference("native.pad", p.subgraph(), {{{id(n), 4}}, {{id(n), 3}}, {{id(n), 30}}});
  }
}

TEST(PadKernel, PadsBySize) {
  const Dim n = Dim::symbol("n", 3);
  Piece p;
  const Value x = p.input(DType::f32, {n, 2});
  p.output(p.call("pad", {x, p.content({n, 0, 1, n - 2})})[0]);
  expect_reference("native.pad", p.subgraph(), {{{id(n), 4}}, {{id(n), 3}}});
}

TEST(PadKernel, Empty) {
  const Dim n = Dim::symbol("n");
  Piece p;
  p.output(p.call("pad", {p.input(DType::f32, {n, 0}), p.ints({1, 2, 0, 1})})[0]);
  expect_reference("native.pad", p.subgraph(), {{{id(n), 0}}, {{id(n), 2}}});
}

TEST(PadKernel, RefusesPadsOfTheCall) {
  Piece p;
  p.output(p.call("pad", {p.input(DType::f32, {3, 2}), p.input(DType::i64, {4})})[0]);
  EXPECT_EQ(refusal("native.pad", p.subgraph(), {}), "the pads are known only when it runs");
}

void expect_resize(const AttrList& attrs, DType t = DType::f32, const Tensor& sizes = {}) {
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h", 1), w = Dim::symbol("w", 1);
  Piece p;
  Values in{p.input(t, {n, 3, h, w})};
  if (sizes.defined()) in.insert(in.end(), {Value{}, Value{}, p.constant(sizes)});
  p.output(p.call("resize", in, attrs)[0]);
  Asked how;
  how.low = 0, how.below = 200;
  if (t != DType::f32) how.tolerance = 0;
  for (const Layout& l : {Layout{}, nhwc}) {
    how.offered = {l, {}};
    expect_reference("native.resize", p.subgraph(),
                     {{{id(n), 2}, {id(h), 5}, {id(w), 4}},
                      {{id(n), 1}, {id(h), 1}, {id(w), 1}},
                      {{id(n), 0}, {id(h), 2}, {id(w), 3}},
                      {{id(n), 1}, {id(h), 33}, {id(w), 40}}},
                     how);
  }
}

TEST(ResizeKernel, Nearest) {
  for (const char* c : {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"})
    for (const char* m : {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"}) {
      SCOPED_TRACE(str(c, " ", m));
      for (const std::vector<double>& s : {std::vector<double>{1, 1, 2, 2}, {1, 1, 2.3, 0.6}, {1, 2, 1, 3}})
        expect_resize({{"coordinate_transformation_mode", std::string(c)},
                       {"nearest_mode", std::string(m)},
                       {"scale_factors", s}});
    }
  for (DType t : {DType::u8, DType::i16, DType::f64, DType::i64, DType::boolean})
    expect_resize({{"scale_factors", std::vector<double>{1, 1, 2, 3}}}, t);
  expect_resize({{"axes", std::vector<int64_t>{-1, 2}}}, DType::f32,
                Tensor::of_ints(DType::i64, {2}, std::vector<int64_t>{7, 9}));
}

TEST(ResizeKernel, Linear) {
  for (const char* c : {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"}) {
    SCOPED_TRACE(c);
    for (const std::vector<double>& s :
         {std::vector<double>{1, 1, 2, 2}, {1, 1, 2.3, 0.6}, {1, 1, 1, 3}, {1, 1, 3, 1}, {1, 2, 1, 1}})
      expect_resize(
          {{"mode", std::string("linear")}, {"coordinate_transformation_mode", std::string(c)}, {"scale_factors", s}});
    expect_resize({{"mode", std::string("linear")},
                   {"coordinate_transformation_mode", std::string(c)},
                   {"axes", std::vector<int64_t>{2, 3}}},
                  DType::f32, Tensor::of_ints(DType::i64, {2}, std::vector<int64_t>{16, 23}));
  }
}

TEST(ResizeKernel, Refusals) {
  auto why = [](const AttrList& attrs, DType t = DType::f32) {
    Piece p;
    AttrList all = attrs;
    all.push_back({"scale_factors", std::vector<double>{1, 1, 2, 2}});
    p.output(p.call("resize", {p.input(t, {1, 3, 8, 8})}, all)[0]);
    return refusal("native.resize", p.subgraph(), {});
  };
  EXPECT_EQ(why({{"mode", std::string("cubic")}}), "cubic interpolation");
  EXPECT_EQ(why({{"mode", std::string("linear")}}, DType::f64), "linear only in f32, x is f64[1, 3, 8, 8]");
  EXPECT_EQ(why({{"mode", std::string("linear")}, {"antialias", true}}), "a filter that widens with the scale");
}

}  // namespace
}  // namespace neve::test
