// Elementary functions on vectors of floats.
#include "loop/llvm/math.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/IntrinsicsX86.h>

#include <limits>

namespace neve::loop {
namespace {

using llvm::Value;
constexpr double log2_e = 1.4426950408889634;
// ln 2 in two parts; the first has 9 bits, so that its product with an exponent is exact also without a fused
// multiply-add.
constexpr double ln2_hi = 0.693359375, ln2_lo = -2.1219444005469057e-4;
constexpr float infinity = std::numeric_limits<float>::infinity();

struct Math {
  const Emit& e;
  llvm::IRBuilder<>& b;
  llvm::Type* type;      // float or <n x float>
  llvm::Type* int_type;  // i32 or <n x i32>

  Math(const Emit& e, Value* x)
      : e(e), b(e.b), type(x->getType()), int_type(Emit::vec(e.b.getInt32Ty(), Emit::lanes(x))) {}

  Value* c(double v) const { return e.constant(type, double(float(v))); }
  Value* ci(int64_t v) const { return e.constant_int(int_type, v); }
  Value* fma(Value* x, Value* y, Value* z) const { return emit_fma(e, x, y, z); }
  Value* add(Value* x, Value* y) const { return b.CreateFAdd(x, y); }
  Value* sub(Value* x, Value* y) const { return b.CreateFSub(x, y); }
  Value* mul(Value* x, Value* y) const { return b.CreateFMul(x, y); }
  Value* abs(Value* x) const { return e.intrinsic(llvm::Intrinsic::fabs, x); }
  Value* bits(Value* x) const { return b.CreateBitCast(x, int_type); }
  Value* from_bits(Value* x) const { return b.CreateBitCast(x, type); }
  /// Limits that let NaN through (the order of the comparison matters).
  Value* at_most(Value* x, double v) const { return b.CreateSelect(b.CreateFCmpOLT(c(v), x), c(v), x); }
  Value* at_least(Value* x, double v) const { return b.CreateSelect(b.CreateFCmpOGT(c(v), x), c(v), x); }
  Value* copysign(Value* x, Value* sign) const { return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, x, sign); }

  Value* poly(Value* x, std::initializer_list<double> low_to_high) const {
    const double* k = low_to_high.end() - 1;
    Value* r = c(*k);
    while (k != low_to_high.begin()) r = fma(r, x, c(*--k));
    return r;
  }

  /// 2^n for integral n in [-126, 127].
  Value* power(Value* n) const {
    return from_bits(b.CreateShl(b.CreateAdd(b.CreateFPToSI(n, int_type), ci(127)), ci(23)));
  }
  /// m * 2^n for |m| <= 2 and integral n in [-160, 160], subnormal results rounded once.
  Value* scale(Value* m, Value* n) const {
    const unsigned lanes = Emit::lanes(m);
    if (e.isa >= Isa::avx512 && lanes % 16 == 0) {
      llvm::SmallVector<Value*, 4> parts;
      for (unsigned i = 0; i < lanes; i += 16) {
        Value* x = e.slice(m, i, 16);
        parts.push_back(b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_mask_scalef_ps_512, {},
                                          {x, e.slice(n, i, 16), x, b.getInt16(0xffff), b.getInt32(4)}));
      }
      return e.join(parts);
    }
    Value* k = b.CreateFPToSI(n, int_type);
    Value* half = b.CreateAShr(k, ci(1));
    const auto two_to = [&](Value* i) { return from_bits(b.CreateShl(b.CreateAdd(i, ci(127)), ci(23))); };
    return mul(mul(m, two_to(half)), two_to(b.CreateSub(k, half)));
  }

  struct Reduced {
    Value *n, *r;  // x = n ln 2 + r
  };
  Reduced reduce(Value* x) const {
    Value* n = e.intrinsic(llvm::Intrinsic::rint, mul(x, c(log2_e)));
    Value* r = fma(n, c(-ln2_hi), x);
    return {n, fma(n, c(-ln2_lo), r)};
  }
  /// e^r - 1 for |r| <= ln 2 / 2; small against 1, so that its relative error hardly counts in e^r.
  Value* exp_minus_one(Value* r) const {
    Value* p = poly(r, {0.5000000100980212, 0.1666651288840473, 0.041666187283554409, 0.0083695984100759496,
                        0.0013951717251078138});
    return fma(mul(r, r), p, r);
  }
  Value* exp_core(Value* r) const { return add(exp_minus_one(r), c(1)); }
  /// e^x where the result is neither subnormal nor infinite.
  Value* exp_normal(Value* x) const {
    const auto [n, r] = reduce(x);
    return mul(exp_core(r), power(n));
  }

