// The calls that every op file needs, for all Builders.
#include "op/builder.h"

#include "core/dim_linear.h"
#include "op/registry.h"

namespace neve {
namespace {

// Computes Dims with ops, from the shapes of given values.
class DimEmitter {
 public:
  DimEmitter(Builder& b, std::span<const Value> sources) : b_(b), sources_(sources) {}

  bool find_axis(Dim d, Value& source, int64_t& axis) const {
    for (Value v : sources_) {
      if (!v.valid()) continue;
      const Shape& s = b_.type(v).shape;
      for (size_t i = 0; i < s.size(); ++i)
        if (s[i] == d) {
          source = v, axis = int64_t(i);
          return true;
        }
    }
    return false;
  }

  // i64 [1]
  Value emit(Dim d) {
    if (d.is_constant()) return b_.ints({d.value()});
    Value v;
    if (direct(d, v)) return v;
    if (d.is_symbol() && solve(d, v)) return v;
    if (joined(d, v)) return v;
    std::vector<Dim> symbols;
    std::vector<DimCode> code;
    const int32_t last = compile_dim(d, code, [&](const Symbol& s) {
      for (size_t i = 0; i < symbols.size(); ++i)
        if (symbols[i].as_symbol().id == s.id) return int32_t(i);
      std::vector<Dim> all;
      collect_symbols(d, all);
      for (Dim x : all)
        if (x.as_symbol().id == s.id) symbols.push_back(x);
      return int32_t(symbols.size()) - 1;
    });
    std::vector<Value> values;
    std::vector<Dim> dims;
    for (const DimCode& c : code) step(c, symbols, values, dims);
    if (!values[size_t(last)].valid()) {
      std::string missing;
      for (Dim s : symbols)
        if (Value v; missing.empty() && !direct(s, v) && !solve(s, v)) missing = to_string(s);
      fail(ErrorCode::internal, "internal: dims: ", d, " needs ", missing, ", which no source has as a size");
    }
    return values[size_t(last)];
  }

 private:
  Value axis_of(Value source, int64_t axis) { return b_.call("shape", {source}, {{"start", axis}, {"end", axis + 1}}); }

  // d is the size of an axis, or an element of a source whose content is known.
  bool direct(Dim d, Value& v) {
    Value source;
    int64_t axis = 0;
    if (find_axis(d, source, axis)) {
      v = axis_of(source, axis);
      return true;
    }
    for (Value s : sources_) {
      if (!s.valid() || b_.dtype(s) != DType::i64) continue;
      const Facts f = b_.facts(s);
      for (size_t i = 0; f.known && i < f.content.size(); ++i)
        if (f.content[i] == d) {
          const Value flat = b_.rank(s) ? s : b_.reshape(s, std::array{Dim(1)});
          v = f.content.size() == 1 ? flat : b_.call("gather", {flat, b_.ints({int64_t(i)})}, {{"axis", int64_t(0)}});
          return true;
        }
    }
    return false;
  }

  // Neighbouring axes whose sizes multiply to d: what a reshape joins, though no symbol of theirs can be had alone.
  bool joined(Dim d, Value& v) {
    for (Value s : sources_) {
      if (!s.valid()) continue;
      const Shape shape = b_.type(s).shape;
      for (size_t first = 0; first < shape.size(); ++first) {
        Dim product = shape[first];
        for (size_t last = first + 1; last < shape.size(); ++last) {
          product = product * shape[last];
          if (product != d) continue;
          v = axis_of(s, int64_t(first));
          for (size_t k = first + 1; k <= last; ++k) v = b_.call("mul", {v, axis_of(s, int64_t(k))});
          return true;
        }
      }
    }
    return false;
  }

  // An axis of size c * d + k, with constants c and k, gives d.
  bool solve(Dim d, Value& v) {
    for (Value s : sources_) {
      if (!s.valid()) continue;
      const Shape shape = b_.type(s).shape;
      for (size_t i = 0; i < shape.size(); ++i) {
        const std::optional<Linear> l = linear_in(shape[i], d);
        if (!l) continue;
        v = axis_of(s, int64_t(i));
        if (l->offset != 0) v = b_.call("sub", {v, b_.ints({l->offset})});
        if (l->scale != 1) v = b_.call("div", {v, b_.ints({l->scale})});  // exact
        return true;
      }
    }
    return false;
  }

  static Dim combined(DimCode::Op op, Dim a, Dim b) {
    switch (op) {
      case DimCode::add:
        return a + b;
      case DimCode::mul:
        return a * b;
      case DimCode::min:
        return min(a, b);
      case DimCode::max:
        return max(a, b);
      case DimCode::mod:
        return mod(a, b);
      case DimCode::floordiv:
        return floordiv(a, b);
      case DimCode::ceildiv:
        return ceildiv(a, b);
      case DimCode::broadcast:
        return broadcast(a, b);
      case DimCode::constant:
      case DimCode::symbol:
        break;
    }
    return a;
  }

