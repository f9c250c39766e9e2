// Random graphs over symbolic sizes: the optimised engine against the reference, at several sizes through one engine.
#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "jit/model.h"
#include "op/registry.h"
#include "runtime/session.h"

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

/// Makes the same graph for the same seed, in f32 or in f64.
class GraphMaker {
 public:
  GraphMaker(uint64_t seed, DType real) : r_(seed), real_(real) {}

  ir::Graph make() {
    n_ = Dim::symbol("n", 0, 64);
    s_ = Dim::symbol("s", 1, 64);
    const int64_t inputs = 1 + r_.below(3);
    for (int64_t i = 0; i < inputs; ++i) add(g_.add_input(str("x", i), {real_, input_shape()}), true);
    const int64_t steps = 2 + r_.below(14);
    for (int64_t i = 0; i < steps; ++i) step();
    for (int64_t k = 0; k < 1 + r_.below(3); ++k) {
      const Value v = k ? any() : values_.back();
      g_.add_output(str("y", k), v);
    }
    return std::move(g_);
  }
  const ir::Weights& weights() const { return weights_; }
  Dim n() const { return n_; }
  Dim s() const { return s_; }

 private:
  // A value is exact where no rounding has happened: only there may an op that jumps be used.
  void add(Value v, bool exact) {
    values_.push_back(v);
    if (exact) exact_.push_back(v);
  }
  bool is_exact(Value v) const { return std::find(exact_.begin(), exact_.end(), v) != exact_.end(); }
  Value any() {
    // Later values are likelier: chains grow.
    const int64_t count = int64_t(values_.size());
    return values_[size_t(std::max(r_.below(count), r_.below(count)))];
  }
  const Shape& shape(Value v) const { return g_.type(v).shape; }
  Dim any_dim() { return r_.pick<Dim>({n_, s_, s_, Dim(1), Dim(2), Dim(3), Dim(4), Dim(8), Dim(16), Dim(5)}); }
  Shape input_shape() {
    const int64_t kind = r_.below(6);
    if (kind == 0) return {n_, r_.pick<Dim>({Dim(2), Dim(4), Dim(16)}), s_ + 2, r_.pick<Dim>({Dim(5), Dim(8), s_ + 2})};
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

  void step() {
    switch (r_.below(14)) {
      case 0:
      case 1:
      case 2:
        return unary();
      case 3:
      case 4:
        return binary();
      case 5:
        return reduce();
      case 6:
      case 7:
      case 8:
        return move();
      case 9:
        return matmul();
      case 10:
      case 11:
        return image();
      case 12:
        return normalise();
      default:
        return jump();
    }
  }

  void unary() {
    const Value x = any();
    const bool exact = is_exact(x);
    switch (r_.below(16)) {
      case 0:
        return add(call("relu", {x}), exact);
      case 1:
        return add(call("neg", {x}), exact);
      case 2:
        return add(call("abs", {x}), exact);
      case 3:
        return add(call("exp", {call("tanh", {x})}), false);
      case 4:
        return add(call("sigmoid", {x}), false);
      case 5:
        return add(call("erf", {x}), false);
      case 6:
        return add(call("gelu", {x}, {{"approximate", std::string(r_.one_in(2) ? "none" : "tanh")}}), false);
      case 7:
        return add(call("log", {call("add", {call("abs", {x}), g_.scalar(real_, 1.5)})}), false);
      case 8:
        return add(call("sqrt", {call("abs", {x})}), false);
      case 9:
        return add(call("clip", {x, g_.scalar(real_, -0.5), g_.scalar(real_, 0.75)}), exact);
      case 10:
        return add(call("leaky_relu", {x}, {{"alpha", 0.1}}), false);
      case 11:
        return add(call("hard_swish", {x}), false);
      case 12:
        return add(call("softplus", {x}), false);
      case 13:
        return add(call("sin", {x}), false);
      case 14:
        return add(call("reciprocal", {call("add", {call("abs", {x}), g_.scalar(real_, 1)})}), false);
      default:
        return add(call("identity", {x}), exact);
    }
  }

  // Something that broadcasts with x: itself changed, a reduction, a row, a channel, a number, a value of the same
  // shape.
  Value partner(Value x) {
    const int64_t rank = g_.rank(x);
    std::vector<Value> same;
    for (Value v : values_)
      if (shape(v) == shape(x)) same.push_back(v);
    switch (r_.below(6)) {
      case 0:
        return g_.scalar(real_, std::round(r_.real() * 8) / 4 - 1);
      case 1:
        if (rank) return call("reduce_mean", {x}, {{"axes", std::vector<int64_t>{r_.below(rank)}}, {"keepdims", true}});
        break;
      case 2:
        if (rank && size(x, -1).is_constant()) return weight({size(x, -1).value()});
        break;
      case 3:
        if (rank > 2 && size(x, 1).is_constant()) {
          Sizes s(size_t(rank - 1), 1);
          s[0] = size(x, 1).value();
          return weight(s);
        }
        break;
      case 4:
        if (rank) return call("slice", {x, g_.ints({0}), g_.ints({1}), g_.ints({rank - 1})});
        break;
      default:
        break;
    }
    return r_.pick(same);
  }
  void binary() {
    const Value x = any();
    Value y = partner(x);
    // A slice of what is empty is empty: it would not broadcast.
    if (!(equal(g_.rank(y) && g_.rank(x) ? size(y, -1) : Dim(1), Dim(0)) == Proof::no)) y = g_.scalar(real_, 0.5);
    const bool exact = is_exact(x) && is_exact(y), swap = r_.one_in(2);
    const std::vector<Value> in = swap ? std::vector<Value>{y, x} : std::vector<Value>{x, y};
    switch (r_.below(7)) {
      case 0:
      case 1:
        return add(call("add", in), false);
      case 2:
        return add(call("sub", in), false);
      case 3:
        return add(call("mul", in), false);
      case 4:
        return add(call("max", in), exact);
      case 5:
        return add(call("min", in), exact);
      default:
        return add(call("div", {in[0], call("add", {call("abs", {in[1]}), g_.scalar(real_, 1)})}), false);
    }
  }

  void reduce() {
    const Value x = any();
    std::vector<int64_t> axes;
    for (int64_t a = 0; a < g_.rank(x); ++a)
      if (r_.one_in(2)) axes.push_back(r_.one_in(2) ? a : a - g_.rank(x));
    const bool keep = r_.one_in(2);
    static const std::vector<std::string> ops{"reduce_sum", "reduce_mean", "reduce_max",        "reduce_min",
                                              "reduce_l1",  "reduce_l2",   "reduce_sum_square", "reduce_log_sum_exp"};
    const std::string op = r_.pick(ops);
    // The largest of nothing is none: an axis that may be empty is left alone.
    if (op == "reduce_max" || op == "reduce_min" || op == "reduce_log_sum_exp")
      for (Dim d : shape(x))
        if (at_least(d, Dim(1)) != Proof::yes) return;
    add(call(op.c_str(), {x}, {{"axes", axes}, {"keepdims", keep}}),
        is_exact(x) && (op == "reduce_max" || op == "reduce_min"));
  }

  void move() {
    const Value x = any();
    const bool exact = is_exact(x);
    const int64_t rank = g_.rank(x);
    switch (r_.below(11)) {
      case 0:
      case 1: {
        std::vector<int64_t> perm;
        for (int64_t a = 0; a < rank; ++a) perm.insert(perm.begin() + r_.below(a + 1), a);
        return add(call("transpose", {x}, {{"perm", perm}}), exact);
      }
      case 2: {  // two axes into one
        if (rank < 2) return;
        const int64_t a = r_.below(rank - 1);
        std::vector<Dim> s(shape(x).begin(), shape(x).end());
        s[size_t(a)] = s[size_t(a)] * s[size_t(a) + 1];
        s.erase(s.begin() + a + 1);
        return add(g_.reshape(x, s), exact);
      }
      case 3: {  // one into two
        for (int64_t a = 0; a < rank; ++a) {
          if (!(divides(2, size(x, a)) == Proof::yes) || !size(x, a).is_constant()) continue;
          std::vector<Dim> s(shape(x).begin(), shape(x).end());
          s[size_t(a)] = Dim(size(x, a).value() / 2);
          s.insert(s.begin() + a, Dim(2));
          if (rank < 5) return add(g_.reshape(x, s), exact);
        }
        return;
      }
      case 4:
        if (rank < 5) return add(call("unsqueeze", {x}, {{"axes", std::vector<int64_t>{r_.below(rank + 1)}}}), exact);
        return;
      case 5: {
        if (!rank) return;
        const int64_t a = axis_of(x);
        std::vector<Value> parts{x, x};
        for (Value v : values_) {
          bool fits = g_.rank(v) == rank && !(v == x);
          for (int64_t d = 0; fits && d < rank; ++d)
            fits = d == (a < 0 ? a + rank : a) || shape(v)[size_t(d)] == shape(x)[size_t(d)];
          if (fits && parts.size() < 4) parts[1] = v, parts.push_back(v);
        }
        bool all = true;
        for (Value v : parts) all = all && is_exact(v);
        return add(call("concat", parts, {{"axis", a}}), all);
      }
      case 6: {
        if (!rank) return;
        const int64_t a = r_.below(rank), begin = r_.below(3) - 1, end = r_.pick<int64_t>({2, 3, 1000, -1}),
                      by = 1 + r_.below(2);
        return add(call("slice", {x, g_.ints({begin}), g_.ints({end}), g_.ints({a}), g_.ints({by})}), exact);
      }
      case 7: {
        if (!rank) return;
        return add(call("slice", {x, g_.ints({-1}), g_.ints({-100000}), g_.ints({axis_of(x)}), g_.ints({-1})}), exact);
      }
      case 8: {
        if (!rank || rank > 4) return;
        std::vector<int64_t> pads;
        for (int64_t i = 0; i < 2 * rank; ++i) pads.push_back(r_.below(3));
        return add(call("pad", {x, g_.ints(pads), g_.scalar(real_, 0.25)}), exact);
      }
      case 9: {
        if (!rank || !size(x, -1).is_constant() || size(x, -1).is(0)) return;
        const int64_t k = size(x, -1).value();
        return add(call("gather", {x, g_.ints({r_.below(k), -1, 0})}, {{"axis", int64_t(-1)}}), exact);
      }
      default: {
        if (!rank || !size(x, 0).is(1)) return;
        std::vector<Dim> s(shape(x).begin(), shape(x).end());
        s[0] = Dim(3);
        return add(call("expand", {x, g_.dims(s, std::vector<Value>{x})}), exact);
      }
    }
  }

  void matmul() {
    const Value x = any();
    const int64_t rank = g_.rank(x);
    if (rank < 2) return;
    if (r_.one_in(3)) {
      std::vector<int64_t> perm;
      for (int64_t a = 0; a < rank; ++a) perm.push_back(a);
      std::swap(perm[size_t(rank - 1)], perm[size_t(rank - 2)]);
      return add(call("matmul", {x, call("transpose", {x}, {{"perm", perm}})}), false);
    }
    if (!size(x, -1).is_constant()) return;
    const int64_t k = size(x, -1).value(), m = r_.pick<int64_t>({1, 3, 8, 16, 17});
    const int64_t many = r_.one_in(3) ? 3 : 1;
    for (int64_t i = 0; i < many; ++i) {
      Value y = call("matmul", {x, weight({k, m})});
      if (r_.one_in(2)) y = call("add", {y, weight({m})});
      if (r_.one_in(2)) y = call(r_.pick<const char*>({"relu", "gelu", "tanh", "sigmoid"}), {y});
      if (r_.one_in(3) && k == m) y = call("add", {y, x});
      add(y, false);
    }
  }

  void image() {
    std::vector<Value> images;
    for (Value v : values_)
      if (g_.rank(v) == 4 && size(v, 1).is_constant() && !size(v, 1).is(0) &&
          at_least(size(v, 2), Dim(1)) == Proof::yes && at_least(size(v, 3), Dim(1)) == Proof::yes)
        images.push_back(v);
    if (images.empty()) return;
    const Value x = r_.pick(images);
    const int64_t c = size(x, 1).value();
    const int64_t kind = r_.below(8);
    const std::vector<int64_t> kernel{3, 3}, pads{1, 1, 1, 1};
    if (kind == 0)
      return add(
          call("max_pool", {x}, {{"kernel_shape", kernel}, {"pads", pads}, {"strides", std::vector<int64_t>{2, 1}}}),
          is_exact(x));
    if (kind == 1)
      return add(
          call("average_pool", {x}, {{"kernel_shape", kernel}, {"pads", pads}, {"count_include_pad", r_.one_in(2)}}),
          false);
    if (kind == 2) return add(call("global_average_pool", {x}), false);
    const int64_t group = c % 2 == 0 && r_.one_in(4) ? (r_.one_in(2) ? 2 : c) : 1;
    const int64_t out = group * r_.pick<int64_t>({1, 2, 8}), side = r_.one_in(3) ? 1 : 3, stride = 1 + r_.below(2);
    std::vector<Value> in{x, weight({out, c / group, side, side})};
    if (r_.one_in(2)) in.push_back(weight({out}));
    const int64_t p = side / 2;
    Value y = call("conv", in,
                   {{"pads", std::vector<int64_t>{p, p, p, p}},
                    {"strides", std::vector<int64_t>{stride, stride}},
                    {"group", group}});
    if (r_.one_in(2)) {
      const Value spread = call("add", {call("abs", {weight({out})}), g_.scalar(real_, 0.5)});
      y = call("batch_normalization", {y, weight({out}), weight({out}), weight({out}), spread});
    }
    if (r_.one_in(4)) y = call("mul", {y, weight({out, 1, 1})});
    if (r_.one_in(2)) y = call(r_.pick<const char*>({"relu", "sigmoid", "hard_swish"}), {y});
    if (shape(y) == shape(x) && r_.one_in(2)) y = call("relu", {call("add", {y, x})});
    add(y, false);
  }

  void normalise() {
    const Value x = any();
    if (!g_.rank(x)) return;
    const Dim last = size(x, -1);
    switch (r_.below(5)) {
      case 0:
      case 1:
        return add(call("softmax", {x}, {{"axis", axis_of(x)}}), false);
      case 2:
        return add(call("log_softmax", {x}, {{"axis", axis_of(x)}}), false);
      case 3:
        if (!last.is_constant()) return;
        return add(
            call("layer_normalization", {x, weight({last.value()}), weight({last.value()})}, {{"axis", int64_t(-1)}}),
            false);
      default:
        if (!last.is_constant()) return;
        return add(call("rms_normalization", {x, weight({last.value()})}, {{"axis", int64_t(-1)}}), false);
    }
  }

  // Ops whose result jumps where their input crosses a border: on exact values only.
  void jump() {
    const Value x = r_.pick(exact_);
    switch (r_.below(6)) {
      case 0: {
        const Value mask = call("greater", {x, g_.scalar(real_, 0.1)});
        return add(call("where", {mask, x, call("neg", {x})}), true);
      }
      case 1:
        return add(call("floor", {call("mul", {x, g_.scalar(real_, 4)})}), true);
      case 2:
        return add(call("cast", {call("cast", {call("mul", {x, g_.scalar(real_, 8)})}, {{"to", DType::i32}})},
                        {{"to", real_}}),
                   true);
      case 3: {
        if (!g_.rank(x) || at_least(size(x, -1), Dim(1)) != Proof::yes) return;
        return add(call("cast", {call("arg_max", {x}, {{"axis", int64_t(-1)}})}, {{"to", real_}}), true);
      }
      case 4: {
        if (!g_.rank(x) || at_least(size(x, -1), Dim(1)) != Proof::yes) return;
        return add(g_.call_many("top_k", {x, g_.ints({1})}, {{"axis", int64_t(-1)}})[0], true);
      }
      default:
        return add(call("sign", {x}), true);
    }
  }

  Random r_;
  DType real_;
  ir::Graph g_;
  Dim n_, s_;
  std::vector<Value> values_, exact_;
  ir::Weights weights_;
};

/// Runs one seed. Returns what is wrong, with the text of the graph; "" if nothing is.
inline std::string check_random_graph(uint64_t seed) {
  std::string text;
  const auto wrong = [&](const std::string& what) { return str("seed ", seed, ": ", what, "\n", text); };
  try {
    GraphMaker maker(seed, DType::f32), exact(seed, DType::f64);
    jit::LoadedModel model;
    ir::Graph g = maker.make(), wide = exact.make();
    text = ir::print(g);
    ir::verify(g, ir::Level::imported);
    if (ir::print(ir::parse(text)) != text) return wrong("the text does not come back");
    *model.module.weights = maker.weights();
    model.module.methods.emplace("forward", g.clone());
    Random r(seed + 99);
    OptimizeOptions o;
    o.gate = o.tune = o.use_tactic_cache = false;
    o.threads = 1 + int(r.below(2));
    if (r.one_in(6)) o.disable_kernels = {"loop"};
    if (r.one_in(6)) o.disable_kernels = {"onednn"};
    const auto optimized = jit::optimize(model, o);
    runtime::SessionCore session(optimized->core);
    const int64_t points[][2] = {{2, 3}, {1, 1}, {3, 8}, {0, 2}, {2, 3}, {5, 1}};
    for (const auto& p : points) {
      std::vector<Tensor> in, in64;
      for (Value v : g.inputs()) {
        Sizes s;
        for (Dim d : g.type(v).shape)
          s.push_back(evaluate(d, [&](const Symbol& x) { return x.name == "n" ? p[0] : p[1]; }));
        in.push_back(random_tensor(DType::f32, s, seed * 31 + in.size()));
        in64.push_back(in.back().to(DType::f64));
      }
      const std::string at = str("at n=", p[0], " s=", p[1], ": ");
      std::vector<Tensor> y0, y64, y;
      std::string refused;
      try {
        y0 = ir::run_reference(g, maker.weights(), in);
        y64 = ir::run_reference(wide, exact.weights(), in64);
      } catch (const Error& e) {
        refused = e.message();
      }
      try {
        session.run(in, y);
      } catch (const Error& e) {
        if (refused.empty()) return wrong(at + "the engine refuses: " + e.message());
        continue;
      }
      if (!refused.empty()) return wrong(at + "the reference refuses, the engine does not: " + refused);
      for (size_t k = 0; k < y.size(); ++k) {
        if (y[k].shape() != y0[k].shape() || y[k].dtype() != y0[k].dtype())
          return wrong(str(at, "output ", k, " is ", type_text(y[k]), " for ", type_text(y0[k])));
        // How far f32 arithmetic may lie from the truth is measured, not guessed.
        const jit::OutputVerdict rounding = jit::compare(y0[k].to(DType::f64), y64[k], {1, 1});
        if (!std::isfinite(rounding.max_difference) || rounding.max_difference > 1e-2 * (1 + rounding.max_value))
          continue;
        const double allowed = 64 * rounding.max_difference + 2e-5 * std::max(1.0, rounding.max_value);
        const jit::OutputVerdict v = jit::compare(y[k], y0[k], {0, allowed});
        if (!v.ok)
          return wrong(str(at, "output ", k, " differs by ", v.max_difference, " at element ", v.worst_index, ": ",
                           v.got, " for ", v.expected, " (at most ", allowed, " is allowed)\noptimised:\n",
                           ir::print(optimized->graph)));
      }
    }
  } catch (const std::exception& e) {
    return wrong(e.what());
  }
  return "";
}

}  // namespace neve::test