  struct Log {
    Value *exponent, *f;  // x = 2^exponent (1 + f), 1 + f in [sqrt 1/2, sqrt 2)
  };
  Log split(Value* x) const {
    Value* i = bits(x);
    Value* k = b.CreateAShr(b.CreateSub(i, ci(0x3f3504f3)), ci(23));
    return {k, sub(from_bits(b.CreateSub(i, b.CreateShl(k, ci(23)))), c(1))};
  }
  Value* log_core(Value* exponent, Value* f) const {
    Value* p = poly(
        f, {0.3333330861395909, -0.24999982484329344, 0.2000236395010733, -0.16669582745165146, 0.14215882747165329,
            -0.12376552108537724, 0.11887230709796963, -0.11844384665124105, 0.069484091922470834});
    Value* ff = mul(f, f);
    Value* tail = fma(mul(ff, f), p, mul(exponent, c(ln2_lo)));
    tail = fma(ff, c(-0.5), tail);
    return fma(exponent, c(ln2_hi), add(f, tail));
  }
  /// y where 0 < x < inf, else what log gives there.
  Value* log_special(Value* x, Value* y) const {
    Value* usual = b.CreateAnd(b.CreateFCmpOGT(x, c(0)), b.CreateFCmpOLT(x, c(infinity)));
    Value* negative = b.CreateSelect(b.CreateFCmpOLT(x, c(0)), c(std::numeric_limits<float>::quiet_NaN()), x);
    Value* other = b.CreateSelect(b.CreateFCmpOEQ(x, c(0)), c(-infinity), negative);
    return b.CreateSelect(usual, y, other);
  }
};

}  // namespace

Value* emit_fma(const Emit& e, Value* x, Value* y, Value* z) {
  if (!e.has_fma()) return e.b.CreateFAdd(e.b.CreateFMul(x, y), z);
  return e.b.CreateIntrinsic(llvm::Intrinsic::fma, {x->getType()}, {x, y, z});
}

Value* emit_max(const Emit& e, Value* x, Value* y) {
  Value* larger = e.b.CreateSelect(e.b.CreateFCmpOGT(x, y), x, y);
  return e.b.CreateSelect(e.b.CreateFCmpUNO(x, x), x, larger);
}
Value* emit_min(const Emit& e, Value* x, Value* y) {
  Value* smaller = e.b.CreateSelect(e.b.CreateFCmpOLT(x, y), x, y);
  return e.b.CreateSelect(e.b.CreateFCmpUNO(x, x), x, smaller);
}

Value* emit_exp(const Emit& e, Value* x) {
  const Math m(e, x);
  const auto [n, r] = m.reduce(m.at_least(m.at_most(x, 89.5), -104.5));
  return m.scale(m.exp_core(r), n);
}

Value* emit_expm1(const Emit& e, Value* x) {
  const Math m(e, x);
  const auto [n, r] = m.reduce(m.at_least(m.at_most(x, 89.0), -30));
  Value* p = m.poly(r, {0.50000000493338248, 0.1666666682148833, 0.041666341884221067, 0.0083332717182285285,
                        0.0013942059815590555, 0.00019915032985570172});
  p = m.fma(m.mul(r, r), p, r);
  // 2^n p + 2^n - 1, by halves: 2^128 is not a float.
  Value* s = m.power(m.sub(n, m.c(1)));
  Value* y = m.fma(s, p, m.sub(s, m.c(0.5)));
  y = m.add(y, y);
  // Where the result is the argument, keep its sign and its subnormal bits.
  return e.b.CreateSelect(e.b.CreateFCmpOLT(m.abs(x), m.c(1e-10)), x, y);
}

Value* emit_log(const Emit& e, Value* x) {
  const Math m(e, x);
  Value* tiny = e.b.CreateFCmpOLT(x, m.c(1.17549435e-38));
  Value* scaled = e.b.CreateSelect(tiny, m.mul(x, m.c(33554432.0)), x);  // 2^25
  const auto [k, f] = m.split(scaled);
  Value* exponent = e.b.CreateSIToFP(k, m.type);
  exponent = m.sub(exponent, e.b.CreateSelect(tiny, m.c(25), m.c(0)));
  return m.log_special(x, m.log_core(exponent, f));
}

