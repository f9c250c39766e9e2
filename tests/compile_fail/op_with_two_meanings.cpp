// An op that says twice what it computes is refused by the compiler: the two could differ.
// expect: an op has exactly one meaning
#include <tuple>

#include "op/def.h"

namespace {

struct Twice {
  static constexpr neve::OpInfo info{
      .name = "twice", .summary = "2 x", .source = "this test", .inputs = {{"x"}}, .outputs = {{"y"}}};
  static constexpr std::tuple<> attrs{};
  void infer(neve::Inferring& t) const { t.result(t.in(0).dtype, t.in(0).shape); }
  neve::Scalar scalar(std::span<const neve::Scalar> x) const { return x[0] + x[0]; }
#ifdef MISUSE
  void eval(neve::Evaluating&) const {}
#endif
  static std::vector<neve::Sample> samples() { return {}; }
};

}  // namespace

const neve::OpDef* twice() { return neve::def<Twice>(); }
