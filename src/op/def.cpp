// What infer() is handed, and the checks that all ops share.
#include "op/def.h"

#include <algorithm>

namespace neve {

const TensorType& Inferring::in(size_t i) const {
  check(has(i), op.name, ": infer reads input ", i, ", which is absent");
  return *in_[i];
}

const Shape* Inferring::content(size_t i) const {
  if (i < 64) content_read |= uint64_t(1) << i;
  return has(i) && i < in_facts.size() && in_facts[i].known ? &in_facts[i].content : nullptr;
}

std::optional<std::vector<int64_t>> Inferring::ints(size_t i) const {
  const Shape* known = content(i);
  if (!known || !is_constant(*known)) return {};
  std::vector<int64_t> v;
  for (Dim d : *known) v.push_back(d.value());
  return v;
}

void Inferring::result_content(size_t k, Shape content) {
  if (out_content.size() <= k) out_content.resize(k + 1);
  out_content[k] = std::move(content);
}

Dim Inferring::fresh(std::string name, int64_t lo, int64_t hi) {
  return Dim::symbol(std::move(name), lo, hi, 1, std::string(op.name));
}

Dim Inferring::require_equal(Dim a, Dim b, std::string_view what) {
  if (a == b) return a;
  const Proof p = equal(a, b);
  require_shape(p != Proof::no, what, ", got ", a, " and ", b);
  if (p == Proof::unknown) constraints.push_back({Constraint::equal, a, b, str(op.name, ": ", what)});
  if (b.is_constant()) return b;
  return b.is_symbol() && !a.is_constant() && !a.is_symbol() ? b : a;
}

void Inferring::require_at_least(Dim a, Dim b, std::string_view what) {
  const Proof p = at_least(a, b);
  require_shape(p != Proof::no, what, ", got ", a, " and ", b);
  if (p == Proof::unknown) constraints.push_back({Constraint::at_least, a, b, str(op.name, ": ", what)});
}

void Inferring::require_divides(int64_t divisor, Dim a, std::string_view what) {
  const Proof p = divides(divisor, a);
  require_shape(p != Proof::no, what, ", got ", a, " and ", divisor);
  if (p == Proof::unknown) constraints.push_back({Constraint::divides, a, Dim(divisor), str(op.name, ": ", what)});
}

Dim Inferring::broadcast(Dim a, Dim b) {
  if (a == b || b.is(1)) return a;
  if (a.is(1)) return b;
  Constraint c{Constraint::broadcastable, a, b, {}};
  const Proof p = prove(c);
  require_shape(p != Proof::no, "sizes ", a, " and ", b, " do not broadcast (they must be equal, or one of them 1)");
  if (p == Proof::unknown) {
    c.reason = str(op.name, ": sizes must be equal, or one of them 1");
    constraints.push_back(std::move(c));
  }
  // A size that cannot be 1 decides: the other is 1 or the same.
  if (lower_bound(a) >= 2 || a.is(0)) return a;
  if (lower_bound(b) >= 2 || b.is(0)) return b;
  return neve::broadcast(a, b);
}

Shape Inferring::broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& other = a.size() >= b.size() ? b : a;
  const size_t offset = longer.size() - other.size();
  Shape r = longer;
  for (size_t i = 0; i < other.size(); ++i) {
    const Dim x = a[i + a.size() - other.size()], y = b[i + b.size() - other.size()];
    if (x == y || y.is(1)) {
      r[i + offset] = x;
    } else if (x.is(1)) {
      r[i + offset] = y;
    } else {
      if (prove({Constraint::broadcastable, x, y, {}}) == Proof::no)
        fail_with(ErrorCode::shape_mismatch,
                  str("shapes ", a, " and ", b, " do not broadcast: sizes ", x, " and ", y, " of axis ",
                      int64_t(i) - int64_t(other.size()), " (they must be equal, or one of them 1)"));
      r[i + offset] = broadcast(x, y);
    }
  }
  return r;
}

int64_t Inferring::axis(int64_t a, int64_t rank, std::string_view what) const {
  if (a < -rank || a >= rank) {
    if (rank == 0) fail_with(ErrorCode::invalid_argument, str(what, " is ", a, ", but a scalar has no axes"));
    fail_with(ErrorCode::invalid_argument,
              str(what, " is ", a, " for rank ", rank, " (valid: ", -rank, " to ", rank - 1, ")"));
  }
  return a < 0 ? a + rank : a;
}