Value* emit_log1p(const Emit& e, Value* x) {
  const Math m(e, x);
  Value* u = m.add(m.c(1), x);
  // What the addition lost.
  Value* lost = e.b.CreateSelect(e.b.CreateFCmpOGE(x, m.c(1)), m.sub(m.c(1), m.sub(u, x)), m.sub(x, m.sub(u, m.c(1))));
  const auto [k, f] = m.split(u);
  Value* shift = e.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, e.b.CreateSub(m.ci(127), k), m.ci(0));
  Value* correction = m.mul(lost, m.from_bits(e.b.CreateShl(shift, m.ci(23))));
  Value* y = m.log_core(e.b.CreateSIToFP(k, m.type), m.add(f, correction));
  y = m.log_special(u, y);
  return e.b.CreateSelect(e.b.CreateFCmpOLT(m.abs(x), m.c(1e-10)), x, y);
}

Value* emit_tanh(const Emit& e, Value* x) {
  const Math m(e, x);
  Value* a = m.abs(x);
  Value* t = m.mul(x, x);
  Value* p = m.poly(t, {-0.33333329731446032, 0.1333316246642019, -0.053941128773604047, 0.021669359845581358,
                        -0.0080991737697021799, 0.0020710178034197496});
  Value* small = m.fma(m.mul(x, t), p, x);
  Value* q = m.exp_normal(m.mul(m.at_most(a, 10), m.c(2)));
  Value* large = m.sub(m.c(1), e.b.CreateFDiv(m.c(2), m.add(q, m.c(1))));
  return m.copysign(e.b.CreateSelect(e.b.CreateFCmpOLT(a, m.c(0.625)), small, large), x);
}

namespace {

// erf in 16 intervals, the k-th within 33/256 of 33k/128: coefficients of powers of the distance from there, from
// interpolation in Chebyshev's points (relative error 1e-9). In the last one 1 is met exactly,
// in the first one the distance itself comes on top.
constexpr double erf_interval = 33.0 / 128;
constexpr float erf_terms[7][16] = {
    {0.f, 0.284591436f, 0.534123063f, 0.725959837f, 0.855271816f, 0.931698084f, 0.971302092f, 0.9892959f, 0.996463776f,
     0.998967111f, 0.999733686f, 0.999939442f, 0.999987841f, 0.999997854f, 0.999999642f, 1.f},
    {0.128379167f, 1.05581713f, 0.86494714f, 0.620379865f, 0.389576763f, 0.214188263f, 0.103101633f, 0.0434512906f,
     0.0160327144f, 0.00517939078f, 0.00146493234f, 0.000362763647f, 7.8649733e-05f, 1.49292546e-05f, 2.48111201e-06f,
     3.61012383e-07f},
    {-3.30153185e-08f, -0.272202849f, -0.445988357f, -0.47982505f, -0.401751041f, -0.276102066f, -0.15948534f,
     -0.0784159973f, -0.0330674723f, -0.0120178051f, -0.00377677847f, -0.00102877477f, -0.000243322502f,
     -5.00362839e-05f, -8.95524954e-06f, -1.39609881e-06f},
    {-0.376123399f, -0.305151761f, -0.135008231f, 0.0406135991f, 0.146342769f, 0.165878817f, 0.130102888f,
     0.0798613653f, 0.0401239395f, 0.0168636069f, 0.00600292627f, 0.00182401773f, 0.000475590146f, 0.000106805775f,
     2.07161866e-05f, 3.47765877e-06f},
    {-9.91086854e-05f, 0.130069032f, 0.183467835f, 0.144234285f, 0.0584587269f, -0.0148794297f, -0.0474637635f,
     -0.0459231138f, -0.0303551424f, -0.0155585697f, -0.00647936808f, -0.002243581f, -0.000654623727f, -0.000162324635f,
     -3.4407436e-05f, -6.26061046e-06f},
    {0.114324316f, 0.0777461901f, 0.00282603432f, -0.0563410074f, -0.0676716343f, -0.0420432314f, -0.0097984625f,
     0.00905191246f, 0.0129409023f, 0.0093766097f, 0.00489715766f, 0.00201204093f, 0.000674797106f, 0.000188406222f,
     4.43194294e-05f, 8.85338068e-06f},
    {-0.0102949636f, -0.0411547795f, -0.0491408892f, -0.0237800386f, 0.00766183715f, 0.0219213441f, 0.0175978299f,
     0.006743751f, -0.000808984099f, -0.00308766146f, -0.00246402528f, -0.00129346072f, -0.000516658358f,
     -0.000165524369f, -4.36553673e-05f, -9.62332524e-06f},
};

// With the coefficients of every lane looked up: half of the work of the other way.
Value* erf_by_table(const Emit& e, Value* x) {
  const Math m(e, x);
  Value* a = m.at_most(m.abs(x), 3.93);
  const double magic = 12582912;  // 1.5 * 2^23: the sum's low bits are the rounded number
  Value* t = m.fma(a, m.c(1 / erf_interval), m.c(magic));
  Value* d = m.fma(m.sub(t, m.c(magic)), m.c(-erf_interval), a);
  const auto term = [&](size_t k) {
    return e.b.CreateIntrinsic(llvm::Intrinsic::x86_avx512_permvar_sf_512, {},
                               {llvm::ConstantDataVector::get(e.b.getContext(), erf_terms[k]), m.bits(t)});
  };
  size_t k = std::size(erf_terms) - 1;
  Value* p = term(k);
  while (--k) p = m.fma(p, d, term(k));
  Value* base = e.b.CreateSelect(e.b.CreateFCmpOEQ(t, m.c(magic)), d, term(0));
  return m.copysign(m.fma(p, d, base), x);
}

}  // namespace

