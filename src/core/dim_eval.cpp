// Evaluating and substituting Dims, and compiling them to shape programs.
#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "core/dim.h"
#include "core/dim_internal.h"

namespace neve {
namespace {

constexpr const char* op_names[] = {"constant", "symbol", "add", "mul", "floordiv",
                                    "ceildiv",  "mod",    "min", "max", "broadcast"};

int64_t fit(int128 v) {
  if (v > INT64_MAX || v < INT64_MIN) fail(ErrorCode::shape_mismatch, "dim: a size does not fit 64 bits");
  return int64_t(v);
}

int64_t divide_floor(int64_t a, int64_t b) {
  if (b == 0) fail_division("floordiv", a);
  if (b == -1) return fit(-int128(a));
  return floor_div(a, b);
}

int64_t divide_ceil(int64_t a, int64_t b) {
  if (b == 0) fail_division("ceildiv", a);
  if (b == -1) return fit(-int128(a));
  return floor_div(a, b) + (a % b != 0);
}

int64_t modulo(int64_t a, int64_t b) {
  if (b == 0) fail_division("mod", a);
  return b == -1 ? 0 : floor_mod(a, b);
}

int64_t broadcast_sizes(int64_t a, int64_t b) {
  if (a == b || b == 1) return a;
  if (a != 1) fail_broadcast(a, b);
  return b;
}

using Values = std::function<std::optional<int64_t>(const Symbol&)>;

int64_t evaluate_node(const DimNode& n, const Values& value);

int64_t evaluate_dim(Dim d, const Values& value) {
  return d.is_constant() ? d.value() : evaluate_node(node_of(d), value);
}

int64_t evaluate_sum(const Poly& p, const Values& value) {
  int128 sum = 0;
  for (const Term& t : p) {
    int128 product = t.coefficient;
    for (Dim d : t.atoms) {
      if (__builtin_mul_overflow(product, int128(evaluate_dim(d, value)), &product))
        fail(ErrorCode::shape_mismatch, "dim: a size does not fit 64 bits");
    }
    if (__builtin_add_overflow(sum, product, &sum)) fail(ErrorCode::shape_mismatch, "dim: a size does not fit 64 bits");
  }
  return fit(sum);
}

int64_t evaluate_node(const DimNode& n, const Values& value) {
  if (n.kind == DimKind::symbol) {
    const std::optional<int64_t> v = value(*n.symbol);
    if (!v) fail(ErrorCode::invalid_argument, "dim: symbol '", n.symbol->name, "' has no value");
    return *v;
  }
  if (n.kind == DimKind::poly) return evaluate_sum(n.terms, value);
  int64_t r = evaluate_dim(n.args[0], value);
  for (size_t i = 1; i < n.args.size(); ++i) {
    const int64_t v = evaluate_dim(n.args[i], value);
    switch (n.kind) {
      case DimKind::floordiv:
        r = divide_floor(r, v);
        break;
      case DimKind::mod:
        r = modulo(r, v);
        break;
      case DimKind::min:
        r = std::min(r, v);
        break;
      case DimKind::max:
        r = std::max(r, v);
        break;
      case DimKind::broadcast:
        r = broadcast_sizes(r, v);
        break;
      case DimKind::symbol:
      case DimKind::poly:
        break;
    }
  }
  return r;
}

class Substitution {
 public:
  explicit Substitution(const std::function<std::optional<Dim>(const Symbol&)>& with) : with_(with) {}

  Dim apply(Dim d) {
    if (d.is_constant()) return d;
    if (const auto found = done_.find(d); found != done_.end()) return found->second;
    const Dim r = make(d, node_of(d));
    done_.emplace(d, r);
    return r;
  }

 private:
  Dim make(Dim d, const DimNode& n) {
    switch (n.kind) {
      case DimKind::symbol:
        return with_(*n.symbol).value_or(d);
      case DimKind::poly:
        return sum(n.terms);
      case DimKind::floordiv:
        return floordiv(apply(n.args[0]), apply(n.args[1]));
      case DimKind::mod:
        return mod(apply(n.args[0]), apply(n.args[1]));
      case DimKind::min:
        return fold(n, min);
      case DimKind::max:
        return fold(n, max);
      case DimKind::broadcast:
        return fold(n, broadcast);
    }
    return d;
  }
  Dim fold(const DimNode& n, Dim (*f)(Dim, Dim)) {
    Dim r = apply(n.args[0]);
    for (size_t i = 1; i < n.args.size(); ++i) r = f(r, apply(n.args[i]));
    return r;
  }
  Dim sum(const Poly& p) {
    Dim total = 0;
    for (const Term& t : p) {
      Dim product = t.coefficient;
      for (Dim atom : t.atoms) product *= apply(atom);
      total += product;
    }
    return total;
  }