std::vector<int64_t> Inferring::axes(std::span<const int64_t> a, int64_t rank) const {
  std::vector<int64_t> r;
  for (int64_t x : a) {
    const int64_t n = axis(x, rank, "axes");
    require(std::find(r.begin(), r.end(), n) == r.end(), "axes name axis ", n, " twice (each may stand once)");
    r.push_back(n);
  }
  return r;
}

void Inferring::require_same_dtype(size_t i, size_t j) const {
  if (in(i).dtype != in(j).dtype)
    fail_with(ErrorCode::type_mismatch,
              str(input_name(i), " is ", in(i), " and ", input_name(j), " is ", in(j), " (they must have one dtype)"));
}

void Inferring::require_float(size_t i) const {
  if (!is_float(in(i).dtype))
    fail_with(ErrorCode::type_mismatch, str(input_name(i), " is ", in(i), " (it must be a float tensor)"));
}

std::string Inferring::input_name(size_t i) const {
  const Ports& p = op.inputs;
  if (p.variadic() && i + 1 >= p.count) return str(p.port[p.count - 1].name, "[", i + 1 - p.count, "]");
  return i < p.count ? std::string(p.port[i].name) : str("input ", i);
}

void Inferring::fail_with(ErrorCode code, const std::string& what) const {
  throw Error(code, str(op.name, ": ", what));
}

const Tensor& Evaluating::allocate(size_t k, const Sizes& shape) {
  out_[k] = Tensor::empty(out_dtype_[k], shape);
  return out_[k];
}

std::vector<Tensor> Evaluating::region(size_t k, std::span<const Tensor>) {
  fail(ErrorCode::internal, "internal: region ", k, " of an op that was given none");
}

namespace {

// Content is kept for integer and bool tensors of rank 0 or 1 with up to 64 elements.
void keep_small_content(const OpDef& op, Inferring& t) {
  t.out_content.resize(std::min(t.out_content.size(), t.out.size()));
  for (size_t k = 0; k < t.out_content.size(); ++k) {
    std::optional<Shape>& content = t.out_content[k];
    if (!content) continue;
    const TensorType& type = t.out[k];
    const bool counts = is_int(type.dtype) || type.dtype == DType::boolean;
    const Dim n = type.rank() == 1 ? type.shape[0] : Dim(1);
    if (!counts || type.rank() > 1 || content->size() > 64 || !n.is_constant())
      content.reset();
    else
      check(n.is(int64_t(content->size())), op.info.name, ": content of ", content->size(),
            " values for a result of type ", type);
  }
}

}  // namespace

void infer(const OpDef& op, const Attrs& attrs, Inferring& t) {
  const Ports& in = op.info.inputs;
  const size_t n = t.inputs(), least = in.required();
  if (n < least || (n > in.count && !in.variadic())) {
    const std::string wanted = in.variadic()       ? str("at least ", least)
                               : least == in.count ? str(least)
                                                   : str(least, " to ", in.count);
    fail(ErrorCode::invalid_argument, op.info.name, ": got ", n, n == 1 ? " input" : " inputs", " (it takes ", wanted,
         ")");
  }
  for (size_t i = 0; i < in.count; ++i)
    if (in.port[i].arity == Arity::one && !t.has(i))
      fail(ErrorCode::invalid_argument, op.info.name, ": input '", in.port[i].name, "' is absent (it is required)");
  if (t.regions_.size() != size_t(op.info.regions))
    fail(ErrorCode::invalid_argument, op.info.name, ": got ", t.regions_.size(), " regions (it takes ", op.info.regions,
         ")");
  op.infer(attrs.object(), t);
  const Ports& out = op.info.outputs;
  check(t.out.size() >= out.required() && (t.out.size() <= out.count || out.variadic()), op.info.name, ": infer gave ",
        t.out.size(), " results");
  keep_small_content(op, t);
}

// ---- samples ----
SampleInput in(DType t, std::initializer_list<int64_t> shape, double lo, double hi) {
  return {.type = {t, Shape(shape.begin(), shape.end())}, .lo = lo, .hi = hi, .value = {}};
}
SampleInput in(std::initializer_list<int64_t> f32_shape, double lo, double hi) {
  return in(DType::f32, f32_shape, lo, hi);
}
SampleInput given(Tensor value) {
  SampleInput s;
  s.type.dtype = value.dtype();
  for (int64_t n : value.shape()) s.type.shape.push_back(n);
  s.value = std::move(value);
  s.symbolic = false;
  return s;
}
SampleInput given_ints(std::initializer_list<int64_t> values) {
  const std::vector<int64_t> v(values);
  return given(Tensor::of_ints(DType::i64, {int64_t(v.size())}, v));
}
SampleInput absent() {
  SampleInput s;
  s.absent = true;
  return s;
}

}  // namespace neve
