// Runs a graph op by op, through eager execution or into the graph of a capture.
#include "capture/replay.h"

#include <algorithm>
#include <map>

#include "capture/capture.h"
#include "eager/autograd.h"
#include "op/reference.h"
#include "op/registry.h"

namespace neve::capture {
namespace {

TensorType type_now(const Tensor& t) {
  Capture* c = current_or_null();
  return c ? c->type(t) : type_of(t);
}

void require(const Constraint& c) {
  if (Capture* capture = current_or_null()) return capture->require(c);
  if (prove(c) == Proof::no)
    fail(ErrorCode::shape_mismatch, c.reason, ": it must be that ", to_string(c), " (sizes for which that holds)");
}

// What the types of the inputs and the relations of the graph say about sizes.
void check_inputs(const ir::Graph& g, std::span<const Tensor> in) {
  if (in.size() != g.inputs().size())
    fail(ErrorCode::invalid_argument, "run: ", in.size(), " inputs given (the graph takes ", g.inputs().size(), ")");
  std::map<uint32_t, Dim> now;
  std::vector<std::pair<Dim, Dim>> composed;
  for (size_t i = 0; i < in.size(); ++i) {
    const std::string name = str("run: input '", g.name(g.inputs()[i]), "'");
    check(in[i].defined(), name, " is undefined");
    const TensorType &want = g.type(g.inputs()[i]), got = type_now(in[i]);
    if (got.dtype != want.dtype || got.rank() != want.rank())
      fail(ErrorCode::type_mismatch, name, " is ", got, " (", want, " would be right)");
    for (size_t a = 0; a < want.shape.size(); ++a) {
      const Dim w = want.shape[a], d = got.shape[a];
      const std::string axis = str(name, " axis ", a);
      if (!w.is_symbol()) {
        composed.emplace_back(w, d);
        continue;
      }
      const Symbol& s = w.as_symbol();
      const auto [it, first] = now.emplace(s.id, d);
      if (!first) {
        require({Constraint::equal, it->second, d, axis});
        continue;
      }
      if (s.lo > 0) require({Constraint::at_least, d, s.lo, axis});
      if (s.hi < Dim::unbounded) require({Constraint::at_least, s.hi, d, axis});
      if (s.divisor > 1) require({Constraint::divides, d, s.divisor, axis});
    }
  }
  bool known = true;
  const auto with = [&](const Symbol& s) -> std::optional<Dim> {
    const auto it = now.find(s.id);
    known = known && it != now.end();
    return it == now.end() ? std::nullopt : std::optional<Dim>(it->second);
  };
  for (const auto& [want, got] : composed) {
    known = true;
    const Dim w = substitute(want, with);
    if (known) require({Constraint::equal, got, w, "run: a size of an input"});
  }
  for (const Constraint& c : g.constraints) {
    known = true;
    const Constraint moved{c.kind, substitute(c.a, with), substitute(c.b, with), c.reason};
    if (known) require(moved);  // others are of sizes that arise inside: made anew with their nodes
  }
}

// A region of a node, with its weights handed in: it sees only its parameters. Nodes of `to` are inferred anew.
void weights_inside(const ir::Graph& g, std::vector<std::string>& names) {
  for (const ir::Node* n = g.first(); n; n = n->next) {
    if (n->is("weight")) {
      const std::string name = n->attrs.get_string("name");
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    for (const auto& r : n->regions) weights_inside(*r, names);
  }
}
std::vector<std::string> weights_inside(const ir::Node& n) {
  std::vector<std::string> names;
  for (const auto& r : n.regions) weights_inside(*r, names);
  return names;
}

Values copy_region(const ir::Graph& from, Builder& to, std::span<const Value> parameters,
                   const std::map<std::string, Value>& weights) {
  std::map<uint32_t, Value> map;
  for (size_t i = 0; i < from.inputs().size(); ++i) map[from.inputs()[i].id] = parameters[i];
  for (const ir::Node* n = from.first(); n; n = n->next) {
    if (n->is("weight")) {
      map[n->out[0].id] = weights.at(n->attrs.get_string("name"));
      continue;
    }
    Values operands;
    for (Value v : n->in) operands.push_back(v.valid() ? map.at(v.id) : Value{});
    const std::vector<std::string> names = weights_inside(*n);
    for (const std::string& name : names) operands.push_back(weights.at(name));
    std::vector<RegionFn> regions;
    for (const auto& r : n->regions)
      regions.push_back([&names, inner = r.get()](Builder& b, std::span<const Value> p) {
        std::map<std::string, Value> handed;
        for (size_t i = 0; i < names.size(); ++i) handed[names[i]] = p[p.size() - names.size() + i];
        return copy_region(*inner, b, p, handed);
      });
    const Values out = to.emit(*n->op, n->attrs, operands, regions);
    for (size_t k = 0; k < out.size(); ++k) map[n->out[k].id] = out[k];
  }
  Values results;
  for (Value v : from.outputs()) results.push_back(map.at(v.id));
  return results;
}

class Replay {
 public:
  explicit Replay(const WeightOf& weight) : weight_(weight), capture_(current_or_null()) {}

  std::vector<Tensor> run(const ir::Graph& g, std::span<const Tensor> in) {
    std::map<uint32_t, size_t> uses;  // values die when their last reader has run
    for (const ir::Node* n = g.first(); n; n = n->next)
      for (Value v : n->in)
        if (v.valid()) ++uses[v.id];
    for (Value v : g.outputs()) ++uses[v.id];
    std::map<uint32_t, Tensor> values;
    for (size_t i = 0; i < in.size(); ++i) values[g.inputs()[i].id] = in[i];
    for (const ir::Node* n = g.first(); n; n = n->next) {
      std::vector<Tensor> operands;
      for (Value v : n->in) operands.push_back(v.valid() ? values.at(v.id) : Tensor{});
      std::vector<Tensor> out = node(*n, operands);
      for (Value v : n->in)
        if (v.valid() && --uses[v.id] == 0) values.erase(v.id);
      for (size_t k = 0; k < out.size(); ++k)
        if (uses.count(n->out[k].id)) values[n->out[k].id] = std::move(out[k]);
    }
    std::vector<Tensor> results;
    for (Value v : g.outputs()) results.push_back(values.at(v.id));
    return results;
  }

 private:
  std::vector<Tensor> node(const ir::Node& n, std::vector<Tensor>& in) {
    if (n.is("weight")) return {weight_(n.attrs.get_string("name"))};
    if (n.is("constant")) {
      const Tensor t = std::get<Tensor>(n.attrs.get("value"));
      return {capture_ ? capture_->constant(t) : t};
    }
    if (n.regions.empty()) return eager::call(*n.op, n.attrs, in);
    if (!capture_) return run_regions(n, in);
    const std::vector<std::string> names = weights_inside(n);
    for (const std::string& name : names) in.push_back(weight_(name));
    std::vector<RegionFn> regions;
    for (const auto& r : n.regions)
      regions.push_back([&names, inner = r.get()](Builder& b, std::span<const Value> p) {
        std::map<std::string, Value> handed;
        for (size_t i = 0; i < names.size(); ++i) handed[names[i]] = p[p.size() - names.size() + i];
        return copy_region(*inner, b, p, handed);
      });
    return capture_->emit(*n.op, n.attrs, in, regions);
  }

  std::vector<Tensor> run_regions(const ir::Node& n, std::span<const Tensor> in) {
    if (n.is("if")) return run(*n.regions[in[0].item_int() ? 0 : 1], in.subspan(1));
    if (n.is("loop")) return loop(n, in);
    if (n.is("scan")) return scan(n, in);
    if (n.op->info.regions == 1) return run(*n.regions[0], in);  // regions that are one step of the graph
    fail(ErrorCode::unsupported, n.op->info.name, ": a graph with it is not run op by op");
  }

  static Tensor stacked(const std::vector<Tensor>& parts, int64_t axis, bool backward, const TensorType& type) {
    if (parts.empty()) {
      Sizes shape;
      for (Dim d : type.shape) shape.push_back(d.is_constant() ? d.value() : 0);
      shape[size_t(axis)] = 0;
      return Tensor::zeros(type.dtype, shape);
    }
    std::vector<Tensor> with_axis;
    for (const Tensor& t : parts)
      with_axis.push_back(eager::call1("unsqueeze", {t}, {{"axes", std::vector<int64_t>{axis}}}));
    if (backward) std::reverse(with_axis.begin(), with_axis.end());
    const OpDef& concat = find_op("concat");
    return eager::call1(concat, concat.defaults().with({{"axis", axis}}), with_axis);
  }

  static TensorType type_of_result(const ir::Graph& region, size_t k, int64_t axis) {
    TensorType t = region.type(region.outputs()[k]);
    t.shape.insert(t.shape.begin() + axis, Dim(0));
    return t;
  }

  std::vector<Tensor> loop(const ir::Node& n, std::span<const Tensor> in) {
    const size_t carried = size_t(n.attrs.get_int("carried")), scans = size_t(n.attrs.get_int("scan_outputs"));
    const int64_t most = in[0].defined() ? in[0].item_int() : INT64_MAX;
    bool go = !in[1].defined() || in[1].item_int();
    std::vector<Tensor> arguments(in.begin(), in.end());
    arguments[1] = Tensor::scalar_int(DType::boolean, 1);
    std::vector<std::vector<Tensor>> parts(scans);
    for (int64_t i = 0; i < most && go; ++i) {
      arguments[0] = Tensor::scalar_int(DType::i64, i);
      const std::vector<Tensor> r = run(*n.regions[0], arguments);
      go = r[0].item_int() != 0;
      for (size_t k = 0; k < carried; ++k) arguments[2 + k] = r[1 + k];
      for (size_t k = 0; k < scans; ++k) parts[k].push_back(r[1 + carried + k]);
    }
    std::vector<Tensor> out(arguments.begin() + 2, arguments.begin() + 2 + int64_t(carried));
    for (size_t k = 0; k < scans; ++k)
      out.push_back(stacked(parts[k], 0, false, type_of_result(*n.regions[0], 1 + carried + k, 0)));
    return out;
  }

  std::vector<Tensor> scan(const ir::Node& n, std::span<const Tensor> in) {
    const auto at = [](const std::vector<int64_t>& v, size_t i) { return i < v.size() ? v[i] : 0; };
    const size_t carried = size_t(n.attrs.get_int("carried")), count = size_t(n.attrs.get_int("num_scan_inputs"));
    const size_t outputs = n.out.size() - carried;
    const auto in_axes = n.attrs.get_ints("scan_input_axes"), back = n.attrs.get_ints("scan_input_directions");
    const auto out_axes = n.attrs.get_ints("scan_output_axes"), prepend = n.attrs.get_ints("scan_output_directions");
    const auto axis = [](int64_t a, int64_t rank) { return a < 0 ? a + rank : a; };
    const int64_t length = in[carried].size(axis(at(in_axes, 0), in[carried].rank()));
    std::vector<Tensor> arguments(in.begin(), in.end());
    std::vector<std::vector<Tensor>> parts(outputs);
    for (int64_t step = 0; step < length; ++step) {
      for (size_t i = 0; i < count; ++i) {
        const Tensor& x = in[carried + i];
        const int64_t number = at(back, i) ? length - 1 - step : step;
        arguments[carried + i] = eager::call1("gather", {x, Tensor::scalar_int(DType::i64, number)},
                                              {{"axis", axis(at(in_axes, i), x.rank())}});
      }
      const std::vector<Tensor> r = run(*n.regions[0], arguments);
      for (size_t k = 0; k < carried; ++k) arguments[k] = r[k];
      for (size_t k = 0; k < outputs; ++k) parts[k].push_back(r[carried + k]);
    }
    std::vector<Tensor> out(arguments.begin(), arguments.begin() + int64_t(carried));
    for (size_t k = 0; k < outputs; ++k) {
      const int64_t rank = n.regions[0]->rank(n.regions[0]->outputs()[carried + k]) + 1;
      const int64_t to = axis(at(out_axes, k), rank);
      out.push_back(stacked(parts[k], to, at(prepend, k) != 0, type_of_result(*n.regions[0], carried + k, to)));
    }
    return out;
  }

  const WeightOf& weight_;
  Capture* capture_;
};

}  // namespace

std::vector<Tensor> replay(const ir::Graph& g, const WeightOf& weight, std::span<const Tensor> in) {
  check_inputs(g, in);
  return Replay(weight).run(g, in);
}

}  // namespace neve::capture
