// Einstein summation, lowered to transposes, products and matmuls.
#include <algorithm>
#include <map>
#include <numeric>

#include "op/def.h"
#include "ops/support/gradients.h"

namespace neve::ops {
namespace {

/// One label an axis: a letter's code, or 256 + k for axis k of the ellipsis.
using Labels = std::vector<int>;

struct Equation {
  std::vector<Labels> in;
  Labels out;
};

bool has(const Labels& l, int label) { return std::find(l.begin(), l.end(), label) != l.end(); }
int64_t place(const Labels& l, int label) { return std::find(l.begin(), l.end(), label) - l.begin(); }

[[noreturn]] void refuse(const std::string& equation, const std::string& what) {
  fail(ErrorCode::invalid_argument, "einsum: equation '", equation, "': ", what);
}

/// Labels of one term; `dots` is the number of axes that its ellipsis stands for, of `most` in the whole equation.
Labels term_labels(const std::string& equation, std::string_view term, int64_t dots, int64_t most) {
  Labels l;
  for (size_t i = 0; i < term.size(); ++i) {
    const char c = term[i];
    if (c == '.') {
      if (term.substr(i, 3) != "...") refuse(equation, "has a single dot (an ellipsis has three)");
      for (int64_t k = most - dots; k < most; ++k) l.push_back(256 + int(k));
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      l.push_back(c);
    } else {
      refuse(equation, str("has '", c, "' (letters, ',', '...' and '->')"));
    }
  }
  return l;
}

/// @throws Error{invalid_argument} where the equation is malformed or does not fit the ranks.
Equation parse(const std::string& equation, const std::vector<int64_t>& ranks) {
  std::string text;
  for (char c : equation)
    if (c != ' ') text += c;
  const size_t arrow = text.find("->");
  const std::string left = text.substr(0, arrow);
  std::vector<std::string> terms(1);
  for (char c : left) {
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  }
  if (terms.size() != ranks.size())
    refuse(equation, str("has ", terms.size(), " terms, but there are ", ranks.size(), " inputs"));

  std::vector<int64_t> dots(terms.size(), 0);
  int64_t most = 0;
  for (size_t i = 0; i < terms.size(); ++i) {
    const size_t at = terms[i].find("...");
    const int64_t letters = int64_t(terms[i].size()) - (at == std::string::npos ? 0 : 3);
    if (at != std::string::npos && terms[i].find("...", at + 3) != std::string::npos)
      refuse(equation, "has two ellipses in one term (at most one)");
    if (letters > ranks[i] || (at == std::string::npos && letters != ranks[i]))
      refuse(equation, str("term '", terms[i], "' does not fit input ", i, " of rank ", ranks[i]));
    dots[i] = at == std::string::npos ? 0 : ranks[i] - letters;
    most = std::max(most, dots[i]);
  }
  Equation e;
  std::map<int, int> count;
  for (size_t i = 0; i < terms.size(); ++i) {
    e.in.push_back(term_labels(equation, terms[i], dots[i], most));
    for (int l : e.in.back()) ++count[l];
  }
  if (arrow != std::string::npos) {
    e.out = term_labels(equation, text.substr(arrow + 2), most, most);
    for (size_t i = 0; i < e.out.size(); ++i) {
      if (!count.count(e.out[i]))
        refuse(equation, str("its result has the label '", char(e.out[i]), "', which no input has"));
      if (std::find(e.out.begin(), e.out.begin() + int64_t(i), e.out[i]) != e.out.begin() + int64_t(i))
        refuse(equation, "its result has a label twice (once each)");
    }
    if (text.find("...", arrow) == std::string::npos && most > 0)
      refuse(equation, "its result leaves out the ellipsis (it must have one, as the inputs do)");
    return e;
  }
  for (int64_t k = 0; k < most; ++k) e.out.push_back(256 + int(k));
  for (const auto& [label, n] : count)
    if (n == 1 && label < 256) e.out.push_back(label);
  return e;
}

struct Operand {
  Value value;
  Labels labels;
};

/// Lowers the product of two operands at a time.
class Contraction {
 public:
  explicit Contraction(Builder& b) : b_(b) {}

