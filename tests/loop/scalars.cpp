// Every scalar operation of every dtype in generated code against the block interpreter, and the elementary functions
// against double.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "core/half.h"
#include "support.h"

namespace neve::test {
namespace {

/// A nest that runs a program over vectors: operand i is buffer i.
LoopNest vector_nest(const ScalarProgram& p, const std::vector<DType>& in, DType out) {
  LoopNest nest;
  nest.values = 1;
  LoopPart part;
  part.outer = {0};
  LoopStage stage;
  stage.program = p;
  for (size_t i = 0; i <= in.size(); ++i) {
    LoopBuffer b;
    b.dtype = i < in.size() ? in[i] : out;
    b.output = i == in.size();
    b.elements = 0;
    nest.buffers.push_back(b);
    LoopAccess a;
    a.buffer = int32_t(i);
    a.strides = {LoopStride{LoopStride::one, -1, -1}};
    part.accesses.push_back(a);
    if (i < in.size()) stage.operands.push_back({LoopOperand::access, int32_t(i)});
  }
  stage.results = {{LoopResult::store, int32_t(in.size()), ReduceKind::sum}};
  part.stages = {stage};
  nest.parts = {part};
  validate(nest);
  return nest;
}

std::vector<std::byte> run(const LoopCode& code, const std::vector<std::vector<std::byte>>& in, int64_t n,
                           size_t element) {
  std::vector<std::byte> out(size_t(n) * element);
  std::vector<void*> buffers;
  for (const auto& x : in) buffers.push_back(const_cast<std::byte*>(x.data()));
  buffers.push_back(out.data());
  const int64_t values[] = {n};
  code.bind(values, 1)->run(buffers.data(), nullptr);
  return out;
}
std::vector<std::byte> run(const LoopNest& nest, const std::vector<std::vector<std::byte>>& in, int64_t n,
                           size_t element, Isa isa = cpu_info().isa) {
  return run(*loop_code_provider()->compile(nest, {.disk_cache = false, .isa = isa}), in, n, element);
}

const std::vector<DType> all_types = {DType::f64, DType::f32, DType::bf16,   DType::f16, DType::i64,
                                      DType::i32, DType::i16, DType::i8,     DType::u8,  DType::u16,
                                      DType::u32, DType::u64, DType::boolean};

/// Elements of a dtype that are worth a look, then random ones.
std::vector<std::byte> elements(DType t, int64_t n, std::mt19937_64& random, bool small) {
  std::vector<std::byte> bytes(size_t(n * size_of(t)));
  const double special[] = {0.0,  -0.0, 1,  -1,  2,    0.5,   -0.5,     1.5,       2.5, -2.5,  3,     100,
                            -100, 1e-3, 88, -88, 1e10, -1e10, INFINITY, -INFINITY, NAN, 1e-40, 65504, 7};
  for (int64_t i = 0; i < n; ++i) {
    std::byte* p = bytes.data() + i * size_of(t);
    if (is_float(t)) {
      double v = i < int64_t(std::size(special)) ? special[size_t(i)] : std::normal_distribution<double>(0, 3)(random);
      if (small) v = std::fabs(v) < 100 ? std::fabs(v) : 3.25;
      const float f = float(v);
      const uint16_t h = float_to_half(f), b = float_to_bf16(f);
      if (t == DType::f64) std::memcpy(p, &v, 8);
      if (t == DType::f32) std::memcpy(p, &f, 4);
      if (t == DType::f16) std::memcpy(p, &h, 2);
      if (t == DType::bf16) std::memcpy(p, &b, 2);
      continue;
    }
    uint64_t v = random();
    if (i % 3 == 0 || small) v = uint64_t(int64_t(v % 20) - (is_signed_int(t) && !small ? 10 : 0));
    if (i == 1) v = 0;
    if (i == 2) v = uint64_t(-1);
    if (i == 4) v = uint64_t(1) << (size_of(t) * 8 - 1);
    if (small) v &= 63;
    if (t == DType::boolean) v &= 1;
    std::memcpy(p, &v, size_t(size_of(t)));
  }
  return bytes;
}

double as_double(DType t, const std::byte* p) {
  float f;
  double d;
  uint16_t h;
  switch (t) {
    case DType::f64:
      std::memcpy(&d, p, 8);
      return d;
    case DType::f32:
      std::memcpy(&f, p, 4);
      return f;
    case DType::f16:
      std::memcpy(&h, p, 2);
      return half_to_float(h);
    default:
      std::memcpy(&h, p, 2);
      return bf16_to_float(h);
  }
}

bool is_legal(ScalarOp op, DType t) {
  const bool flag = t == DType::boolean;
  if (op >= ScalarOp::logical_and && op <= ScalarOp::logical_not) return flag;
  if (op >= ScalarOp::bit_and && op <= ScalarOp::bit_not) return !is_float(t);
  if (op == ScalarOp::shift_left || op == ScalarOp::shift_right) return is_int(t);
  if (op == ScalarOp::atan2 || (op >= ScalarOp::sqrt && op <= ScalarOp::sigmoid)) return is_float(t);
  if (op == ScalarOp::is_nan || op == ScalarOp::is_inf) return is_float(t);
  if (op >= ScalarOp::floor && op <= ScalarOp::round) return !flag;
  if (flag) return op == ScalarOp::eq || op == ScalarOp::ne || op == ScalarOp::select;
  return true;
}

/// Programs to compare, compiled together.
class Comparison {
 public:
  void add(ScalarProgram p, std::vector<DType> in, DType out, bool small, std::string what) {
    nests_.push_back(vector_nest(p, in, out));
    cases_.push_back({std::move(p), std::move(in), out, small, std::move(what)});
  }
  void run() const {
    for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      if (isa > cpu_info().isa) continue;
      std::vector<const LoopNest*> nests;
      for (const LoopNest& n : nests_) nests.push_back(&n);
      const auto code = loop_code_provider()->compile(nests, {.disk_cache = false, .isa = isa});
      for (size_t i = 0; i < cases_.size(); ++i) compare(cases_[i], *code[i], to_string(isa));
    }
  }

