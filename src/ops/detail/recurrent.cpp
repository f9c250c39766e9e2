// Gradients of recurrent layers.
#include "ops/detail/recurrent.h"

#include <functional>

#include "ops/detail/build.h"
#include "ops/support/gradients.h"

namespace neve::ops {
namespace {

/// One direction of a layer, its steps in the order in which they run.
struct Direction {
  Direction(const Gradient& g, int64_t directions, int64_t k, bool backward)
      : g(g), b(g.b), directions(directions), k(k), backward(backward) {}

  const Gradient& g;
  Builder& b;
  const int64_t directions, k;
  const bool backward;

  Value part(Value v, int64_t axis, int64_t begin, int64_t end, int64_t step = 1) const {
    return b.call("slice", {v, b.ints({begin}), b.ints({end}), b.ints({axis}), b.ints({step})});
  }
  Value in_time(Value v) const { return backward && v.valid() ? part(v, 0, -1, INT64_MIN + 1, -1) : v; }
  /// What belongs to this direction of a value with an axis of them; absent values stay absent.
  Value pick(Value v, int64_t axis) const {
    if (!v.valid()) return v;
    return squeeze(b, directions == 1 ? v : part(v, axis, k, k + 1), {axis});
  }
  Value dout(size_t i) const { return i < g.dout.size() ? g.dout[i] : Value{}; }
  Value input(size_t i) const { return pick(optional_input(g.in, i), 0); }
  Value x() const { return in_time(g.in[0]); }
  Value y() const { return in_time(pick(g.out[0], 1)); }
  Value dy() const { return in_time(pick(dout(0), 1)); }
  /// The initial state, or zeros.
  Value state(size_t i, Value y) const {
    if (const Value v = input(i); v.valid()) return v;
    return zeros_like(b, squeeze(b, part(y, 0, 0, 1), {0}));
  }
  /// The state before each step.
  Value before(Value first, Value all) const { return concat({unsqueeze(b, first, {0}), part(all, 0, 0, -1)}, 0); }
  Value concat(const Values& v, int64_t axis) const { return b.call("concat", v, {{"axis", axis}}); }
  /// [steps, batch, n] -> [steps * batch, n].
  Value rows(Value v) const {
    const Shape& s = b.type(v).shape;
    return b.reshape(v, Shape{s[0] * s[1], s[2]}, v);
  }
  /// Sums of a step's gates: rows(v) w^T + bias, with the axes of v.
  Value gates(Value v, Value w, Value bias) const {
    Value p = b.call("matmul", {rows(v), swap_last(b, w)});
    if (bias.valid()) p = add(b, p, bias);
    const Shape& s = b.type(v).shape;
    const Shape shape{s[0], s[1], b.type(w).shape[0]};
    const Value sources[] = {v, w};
    return reshape_to(b, p, b.dims(shape, sources));
  }
  /// Part k of `count` equal ones of the last axis.
  Value gate(Value v, int64_t k, int64_t count) const {
    const Shape& s = b.type(v).shape;
    Shape parts(s.begin(), s.end() - 1);
    parts.push_back(count);
    parts.push_back(floordiv(s.back(), count));
    const Value sources[] = {v, g.in[2]};
    const Value apart = reshape_to(b, v, b.dims(parts, sources));
    const auto axis = int64_t(s.size()) - 1;
    return squeeze(b, part(apart, axis, k, k + 1), {axis});
  }