  /// Equal labels within one operand: only the diagonal counts.
  Operand diagonal(Operand x) {
    for (size_t i = 0; i < x.labels.size(); ++i)
      for (size_t j = x.labels.size(); j-- > i + 1;) {
        if (x.labels[i] != x.labels[j]) continue;
        const int64_t rank = int64_t(x.labels.size());
        const Value extent =
            b_.call("squeeze", {b_.call("shape", {x.value}, {{"start", int64_t(j)}, {"end", int64_t(j) + 1}})},
                    {{"axes", std::vector<int64_t>{0}}});
        const Value zero = b_.constant(Tensor::scalar_int(DType::i64, 0)),
                    one = b_.constant(Tensor::scalar_int(DType::i64, 1));
        const Value r = b_.call("range", {zero, extent, one});
        const Value same = b_.call("equal", {trailing(r, rank - 1 - int64_t(i)), trailing(r, rank - 1 - int64_t(j))});
        x.value = sum(b_.call("where", {same, x.value, b_.scalar(b_.dtype(x.value), 0)}), {int64_t(j)});
        x.labels.erase(x.labels.begin() + int64_t(j));
      }
    return x;
  }
  /// Sums over the labels that nobody needs any more.
  Operand keep(Operand x, const Labels& needed) {
    std::vector<int64_t> axes;
    Labels left;
    for (size_t i = 0; i < x.labels.size(); ++i) {
      if (has(needed, x.labels[i]))
        left.push_back(x.labels[i]);
      else
        axes.push_back(int64_t(i));
    }
    return axes.empty() ? x : Operand{sum(x.value, axes), left};
  }
  Operand multiply(const Operand& given_x, const Operand& given_y, const Labels& needed) {
    // What only one side has and nobody needs is summed before, not after.
    auto reduced = [&](const Operand& a, const Operand& other) {
      Labels n = needed;
      n.insert(n.end(), other.labels.begin(), other.labels.end());
      return keep(a, n);
    };
    Operand x = reduced(given_x, given_y), y = reduced(given_y, given_x);
    Labels batch, inner, rows, columns;
    bool equal_sizes = true;
    for (int l : x.labels) {
      if (!has(y.labels, l))
        rows.push_back(l);
      else if (has(needed, l))
        batch.push_back(l);
      else
        inner.push_back(l), equal_sizes = equal_sizes && proven(equal(size(x, l), size(y, l)));
    }
    for (int l : y.labels)
      if (!has(x.labels, l)) columns.push_back(l);
    // matmul has no kernels for small integers, and broadcasts only what is batch.
    if (inner.empty() || !equal_sizes) return product(x, y, batch, inner, rows, columns);
    return matmul(x, y, batch, inner, rows, columns);
  }
  Operand transpose(Operand x, const Labels& order) {
    std::vector<int64_t> perm;
    for (int l : order) perm.push_back(place(x.labels, l));
    if (!std::is_sorted(perm.begin(), perm.end())) x.value = b_.call("transpose", {x.value}, {{"perm", perm}});
    x.labels = order;
    return x;
  }

 private:
  Builder& b_;

  Dim size(const Operand& x, int label) const { return b_.type(x.value).shape[size_t(place(x.labels, label))]; }
  Value sum(Value x, const std::vector<int64_t>& axes) {
    return b_.call("reduce_sum", {x}, {{"axes", axes}, {"keepdims", false}});
  }
  /// A vector with `n` axes of size 1 behind.
  Value trailing(Value v, int64_t n) {
    std::vector<int64_t> axes(static_cast<size_t>(n));
    std::iota(axes.begin(), axes.end(), 1);
    return n ? b_.call("unsqueeze", {v}, {{"axes", axes}}) : v;
  }
  static Labels joined(std::initializer_list<Labels> parts) {
    Labels l;
    for (const Labels& p : parts) l.insert(l.end(), p.begin(), p.end());
    return l;
  }
  /// The operand with axes `order`; those it lacks get size 1.
  Value spread(const Operand& x, const Labels& order) {
    Labels own;
    std::vector<int64_t> missing;
    for (size_t i = 0; i < order.size(); ++i) {
      if (has(x.labels, order[i]))
        own.push_back(order[i]);
      else
        missing.push_back(int64_t(i));
    }
    const Value v = transpose(x, own).value;
    return missing.empty() ? v : b_.call("unsqueeze", {v}, {{"axes", missing}});
  }
  Operand product(const Operand& x, const Operand& y, const Labels& batch, const Labels& inner, const Labels& rows,
                  const Labels& columns) {
    const Labels all = joined({batch, rows, columns, inner}), left = joined({batch, rows, columns});
    const Value v = b_.call("mul", {spread(x, all), spread(y, all)});
    return keep({v, all}, left);
  }
  /// [batch.., rows, inner] x [batch.., inner, columns]; the three parts are joined into one axis each.
  Operand matmul(const Operand& x, const Operand& y, const Labels& batch, const Labels& inner, const Labels& rows,
                 const Labels& columns) {
    const Value a = grouped(x, batch, rows, inner), c = grouped(y, batch, inner, columns);
    const Value v = b_.call("matmul", {a, c});
    const Labels out = joined({batch, rows, columns});
    if (rows.size() == 1 && columns.size() == 1) return {v, out};
    Shape shape(b_.type(v).shape.begin(), b_.type(v).shape.begin() + int64_t(batch.size()));
    for (int l : rows) shape.push_back(size(x, l));
    for (int l : columns) shape.push_back(size(y, l));
    return {reshape(v, shape, {x.value, y.value, v}), out};
  }
  Value grouped(const Operand& x, const Labels& batch, const Labels& first, const Labels& second) {
    const Value v = transpose(x, joined({batch, first, second})).value;
    if (first.size() == 1 && second.size() == 1) return v;
    Shape shape;
    for (int l : batch) shape.push_back(size(x, l));
    for (const Labels* part : {&first, &second}) {
      Dim n = 1;
      for (int l : *part) n *= size(x, l);
      shape.push_back(n);
    }
    return reshape(v, shape, {x.value});
  }
  Value reshape(Value v, const Shape& shape, std::vector<Value> sources) {
    return reshape_to(b_, v, b_.dims(std::span(shape.data(), shape.size()), sources));
  }
};

struct Einsum {
  std::string equation;