 private:
  struct Case {
    ScalarProgram program;
    std::vector<DType> in;
    DType out;
    bool small;
    std::string what;
  };

  static void compare(const Case& c, const LoopCode& code, const char* isa) {
    constexpr int64_t n = 1003;
    std::mt19937_64 random(3);
    std::vector<std::vector<std::byte>> data;
    std::vector<const void*> pointers;
    std::vector<int64_t> strides;
    for (DType t : c.in) data.push_back(elements(t, n, random, c.small));
    if (data.size() > 1 && !c.small)
      std::rotate(data[1].begin(), data[1].begin() + 5 * size_of(c.in[1]), data[1].end());
    for (const auto& d : data) pointers.push_back(d.data()), strides.push_back(1);
    std::vector<std::byte> want(size_t(n * size_of(c.out)));
    void* to[] = {want.data()};
    run_scalar_program(c.program, n, pointers, strides, to);
    const std::vector<std::byte> got = neve::test::run(code, data, n, size_t(size_of(c.out)));
    for (int64_t i = 0; i < n; ++i) {
      const std::byte *a = got.data() + i * size_of(c.out), *b = want.data() + i * size_of(c.out);
      if (std::memcmp(a, b, size_t(size_of(c.out))) == 0) continue;
      std::string operands;
      for (size_t k = 0; k < c.in.size(); ++k)
        if (is_float(c.in[k]))
          operands += " " + std::to_string(as_double(c.in[k], data[k].data() + i * size_of(c.in[k])));
      if (is_float(c.out)) {
        const double x = as_double(c.out, a), y = as_double(c.out, b);
        if (x == y || (std::isnan(x) && std::isnan(y))) continue;
        const double relative = c.out == DType::f64   ? 1e-14
                                : c.out == DType::f32 ? 4e-7
                                : c.out == DType::f16 ? 1e-3
                                                      : 8e-3;
        if (std::fabs(x - y) <= relative * std::fabs(y) + (c.out == DType::f16 ? 1e-7 : 1e-44)) continue;
        ADD_FAILURE() << c.what << ", " << isa << ": element " << i << " is " << x << ", not " << y << "; operands"
                      << operands;
        return;
      }
      ADD_FAILURE() << c.what << ", " << isa << ": element " << i << " has other bits; operands" << operands;
      return;
    }
  }

