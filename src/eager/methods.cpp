// The methods of Tensor that are functions: x.sum() is sum(x), x.relu_() writes relu(x) over x.
// Made by tools/gen_cpp_methods.py. Do not edit. Long because it is read as a list.
// clang-format off
#include <neve/array.h>

#include "base/error.h"
#include "eager/autograd.h"
#include "eager/index.h"

namespace neve {
namespace {

// What a gradient may keep of the operands must not be written over.
bool recorded(std::initializer_list<Tensor> operands) {
  if (!is_grad_enabled()) return false;
  for (const Tensor& t : operands)
    if (t.defined() && eager::needs_gradient(t)) return true;
  return false;
}
Tensor apart(const Tensor& x, const Tensor& t) {
  if (!t.defined() || t.is_captured() || x.is_captured()) return t;
  return t.storage() == x.storage() ? t.clone() : t;
}
const Tensor& over(const Tensor& x, const Tensor& made, const char* call) {
  if (made.dtype() != x.dtype() && !(is_float(x.dtype()) && is_float(made.dtype())))
    fail(ErrorCode::type_mismatch, call, ": the result is ", to_string(made.dtype()), ", which ", type_text(x),
         " cannot hold in place");
  eager::assign(x, made, call);
  return x;
}

}  // namespace

Tensor Tensor::abs() const { return neve::abs(*this); }
const Tensor& Tensor::abs_() const { const bool r = recorded({*this}); return over(*this, neve::abs(r ? clone() : *this), "abs_"); }
Tensor Tensor::acos() const { return neve::acos(*this); }
const Tensor& Tensor::acos_() const { const bool r = recorded({*this}); return over(*this, neve::acos(r ? clone() : *this), "acos_"); }
Tensor Tensor::acosh() const { return neve::acosh(*this); }
const Tensor& Tensor::acosh_() const { const bool r = recorded({*this}); return over(*this, neve::acosh(r ? clone() : *this), "acosh_"); }
Tensor Tensor::asin() const { return neve::asin(*this); }
const Tensor& Tensor::asin_() const { const bool r = recorded({*this}); return over(*this, neve::asin(r ? clone() : *this), "asin_"); }
Tensor Tensor::asinh() const { return neve::asinh(*this); }
const Tensor& Tensor::asinh_() const { const bool r = recorded({*this}); return over(*this, neve::asinh(r ? clone() : *this), "asinh_"); }
Tensor Tensor::atan() const { return neve::atan(*this); }
const Tensor& Tensor::atan_() const { const bool r = recorded({*this}); return over(*this, neve::atan(r ? clone() : *this), "atan_"); }
Tensor Tensor::atan2(const Tensor& b) const { return neve::atan2(*this, b); }
const Tensor& Tensor::atan2_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::atan2(r ? clone() : *this, r ? apart(*this, b) : b), "atan2_"); }
Tensor Tensor::atanh() const { return neve::atanh(*this); }
const Tensor& Tensor::atanh_() const { const bool r = recorded({*this}); return over(*this, neve::atanh(r ? clone() : *this), "atanh_"); }
Tensor Tensor::bincount(int64_t minlength) const { return neve::bincount(*this, minlength); }
Tensor Tensor::bitwise_and(const Tensor& b) const { return neve::bitwise_and(*this, b); }
const Tensor& Tensor::bitwise_and_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::bitwise_and(r ? clone() : *this, r ? apart(*this, b) : b), "bitwise_and_"); }
Tensor Tensor::bitwise_not() const { return neve::bitwise_not(*this); }
Tensor Tensor::bitwise_or(const Tensor& b) const { return neve::bitwise_or(*this, b); }
const Tensor& Tensor::bitwise_or_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::bitwise_or(r ? clone() : *this, r ? apart(*this, b) : b), "bitwise_or_"); }
Tensor Tensor::bitwise_xor(const Tensor& b) const { return neve::bitwise_xor(*this, b); }
const Tensor& Tensor::bitwise_xor_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::bitwise_xor(r ? clone() : *this, r ? apart(*this, b) : b), "bitwise_xor_"); }
Tensor Tensor::ceil() const { return neve::ceil(*this); }
const Tensor& Tensor::ceil_() const { const bool r = recorded({*this}); return over(*this, neve::ceil(r ? clone() : *this), "ceil_"); }
Tensor Tensor::cos() const { return neve::cos(*this); }
const Tensor& Tensor::cos_() const { const bool r = recorded({*this}); return over(*this, neve::cos(r ? clone() : *this), "cos_"); }
Tensor Tensor::cosh() const { return neve::cosh(*this); }
const Tensor& Tensor::cosh_() const { const bool r = recorded({*this}); return over(*this, neve::cosh(r ? clone() : *this), "cosh_"); }
Tensor Tensor::det() const { return neve::det(*this); }
Tensor Tensor::erf() const { return neve::erf(*this); }
const Tensor& Tensor::erf_() const { const bool r = recorded({*this}); return over(*this, neve::erf(r ? clone() : *this), "erf_"); }
Tensor Tensor::exp() const { return neve::exp(*this); }
const Tensor& Tensor::exp_() const { const bool r = recorded({*this}); return over(*this, neve::exp(r ? clone() : *this), "exp_"); }
Tensor Tensor::expm1() const { return neve::expm1(*this); }
const Tensor& Tensor::expm1_() const { const bool r = recorded({*this}); return over(*this, neve::expm1(r ? clone() : *this), "expm1_"); }
Tensor Tensor::floor() const { return neve::floor(*this); }
const Tensor& Tensor::floor_() const { const bool r = recorded({*this}); return over(*this, neve::floor(r ? clone() : *this), "floor_"); }
Tensor Tensor::inverse() const { return neve::inverse(*this); }
Tensor Tensor::log() const { return neve::log(*this); }
const Tensor& Tensor::log_() const { const bool r = recorded({*this}); return over(*this, neve::log(r ? clone() : *this), "log_"); }
Tensor Tensor::log1p() const { return neve::log1p(*this); }
const Tensor& Tensor::log1p_() const { const bool r = recorded({*this}); return over(*this, neve::log1p(r ? clone() : *this), "log1p_"); }
Tensor Tensor::log_softmax(int64_t axis) const { return neve::log_softmax(*this, axis); }
Tensor Tensor::neg() const { return neve::neg(*this); }
const Tensor& Tensor::neg_() const { const bool r = recorded({*this}); return over(*this, neve::neg(r ? clone() : *this), "neg_"); }
Tensor Tensor::reciprocal() const { return neve::reciprocal(*this); }
const Tensor& Tensor::reciprocal_() const { const bool r = recorded({*this}); return over(*this, neve::reciprocal(r ? clone() : *this), "reciprocal_"); }
Tensor Tensor::relu() const { return neve::relu(*this); }
const Tensor& Tensor::relu_() const { const bool r = recorded({*this}); return over(*this, neve::relu(r ? clone() : *this), "relu_"); }
Tensor Tensor::roll() const { return neve::roll(*this); }
Tensor Tensor::roll(const ops::RollOptions& options) const { return neve::roll(*this, options); }
Tensor Tensor::round() const { return neve::round(*this); }
const Tensor& Tensor::round_() const { const bool r = recorded({*this}); return over(*this, neve::round(r ? clone() : *this), "round_"); }
Tensor Tensor::rsqrt() const { return neve::rsqrt(*this); }
const Tensor& Tensor::rsqrt_() const { const bool r = recorded({*this}); return over(*this, neve::rsqrt(r ? clone() : *this), "rsqrt_"); }
Tensor Tensor::searchsorted(const Tensor& values, bool right) const { return neve::searchsorted(*this, values, right); }
Tensor Tensor::sigmoid() const { return neve::sigmoid(*this); }
const Tensor& Tensor::sigmoid_() const { const bool r = recorded({*this}); return over(*this, neve::sigmoid(r ? clone() : *this), "sigmoid_"); }
Tensor Tensor::sign() const { return neve::sign(*this); }
const Tensor& Tensor::sign_() const { const bool r = recorded({*this}); return over(*this, neve::sign(r ? clone() : *this), "sign_"); }
Tensor Tensor::sin() const { return neve::sin(*this); }
const Tensor& Tensor::sin_() const { const bool r = recorded({*this}); return over(*this, neve::sin(r ? clone() : *this), "sin_"); }
Tensor Tensor::sinh() const { return neve::sinh(*this); }
const Tensor& Tensor::sinh_() const { const bool r = recorded({*this}); return over(*this, neve::sinh(r ? clone() : *this), "sinh_"); }
std::tuple<Tensor, Tensor> Tensor::slogdet() const { return neve::slogdet(*this); }
Tensor Tensor::softmax(int64_t axis) const { return neve::softmax(*this, axis); }
std::tuple<Tensor, Tensor> Tensor::sort() const { return neve::sort(*this); }
std::tuple<Tensor, Tensor> Tensor::sort(const ops::SortOptions& options) const { return neve::sort(*this, options); }
Tensor Tensor::sqrt() const { return neve::sqrt(*this); }
const Tensor& Tensor::sqrt_() const { const bool r = recorded({*this}); return over(*this, neve::sqrt(r ? clone() : *this), "sqrt_"); }
Tensor Tensor::tan() const { return neve::tan(*this); }
const Tensor& Tensor::tan_() const { const bool r = recorded({*this}); return over(*this, neve::tan(r ? clone() : *this), "tan_"); }
Tensor Tensor::tanh() const { return neve::tanh(*this); }
const Tensor& Tensor::tanh_() const { const bool r = recorded({*this}); return over(*this, neve::tanh(r ? clone() : *this), "tanh_"); }
Tensor Tensor::tile(const Tensor& repeats) const { return neve::tile(*this, repeats); }
Tensor Tensor::trunc() const { return neve::trunc(*this); }
const Tensor& Tensor::trunc_() const { const bool r = recorded({*this}); return over(*this, neve::trunc(r ? clone() : *this), "trunc_"); }
std::tuple<Tensor, Tensor, Tensor, Tensor> Tensor::unique() const { return neve::unique(*this); }
std::tuple<Tensor, Tensor, Tensor, Tensor> Tensor::unique(const ops::UniqueOptions& options) const { return neve::unique(*this, options); }
const Tensor& Tensor::copy_(const Tensor& value) const { return neve::copy_into(*this, value); }
Tensor Tensor::pow(const Tensor& b) const { return neve::pow(*this, b); }
const Tensor& Tensor::pow_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::pow(r ? clone() : *this, r ? apart(*this, b) : b), "pow_"); }
Tensor Tensor::pow(Number b) const { return neve::pow(*this, b); }
const Tensor& Tensor::pow_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::pow(r ? clone() : *this, b), "pow_"); }
Tensor Tensor::remainder(const Tensor& b) const { return neve::remainder(*this, b); }
const Tensor& Tensor::remainder_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::remainder(r ? clone() : *this, r ? apart(*this, b) : b), "remainder_"); }
Tensor Tensor::maximum(const Tensor& b) const { return neve::maximum(*this, b); }
const Tensor& Tensor::maximum_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::maximum(r ? clone() : *this, r ? apart(*this, b) : b), "maximum_"); }
Tensor Tensor::minimum(const Tensor& b) const { return neve::minimum(*this, b); }
const Tensor& Tensor::minimum_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::minimum(r ? clone() : *this, r ? apart(*this, b) : b), "minimum_"); }
Tensor Tensor::maximum(Number b) const { return neve::maximum(*this, b); }
const Tensor& Tensor::maximum_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::maximum(r ? clone() : *this, b), "maximum_"); }
Tensor Tensor::minimum(Number b) const { return neve::minimum(*this, b); }
const Tensor& Tensor::minimum_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::minimum(r ? clone() : *this, b), "minimum_"); }
Tensor Tensor::clip(Number low, Number high) const { return neve::clip(*this, low, high); }
const Tensor& Tensor::clip_(Number low, Number high) const { const bool r = recorded({*this}); return over(*this, neve::clip(r ? clone() : *this, low, high), "clip_"); }
Tensor Tensor::swap_axes(int64_t a, int64_t b) const { return neve::swap_axes(*this, a, b); }
Tensor Tensor::flatten(int64_t first, int64_t last) const { return neve::flatten(*this, first, last); }
Tensor Tensor::unsqueeze(int64_t axis) const { return neve::unsqueeze(*this, axis); }
Tensor Tensor::squeeze(const Sizes& axes) const { return neve::squeeze(*this, axes); }
Tensor Tensor::expand(const Sizes& shape) const { return neve::expand(*this, shape); }
std::vector<Tensor> Tensor::split(int64_t size, int64_t axis) const { return neve::split(*this, size, axis); }
std::vector<Tensor> Tensor::split(const Sizes& sizes, int64_t axis) const { return neve::split(*this, sizes, axis); }
Tensor Tensor::sum(const Sizes& axes, bool keepdims) const { return neve::sum(*this, axes, keepdims); }
Tensor Tensor::mean(const Sizes& axes, bool keepdims) const { return neve::mean(*this, axes, keepdims); }
Tensor Tensor::max(const Sizes& axes, bool keepdims) const { return neve::max(*this, axes, keepdims); }
Tensor Tensor::min(const Sizes& axes, bool keepdims) const { return neve::min(*this, axes, keepdims); }
Tensor Tensor::var(const Sizes& axes, double correction, bool keepdims) const { return neve::var(*this, axes, correction, keepdims); }
Tensor Tensor::argmax(int64_t axis, bool keepdims) const { return neve::argmax(*this, axis, keepdims); }
Tensor Tensor::argmin(int64_t axis, bool keepdims) const { return neve::argmin(*this, axis, keepdims); }
Tensor Tensor::matmul(const Tensor& b) const { return neve::matmul(*this, b); }
Tensor Tensor::index(const std::vector<Index>& index) const { return neve::index(*this, index); }
void Tensor::index_put_(const std::vector<Index>& index, const Tensor& value) const { neve::set_index(*this, index, value); }
void Tensor::index_put_(const std::vector<Index>& index, Number value) const { neve::set_index(*this, index, value); }
Tensor Tensor::add(const Tensor& b) const { return neve::add(*this, b); }
const Tensor& Tensor::add_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::add(r ? clone() : *this, r ? apart(*this, b) : b), "add_"); }
Tensor Tensor::sub(const Tensor& b) const { return neve::sub(*this, b); }
const Tensor& Tensor::sub_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::sub(r ? clone() : *this, r ? apart(*this, b) : b), "sub_"); }
Tensor Tensor::mul(const Tensor& b) const { return neve::mul(*this, b); }
const Tensor& Tensor::mul_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::mul(r ? clone() : *this, r ? apart(*this, b) : b), "mul_"); }
Tensor Tensor::div(const Tensor& b) const { return neve::div(*this, b); }
const Tensor& Tensor::div_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::div(r ? clone() : *this, r ? apart(*this, b) : b), "div_"); }
Tensor Tensor::eq(const Tensor& b) const { return neve::eq(*this, b); }
Tensor Tensor::ne(const Tensor& b) const { return neve::ne(*this, b); }
Tensor Tensor::lt(const Tensor& b) const { return neve::lt(*this, b); }
Tensor Tensor::le(const Tensor& b) const { return neve::le(*this, b); }
Tensor Tensor::gt(const Tensor& b) const { return neve::gt(*this, b); }
Tensor Tensor::ge(const Tensor& b) const { return neve::ge(*this, b); }
Tensor Tensor::floor_divide(const Tensor& b) const { return neve::floor_divide(*this, b); }
const Tensor& Tensor::floor_divide_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::floor_divide(r ? clone() : *this, r ? apart(*this, b) : b), "floor_divide_"); }
Tensor Tensor::fmod(const Tensor& b) const { return neve::fmod(*this, b); }
const Tensor& Tensor::fmod_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::fmod(r ? clone() : *this, r ? apart(*this, b) : b), "fmod_"); }
Tensor Tensor::fmax(const Tensor& b) const { return neve::fmax(*this, b); }
const Tensor& Tensor::fmax_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::fmax(r ? clone() : *this, r ? apart(*this, b) : b), "fmax_"); }
Tensor Tensor::fmin(const Tensor& b) const { return neve::fmin(*this, b); }
const Tensor& Tensor::fmin_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::fmin(r ? clone() : *this, r ? apart(*this, b) : b), "fmin_"); }
Tensor Tensor::hypot(const Tensor& b) const { return neve::hypot(*this, b); }
const Tensor& Tensor::hypot_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::hypot(r ? clone() : *this, r ? apart(*this, b) : b), "hypot_"); }
Tensor Tensor::logaddexp(const Tensor& b) const { return neve::logaddexp(*this, b); }
const Tensor& Tensor::logaddexp_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::logaddexp(r ? clone() : *this, r ? apart(*this, b) : b), "logaddexp_"); }
Tensor Tensor::copysign(const Tensor& b) const { return neve::copysign(*this, b); }
const Tensor& Tensor::copysign_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::copysign(r ? clone() : *this, r ? apart(*this, b) : b), "copysign_"); }
Tensor Tensor::xlogy(const Tensor& b) const { return neve::xlogy(*this, b); }
const Tensor& Tensor::xlogy_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::xlogy(r ? clone() : *this, r ? apart(*this, b) : b), "xlogy_"); }
Tensor Tensor::heaviside(const Tensor& b) const { return neve::heaviside(*this, b); }
const Tensor& Tensor::heaviside_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::heaviside(r ? clone() : *this, r ? apart(*this, b) : b), "heaviside_"); }
Tensor Tensor::ldexp(const Tensor& b) const { return neve::ldexp(*this, b); }
const Tensor& Tensor::ldexp_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::ldexp(r ? clone() : *this, r ? apart(*this, b) : b), "ldexp_"); }
Tensor Tensor::float_power(const Tensor& b) const { return neve::float_power(*this, b); }
const Tensor& Tensor::float_power_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::float_power(r ? clone() : *this, r ? apart(*this, b) : b), "float_power_"); }
Tensor Tensor::bitwise_left_shift(const Tensor& b) const { return neve::bitwise_left_shift(*this, b); }
const Tensor& Tensor::bitwise_left_shift_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::bitwise_left_shift(r ? clone() : *this, r ? apart(*this, b) : b), "bitwise_left_shift_"); }
Tensor Tensor::bitwise_right_shift(const Tensor& b) const { return neve::bitwise_right_shift(*this, b); }
const Tensor& Tensor::bitwise_right_shift_(const Tensor& b) const { const bool r = recorded({*this, b}); return over(*this, neve::bitwise_right_shift(r ? clone() : *this, r ? apart(*this, b) : b), "bitwise_right_shift_"); }
Tensor Tensor::lerp(const Tensor& end, const Tensor& weight) const { return neve::lerp(*this, end, weight); }
const Tensor& Tensor::lerp_(const Tensor& end, const Tensor& weight) const { const bool r = recorded({*this, end, weight}); return over(*this, neve::lerp(r ? clone() : *this, r ? apart(*this, end) : end, r ? apart(*this, weight) : weight), "lerp_"); }
Tensor Tensor::lerp(const Tensor& end, Number weight) const { return neve::lerp(*this, end, weight); }
const Tensor& Tensor::lerp_(const Tensor& end, Number weight) const { const bool r = recorded({*this, end}); return over(*this, neve::lerp(r ? clone() : *this, r ? apart(*this, end) : end, weight), "lerp_"); }
Tensor Tensor::addcmul(const Tensor& a, const Tensor& b) const { return neve::addcmul(*this, a, b); }
const Tensor& Tensor::addcmul_(const Tensor& a, const Tensor& b) const { const bool r = recorded({*this, a, b}); return over(*this, neve::addcmul(r ? clone() : *this, r ? apart(*this, a) : a, r ? apart(*this, b) : b), "addcmul_"); }
Tensor Tensor::addcmul(const Tensor& a, const Tensor& b, Number value) const { return neve::addcmul(*this, a, b, value); }
const Tensor& Tensor::addcmul_(const Tensor& a, const Tensor& b, Number value) const { const bool r = recorded({*this, a, b}); return over(*this, neve::addcmul(r ? clone() : *this, r ? apart(*this, a) : a, r ? apart(*this, b) : b, value), "addcmul_"); }
Tensor Tensor::addcdiv(const Tensor& a, const Tensor& b) const { return neve::addcdiv(*this, a, b); }
const Tensor& Tensor::addcdiv_(const Tensor& a, const Tensor& b) const { const bool r = recorded({*this, a, b}); return over(*this, neve::addcdiv(r ? clone() : *this, r ? apart(*this, a) : a, r ? apart(*this, b) : b), "addcdiv_"); }
Tensor Tensor::addcdiv(const Tensor& a, const Tensor& b, Number value) const { return neve::addcdiv(*this, a, b, value); }
const Tensor& Tensor::addcdiv_(const Tensor& a, const Tensor& b, Number value) const { const bool r = recorded({*this, a, b}); return over(*this, neve::addcdiv(r ? clone() : *this, r ? apart(*this, a) : a, r ? apart(*this, b) : b, value), "addcdiv_"); }
Tensor Tensor::add(Number b) const { return neve::add(*this, b); }
const Tensor& Tensor::add_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::add(r ? clone() : *this, b), "add_"); }
Tensor Tensor::sub(Number b) const { return neve::sub(*this, b); }
const Tensor& Tensor::sub_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::sub(r ? clone() : *this, b), "sub_"); }
Tensor Tensor::mul(Number b) const { return neve::mul(*this, b); }
const Tensor& Tensor::mul_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::mul(r ? clone() : *this, b), "mul_"); }
Tensor Tensor::div(Number b) const { return neve::div(*this, b); }
const Tensor& Tensor::div_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::div(r ? clone() : *this, b), "div_"); }
Tensor Tensor::eq(Number b) const { return neve::eq(*this, b); }
Tensor Tensor::ne(Number b) const { return neve::ne(*this, b); }
Tensor Tensor::lt(Number b) const { return neve::lt(*this, b); }
Tensor Tensor::le(Number b) const { return neve::le(*this, b); }
Tensor Tensor::gt(Number b) const { return neve::gt(*this, b); }
Tensor Tensor::ge(Number b) const { return neve::ge(*this, b); }
Tensor Tensor::remainder(Number b) const { return neve::remainder(*this, b); }
const Tensor& Tensor::remainder_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::remainder(r ? clone() : *this, b), "remainder_"); }
Tensor Tensor::floor_divide(Number b) const { return neve::floor_divide(*this, b); }
const Tensor& Tensor::floor_divide_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::floor_divide(r ? clone() : *this, b), "floor_divide_"); }
Tensor Tensor::fmod(Number b) const { return neve::fmod(*this, b); }
const Tensor& Tensor::fmod_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::fmod(r ? clone() : *this, b), "fmod_"); }
Tensor Tensor::ldexp(Number b) const { return neve::ldexp(*this, b); }
const Tensor& Tensor::ldexp_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::ldexp(r ? clone() : *this, b), "ldexp_"); }
Tensor Tensor::float_power(Number b) const { return neve::float_power(*this, b); }
const Tensor& Tensor::float_power_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::float_power(r ? clone() : *this, b), "float_power_"); }
Tensor Tensor::bitwise_left_shift(Number b) const { return neve::bitwise_left_shift(*this, b); }
const Tensor& Tensor::bitwise_left_shift_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::bitwise_left_shift(r ? clone() : *this, b), "bitwise_left_shift_"); }
Tensor Tensor::bitwise_right_shift(Number b) const { return neve::bitwise_right_shift(*this, b); }
const Tensor& Tensor::bitwise_right_shift_(Number b) const { const bool r = recorded({*this}); return over(*this, neve::bitwise_right_shift(r ? clone() : *this, b), "bitwise_right_shift_"); }
Tensor Tensor::clamp(Number low, Number high) const { return neve::clamp(*this, low, high); }
const Tensor& Tensor::clamp_(Number low, Number high) const { const bool r = recorded({*this}); return over(*this, neve::clamp(r ? clone() : *this, low, high), "clamp_"); }
Tensor Tensor::square() const { return neve::square(*this); }
const Tensor& Tensor::square_() const { const bool r = recorded({*this}); return over(*this, neve::square(r ? clone() : *this), "square_"); }
Tensor Tensor::exp2() const { return neve::exp2(*this); }
const Tensor& Tensor::exp2_() const { const bool r = recorded({*this}); return over(*this, neve::exp2(r ? clone() : *this), "exp2_"); }
Tensor Tensor::log2() const { return neve::log2(*this); }
const Tensor& Tensor::log2_() const { const bool r = recorded({*this}); return over(*this, neve::log2(r ? clone() : *this), "log2_"); }
Tensor Tensor::log10() const { return neve::log10(*this); }
const Tensor& Tensor::log10_() const { const bool r = recorded({*this}); return over(*this, neve::log10(r ? clone() : *this), "log10_"); }
Tensor Tensor::erfc() const { return neve::erfc(*this); }
const Tensor& Tensor::erfc_() const { const bool r = recorded({*this}); return over(*this, neve::erfc(r ? clone() : *this), "erfc_"); }
Tensor Tensor::frac() const { return neve::frac(*this); }
const Tensor& Tensor::frac_() const { const bool r = recorded({*this}); return over(*this, neve::frac(r ? clone() : *this), "frac_"); }
Tensor Tensor::deg2rad() const { return neve::deg2rad(*this); }
const Tensor& Tensor::deg2rad_() const { const bool r = recorded({*this}); return over(*this, neve::deg2rad(r ? clone() : *this), "deg2rad_"); }
Tensor Tensor::rad2deg() const { return neve::rad2deg(*this); }
const Tensor& Tensor::rad2deg_() const { const bool r = recorded({*this}); return over(*this, neve::rad2deg(r ? clone() : *this), "rad2deg_"); }
Tensor Tensor::sinc() const { return neve::sinc(*this); }
const Tensor& Tensor::sinc_() const { const bool r = recorded({*this}); return over(*this, neve::sinc(r ? clone() : *this), "sinc_"); }
Tensor Tensor::logit() const { return neve::logit(*this); }
const Tensor& Tensor::logit_() const { const bool r = recorded({*this}); return over(*this, neve::logit(r ? clone() : *this), "logit_"); }
Tensor Tensor::nan_to_num(double nan, std::optional<double> posinf, std::optional<double> neginf) const { return neve::nan_to_num(*this, nan, posinf, neginf); }
const Tensor& Tensor::nan_to_num_(double nan, std::optional<double> posinf, std::optional<double> neginf) const { const bool r = recorded({*this}); return over(*this, neve::nan_to_num(r ? clone() : *this, nan, posinf, neginf), "nan_to_num_"); }
Tensor Tensor::isnan() const { return neve::isnan(*this); }
Tensor Tensor::isinf() const { return neve::isinf(*this); }
Tensor Tensor::isposinf() const { return neve::isposinf(*this); }
Tensor Tensor::isneginf() const { return neve::isneginf(*this); }
Tensor Tensor::isfinite() const { return neve::isfinite(*this); }
Tensor Tensor::signbit() const { return neve::signbit(*this); }
Tensor Tensor::logical_and(const Tensor& b) const { return neve::logical_and(*this, b); }
Tensor Tensor::logical_or(const Tensor& b) const { return neve::logical_or(*this, b); }
Tensor Tensor::logical_xor(const Tensor& b) const { return neve::logical_xor(*this, b); }
Tensor Tensor::logical_not() const { return neve::logical_not(*this); }
Tensor Tensor::isclose(const Tensor& b, double rtol, double atol, bool equal_nan) const { return neve::isclose(*this, b, rtol, atol, equal_nan); }
bool Tensor::allclose(const Tensor& b, double rtol, double atol, bool equal_nan) const { return neve::allclose(*this, b, rtol, atol, equal_nan); }
Tensor Tensor::prod(const Sizes& axes, bool keepdims) const { return neve::prod(*this, axes, keepdims); }
Tensor Tensor::amax(const Sizes& axes, bool keepdims) const { return neve::amax(*this, axes, keepdims); }
Tensor Tensor::amin(const Sizes& axes, bool keepdims) const { return neve::amin(*this, axes, keepdims); }
Tensor Tensor::any(const Sizes& axes, bool keepdims) const { return neve::any(*this, axes, keepdims); }
Tensor Tensor::all(const Sizes& axes, bool keepdims) const { return neve::all(*this, axes, keepdims); }
Tensor Tensor::count_nonzero(const Sizes& axes, bool keepdims) const { return neve::count_nonzero(*this, axes, keepdims); }
Tensor Tensor::std(const Sizes& axes, double correction, bool keepdims) const { return neve::std(*this, axes, correction, keepdims); }
Tensor Tensor::logsumexp(const Sizes& axes, bool keepdims) const { return neve::logsumexp(*this, axes, keepdims); }
Tensor Tensor::ptp(const Sizes& axes, bool keepdims) const { return neve::ptp(*this, axes, keepdims); }
Tensor Tensor::nansum(const Sizes& axes, bool keepdims) const { return neve::nansum(*this, axes, keepdims); }
Tensor Tensor::nanmean(const Sizes& axes, bool keepdims) const { return neve::nanmean(*this, axes, keepdims); }
Tensor Tensor::nanmax(const Sizes& axes, bool keepdims) const { return neve::nanmax(*this, axes, keepdims); }
Tensor Tensor::nanmin(const Sizes& axes, bool keepdims) const { return neve::nanmin(*this, axes, keepdims); }
Tensor Tensor::norm(double p, const Sizes& axes, bool keepdims) const { return neve::norm(*this, p, axes, keepdims); }
Tensor Tensor::quantile(double q, int64_t axis, bool keepdims) const { return neve::quantile(*this, q, axis, keepdims); }
Tensor Tensor::quantile(double q) const { return neve::quantile(*this, q); }
Tensor Tensor::median(int64_t axis, bool keepdims) const { return neve::median(*this, axis, keepdims); }
Tensor Tensor::median() const { return neve::median(*this); }
Tensor Tensor::cumsum(int64_t axis) const { return neve::cumsum(*this, axis); }
const Tensor& Tensor::cumsum_(int64_t axis) const { const bool r = recorded({*this}); return over(*this, neve::cumsum(r ? clone() : *this, axis), "cumsum_"); }
Tensor Tensor::cumprod(int64_t axis) const { return neve::cumprod(*this, axis); }
const Tensor& Tensor::cumprod_(int64_t axis) const { const bool r = recorded({*this}); return over(*this, neve::cumprod(r ? clone() : *this, axis), "cumprod_"); }
Tensor Tensor::diff(int64_t n, int64_t axis) const { return neve::diff(*this, n, axis); }
Tensor Tensor::permute(const Sizes& permutation) const { return neve::permute(*this, permutation); }
Tensor Tensor::swapaxes(int64_t a, int64_t b) const { return neve::swapaxes(*this, a, b); }
Tensor Tensor::view(const Sizes& shape) const { return neve::view(*this, shape); }
Tensor Tensor::reshape_as(const Tensor& other) const { return neve::reshape_as(*this, other); }
Tensor Tensor::view_as(const Tensor& other) const { return neve::view_as(*this, other); }
Tensor Tensor::broadcast_to(const Sizes& shape) const { return neve::broadcast_to(*this, shape); }
Tensor Tensor::expand_as(const Tensor& other) const { return neve::expand_as(*this, other); }
Tensor Tensor::expand_dims(int64_t axis) const { return neve::expand_dims(*this, axis); }
Tensor Tensor::ravel() const { return neve::ravel(*this); }
Tensor Tensor::moveaxis(int64_t from, int64_t to) const { return neve::moveaxis(*this, from, to); }
Tensor Tensor::moveaxis(const Sizes& from, const Sizes& to) const { return neve::moveaxis(*this, from, to); }
Tensor Tensor::movedim(int64_t from, int64_t to) const { return neve::movedim(*this, from, to); }
Tensor Tensor::movedim(const Sizes& from, const Sizes& to) const { return neve::movedim(*this, from, to); }
Tensor Tensor::unflatten(int64_t axis, const Sizes& sizes) const { return neve::unflatten(*this, axis, sizes); }
std::vector<Tensor> Tensor::chunk(int64_t parts, int64_t axis) const { return neve::chunk(*this, parts, axis); }
std::vector<Tensor> Tensor::array_split(int64_t parts, int64_t axis) const { return neve::array_split(*this, parts, axis); }
std::vector<Tensor> Tensor::array_split(const Sizes& cuts, int64_t axis) const { return neve::array_split(*this, cuts, axis); }
std::vector<Tensor> Tensor::tensor_split(int64_t parts, int64_t axis) const { return neve::tensor_split(*this, parts, axis); }
std::vector<Tensor> Tensor::tensor_split(const Sizes& cuts, int64_t axis) const { return neve::tensor_split(*this, cuts, axis); }
std::vector<Tensor> Tensor::unbind(int64_t axis) const { return neve::unbind(*this, axis); }
Tensor Tensor::narrow(int64_t axis, int64_t begin, int64_t length) const { return neve::narrow(*this, axis, begin, length); }
Tensor Tensor::select(int64_t axis, int64_t at) const { return neve::select(*this, axis, at); }
Tensor Tensor::flip(const Sizes& axes) const { return neve::flip(*this, axes); }
Tensor Tensor::flipud() const { return neve::flipud(*this); }
Tensor Tensor::fliplr() const { return neve::fliplr(*this); }
Tensor Tensor::rot90(int64_t times, int64_t a, int64_t b) const { return neve::rot90(*this, times, a, b); }
Tensor Tensor::repeat_interleave(int64_t times, int64_t axis) const { return neve::repeat_interleave(*this, times, axis); }
Tensor Tensor::tile(const Sizes& times) const { return neve::tile(*this, times); }
Tensor Tensor::take(const Tensor& indices) const { return neve::take(*this, indices); }
Tensor Tensor::index_select(int64_t axis, const Tensor& indices) const { return neve::index_select(*this, axis, indices); }
Tensor Tensor::take_along_axis(const Tensor& indices, int64_t axis) const { return neve::take_along_axis(*this, indices, axis); }
Tensor Tensor::scatter(int64_t axis, const Tensor& index, const Tensor& source) const { return neve::scatter(*this, axis, index, source); }
const Tensor& Tensor::scatter_(int64_t axis, const Tensor& index, const Tensor& source) const { const bool r = recorded({*this, index, source}); return over(*this, neve::scatter(r ? clone() : *this, axis, r ? apart(*this, index) : index, r ? apart(*this, source) : source), "scatter_"); }
Tensor Tensor::scatter_add(int64_t axis, const Tensor& index, const Tensor& source) const { return neve::scatter_add(*this, axis, index, source); }
const Tensor& Tensor::scatter_add_(int64_t axis, const Tensor& index, const Tensor& source) const { const bool r = recorded({*this, index, source}); return over(*this, neve::scatter_add(r ? clone() : *this, axis, r ? apart(*this, index) : index, r ? apart(*this, source) : source), "scatter_add_"); }
Tensor Tensor::scatter_reduce(int64_t axis, const Tensor& index, const Tensor& source, const std::string& reduce) const { return neve::scatter_reduce(*this, axis, index, source, reduce); }
const Tensor& Tensor::scatter_reduce_(int64_t axis, const Tensor& index, const Tensor& source, const std::string& reduce) const { const bool r = recorded({*this, index, source}); return over(*this, neve::scatter_reduce(r ? clone() : *this, axis, r ? apart(*this, index) : index, r ? apart(*this, source) : source, reduce), "scatter_reduce_"); }
Tensor Tensor::index_add(int64_t axis, const Tensor& index, const Tensor& source) const { return neve::index_add(*this, axis, index, source); }
const Tensor& Tensor::index_add_(int64_t axis, const Tensor& index, const Tensor& source) const { const bool r = recorded({*this, index, source}); return over(*this, neve::index_add(r ? clone() : *this, axis, r ? apart(*this, index) : index, r ? apart(*this, source) : source), "index_add_"); }
Tensor Tensor::index_copy(int64_t axis, const Tensor& index, const Tensor& source) const { return neve::index_copy(*this, axis, index, source); }
const Tensor& Tensor::index_copy_(int64_t axis, const Tensor& index, const Tensor& source) const { const bool r = recorded({*this, index, source}); return over(*this, neve::index_copy(r ? clone() : *this, axis, r ? apart(*this, index) : index, r ? apart(*this, source) : source), "index_copy_"); }
Tensor Tensor::index_fill(int64_t axis, const Tensor& index, Number value) const { return neve::index_fill(*this, axis, index, value); }
const Tensor& Tensor::index_fill_(int64_t axis, const Tensor& index, Number value) const { const bool r = recorded({*this, index}); return over(*this, neve::index_fill(r ? clone() : *this, axis, r ? apart(*this, index) : index, value), "index_fill_"); }
Tensor Tensor::masked_fill(const Tensor& mask, Number value) const { return neve::masked_fill(*this, mask, value); }
const Tensor& Tensor::masked_fill_(const Tensor& mask, Number value) const { const bool r = recorded({*this, mask}); return over(*this, neve::masked_fill(r ? clone() : *this, r ? apart(*this, mask) : mask, value), "masked_fill_"); }
Tensor Tensor::masked_select(const Tensor& mask) const { return neve::masked_select(*this, mask); }
Tensor Tensor::argwhere() const { return neve::argwhere(*this); }
std::vector<Tensor> Tensor::nonzero() const { return neve::nonzero(*this); }
std::tuple<Tensor, Tensor> Tensor::topk(int64_t k, int64_t axis, bool largest) const { return neve::topk(*this, k, axis, largest); }
Tensor Tensor::argsort(int64_t axis, bool descending) const { return neve::argsort(*this, axis, descending); }
Tensor Tensor::mm(const Tensor& b) const { return neve::mm(*this, b); }
Tensor Tensor::bmm(const Tensor& b) const { return neve::bmm(*this, b); }
Tensor Tensor::mv(const Tensor& b) const { return neve::mv(*this, b); }
Tensor Tensor::dot(const Tensor& b) const { return neve::dot(*this, b); }
Tensor Tensor::vdot(const Tensor& b) const { return neve::vdot(*this, b); }
Tensor Tensor::inner(const Tensor& b) const { return neve::inner(*this, b); }
Tensor Tensor::outer(const Tensor& b) const { return neve::outer(*this, b); }
Tensor Tensor::kron(const Tensor& b) const { return neve::kron(*this, b); }
Tensor Tensor::cross(const Tensor& b, int64_t axis) const { return neve::cross(*this, b, axis); }
Tensor Tensor::addmm(const Tensor& a, const Tensor& b) const { return neve::addmm(*this, a, b); }
Tensor Tensor::addmm(const Tensor& a, const Tensor& b, Number beta, Number alpha) const { return neve::addmm(*this, a, b, beta, alpha); }
Tensor Tensor::baddbmm(const Tensor& a, const Tensor& b) const { return neve::baddbmm(*this, a, b); }
Tensor Tensor::baddbmm(const Tensor& a, const Tensor& b, Number beta, Number alpha) const { return neve::baddbmm(*this, a, b, beta, alpha); }
Tensor Tensor::matrix_power(int64_t n) const { return neve::matrix_power(*this, n); }
Tensor Tensor::inv() const { return neve::inv(*this); }
Tensor Tensor::diagonal(int64_t offset, int64_t axis1, int64_t axis2) const { return neve::diagonal(*this, offset, axis1, axis2); }
Tensor Tensor::trace(int64_t offset, int64_t axis1, int64_t axis2) const { return neve::trace(*this, offset, axis1, axis2); }
Tensor Tensor::tril(int64_t k) const { return neve::tril(*this, k); }
const Tensor& Tensor::tril_(int64_t k) const { const bool r = recorded({*this}); return over(*this, neve::tril(r ? clone() : *this, k), "tril_"); }
Tensor Tensor::triu(int64_t k) const { return neve::triu(*this, k); }
const Tensor& Tensor::triu_(int64_t k) const { const bool r = recorded({*this}); return over(*this, neve::triu(r ? clone() : *this, k), "triu_"); }

}  // namespace neve
