// Random graphs over symbolic sizes: the same for the same seed, in f32 or in f64.
#pragma once
#include "random_graph_exact.h"

namespace neve::test {

/// Makes the same graph for the same seed, in f32 or in f64.
class GraphMaker : private ExactSteps {
 public:
  GraphMaker(uint64_t seed, DType real) : ExactSteps(seed, real) {}

  ir::Graph make() {
    n_ = Dim::symbol("n", 0, 64);
    s_ = Dim::symbol("s", 1, 64);
    h_ = Dim::symbol("h", 3, 66);
    const int64_t inputs = 1 + r_.below(3);
    for (int64_t i = 0; i < inputs; ++i) add(g_.add_input(str("x", i), {real_, input_shape()}), true);
    const int64_t steps = 2 + r_.below(18);
    for (int64_t i = 0; i < steps; ++i) step();
    // Most of what nothing reads is a result, so that little is dropped as dead; and some that is read as well.
    int64_t k = 0;
    for (const std::vector<Value>* all : {&values_, &ints_, &bools_})
      for (Value v : *all)
        if (g_.use_count(v) ? r_.one_in(12) : !r_.one_in(4)) g_.add_output(str("y", k++), v);
    if (!k) g_.add_output("y0", values_.back());
    g_.erase_dead();
    return std::move(g_);
  }
  const ir::Weights& weights() const { return weights_; }
  Dim n() const { return n_; }
  Dim s() const { return s_; }

 private:
  void step() {
    switch (r_.below(22)) {
      case 0:
      case 1:
      case 2:
        return unary();
      case 3:
      case 4:
        return binary();
      case 5:
      case 6:
        return reduce();
      case 7:
      case 8:
      case 9:
        return move();
      case 10:
        return matmul();
      case 11:
      case 12:
        return image();
      case 13:
        return normalise();
      case 14:
        return index();
      case 15:
      case 16:
        return integer();
      case 17:
        return logic();
      case 18:
        return order();
      case 19:
        return other_reals();
      case 20:
        return product();
      default:
        return jump();
    }
  }