  std::vector<LoopNest> nests_;
  std::vector<Case> cases_;
};

TEST(LoopScalars, EveryOperationOfEveryDtype) {
  Comparison all;
  for (int op_number = int(ScalarOp::add); op_number <= int(ScalarOp::is_inf); ++op_number) {
    const ScalarOp op = ScalarOp(op_number);
    if (op == ScalarOp::cast || op == ScalarOp::cast_saturate) continue;
    for (DType t : all_types) {
      if (!is_legal(op, t)) continue;
      ScalarProgram p;
      const int count = operand_count(op);
      std::vector<DType> in(size_t(count), t);
      if (op == ScalarOp::select) in[0] = DType::boolean;
      const bool comparison =
          (op >= ScalarOp::eq && op <= ScalarOp::ge) || op == ScalarOp::is_nan || op == ScalarOp::is_inf;
      ScalarNode node{op, comparison ? DType::boolean : t};
      int32_t* arg[] = {&node.a, &node.b, &node.c};
      for (int k = 0; k < count; ++k) {
        ScalarNode x{ScalarOp::input, in[size_t(k)]};
        x.a = k;
        *arg[k] = p.add(x);
      }
      p.results = {p.add(node)};
      all.add(p, in, node.dtype, op == ScalarOp::pow && is_int(t), str(to_string(op), " of ", to_string(t)));
    }
  }
  all.run();
}

TEST(LoopScalars, EveryCast) {
  Comparison all;
  for (ScalarOp op : {ScalarOp::cast, ScalarOp::cast_saturate})
    for (DType from : all_types)
      for (DType to : all_types) {
        ScalarProgram p;
        ScalarNode x{ScalarOp::input, from}, y{op, to};
        x.a = 0;
        y.a = p.add(x);
        p.results = {p.add(y)};
        // What a float out of range becomes in an integer is not said.
        const bool open = op == ScalarOp::cast && is_float(from) && is_int(to);
        all.add(p, {from}, to, open, str(to_string(op), " from ", to_string(from), " to ", to_string(to)));
      }
  all.run();
}

/// Largest error of a function in units of the last place, over `count` floats from all of [lo, hi].
double worst_ulp(ScalarOp op, double (*exact)(double), float lo, float hi, Isa isa, float* at) {
  ScalarProgram p;
  ScalarNode x{ScalarOp::input, DType::f32}, y{op, DType::f32};
  x.a = 0;
  y.a = p.add(x);
  p.results = {p.add(y)};
  // All bit patterns have the order of the numbers, sign apart.
  const auto key = [](float f) {
    const int32_t i = std::bit_cast<int32_t>(f);
    return int64_t(i < 0 ? INT32_MIN - int64_t(i) : i);
  };
  const int64_t first = key(lo), last = key(hi), count = 1500007, step = std::max<int64_t>(1, (last - first) / count);
  std::vector<float> in;
  for (int64_t k = first; k <= last; k += step) in.push_back(std::bit_cast<float>(int32_t(k < 0 ? INT32_MIN - k : k)));
  std::vector<std::byte> bytes(in.size() * 4);
  std::memcpy(bytes.data(), in.data(), bytes.size());
  const std::vector<std::byte> out = run(vector_nest(p, {DType::f32}, DType::f32), {bytes}, int64_t(in.size()), 4, isa);
  double worst = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    float got;
    std::memcpy(&got, out.data() + 4 * i, 4);
    const double want = exact(double(in[i]));
    const float rounded = float(want);
    if (got == rounded || (std::isnan(got) && std::isnan(want))) continue;
    if (std::isinf(rounded) || std::isinf(got) || std::isnan(got) || std::isnan(want)) {
      // Overflow may begin one place early.
      const double limit = 3.4028234e38;
      if (std::fabs(want) > limit * (1 - 2e-7) && !std::isnan(got)) continue;
      *at = in[i];
      return INFINITY;
    }
    const float magnitude = std::max(std::fabs(rounded), std::numeric_limits<float>::min());
    const double ulp = double(std::nextafter(magnitude, INFINITY)) - double(magnitude);
    const double error = std::fabs(double(got) - want) / ulp;
    if (error > worst) worst = error, *at = in[i];
  }
  return worst;
}

