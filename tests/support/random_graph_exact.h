// Steps of random graphs whose results are exact: moving elements, integers, bools, indices.
#pragma once
#include "random_graph_base.h"

namespace neve::test {

class ExactSteps : protected GraphBase {
 protected:
  using GraphBase::GraphBase;

  using Ints = std::vector<int64_t>;
  bool has_elements(Value v, int64_t axis) const { return at_least(size(v, axis), Dim(1)) == Proof::yes; }
  Value any_of_all() {
    if (!ints_.empty() && r_.one_in(4)) return r_.pick(ints_);
    if (!bools_.empty() && r_.one_in(5)) return r_.pick(bools_);
    return any();
  }

  void move() {
    const Value x = any_of_all();
    if (r_.one_in(3)) return rearrange(x);
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
        for (Value v : like(x)) {
          bool fits = g_.type(v).dtype == g_.type(x).dtype && g_.rank(v) == rank && !(v == x);
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
        const DType t = g_.type(x).dtype;
        if (t == DType::boolean) return;
        if (r_.one_in(3) && is_float(t)) {
          for (int64_t a = 0; a < rank; ++a) {
            if (at_least(size(x, a), Dim(3)) != Proof::yes) pads[size_t(a)] = pads[size_t(a + rank)] = 0;
            if (!has_elements(x, a)) return;
          }
          const std::string mode = r_.pick<std::string>({"reflect", "edge", "wrap"});
          return add(call("pad", {x, g_.ints(pads)}, {{"mode", mode}}), exact);
        }
        return add(call("pad", {x, g_.ints(pads), g_.scalar(t, is_float(t) ? 0.25 : 1)}), exact);
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

  void rearrange(Value x) {
    const bool exact = is_exact(x);
    const int64_t rank = g_.rank(x);
    switch (r_.below(8)) {
      case 0:
        if (rank) {
          Ints repeats(size_t(rank), 1);
          repeats[size_t(r_.below(rank))] = 1 + r_.below(3);
          add(call("tile", {x, g_.ints(repeats)}), exact);
        }
        return;
      case 1:
        if (rank && rank < 5)
          add(call("roll", {x}, {{"shifts", Ints{r_.below(5) - 2}}, {"axes", Ints{r_.below(rank)}}}), exact);
        return;
      case 2:
        if (rank >= 2) add(call("trilu", {x, g_.ints({r_.below(3) - 1})}, {{"upper", r_.one_in(2)}}), exact);
        return;
      case 3:
        return add(call("flatten", {x}, {{"axis", r_.below(rank + 1)}}), exact);
      case 4:
        if (rank) add(call("reshape", {x, g_.ints({0, -1})}), exact);
        return;
      case 5: {
        if (!rank || !size(x, -1).is_constant() || size(x, -1).value() < 2) return;
        const int64_t k = size(x, -1).value(), first = 1 + r_.below(k - 1);
        for (Value v : g_.call_many("split", {x}, {{"axis", int64_t(-1)}, {"split", Ints{first, k - first}}}))
          add(v, exact);
        return;
      }
      case 6: {
        if (!rank) return;
        const int64_t a = r_.below(rank);
        for (int64_t d = 0; d < rank; ++d)
          if (!has_elements(x, d)) return;
        const Value one = call("slice", {x, g_.ints({-1}), g_.ints({1000}), g_.ints({a})});
        return add(call("expand", {one, call("shape", {x})}), exact);
      }
      default:
        if (rank != 4 || !size(x, 1).is_constant() || size(x, 1).value() % 4) return;
        return add(call("depth_to_space", {x},
                        {{"blocksize", int64_t(2)}, {"mode", std::string(r_.one_in(2) ? "DCR" : "CRD")}}),
                   exact);
    }
  }

  // Reading and writing by index.
  void index() {
    const Value x = any_of_all();
    const bool exact = is_exact(x);
    const int64_t rank = g_.rank(x);
    if (!rank) return;
    const int64_t a = r_.below(rank);
    const Dim k = size(x, a);
    switch (r_.below(6)) {
      case 0: {  // indices that were computed
        if (!k.is_constant() || k.is(0) || ints_.empty()) return;
        Value i = r_.pick(ints_);
        if (rank + g_.rank(i) > 6) return;
        i = call("mod", {call("cast", {i}, {{"to", DType::i64}}), g_.scalar(DType::i64, double(k.value()))});
        return add(call("gather", {x, i}, {{"axis", a}}), exact);
      }
      case 1:
      case 2: {
        const Value e = r_.pick(exact_);
        if (!g_.rank(e)) return;
        const int64_t b = r_.below(g_.rank(e));
        if (!has_elements(e, b)) return;
        const Value i =
            call(r_.one_in(2) ? "arg_max" : "arg_min", {e}, {{"axis", b}, {"select_last_index", r_.one_in(2)}});
        ints_.push_back(i);
        const Value picked = call("gather_elements", {e, i}, {{"axis", b}});
        add(picked, true);
        const std::string how = r_.pick<std::string>({"none", "add", "mul", "max", "min"});
        return add(call("scatter_elements", {e, i, call("add", {picked, g_.scalar(real_, 1)})},
                        {{"axis", b}, {"reduction", how}}),
                   false);
      }
      case 3:
      case 4: {
        if (!size(x, 0).is_constant() || size(x, 0).value() < 2 || g_.type(x).dtype == DType::boolean) return;
        Tensor rows = Tensor::empty(DType::i64, {2, 1});
        rows.data_as<int64_t>()[0] = -1;
        rows.data_as<int64_t>()[1] = r_.below(size(x, 0).value() - 1);
        const Value i = g_.constant(rows), update = call("gather_nd", {x, i});
        add(update, exact);
        const std::string how = r_.pick<std::string>({"none", "add", "mul", "max", "min"});
        return add(call("scatter_nd", {x, i, call("neg", {call("cast", {update}, {{"to", g_.type(x).dtype}})})},
                        {{"reduction", how}}),
                   exact && how != "add" && how != "mul");
      }
      default: {
        if (ints_.empty()) return;
        const Value i = r_.pick(ints_);
        if (g_.rank(i) > 3) return;
        Tensor values = random_tensor(real_, {2}, 5);
        return add(
            call("one_hot", {call("mod", {i, g_.scalar(g_.type(i).dtype, 5)}), g_.ints({5}), g_.constant(values)},
                 {{"axis", int64_t(r_.one_in(2) ? -1 : 0)}}),
            true);
      }
    }
  }

  void integer() {
    if (ints_.empty() || r_.one_in(6)) {
      if (r_.one_in(4)) return add(call("shape", {any()}), true);
      if (r_.one_in(6)) return add(call("size", {any()}), true);
      const Value x = r_.pick(exact_);
      return add(
          call("cast",
               {call("clip", {call("mul", {x, g_.scalar(real_, 9)}), g_.scalar(real_, -100), g_.scalar(real_, 100)})},
               {{"to", r_.pick<DType>({DType::i64, DType::i32, DType::i8, DType::i16})}}),
          true);
    }
    const Value x = r_.pick(ints_);
    const DType t = g_.type(x).dtype;
    Value y = g_.scalar(t, double(1 + r_.below(9)));
    for (Value v : ints_)
      if (g_.type(v).dtype == t && shape(v) == shape(x) && r_.one_in(3)) y = v;
    switch (r_.below(9)) {
      case 0:
      case 1:
        return add(
            call(r_.pick<const char*>({"add", "sub", "mul", "min", "max", "bitwise_and", "bitwise_or", "bitwise_xor"}),
                 {x, y}),
            true);
      case 2:
        return add(
            call(r_.pick<const char*>({"div", "mod"}), {x, r_.one_in(3) ? y : g_.scalar(t, double(1 + r_.below(9)))}),
            true);
      case 3:
        return add(
            call(t == DType::u8 ? "bitwise_not" : r_.pick<const char*>({"neg", "abs", "sign", "bitwise_not"}), {x}),
            true);
      case 4:
        return add(
            call("cast", {x}, {{"to", r_.pick<DType>({DType::i64, DType::i32, DType::i8, DType::u8, DType::i16})}}),
            true);
      case 5: {
        Ints axes;
        for (int64_t a = 0; a < g_.rank(x); ++a)
          if (r_.one_in(2)) axes.push_back(a);
        return add(call(r_.pick<const char*>({"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"}), {x},
                        {{"axes", axes}, {"keepdims", r_.one_in(2)}}),
                   true);
      }
      case 6:
        if (g_.rank(x) && t != DType::u8 && t != DType::i8 && t != DType::i16)
          add(call("cum_sum", {x}, {{"axis", axis_of(x)}, {"exclusive", r_.one_in(2)}, {"reverse", r_.one_in(2)}}),
              true);
        return;
      case 7:
        return add(call(r_.pick<const char*>({"less", "equal", "greater_or_equal", "not_equal"}), {x, y}), true);
      default:
        return add(call("cast", {call("mod", {x, g_.scalar(t, 16)})}, {{"to", real_}}), true);
    }
  }

  void logic() {
    if (bools_.empty() || r_.one_in(3)) {
      const Value x = r_.pick(exact_);
      Value y = g_.scalar(real_, 0.125);
      for (Value v : exact_)
        if (shape(v) == shape(x) && r_.one_in(2)) y = v;
      return add(
          call(r_.pick<const char*>({"less", "less_or_equal", "greater", "greater_or_equal", "equal", "not_equal"}),
               {x, y}),
          true);
    }
    const Value x = r_.pick(bools_);
    Value y = x;
    for (Value v : bools_)
      if (shape(v) == shape(x)) y = v;
    switch (r_.below(6)) {
      case 0:
        return add(call(r_.pick<const char*>({"and", "or", "xor"}), {x, y}), true);
      case 1:
        return add(call("not", {x}), true);
      case 2: {
        Ints axes;
        for (int64_t a = 0; a < g_.rank(x); ++a)
          if (r_.one_in(2)) axes.push_back(a);
        return add(call(r_.one_in(2) ? "reduce_max" : "reduce_min", {x}, {{"axes", axes}, {"keepdims", r_.one_in(2)}}),
                   true);
      }
      case 3:
        return add(call("cast", {x}, {{"to", r_.pick<DType>({real_, DType::i64, DType::u8})}}), true);
      default: {
        std::vector<Value> fits;
        for (Value v : values_)
          if (shape(v) == shape(x) || !g_.rank(x)) fits.push_back(v);
        if (fits.empty()) return;
        const Value v = r_.pick(fits), w = r_.one_in(2) ? r_.pick(fits) : g_.scalar(real_, -0.5);
        const Value other = g_.rank(w) && shape(w) != shape(v) ? v : w;
        return add(call("where", {x, v, other}), is_exact(v) && (other != w || !g_.rank(w) || is_exact(w)));
      }
    }
  }

  // Along one axis, on exact values: order and running extremes.
  void order() {
    const Value x = r_.pick(exact_);
    if (!g_.rank(x)) return;
    const int64_t a = axis_of(x);
    if (!has_elements(x, a)) return;
    if (r_.one_in(3)) {
      const std::vector<Value> sorted = g_.call_many("sort", {x}, {{"axis", a}, {"descending", r_.one_in(2)}});
      add(sorted[0], true);
      return add(sorted[1], true);
    }
    const Dim d = size(x, a);
    const int64_t k = d.is_constant() ? 1 + r_.below(std::min<int64_t>(d.value(), 9)) : 1;
    const std::vector<Value> top = g_.call_many("top_k", {x, g_.ints({k})}, {{"axis", a}, {"largest", r_.one_in(2)}});
    add(top[0], true);
    add(top[1], true);
  }
};

}  // namespace neve::test