  /// Gradients of x, w, r and b, from those of the sums of x and of the state inside the gates.
  Values weights(Value before, Value of_x, Value of_h) const {
    const Value dx = rows(of_x), dh = rows(of_h), xt = swap_last(b, dx), ht = of_x == of_h ? xt : swap_last(b, dh);
    const Value sum_x = reduce_sum(b, dx, {0}, false), sum_h = of_x == of_h ? sum_x : reduce_sum(b, dh, {0}, false);
    return {in_time(reshape_like(b, b.call("matmul", {dx, input(1)}), g.in[0])),
            unsqueeze(b, b.call("matmul", {xt, rows(x())}), {0}),
            unsqueeze(b, b.call("matmul", {ht, rows(before)}), {0}), unsqueeze(b, concat({sum_x, sum_h}, 0), {0})};
  }
};

/// One Value an input, from (x, w, r, b, states...) of each direction.
Values joined(const Gradient& g, const std::string& direction, const std::function<Values(const Direction&)>& of) {
  const int64_t directions = direction == "bidirectional" ? 2 : 1;
  std::vector<Values> parts;
  for (int64_t k = 0; k < directions; ++k) parts.push_back(of({g, directions, k, direction == "reverse" || k == 1}));
  Values out(g.in.size());
  for (size_t i = 0; i < parts[0].size(); ++i) {
    const size_t at = i < 4 ? i : i + 1;  // after the lengths
    if (at >= out.size() || !g.in[at].valid() || !g.needs[at]) continue;
    if (directions == 1)
      out[at] = parts[0][i];
    else
      out[at] = i == 0 ? add(g.b, parts[0][i], parts[1][i])
                       : g.b.call("concat", {parts[0][i], parts[1][i]}, {{"axis", int64_t(0)}});
  }
  return out;
}

}  // namespace

Values lstm_gradient(const Gradient& g, const std::string& direction, const Values& all) {
  return joined(g, direction, [&](const Direction& d) -> Values {
    Builder& b = d.b;
    const Value y = d.in_time(d.pick(all[0], 1)), h0 = d.state(5, y), c0 = d.state(6, y);
    const Values made = b.call_many("lstm_grad", {d.in_time(d.pick(all[3], 1)), d.in_time(d.pick(all[4], 1)),
                                                  d.input(2), c0, d.dy(), d.pick(d.dout(1), 0), d.pick(d.dout(2), 0)});
    Values out = d.weights(d.before(h0, y), made[0], made[0]);
    out.push_back(unsqueeze(b, made[1], {0}));
    out.push_back(unsqueeze(b, made[2], {0}));
    return out;
  });
}

Values gru_gradient(const Gradient& g, const std::string& direction) {
  return joined(g, direction, [&](const Direction& d) -> Values {
    Builder& b = d.b;
    const Value y = d.y(), h0 = d.state(5, y), w = d.input(1), r = d.input(2), bias = d.input(3);
    const Value before = d.before(h0, y), one = b.scalar(b.dtype(y), 1);
    const auto half = [&](int64_t k) { return bias.valid() ? d.gate(bias, k, 2) : bias; };
    const Value gx = d.gates(d.x(), w, half(0)), gh = d.gates(before, r, half(1));
    const auto sigmoid = [&](int64_t k) { return b.call("sigmoid", {add(b, d.gate(gx, k, 3), d.gate(gh, k, 3))}); };
    const Value z = sigmoid(0), reset = sigmoid(1), hn = d.gate(gh, 2, 3);
    const Value candidate = b.call("tanh", {add(b, d.gate(gx, 2, 3), mul(b, reset, hn))});
    const auto slope = [&](Value v) { return mul(b, v, sub(b, one, v)); };
    const Value of_n = mul(b, sub(b, one, z), sub(b, one, mul(b, candidate, candidate)));
    const Value of_r = mul(b, mul(b, of_n, hn), slope(reset)), of_z = mul(b, sub(b, before, candidate), slope(z));
    const Value factors = d.concat({of_z, of_r, mul(b, of_n, reset)}, 2);
    const Values dh = b.call_many("recurrent_grad", {factors, r, z, d.dy(), d.pick(d.dout(1), 0)});
    const Value each = d.concat({dh[0], dh[0], dh[0]}, 2);
    Values out = d.weights(before, mul(b, each, d.concat({of_z, of_r, of_n}, 2)), mul(b, each, factors));
    out.push_back(unsqueeze(b, dh[1], {0}));
    return out;
  });
}

Values rnn_gradient(const Gradient& g, const std::string& direction, const std::vector<bool>& relu) {
  return joined(g, direction, [&](const Direction& d) -> Values {
    Builder& b = d.b;
    const Value y = d.y(), h0 = d.state(5, y);
    const Value slope = relu[size_t(d.k)] ? b.call("sign", {y}) : sub(b, b.scalar(b.dtype(y), 1), mul(b, y, y));
    const Values dh = b.call_many("recurrent_grad", {slope, d.input(2), Value{}, d.dy(), d.pick(d.dout(1), 0)});
    const Value sums = mul(b, dh[0], slope);
    Values out = d.weights(d.before(h0, y), sums, sums);
    out.push_back(unsqueeze(b, dh[1], {0}));
    return out;
  });
}

}  // namespace neve::ops
