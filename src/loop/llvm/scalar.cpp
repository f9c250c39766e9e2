// Scalar programs as vector code.
#include "loop/llvm/scalar.h"

#include <cmath>

#include "base/error.h"
#include "loop/llvm/math.h"

namespace neve::loop {
namespace {

using llvm::Value;

// ---- functions that are called lane by lane ---------------------------------------------------------------------
template <class T>
T floor_mod_of(T a, T b) {
  const T r = std::fmod(a, b);
  return r != 0 && ((r < 0) != (b < 0)) ? r + b : r == 0 ? std::copysign(T(0), b) : r;
}
int64_t pow_signed(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
  uint64_t r = 1, b = uint64_t(base);
  for (uint64_t e = uint64_t(exponent); e; e >>= 1, b *= b)
    if (e & 1) r *= b;
  return int64_t(r);
}
uint64_t pow_unsigned(uint64_t b, uint64_t e) {
  uint64_t r = 1;
  for (; e; e >>= 1, b *= b)
    if (e & 1) r *= b;
  return r;
}

using F1 = float (*)(float);
using F2 = float (*)(float, float);
using D1 = double (*)(double);
using D2 = double (*)(double, double);
template <class F>
void* address(F f) {
  return reinterpret_cast<void*>(f);
}

struct Function {
  ScalarOp op;
  void *f32, *f64;
};
const std::vector<Function>& functions() {
#define NEVE_MATH1(op, fn)                                                      \
  Function {                                                                    \
    ScalarOp::op, address(static_cast<F1>([](float x) { return std::fn(x); })), \
        address(static_cast<D1>([](double x) { return std::fn(x); }))           \
  }
#define NEVE_MATH2(op, fn)                                                                  \
  Function {                                                                                \
    ScalarOp::op, address(static_cast<F2>([](float x, float y) { return std::fn(x, y); })), \
        address(static_cast<D2>([](double x, double y) { return std::fn(x, y); }))          \
  }
  static const std::vector<Function> list = {
      NEVE_MATH1(exp, exp),
      NEVE_MATH1(expm1, expm1),
      NEVE_MATH1(log, log),
      NEVE_MATH1(log1p, log1p),
      NEVE_MATH1(erf, erf),
      NEVE_MATH1(sin, sin),
      NEVE_MATH1(cos, cos),
      NEVE_MATH1(tan, tan),
      NEVE_MATH1(asin, asin),
      NEVE_MATH1(acos, acos),
      NEVE_MATH1(atan, atan),
      NEVE_MATH1(sinh, sinh),
      NEVE_MATH1(cosh, cosh),
      NEVE_MATH1(tanh, tanh),
      NEVE_MATH1(asinh, asinh),
      NEVE_MATH1(acosh, acosh),
      NEVE_MATH1(atanh, atanh),
      NEVE_MATH2(rem, fmod),
      NEVE_MATH2(pow, pow),
      NEVE_MATH2(atan2, atan2),
      {ScalarOp::floor_mod, address(&floor_mod_of<float>), address(&floor_mod_of<double>)},
  };
#undef NEVE_MATH1
#undef NEVE_MATH2
  return list;
}
bool is_function(ScalarOp op) {
  for (const Function& f : functions())
    if (f.op == op) return true;
  return false;
}
std::string function_name(ScalarOp op, bool f64) { return str("neve_", to_string(op), f64 ? "_f64" : "_f32"); }

// ---- steps --------------------------------------------------------------------------------------------------------
struct Step {
  const Emit& e;
  llvm::IRBuilder<>& b;
  const ScalarNode& n;
  DType from;  // of the operands
  Value *x, *y, *z;

  unsigned lanes() const { return Emit::lanes(x); }
  Value* c(double v) const { return e.constant(x->getType(), v); }
  Value* ci(int64_t v) const { return e.constant_int(x->getType(), v); }
  Value* unary(llvm::Intrinsic::ID id) const { return e.intrinsic(id, x); }
  Value* binary(llvm::Intrinsic::ID id) const { return b.CreateBinaryIntrinsic(id, x, y); }
  bool is_signed() const { return is_signed_int(from); }