  // A symbol that no source has gives no value; what is made of it has one where a source has that as a size
  // (floordiv(n, 3)).
  void step(const DimCode& c, const std::vector<Dim>& symbols, std::vector<Value>& values, std::vector<Dim>& dims) {
    Value v;
    if (c.op == DimCode::constant) {
      dims.push_back(c.value);
      v = b_.ints({c.value});
    } else if (c.op == DimCode::symbol) {
      const Dim s = symbols[size_t(c.a)];
      dims.push_back(s);
      if (!direct(s, v) && !solve(s, v)) v = {};
    } else {
      const Value x = values[size_t(c.a)], y = values[size_t(c.b)];
      const Dim dx = dims[size_t(c.a)], dy = dims[size_t(c.b)];
      dims.push_back(combined(c.op, dx, dy));
      if (x.valid() && y.valid())
        v = computed(c.op, x, y, proven(at_least(dx, 0)) && proven(at_least(dy, 0)));
      else if (!direct(dims.back(), v))
        v = {};
    }
    values.push_back(v);
  }

  Value computed(DimCode::Op op, Value a, Value b, bool never_negative) {
    switch (op) {
      case DimCode::add:
        return b_.call("add", {a, b});
      case DimCode::mul:
        return b_.call("mul", {a, b});
      case DimCode::min:
        return b_.call("min", {a, b});
      case DimCode::max:
        return b_.call("max", {a, b});
      case DimCode::mod:
        return b_.call("mod", {a, b});
      case DimCode::floordiv: {  // div truncates
        const Value n = never_negative ? a : b_.call("sub", {a, b_.call("mod", {a, b})});
        return b_.call("div", {n, b});
      }
      case DimCode::ceildiv: {  // ceil(a / b) = floor(a / b) + (a mod b != 0)
        const Value m = b_.call("mod", {a, b});
        const Value floor = b_.call("div", {b_.call("sub", {a, m}), b});
        const Value rest = b_.cast(b_.call("not", {b_.call("equal", {m, b_.ints({0})})}), DType::i64);
        return b_.call("add", {floor, rest});
      }
      case DimCode::broadcast:
        return b_.call("where", {b_.call("equal", {a, b_.ints({1})}), b, a});
      case DimCode::constant:
      case DimCode::symbol:
        break;
    }
    return {};
  }

  Builder& b_;
  std::span<const Value> sources_;
};

}  // namespace

Values Builder::call_many(std::string_view name, std::span<const Value> in, const AttrList& attrs,
                          std::span<const RegionFn> regions) {
  const OpDef& op = find_op(name);
  return emit(op, op.defaults().with(attrs), in, regions);
}

Value Builder::call(std::string_view name, std::span<const Value> in, const AttrList& attrs) {
  const Values out = call_many(name, in, attrs);
  check(out.size() == 1, name, ": ", out.size(), " results where one was expected");
  return out[0];
}

Value Builder::constant(const Tensor& t) { return call("constant", {}, {{"value", t}}); }

Value Builder::scalar(DType t, double v) { return constant(Tensor::scalar(t, v)); }

Value Builder::ints(std::span<const int64_t> v) {
  return constant(Tensor::of_ints(DType::i64, {int64_t(v.size())}, v));
}

Value Builder::cast(Value x, DType to) { return dtype(x) == to ? x : call("cast", {x}, {{"to", to}}); }

Value Builder::reshape(Value x, std::span<const Dim> shape, Value like) {
  const Shape& from = type(x).shape;
  if (std::equal(from.begin(), from.end(), shape.begin(), shape.end())) return x;
  const Value sources[] = {x, like};
  const Value to = dims(shape, sources);
  return call("reshape", {x, to}, {{"allowzero", true}});
}

Value Builder::shape_of(Value x) { return call("shape", {x}); }

Value Builder::dims(std::span<const Dim> wanted, std::span<const Value> sources) {
  std::vector<int64_t> constants;
  for (Dim d : wanted)
    if (d.is_constant()) constants.push_back(d.value());
  if (constants.size() == wanted.size()) return ints(constants);
  for (Value s : sources)
    if (s.valid() && std::equal(wanted.begin(), wanted.end(), type(s).shape.begin(), type(s).shape.end()))
      return shape_of(s);

  // Pieces: runs of constants, runs of neighbouring axes of one source, single computed sizes.
  DimEmitter emitter(*this, sources);
  Values pieces;
  for (size_t i = 0; i < wanted.size();) {
    Value source;
    int64_t axis = 0;
    size_t end = i + 1;
    if (wanted[i].is_constant()) {
      std::vector<int64_t> run;
      for (end = i; end < wanted.size() && wanted[end].is_constant(); ++end) run.push_back(wanted[end].value());
      pieces.push_back(ints(run));
    } else if (emitter.find_axis(wanted[i], source, axis)) {
      const Shape s = type(source).shape;
      while (end < wanted.size() && axis + int64_t(end - i) < int64_t(s.size()) &&
             wanted[end] == s[size_t(axis) + end - i])
        ++end;
      pieces.push_back(call("shape", {source}, {{"start", axis}, {"end", axis + int64_t(end - i)}}));
    } else {
      pieces.push_back(emitter.emit(wanted[i]));
    }
    i = end;
  }
  return pieces.size() == 1 ? pieces[0] : call("concat", pieces, {{"axis", int64_t(0)}});
}

}  // namespace neve