  const std::function<std::optional<Dim>(const Symbol&)>& with_;
  std::unordered_map<Dim, Dim> done_;
};

template <class F>
void for_each_operand(const DimNode& n, F&& f) {
  for (Dim d : n.args) f(d);
  for (const Term& t : n.terms)
    for (Dim d : t.atoms) f(d);
}

/// Emits steps; equal steps are made once.
class Emitter {
 public:
  Emitter(std::vector<DimCode>& code, const std::function<int32_t(const Symbol&)>& symbol_index)
      : code_(code), symbol_index_(symbol_index) {}

  int32_t emit(Dim d) {
    if (d.is_constant()) return step({DimCode::constant, 0, 0, d.value()});
    const DimNode& n = node_of(d);
    switch (n.kind) {
      case DimKind::symbol:
        return step({DimCode::symbol, symbol_index_(*n.symbol), 0, 0});
      case DimKind::poly:
        return sum(n.terms);
      case DimKind::floordiv:
        return fold(n, DimCode::floordiv);
      case DimKind::mod:
        return fold(n, DimCode::mod);
      case DimKind::min:
        return fold(n, DimCode::min);
      case DimKind::max:
        return fold(n, DimCode::max);
      case DimKind::broadcast:
        return fold(n, DimCode::broadcast);
    }
    return 0;
  }

 private:
  int32_t step(DimCode c) {
    const auto found = std::find(code_.begin(), code_.end(), c);
    if (found != code_.end()) return int32_t(found - code_.begin());
    code_.push_back(c);
    return int32_t(code_.size()) - 1;
  }
  int32_t fold(const DimNode& n, DimCode::Op op) {
    int32_t r = emit(n.args[0]);
    for (size_t i = 1; i < n.args.size(); ++i) {
      const int32_t next = emit(n.args[i]);
      r = step({op, r, next, 0});
    }
    return r;
  }
  int32_t sum(const Poly& p) {
    int32_t total = -1;
    for (const Term& t : p) {
      int32_t product = t.coefficient == 1 && !t.atoms.empty() ? -1 : emit(t.coefficient);
      for (Dim d : t.atoms) {
        const int32_t factor = emit(d);
        product = product < 0 ? factor : step({DimCode::mul, product, factor, 0});
      }
      total = total < 0 ? product : step({DimCode::add, total, product, 0});
    }
    return total;
  }

  std::vector<DimCode>& code_;
  const std::function<int32_t(const Symbol&)>& symbol_index_;
};

[[noreturn]] void fail_step(size_t i, const DimCode& c, int64_t a, int64_t b) {
  fail(ErrorCode::shape_mismatch, "shape program: step ", i, ": ", op_names[c.op], " of ", a, " and ", b,
       " does not fit 64 bits");
}

}  // namespace

int64_t evaluate(Dim d, const Values& value) { return evaluate_dim(d, value); }

Dim substitute(Dim d, const std::function<std::optional<Dim>(const Symbol&)>& with) {
  return Substitution(with).apply(d);
}

void collect_symbols(Dim d, std::vector<Dim>& out) {
  if (d.is_constant()) return;
  if (d.is_symbol()) {
    if (std::find(out.begin(), out.end(), d) == out.end()) out.push_back(d);
    return;
  }
  for_each_operand(node_of(d), [&](Dim part) { collect_symbols(part, out); });
}

bool depends_on(Dim d, const Symbol& s) {
  if (d.is_constant()) return false;
  const DimNode& n = node_of(d);
  if (n.kind == DimKind::symbol) return n.symbol->id == s.id;
  bool found = false;
  for_each_operand(n, [&](Dim part) { found = found || depends_on(part, s); });
  return found;
}

int32_t compile_dim(Dim d, std::vector<DimCode>& code, const std::function<int32_t(const Symbol&)>& symbol_index) {
  return Emitter(code, symbol_index).emit(d);
}

void run_dim_code(std::span<const DimCode> code, std::span<const int64_t> symbols, std::span<int64_t> values) {
  check(values.size() >= code.size(), "shape program: ", values.size(), " values for ", code.size(), " steps");
  for (size_t i = 0; i < code.size(); ++i) {
    const DimCode& c = code[i];
    if (c.op <= DimCode::symbol) {
      values[i] = c.op == DimCode::constant ? c.value : symbols[size_t(c.a)];
      continue;
    }
    const int64_t a = values[size_t(c.a)], b = values[size_t(c.b)];
    int64_t& r = values[i];
    switch (c.op) {
      case DimCode::add:
        if (__builtin_add_overflow(a, b, &r)) fail_step(i, c, a, b);
        break;
      case DimCode::mul:
        if (__builtin_mul_overflow(a, b, &r)) fail_step(i, c, a, b);
        break;
      case DimCode::floordiv:
        r = divide_floor(a, b);
        break;
      case DimCode::ceildiv:
        r = divide_ceil(a, b);
        break;
      case DimCode::mod:
        r = modulo(a, b);
        break;
      case DimCode::min:
        r = std::min(a, b);
        break;
      case DimCode::max:
        r = std::max(a, b);
        break;
      case DimCode::broadcast:
        r = broadcast_sizes(a, b);
        break;
      case DimCode::constant:
      case DimCode::symbol:
        break;
    }
  }
}

}  // namespace neve