  /// A scalar function for every lane.
  Value* call(llvm::StringRef name) const {
    llvm::Type* scalar = x->getType()->getScalarType();
    llvm::SmallVector<llvm::Type*, 2> types(y ? 2 : 1, scalar);
    auto f = e.module.getOrInsertFunction(name, llvm::FunctionType::get(scalar, types, false));
    if (lanes() == 1) return y ? b.CreateCall(f, {x, y}) : b.CreateCall(f, {x});
    Value* px = e.variable(x->getType());
    Value* py = y ? e.variable(x->getType()) : nullptr;
    b.CreateStore(x, px);
    if (y) b.CreateStore(y, py);
    e.loop(e.i64(0), e.i64(lanes()), 1, [&](Value* i) {
      Value* at = b.CreateGEP(scalar, px, i);
      Value* a = b.CreateLoad(scalar, at);
      Value* r = y ? b.CreateCall(f, {a, b.CreateLoad(scalar, b.CreateGEP(scalar, py, i))}) : b.CreateCall(f, {a});
      b.CreateStore(r, at);
    });
    return b.CreateLoad(x->getType(), px);
  }

  /// b as divisor that never traps; results where it was 0 or -1 are replaced afterwards.
  Value* divide(bool remainder) const {
    Value* zero = b.CreateICmpEQ(y, ci(0));
    if (!is_signed()) {
      Value* d = b.CreateSelect(zero, ci(1), y);
      return b.CreateSelect(zero, ci(0), remainder ? b.CreateURem(x, d) : b.CreateUDiv(x, d));
    }
    Value* minus = b.CreateICmpEQ(y, ci(-1));
    Value* d = b.CreateSelect(b.CreateOr(zero, minus), ci(1), y);
    Value* r = remainder ? b.CreateSRem(x, d) : b.CreateSDiv(x, d);
    r = b.CreateSelect(minus, remainder ? ci(0) : b.CreateNeg(x), r);
    return b.CreateSelect(zero, ci(0), r);
  }
  Value* floor_mod() const {
    Value* r = divide(true);
    if (!is_signed()) return r;
    Value* wrong = b.CreateAnd(b.CreateICmpNE(r, ci(0)), b.CreateICmpSLT(b.CreateXor(r, y), ci(0)));
    return b.CreateSelect(wrong, b.CreateAdd(r, y), r);
  }
  Value* shift(bool left) const {
    const int64_t width = size_of(from) * 8;
    Value* far = b.CreateICmpUGE(y, ci(width));
    Value* count = b.CreateSelect(far, ci(0), y);
    if (left) return b.CreateSelect(far, ci(0), b.CreateShl(x, count));
    if (!is_signed()) return b.CreateSelect(far, ci(0), b.CreateLShr(x, count));
    return b.CreateAShr(x, b.CreateSelect(far, ci(width - 1), y));
  }
  Value* pow_int() const {
    llvm::Type* scalar = x->getType();
    llvm::Type* wide = Emit::vec(b.getInt64Ty(), lanes());
    const bool s = is_signed();
    Step w{e, b, n, from, b.CreateIntCast(x, wide, s), b.CreateIntCast(y, wide, s), nullptr};
    return b.CreateTrunc(w.call(s ? "neve_pow_i64" : "neve_pow_u64"), scalar);
  }

  Value* compare(llvm::CmpInst::Predicate f, llvm::CmpInst::Predicate s, llvm::CmpInst::Predicate u) const {
    if (is_float(from)) return b.CreateFCmp(f, x, y);
    return b.CreateICmp(is_signed() ? s : u, x, y);
  }

  Value* vector_function() const {
    switch (n.op) {
      case ScalarOp::exp:
        return emit_exp(e, x);
      case ScalarOp::expm1:
        return emit_expm1(e, x);
      case ScalarOp::log:
        return emit_log(e, x);
      case ScalarOp::log1p:
        return emit_log1p(e, x);
      case ScalarOp::erf:
        return emit_erf(e, x);
      case ScalarOp::tanh:
        return emit_tanh(e, x);
      default:
        return call(function_name(n.op, false));
    }
  }

  Value* float_pow() const {
    // Small constant exponents, as in norms and GELU.
    auto* k = llvm::dyn_cast<llvm::Constant>(y);
    if (k && lanes() > 1) k = k->getSplatValue();
    if (const auto* exponent = llvm::dyn_cast_or_null<llvm::ConstantFP>(k)) {
      if (exponent->isExactlyValue(1.0)) return x;
      if (exponent->isExactlyValue(2.0)) return b.CreateFMul(x, x);
      if (exponent->isExactlyValue(3.0)) return b.CreateFMul(b.CreateFMul(x, x), x);
    }
    return call(function_name(ScalarOp::pow, from == DType::f64));
  }