Value* emit_erf(const Emit& e, Value* x) {
  const Math m(e, x);
  if (const unsigned lanes = Emit::lanes(x); e.isa >= Isa::avx512 && lanes % 16 == 0) {
    llvm::SmallVector<Value*, 4> parts;
    for (unsigned i = 0; i < lanes; i += 16) parts.push_back(erf_by_table(e, e.slice(x, i, 16)));
    return e.join(parts);
  }
  Value* a = m.at_most(m.abs(x), 3.93);
  Value* t = m.mul(x, x);
  Value* p = m.poly(t, {0.12837916591375131, -0.37612627135965981, 0.11283600176259322, -0.026854444591986004,
                        0.0051895353394794033, -0.00080208412809046478, 7.8891195353118136e-05});
  Value* small = m.fma(x, p, x);
  // erf = 1 - e^-q
  Value* q = m.poly(a, {-0.0001834441524384935, 1.1295568304182375, 0.63326261213115498, 0.10837247866788015,
                        -0.025178967861385893, 0.0041936111121871266, -0.00043910637871229149, 2.1496114128471223e-05});
  Value* large = m.sub(m.c(1), m.exp_normal(e.b.CreateFNeg(q)));
  return e.b.CreateSelect(e.b.CreateFCmpOLT(a, m.c(1)), small, m.copysign(large, x));
}

Value* emit_sigmoid(const Emit& e, Value* x) {
  // u / (1 + t) with t = e^-|x| and u = t or 1. The roundings of t, of the sum and of the quotient together reach 2.3
  // ulp, so the quotient is corrected by what they lost.
  const Math m(e, x);
  const auto [n, r] = m.reduce(m.at_least(e.b.CreateFNeg(m.abs(x)), -104.5));
  Value* s = m.exp_minus_one(r);
  Value* one = m.c(1);
  Value* high = m.add(s, one);
  Value* t = m.scale(high, n);
  Value* t_low = m.scale(m.sub(s, m.sub(high, one)), n);
  Value* negative = e.b.CreateFCmpOLT(x, m.c(0));
  Value* u = e.b.CreateSelect(negative, t, one);
  Value* u_low = e.b.CreateSelect(negative, t_low, m.c(0));
  if (!e.has_fma()) {
    llvm::Type* wide = Emit::vec(e.b.getDoubleTy(), Emit::lanes(x));
    const auto in_f64 = [&](Value* a, Value* b) {
      return e.b.CreateFAdd(e.b.CreateFPExt(a, wide), e.b.CreateFPExt(b, wide));
    };
    return e.b.CreateFPTrunc(e.b.CreateFDiv(in_f64(u, u_low), e.b.CreateFAdd(in_f64(t, t_low), e.constant(wide, 1))),
                             m.type);
  }
  Value* d = m.add(t, one);
  Value* d_low = m.add(m.sub(t, m.sub(d, one)), t_low);
  Value* y = e.b.CreateFDiv(u, d);
  Value* inverse = e.b.CreateSelect(negative, m.sub(one, y), y);
  Value* minus = e.b.CreateFNeg(y);
  Value* residual = m.fma(minus, d_low, m.add(m.fma(minus, d, u), u_low));
  return m.fma(residual, inverse, y);
}

}  // namespace neve::loop