  void unary() {
    const Value x = any();
    const bool exact = is_exact(x);
    switch (r_.below(20)) {
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
      case 15:
        return add(call(r_.pick<const char*>({"elu", "selu", "celu", "softsign", "mish", "swish", "atan", "cos",
                                              "expm1", "sinh", "asinh", "log_sigmoid"}),
                        {call("tanh", {x})}),
                   false);
      case 16:
        return add(call(r_.pick<const char*>({"hard_sigmoid", "hard_tanh"}), {x}), false);
      case 17:
        return add(call("pow", {call("abs", {x}), g_.scalar(real_, double(1 + r_.below(3)))}), false);
      case 18:
        return add(call("prelu", {x, g_.scalar(real_, 0.25)}), false);
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
    static const std::vector<std::string> ops{"reduce_sum", "reduce_mean",       "reduce_max",
                                              "reduce_min", "reduce_prod",       "reduce_l1",
                                              "reduce_l2",  "reduce_sum_square", "reduce_log_sum_exp"};
    const std::string op = r_.pick(ops);
    // The largest of nothing is none: an axis that may be empty is left alone.
    if (op == "reduce_max" || op == "reduce_min" || op == "reduce_log_sum_exp")
      for (Dim d : shape(x))
        if (at_least(d, Dim(1)) != Proof::yes) return;
    add(call(op.c_str(), {x}, {{"axes", axes}, {"keepdims", keep}}),
        is_exact(x) && (op == "reduce_max" || op == "reduce_min"));
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
    const int64_t kind = r_.below(14);
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
    if (kind == 3) return add(call("global_max_pool", {x}), is_exact(x));
    if (kind == 4) return resize(x);
    if (kind == 5) {
      const int64_t groups = c % 2 ? 1 : 2;
      if (r_.one_in(2)) return add(call("instance_normalization", {x, weight({c}), weight({c})}), false);
      return add(call("group_normalization", {x, weight({c}), weight({c})}, {{"num_groups", groups}}), false);
    }
    if (kind == 6) {
      if (r_.one_in(3)) return add(call("lrn", {x}, {{"size", int64_t(3)}}), false);
      if (r_.one_in(3)) return add(call("lp_pool", {x}, {{"kernel_shape", kernel}, {"pads", pads}}), false);
      const std::vector<int64_t> two{2, 2};
      return add(call("conv_transpose", {x, weight({c, 3, 2, 2}), weight({3})}, {{"strides", two}}), false);
    }
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

  void resize(Value x) {
    const std::string mode = r_.pick<std::string>({"nearest", "linear", "cubic"});
    const std::string where = r_.pick<std::string>({"half_pixel", "asymmetric", "align_corners"});
    const std::vector<double> scales = r_.one_in(2) ? std::vector<double>{1, 1, 2, 2} : std::vector<double>{1, 1, 3, 2};
    // Where a border lies exactly between two pixels rounding decides: nearest is asked only where none does.
    const bool nearest = mode == "nearest";
    add(call("resize", {x},
             {{"mode", mode},
              {"coordinate_transformation_mode", nearest ? std::string("asymmetric") : where},
              {"nearest_mode", std::string("floor")},
              {"scale_factors", scales}}),
        nearest && is_exact(x));
  }

  // Other widths of floats inside a graph of f32, and what runs along an axis.
  void other_reals() {
    Value x = any();
    if (r_.one_in(3) && g_.rank(x)) {
      const AttrList attrs{{"axis", axis_of(x)}, {"exclusive", r_.one_in(2)}, {"reverse", r_.one_in(2)}};
      if (r_.one_in(4)) return add(call("cum_prod", {call("tanh", {x})}, attrs), false);
      return add(call("cum_sum", {x}, attrs), false);
    }
    // The graph in f64 has no small floats: what they round shows as the difference of the two.
    const DType drawn = r_.pick<DType>({DType::f16, DType::bf16, DType::f64}), t = real_ == DType::f64 ? real_ : drawn;
    x = call("cast", {call("tanh", {x})}, {{"to", t}});
    switch (r_.below(5)) {
      case 0:
        x = call("add", {x, g_.scalar(t, 0.5)});
        break;
      case 1:
        if (g_.rank(x)) x = call("softmax", {x}, {{"axis", axis_of(x)}});
        break;
      case 2:
        if (g_.rank(x)) x = call("reduce_mean", {x}, {{"axes", std::vector<int64_t>{-1}}});
        break;
      case 3:
        if (g_.rank(x) > 1) {
          std::vector<int64_t> perm;
          for (int64_t a = g_.rank(x); a > 0; --a) perm.push_back(a - 1);
          x = call("transpose", {call("relu", {x})}, {{"perm", perm}});
        }
        break;
      default:
        x = call("sigmoid", {call("mul", {x, x})});
    }
    add(call("cast", {x}, {{"to", real_}}), false);
  }

  // Products with other names.
  void product() {
    const Value x = any();
    const int64_t rank = g_.rank(x);
    if (rank < 2 || !size(x, -1).is_constant() || size(x, -1).is(0)) return;
    const int64_t k = size(x, -1).value();
    switch (r_.below(3)) {
      case 0: {
        const Value m = rank == 2 ? x : call("flatten", {x}, {{"axis", rank - 1}});
        const bool trans = r_.one_in(2);
        return add(call("gemm", {m, trans ? weight({6, k}) : weight({k, 6}), weight({6})},
                        {{"transB", trans}, {"alpha", 0.5}, {"beta", 2.0}}),
                   false);
      }
      case 1:
        return add(call("einsum", {x, weight({7, k})}, {{"equation", std::string("...k,mk->...m")}}), false);
      default:
        if (rank != 4 || !size(x, 1).is_constant() || size(x, 1).is(0) || !has_elements(x, 2)) return;
        return add(call("scaled_dot_product_attention", {x, call("tanh", {x}), x},
                        {{"causal", std::string(r_.one_in(2) ? "none" : "upper_left")}}),
                   false);
    }
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
};

}  // namespace neve::test