TEST(LoopScalars, ElementaryFunctionsWithinTwoUlp) {
  struct Case {
    ScalarOp op;
    double (*exact)(double);
    float lo, hi;
  };
  const float all = std::numeric_limits<float>::max();
  const Case cases[] = {
      {ScalarOp::exp, [](double x) { return std::exp(x); }, -all, all},
      {ScalarOp::exp, [](double x) { return std::exp(x); }, 0.5f, 89.0f},
      {ScalarOp::exp, [](double x) { return std::exp(x); }, -105.0f, -0.5f},
      {ScalarOp::expm1, [](double x) { return std::expm1(x); }, -all, all},
      {ScalarOp::expm1, [](double x) { return std::expm1(x); }, -20, 89},
      {ScalarOp::log, [](double x) { return std::log(x); }, -all, all},
      {ScalarOp::log, [](double x) { return std::log(x); }, 0.25f, 4},
      {ScalarOp::log1p, [](double x) { return std::log1p(x); }, -2, all},
      {ScalarOp::log1p, [](double x) { return std::log1p(x); }, -0.999f, -0.01f},
      {ScalarOp::tanh, [](double x) { return std::tanh(x); }, -all, all},
      {ScalarOp::tanh, [](double x) { return std::tanh(x); }, 0.1f, 10},
      {ScalarOp::erf, [](double x) { return std::erf(x); }, -all, all},
      {ScalarOp::erf, [](double x) { return std::erf(x); }, 0.1f, 5},
      {ScalarOp::sigmoid, [](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); },
       -all, all},
      {ScalarOp::sigmoid, [](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); },
       -104, -0.1f},
      {ScalarOp::sqrt, [](double x) { return std::sqrt(x); }, 0, all},
      {ScalarOp::rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0, all},
  };
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa > cpu_info().isa) continue;
    for (const Case& c : cases) {
      float at = 0;
      const double worst = worst_ulp(c.op, c.exact, c.lo, c.hi, isa, &at);
      EXPECT_LE(worst, 2.0) << to_string(c.op) << " at " << at << ", " << to_string(isa);
      if (std::getenv("NEVE_SHOW_ULP"))
        std::printf("%-8s %-8s [%g, %g]: %.3f ulp at %g\n", to_string(isa), to_string(c.op), double(c.lo), double(c.hi),
                    worst, double(at));
    }
  }
}

TEST(LoopScalars, SpecialValues) {
  const float inf = INFINITY, nan = NAN;
  struct Case {
    ScalarOp op;
    float x, y;
  };
  const Case cases[] = {{ScalarOp::exp, inf, inf},    {ScalarOp::exp, -inf, 0},      {ScalarOp::exp, nan, nan},
                        {ScalarOp::exp, 0, 1},        {ScalarOp::log, 0, -inf},      {ScalarOp::log, -1, nan},
                        {ScalarOp::log, inf, inf},    {ScalarOp::log, 1, 0},         {ScalarOp::log1p, -1, -inf},
                        {ScalarOp::log1p, -2, nan},   {ScalarOp::log1p, inf, inf},   {ScalarOp::tanh, inf, 1},
                        {ScalarOp::tanh, -inf, -1},   {ScalarOp::tanh, nan, nan},    {ScalarOp::erf, inf, 1},
                        {ScalarOp::erf, -inf, -1},    {ScalarOp::erf, nan, nan},     {ScalarOp::sigmoid, inf, 1},
                        {ScalarOp::sigmoid, -inf, 0}, {ScalarOp::sigmoid, nan, nan}, {ScalarOp::expm1, -inf, -1},
                        {ScalarOp::expm1, inf, inf},  {ScalarOp::sqrt, -1, nan},     {ScalarOp::rsqrt, 0, inf}};
  for (const Case& c : cases) {
    ScalarProgram p;
    ScalarNode x{ScalarOp::input, DType::f32}, y{c.op, DType::f32};
    x.a = 0;
    y.a = p.add(x);
    p.results = {p.add(y)};
    std::vector<float> in(37, c.x);  // whole vectors and a tail
    std::vector<std::byte> bytes(in.size() * 4);
    std::memcpy(bytes.data(), in.data(), bytes.size());
    const std::vector<std::byte> out = run(vector_nest(p, {DType::f32}, DType::f32), {bytes}, int64_t(in.size()), 4);
    for (size_t i = 0; i < in.size(); ++i) {
      float got;
      std::memcpy(&got, out.data() + 4 * i, 4);
      EXPECT_TRUE(std::isnan(c.y) ? std::isnan(got) : got == c.y)
          << to_string(c.op) << "(" << c.x << ") is " << got << ", not " << c.y;
    }
  }
  for (ScalarOp op : {ScalarOp::tanh, ScalarOp::erf, ScalarOp::expm1, ScalarOp::log1p}) {
    ScalarProgram p;
    ScalarNode x{ScalarOp::input, DType::f32}, y{op, DType::f32};
    x.a = 0;
    y.a = p.add(x);
    p.results = {p.add(y)};
    const float zero = -0.0f;
    std::vector<std::byte> bytes(4);
    std::memcpy(bytes.data(), &zero, 4);
    float got;
    std::memcpy(&got, run(vector_nest(p, {DType::f32}, DType::f32), {bytes}, 1, 4).data(), 4);
    EXPECT_TRUE(got == 0 && std::signbit(got)) << to_string(op) << " of -0";
  }
}

}  // namespace
}  // namespace neve::test
