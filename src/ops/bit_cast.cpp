// bit_cast: the same bytes under another dtype of the same width.
#include <cstring>

#include "op/def.h"

namespace neve::ops {
namespace {

struct BitCast {
  DType to = DType::f32;

  static constexpr OpInfo info{.name = "bit_cast",
                               .summary = "The bytes of x, read as another dtype of the same width.",
                               .source = "ONNX BitCast-26; numpy.ndarray.view",
                               .inputs = {{"input"}},
                               .outputs = {{"output"}}};
  static constexpr auto attrs = std::tuple{attr("to", &BitCast::to, "The dtype; as many bytes as that of input.")};
  void infer(Inferring& t) const {
    const DType from = t.in(0).dtype;
    t.require_type(size_of(from) == size_of(to), "from ", from, " to ", to, " (they must have equally many bytes)");
    t.require_type(to != DType::boolean || from == to, "from ", from, " to ", to,
                   " (a bool is true or false, not bits)");
    t.result(to, t.in(0).shape);
    if (const Shape* c = t.content(0); c && is_signed_int(from) && from == to) t.result_content(0, *c);
  }
  void eval(Evaluating& e) const {
    const Tensor& y = e.out(0).defined() ? e.out(0) : e.allocate(0, e.in[0].shape());
    if (y.bytes()) std::memcpy(y.data(), e.in[0].data(), size_t(y.bytes()));
  }
  static std::vector<Sample> samples() {
    return {sample(BitCast{DType::i32}, {in({2, 3})}, 0, "the same bits", false),
            sample(BitCast{DType::f32}, {in(DType::i32, {4}, 1, 9)}, 0, "the same bits", false),
            sample(BitCast{DType::u8}, {in(DType::i8, {5}, -9, 9)}, 0, "the same bits", false)};
  }
};

}  // namespace

OpList bit_cast() { return {def<BitCast>()}; }

}  // namespace neve::ops
