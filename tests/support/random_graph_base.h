// What random graphs are made of: seeded numbers and tensors, and the values of a graph under construction.
#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "ir/graph.h"

namespace neve::test {

/// Numbers that depend on the seed alone.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 0x1234567) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  int64_t below(int64_t n) { return int64_t(next() % uint64_t(n)); }
  bool one_in(int64_t n) { return below(n) == 0; }
  double real() { return double(next() >> 11) * 0x1p-53; }  ///< in [0, 1)
  template <class T>
  T pick(const std::vector<T>& v) {
    return v[size_t(below(int64_t(v.size())))];
  }

 private:
  uint64_t state_;
};

inline Tensor random_tensor(DType dtype, const Sizes& shape, uint64_t seed) {
  Random r(seed);
  const Tensor x = Tensor::empty(DType::f32, shape);
  for (int64_t k = 0; k < x.element_count(); ++k)
    x.data_as<float>()[k] = is_float(dtype)           ? float(2 * r.real() - 1)
                            : dtype == DType::boolean ? float(r.below(2))
                                                      : float(r.below(3));
  return x.to(dtype);
}

/// A graph under construction. What is random about it depends on the seed alone, not on the dtype of its reals.
class GraphBase {
 protected:
  GraphBase(uint64_t seed, DType real) : r_(seed), real_(real) {}

  // A value is exact where no rounding has happened: only there may an op that jumps be used.
  // Integers and bools are always exact, and kept apart.
  void add(Value v, bool exact) {
    const DType t = g_.type(v).dtype;
    if (t == DType::boolean) return bools_.push_back(v);
    if (!is_float(t)) return ints_.push_back(v);
    values_.push_back(v);
    if (exact) exact_.push_back(v);
  }
  const std::vector<Value>& like(Value v) const {
    const DType t = g_.type(v).dtype;
    return t == DType::boolean ? bools_ : is_float(t) ? values_ : ints_;
  }
  bool is_exact(Value v) const {
    return !is_float(g_.type(v).dtype) || std::find(exact_.begin(), exact_.end(), v) != exact_.end();
  }
  Value any() {
    // Later values are likelier: chains grow.
    const int64_t count = int64_t(values_.size());
    return values_[size_t(std::max(r_.below(count), r_.below(count)))];
  }
  const Shape& shape(Value v) const { return g_.type(v).shape; }
  Dim any_dim() { return r_.pick<Dim>({n_, s_, s_, Dim(1), Dim(2), Dim(3), Dim(4), Dim(8), Dim(16), Dim(5)}); }
  Shape input_shape() {
    const int64_t kind = r_.below(6);
    if (kind == 0) return {n_, r_.pick<Dim>({Dim(2), Dim(4), Dim(16)}), h_, r_.pick<Dim>({Dim(5), Dim(8), h_})};
    if (kind == 1) return {n_, s_, r_.pick<Dim>({Dim(4), Dim(8), Dim(12), Dim(33)})};
    Shape shape;
    for (int64_t a = r_.below(5); a > 0; --a) shape.push_back(any_dim());
    return shape;
  }
  Value weight(const Sizes& shape) {
    const std::string name = str("w", weights_.size());
    Tensor t = random_tensor(DType::f32, shape, 7 + weights_.size());
    if (r_.one_in(2)) return g_.constant(t.to(real_));
    weights_[name] = t.to(real_);
    return g_.call("weight", {}, {{"name", name}, {"dtype", real_}, {"shape", shape}});
  }
  Value call(const char* op, std::vector<Value> in, const AttrList& attrs = {}) { return g_.call(op, in, attrs); }
  int64_t axis_of(Value v) { return r_.below(g_.rank(v)) - (r_.one_in(2) ? g_.rank(v) : 0); }
  Dim size(Value v, int64_t axis) const { return shape(v)[size_t(axis < 0 ? axis + int64_t(shape(v).size()) : axis)]; }

  Random r_;
  DType real_;
  ir::Graph g_;
  Dim n_, s_, h_;
  std::vector<Value> values_, exact_, ints_, bools_;
  ir::Weights weights_;
};

}  // namespace neve::test
