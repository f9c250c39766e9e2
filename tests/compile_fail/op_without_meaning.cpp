// An op that does not say what it computes is refused by the compiler.
// expect: an op has exactly one meaning
#include <tuple>

#include "op/def.h"

namespace {

struct Nothing {
  static constexpr neve::OpInfo info{
      .name = "nothing", .summary = "2 x", .source = "this test", .inputs = {{"x"}}, .outputs = {{"y"}}};
  static constexpr std::tuple<> attrs{};
  void infer(neve::Inferring& t) const { t.result(t.in(0).dtype, t.in(0).shape); }
#ifndef MISUSE
  neve::Scalar scalar(std::span<const neve::Scalar> x) const { return x[0] + x[0]; }
#endif
  static std::vector<neve::Sample> samples() { return {}; }
};

}  // namespace

const neve::OpDef* nothing() { return neve::def<Nothing>(); }
