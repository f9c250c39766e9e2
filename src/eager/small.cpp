// Elementwise ops on few elements: the scalar program is run in place, without a look at the compiler.
#include <array>
#include <cstring>

#include "eager/execute.h"
#include "op/reference.h"
#include "op/scalar_runner.h"

namespace neve::eager {
namespace {

constexpr int64_t most_elements = 2048;
constexpr int64_t most_calls = 96;  // elements, where each is a call of the mathematical library: loops are vectorised
constexpr size_t most_operands = 4;

/// A prepared op for operands of certain dtypes.
struct Prepared {
  const OpDef* op = nullptr;
  Attrs attrs;  ///< kept, so that the address of the attributes stays theirs
  std::array<DType, most_operands> in{};
  size_t operands = 0;
  DType out = DType::f32;
  int64_t most = 0;  ///< elements
  ScalarProgram program;
  std::optional<ScalarRunner> runner;

  bool is(const OpDef& o, const Attrs& a, std::span<const Tensor> x) const {
    if (op != &o || attrs.object() != a.object() || operands != x.size()) return false;
    for (size_t i = 0; i < x.size(); ++i)
      if (x[i].dtype() != in[i]) return false;
    return true;
  }
};

// Dtypes are the op's business: infer says what comes out, or why these do not fit.
void prepare(Prepared& p, const OpDef& op, const Attrs& attrs, std::span<const Tensor> in) {
  std::vector<TensorType> types;
  std::vector<const TensorType*> pointers;
  for (const Tensor& t : in) types.push_back(type_of(t));
  for (const TensorType& t : types) pointers.push_back(&t);
  Inferring inferring(op.info, pointers);
  infer(op, attrs, inferring);
  ScalarProgram program;
  std::vector<Scalar> operands;
  for (size_t i = 0; i < in.size(); ++i)
    operands.push_back({&program, program.add({.op = ScalarOp::input, .dtype = in[i].dtype(), .a = int32_t(i)})});
  program.results = {op.scalar(attrs.object(), operands).id()};
  p.runner.reset();
  p.op = nullptr;  // not valid while it is made
  p.program = std::move(program);
  p.runner.emplace(p.program);
  p.attrs = attrs;
  p.operands = in.size();
  for (size_t i = 0; i < in.size(); ++i) p.in[i] = in[i].dtype();
  p.out = inferring.out[0].dtype;
  p.most = most_elements;
  for (const ScalarNode& i : p.program.nodes)
    if (i.op == ScalarOp::pow || (i.op >= ScalarOp::atan2 && i.op <= ScalarOp::sigmoid && i.op != ScalarOp::neg &&
                                  i.op != ScalarOp::abs && i.op != ScalarOp::sign))
      p.most = most_calls;
  p.op = &op;
}

}  // namespace

bool run_small(const OpDef& op, const Attrs& attrs, std::span<const Tensor> in, Tensor& out) {
  if (in.empty() || in.size() > most_operands) return false;
  // One shape decides; the others are the same, or one element of no higher rank.
  const Tensor* full = &in[0];
  for (const Tensor& t : in) {
    if (!t.defined() || is_complex(t.dtype())) return false;
    if (t.rank() > full->rank() || (t.rank() == full->rank() && t.element_count() > full->element_count())) full = &t;
  }
  const int64_t n = full->element_count();
  if (n > most_elements) return false;
  std::array<int64_t, most_operands> stride;
  std::array<const void*, most_operands> data;
  for (size_t i = 0; i < in.size(); ++i) {
    const Tensor& t = in[i];
    if (t.is(*full) || t.shape() == full->shape()) {
      if (!t.is_contiguous()) return false;
      stride[i] = 1;
    } else if (t.element_count() == 1) {
      stride[i] = 0;
    } else {
      return false;
    }
    data[i] = t.data();
  }
  constinit static thread_local std::array<Prepared, 256>* own = nullptr;
  if (!own) {
    thread_local std::array<Prepared, 256> table;
    own = &table;
  }
  std::array<Prepared, 256>& table = *own;
  size_t h = reinterpret_cast<size_t>(&op) / 64 + reinterpret_cast<size_t>(attrs.object()) / 16;
  for (const Tensor& t : in) h = h * 31 + size_t(t.dtype());
  Prepared& p = table[(h ^ (h >> 8)) % table.size()];
  if (!p.is(op, attrs, in)) prepare(p, op, attrs, in);
  if (n > p.most) return false;
  out = Tensor::empty(p.out, full->shape());
  void* y = out.data();
  p.runner->run(n, std::span(data.data(), in.size()), std::span(stride.data(), in.size()), std::span(&y, 1));
  return true;
}

}  // namespace neve::eager