  static constexpr OpInfo info{.name = "einsum",
                               .summary = "Products of inputs, summed over the labels that the result does not have.",
                               .source = "ONNX Einsum-12; numpy.einsum",
                               .inputs = {{"Inputs", "one dtype", Arity::variadic}},
                               .outputs = {{"Output"}}};
  static constexpr auto attrs = std::tuple{
      attr("equation", &Einsum::equation,
           "'ij,jk->ik': a letter an axis, '...' for the rest; without '->' the letters that stand once, in order.")};

  void infer(Inferring& t) const {
    t.require(t.inputs() > 0, "has no inputs (one or more)");
    std::vector<int64_t> ranks;
    for (size_t i = 0; i < t.inputs(); ++i) {
      t.require_same_dtype(0, i);
      ranks.push_back(t.in(i).rank());
    }
    t.require_type(t.in(0).dtype != DType::boolean, "inputs must be numbers, got ", t.in(0));
    const Equation e = parse(equation, ranks);
    std::map<int, Dim> sizes;
    for (size_t i = 0; i < e.in.size(); ++i) {
      std::map<int, Dim> own;
      for (size_t k = 0; k < e.in[i].size(); ++k) {
        const int l = e.in[i][k];
        const Dim d = t.in(i).shape[k];
        const auto [at, is_new] = own.emplace(l, d);
        if (!is_new) t.require_equal(at->second, d, str("sizes of the repeated label of input ", i));
      }
      for (const auto& [l, d] : own) {
        const auto [at, is_new] = sizes.emplace(l, d);
        if (!is_new) at->second = t.broadcast(at->second, d);
      }
    }
    Shape y;
    for (int l : e.out) y.push_back(sizes.at(l));
    t.result(t.in(0).dtype, std::move(y));
  }
  Value lower(Builder& b, std::span<const Value> in) const {
    std::vector<int64_t> ranks;
    for (Value v : in) ranks.push_back(b.rank(v));
    const Equation e = parse(equation, ranks);
    Contraction c(b);
    auto needed_after = [&](size_t i) {
      Labels n = e.out;
      for (size_t k = i + 1; k < e.in.size(); ++k) n.insert(n.end(), e.in[k].begin(), e.in[k].end());
      return n;
    };
    Operand now = c.diagonal({in[0], e.in[0]});
    for (size_t i = 1; i < in.size(); ++i) now = c.multiply(now, c.diagonal({in[i], e.in[i]}), needed_after(i));
    now = c.transpose(c.keep(now, e.out), e.out);
    return now.value == in[0] ? b.call("identity", {now.value}) : now.value;
  }
  static std::vector<Sample> samples() {
    auto e = [](const char* equation, std::vector<SampleInput> in) { return sample(Einsum{equation}, std::move(in)); };
    return {e("ij,jk->ik", {in({2, 3}), in({3, 4})}),
            e("bij,bjk", {in({2, 2, 3}), in({2, 3, 2})}),
            e("...ii->...i", {in({2, 3, 3})}),
            e("ij->ji", {in({2, 3})}),
            e("ij->", {in({2, 3})}),
            e("i,i", {in({4}), in({4})}),
            e("i,j->ij", {in({2}), in({3})}),
            e("bhqd,bhkd->bhqk", {in({1, 2, 3, 2}), in({1, 2, 4, 2})}),
            e("abc,cd,be->ade", {in({2, 3, 2}), in({2, 2}), in({3, 2})}),
            e("...ij,...jk->...ik", {in({2, 1, 2, 3}), in({3, 3, 2})}),
            e("abcd,cdab->ab", {in({2, 1, 3, 2}), in({3, 2, 2, 1})}),
            e("ii", {in({3, 3})})};
  }
};

}  // namespace

OpList einsum() { return {def<Einsum>()}; }

}  // namespace neve::ops