  Value* float_step() const {
    switch (n.op) {
      case ScalarOp::add:
        return b.CreateFAdd(x, y);
      case ScalarOp::sub:
        return b.CreateFSub(x, y);
      case ScalarOp::mul:
        return b.CreateFMul(x, y);
      case ScalarOp::div:
        return b.CreateFDiv(x, y);
      case ScalarOp::min:
        return emit_min(e, x, y);
      case ScalarOp::max:
        return emit_max(e, x, y);
      case ScalarOp::pow:
        return float_pow();
      case ScalarOp::neg:
        return b.CreateFNeg(x);
      case ScalarOp::abs:
        return unary(llvm::Intrinsic::fabs);
      case ScalarOp::sqrt:
        return unary(llvm::Intrinsic::sqrt);
      case ScalarOp::rsqrt:
        return b.CreateFDiv(c(1), unary(llvm::Intrinsic::sqrt));
      case ScalarOp::floor:
        return unary(llvm::Intrinsic::floor);
      case ScalarOp::ceil:
        return unary(llvm::Intrinsic::ceil);
      case ScalarOp::trunc:
        return unary(llvm::Intrinsic::trunc);
      case ScalarOp::round:
        return unary(llvm::Intrinsic::rint);
      case ScalarOp::sign: {
        Value* r = b.CreateSelect(b.CreateFCmpOLT(x, c(0)), c(-1), x);
        return b.CreateSelect(b.CreateFCmpOGT(x, c(0)), c(1), r);
      }
      case ScalarOp::sigmoid: {
        if (from != DType::f64) return emit_sigmoid(e, x);
        Step exponent{e, b, n, from, b.CreateFNeg(unary(llvm::Intrinsic::fabs)), nullptr, nullptr};
        Value* t = exponent.call(function_name(ScalarOp::exp, true));
        return b.CreateFDiv(b.CreateSelect(b.CreateFCmpOLT(x, c(0)), t, c(1)), b.CreateFAdd(t, c(1)));
      }
      default:
        break;
    }
    if (is_function(n.op)) return from == DType::f64 ? call(function_name(n.op, true)) : vector_function();
    fail(ErrorCode::unsupported, "loops: ", to_string(n.op), " of ", to_string(from));
  }

  Value* int_step() const {
    const bool s = is_signed();
    switch (n.op) {
      case ScalarOp::add:
        return b.CreateAdd(x, y);
      case ScalarOp::sub:
        return b.CreateSub(x, y);
      case ScalarOp::mul:
        return b.CreateMul(x, y);
      case ScalarOp::div:
        return divide(false);
      case ScalarOp::rem:
        return divide(true);
      case ScalarOp::floor_mod:
        return floor_mod();
      case ScalarOp::pow:
        return pow_int();
      case ScalarOp::min:
        return binary(s ? llvm::Intrinsic::smin : llvm::Intrinsic::umin);
      case ScalarOp::max:
        return binary(s ? llvm::Intrinsic::smax : llvm::Intrinsic::umax);
      case ScalarOp::neg:
        return b.CreateNeg(x);
      case ScalarOp::abs:
        return s ? b.CreateSelect(b.CreateICmpSLT(x, ci(0)), b.CreateNeg(x), x) : x;
      case ScalarOp::sign: {
        Value* positive = b.CreateZExt(b.CreateICmpNE(x, ci(0)), x->getType());
        return s ? b.CreateOr(b.CreateAShr(x, ci(size_of(from) * 8 - 1)), positive) : positive;
      }
      case ScalarOp::floor:
      case ScalarOp::ceil:
      case ScalarOp::trunc:
      case ScalarOp::round:
        return x;
      case ScalarOp::logical_and:
      case ScalarOp::bit_and:
        return b.CreateAnd(x, y);
      case ScalarOp::logical_or:
      case ScalarOp::bit_or:
        return b.CreateOr(x, y);
      case ScalarOp::logical_xor:
      case ScalarOp::bit_xor:
        return b.CreateXor(x, y);
      case ScalarOp::logical_not:
      case ScalarOp::bit_not:
        return b.CreateNot(x);
      case ScalarOp::shift_left:
        return shift(true);
      case ScalarOp::shift_right:
        return shift(false);
      default:
        fail(ErrorCode::unsupported, "loops: ", to_string(n.op), " of ", to_string(from));
    }
  }

  Value* bool_step() const {
    switch (n.op) {
      case ScalarOp::add:
      case ScalarOp::sub:
        return b.CreateXor(x, y);  // wraps to one bit
      case ScalarOp::mul:
      case ScalarOp::min:
        return b.CreateAnd(x, y);
      case ScalarOp::max:
        return b.CreateOr(x, y);
      case ScalarOp::neg:
      case ScalarOp::abs:
      case ScalarOp::sign:
        return x;
      case ScalarOp::logical_and:
      case ScalarOp::logical_or:
      case ScalarOp::logical_xor:
      case ScalarOp::logical_not:
      case ScalarOp::bit_and:
      case ScalarOp::bit_or:
      case ScalarOp::bit_xor:
      case ScalarOp::bit_not:
        return int_step();
      default:
        fail(ErrorCode::unsupported, "loops: ", to_string(n.op), " of bool");
    }
  }

  // ---- conversions ----
  /// Integers and bool to an integer dtype.
  Value* int_to_int(bool saturate) const {
    llvm::Type* to = Emit::vec(e.compute_type(n.dtype), lanes());
    if (from == DType::boolean) return b.CreateZExt(x, to);
    if (!saturate) return b.CreateIntCast(x, to, is_signed());
    const unsigned wide_bits = 128;  // wider than all; the back end narrows it again
    llvm::Type* wide = Emit::vec(b.getIntNTy(wide_bits), lanes());
    Value* v = b.CreateIntCast(x, wide, is_signed());
    const unsigned bits = unsigned(size_of(n.dtype)) * 8;
    const bool s = is_signed_int(n.dtype);
    llvm::APInt lo = s ? llvm::APInt::getSignedMinValue(bits).sext(wide_bits) : llvm::APInt(wide_bits, 0);
    llvm::APInt hi =
        s ? llvm::APInt::getSignedMaxValue(bits).sext(wide_bits) : llvm::APInt::getMaxValue(bits).zext(wide_bits);
    Value *l = llvm::ConstantInt::get(wide, lo), *h = llvm::ConstantInt::get(wide, hi);
    v = b.CreateSelect(b.CreateICmpSLT(v, l), l, v);
    v = b.CreateSelect(b.CreateICmpSGT(v, h), h, v);
    return b.CreateTrunc(v, to);
  }
  /// Out of range is some value; through i64, as the reference does, so that the low bits agree.
  Value* float_to_int() const {
    llvm::Type* to = Emit::vec(e.compute_type(n.dtype), lanes());
    const bool narrow = size_of(n.dtype) < 4;
    llvm::Type* via = narrow                  ? Emit::vec(b.getInt32Ty(), lanes())
                      : n.dtype == DType::u32 ? Emit::vec(b.getInt64Ty(), lanes())
                                              : to;
    Value* r = n.dtype == DType::u64 ? b.CreateFPToUI(x, via) : b.CreateFPToSI(x, via);
    return b.CreateTrunc(b.CreateFreeze(r), to);
  }
  Value* float_to_int_saturated() const {
    llvm::Type* to = Emit::vec(e.compute_type(n.dtype), lanes());
    Value* r = unary(llvm::Intrinsic::rint);
    return b.CreateIntrinsic(is_signed_int(n.dtype) ? llvm::Intrinsic::fptosi_sat : llvm::Intrinsic::fptoui_sat,
                             {to, x->getType()}, {r});
  }
  Value* convert() const {
    const bool saturate = n.op == ScalarOp::cast_saturate;
    llvm::Type* to = Emit::vec(e.compute_type(n.dtype), lanes());
    if (n.dtype == DType::boolean) {
      if (from == DType::boolean) return x;
      if (is_float(from)) return b.CreateFCmpUNE(x, c(0));
      return b.CreateICmpNE(x, ci(0));
    }
    if (is_float(n.dtype)) {
      Value* v = is_float(from) ? b.CreateFPCast(x, to) : is_signed() ? b.CreateSIToFP(x, to) : b.CreateUIToFP(x, to);
      const bool narrow = n.dtype == DType::f16 || n.dtype == DType::bf16;
      return narrow ? emit_unpack(e, n.dtype, emit_pack(e, n.dtype, v)) : v;
    }
    if (!is_float(from)) return int_to_int(saturate);
    return saturate ? float_to_int_saturated() : float_to_int();
  }
};

Value* is_infinite(const Emit& e, Value* x) {
  Value* limit = llvm::ConstantFP::getInfinity(x->getType());
  return e.b.CreateFCmpOEQ(e.intrinsic(llvm::Intrinsic::fabs, x), limit);
}

// f16 without F16C, as in core/half.h.
Value* unpack_half(const Emit& e, Value* v) {
  const unsigned lanes = Emit::lanes(v);
  llvm::Type *i32 = Emit::vec(e.b.getInt32Ty(), lanes), *f32 = Emit::vec(e.b.getFloatTy(), lanes);
  const auto k = [&](int64_t x) { return e.constant_int(i32, x); };
  Value* h = e.b.CreateZExt(v, i32);
  Value* sign = e.b.CreateShl(e.b.CreateAnd(h, k(0x8000)), k(16));
  Value* magnitude = e.b.CreateAnd(h, k(0x7fff));
  Value* shifted = e.b.CreateShl(magnitude, k(13));
  Value* finite = e.b.CreateFMul(e.b.CreateBitCast(shifted, f32), e.constant(f32, 0x1p112));
  Value* special = e.b.CreateOr(shifted, k(0x7f800000));
  Value* bits = e.b.CreateSelect(e.b.CreateICmpUGE(magnitude, k(0x7c00)), special, e.b.CreateBitCast(finite, i32));
  return e.b.CreateBitCast(e.b.CreateOr(bits, sign), f32);
}
Value* pack_half(const Emit& e, Value* v) {
  const unsigned lanes = Emit::lanes(v);
  llvm::Type *i32 = Emit::vec(e.b.getInt32Ty(), lanes), *f32 = Emit::vec(e.b.getFloatTy(), lanes);
  const auto k = [&](int64_t x) { return e.constant_int(i32, x); };
  Value* u = e.b.CreateBitCast(v, i32);
  Value* sign = e.b.CreateAnd(e.b.CreateLShr(u, k(16)), k(0x8000));
  Value* a = e.b.CreateAnd(u, k(0x7fffffff));
  Value* odd = e.b.CreateAnd(e.b.CreateLShr(a, k(13)), k(1));
  Value* normal = e.b.CreateLShr(e.b.CreateAdd(e.b.CreateSub(a, k(0x38000000)), e.b.CreateAdd(odd, k(0xfff))), k(13));
  Value* scaled = e.b.CreateFAdd(e.b.CreateBitCast(a, f32), e.constant(f32, 0.5));  // rounds at 2^-24
  Value* tiny = e.b.CreateSub(e.b.CreateBitCast(scaled, i32), k(0x3f000000));
  Value* r = e.b.CreateSelect(e.b.CreateICmpULT(a, k(0x38800000)), tiny, normal);
  r = e.b.CreateSelect(e.b.CreateICmpUGE(a, k(0x477ff000)), k(0x7c00), r);
  r = e.b.CreateSelect(e.b.CreateICmpUGT(a, k(0x7f800000)), k(0x7e00), r);
  return e.b.CreateTrunc(e.b.CreateOr(r, sign), Emit::vec(e.b.getInt16Ty(), lanes));
}

}  // namespace

llvm::Value* emit_step(const Emit& e, const ScalarNode& n, DType from, Value* x, Value* y, Value* z) {
  const Step s{e, e.b, n, from, x, y, z};
  using P = llvm::CmpInst;
  switch (n.op) {
    case ScalarOp::select:
      return e.b.CreateSelect(x, y, z);
    case ScalarOp::cast:
    case ScalarOp::cast_saturate:
      return s.convert();
    case ScalarOp::eq:
      return s.compare(P::FCMP_OEQ, P::ICMP_EQ, P::ICMP_EQ);
    case ScalarOp::ne:
      return s.compare(P::FCMP_UNE, P::ICMP_NE, P::ICMP_NE);
    case ScalarOp::lt:
      return s.compare(P::FCMP_OLT, P::ICMP_SLT, P::ICMP_ULT);
    case ScalarOp::le:
      return s.compare(P::FCMP_OLE, P::ICMP_SLE, P::ICMP_ULE);
    case ScalarOp::gt:
      return s.compare(P::FCMP_OGT, P::ICMP_SGT, P::ICMP_UGT);
    case ScalarOp::ge:
      return s.compare(P::FCMP_OGE, P::ICMP_SGE, P::ICMP_UGE);
    case ScalarOp::is_nan:
      return is_float(from) ? e.b.CreateFCmpUNO(x, x) : e.splat(e.b.getFalse(), s.lanes());
    case ScalarOp::is_inf:
      return is_float(from) ? is_infinite(e, x) : e.splat(e.b.getFalse(), s.lanes());
    default:
      break;
  }
  if (is_float(n.dtype)) return s.float_step();
  return n.dtype == DType::boolean ? s.bool_step() : s.int_step();
}

llvm::Value* emit_constant(const Emit& e, const ScalarNode& n, unsigned lanes) {
  llvm::Type* type = Emit::vec(e.compute_type(n.dtype), lanes);
  if (!is_float(n.dtype)) return e.constant_int(type, n.ivalue);
  if (n.dtype == DType::f64) return e.constant(type, n.value);
  Value* v = e.constant(type, double(float(n.value)));
  const bool narrow = n.dtype == DType::f16 || n.dtype == DType::bf16;
  return narrow ? emit_unpack(e, n.dtype, emit_pack(e, n.dtype, v)) : v;
}

llvm::Value* emit_unpack(const Emit& e, DType t, Value* v) {
  const unsigned lanes = Emit::lanes(v);
  if (t == DType::f16) return e.has_half() ? e.b.CreateFPExt(v, Emit::vec(e.b.getFloatTy(), lanes)) : unpack_half(e, v);
  if (t == DType::boolean) return e.b.CreateICmpNE(v, llvm::Constant::getNullValue(v->getType()));
  if (t != DType::bf16) return v;
  llvm::Type* i32 = Emit::vec(e.b.getInt32Ty(), lanes);
  return e.b.CreateBitCast(e.b.CreateShl(e.b.CreateZExt(v, i32), e.constant_int(i32, 16)),
                           Emit::vec(e.b.getFloatTy(), lanes));
}

llvm::Value* emit_pack(const Emit& e, DType t, Value* v) {
  const unsigned lanes = Emit::lanes(v);
  if (t == DType::f16) return e.has_half() ? e.b.CreateFPTrunc(v, Emit::vec(e.b.getHalfTy(), lanes)) : pack_half(e, v);
  if (t == DType::boolean) return e.b.CreateZExt(v, Emit::vec(e.b.getInt8Ty(), lanes));
  if (t != DType::bf16) return v;
  llvm::Type* i32 = Emit::vec(e.b.getInt32Ty(), lanes);
  const auto k = [&](int64_t x) { return e.constant_int(i32, x); };
  Value* u = e.b.CreateBitCast(v, i32);
  Value* high = e.b.CreateLShr(u, k(16));
  Value* rounded = e.b.CreateLShr(e.b.CreateAdd(u, e.b.CreateAdd(k(0x7fff), e.b.CreateAnd(high, k(1)))), k(16));
  Value* nan = e.b.CreateFCmpUNO(v, v);
  return e.b.CreateTrunc(e.b.CreateSelect(nan, e.b.CreateOr(high, k(0x40)), rounded),
                         Emit::vec(e.b.getInt16Ty(), lanes));
}

int step_cost(const ScalarNode& n) {
  switch (n.op) {
    case ScalarOp::input:
    case ScalarOp::constant:
      return 0;
    case ScalarOp::exp:
      return 14;
    case ScalarOp::expm1:
    case ScalarOp::sigmoid:
      return 20;
    case ScalarOp::log:
    case ScalarOp::log1p:
      return 22;
    case ScalarOp::tanh:
      return 28;
    case ScalarOp::erf:
      return 32;
    case ScalarOp::min:
    case ScalarOp::max:
      return is_float(n.dtype) ? 3 : 1;
    case ScalarOp::div:
      return is_float(n.dtype) ? 6 : 60;
    case ScalarOp::sqrt:
    case ScalarOp::rsqrt:
      return 8;
    case ScalarOp::pow:
      return 200;
    default:
      break;
  }
  if (n.op == ScalarOp::rem || n.op == ScalarOp::floor_mod || is_function(n.op)) return 200;
  return 1;
}

const std::vector<std::pair<std::string, void*>>& scalar_functions() {
  static const std::vector<std::pair<std::string, void*>> list = [] {
    std::vector<std::pair<std::string, void*>> l;
    for (const Function& f : functions()) {
      l.emplace_back(function_name(f.op, false), f.f32);
      l.emplace_back(function_name(f.op, true), f.f64);
    }
    l.emplace_back("neve_pow_i64", address(&pow_signed));
    l.emplace_back("neve_pow_u64", address(&pow_unsigned));
    return l;
  }();
  return list;
}

}  // namespace neve::loop
