// The ops that are not arithmetic: constants, weights, control flow, and the fused node.
#include <algorithm>
#include <cstring>

#include "op/def.h"
#include "op/reference.h"

namespace neve::ops {
namespace {

struct Constant {
  Tensor value;

  static constexpr OpInfo info{.name = "constant",
                               .summary = "A tensor known when the graph is made.",
                               .source = "ONNX Constant-13",
                               .inputs = {},
                               .public_name = "asarray"};
  static constexpr auto attrs = std::tuple{attr("value", &Constant::value, "The tensor.")};
  void infer(Inferring& t) const {
    t.require(value.defined(), "attribute 'value' is none (it must be a tensor)");
    t.result(type_of(value));
    if (Facts f = facts_of(value); f.known) t.result_content(0, std::move(f.content));
  }
  void eval(Evaluating& e) const { e.set(0, value.contiguous()); }
  static std::vector<Sample> samples() {
    return {sample(Constant{Tensor::of(DType::f32, {2, 2}, {1, -2.5, 0, 4})}, {}),
            sample(Constant{Tensor::of(DType::i64, {3}, {1, 2, 3})}, {}),
            sample(Constant{Tensor::scalar(DType::boolean, 1)}, {})};
  }
};

struct Weight {
  std::string name;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;

  static constexpr OpInfo info{
      .name = "weight",
      .summary = "A parameter of the model, by name; its bytes are supplied by whoever runs the graph.",
      .source = "Neve",
      .inputs = {}};
  static constexpr auto attrs =
      std::tuple{attr("name", &Weight::name, "Name in the store of weights."),
                 attr("dtype", &Weight::dtype, "Element type."), attr("shape", &Weight::shape, "Sizes.")};
  void infer(Inferring& t) const {
    t.require(!name.empty(), "attribute 'name' is empty (it must name a weight)");
    Shape s;
    for (int64_t n : shape) {
      t.require(n >= 0, "size ", n, " in shape (sizes are 0 or more)");
      s.push_back(n);
    }
    t.result(dtype, std::move(s));
  }
  void eval(Evaluating&) const {
    fail(ErrorCode::invalid_argument, "weight: '", name,
         "' has no value here (a graph with weights needs a store of weights to run)");
  }
  static std::vector<Sample> samples() { return {}; }  // has no value of its own
};

struct Identity {
  static constexpr OpInfo info{
      .name = "identity", .summary = "y = x.", .source = "ONNX Identity-16", .inputs = {{"x"}}};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    t.result(t.in(0));
    if (const Shape* c = t.content(0)) t.result_content(0, *c);
  }
  void eval(Evaluating& e) const { e.set(0, e.in[0]); }
  Values grad(const Gradient& g) const { return {g.dy()}; }
  static std::vector<Sample> samples() {
    return {sample(Identity{}, {in({2, 3})}), sample(Identity{}, {given_ints({1, 2})})};
  }
};

// Where gradients end: what the program took out of them (detach, no_grad), or cannot have.
struct StopGradient {
  std::string refusal;

  static constexpr OpInfo info{.name = "stop_gradient",
                               .summary = "y = x, whose gradient is none.",
                               .source = "TensorFlow StopGradient; JAX lax.stop_gradient",
                               .inputs = {{"x"}, {"on", "what y depends on besides", Arity::variadic}}};
  static constexpr auto attrs = std::tuple{
      attr("refusal", &StopGradient::refusal, "Not empty: asking for a gradient is an error, which says this.")};
  void infer(Inferring& t) const {
    t.result(t.in(0));
    if (const Shape* c = t.content(0)) t.result_content(0, *c);
  }
  void eval(Evaluating& e) const { e.set(0, e.in[0]); }
  Values grad(const Gradient& g) const {
    if (!refusal.empty()) fail(ErrorCode::unsupported, "gradient: ", refusal);
    return Values(g.in.size());
  }
  static std::vector<Sample> samples() {
    return {sample(StopGradient{}, {in({2, 3})}, 1e-5, "central differences see y = x", false),
            sample(StopGradient{}, {given_ints({1, 2})})};
  }
};

// ---- regions --------------------------------------------------------------------------------------------------

// A region's symbols mean nothing outside of it: only sizes made of symbols of the node's inputs may leave.
class Outside {
 public:
  explicit Outside(Inferring& t) : t_(t) {
    for (size_t i = 0; i < t.inputs(); ++i) {
      if (!t.has(i)) continue;
      for (Dim d : t.in(i).shape) collect_symbols(d, known_);
      if (const Shape* c = t.content(i))
        for (Dim d : *c) collect_symbols(d, known_);
    }
  }
  Dim operator()(Dim d, const char* name) {
    std::vector<Dim> symbols;
    collect_symbols(d, symbols);
    for (Dim s : symbols)
      if (std::find(known_.begin(), known_.end(), s) == known_.end())
        return t_.fresh(name, std::max<int64_t>(0, lower_bound(d)), std::max<int64_t>(0, upper_bound(d)));
    return d;
  }
  Shape operator()(const Shape& shape, const char* name) {
    Shape r;
    for (Dim d : shape) r.push_back((*this)(d, name));
    return r;
  }

 private:
  Inferring& t_;
  std::vector<Dim> known_;
};

void require_cond(const Inferring& t, const TensorType& type, std::string_view what) {
  t.require_type(type.dtype == DType::boolean && element_count(type.shape).is(1), what, " is ", type,
                 " (it must be one bool)");
}

// Stands where a graph has nothing that could run: a branch whose ops do not fit the sizes at hand.
struct Fail {
  std::string message;
  DType dtype = DType::f32;

  static constexpr OpInfo info{.name = "fail",
                               .summary = "Raises an error with the message when it is run; never has a result.",
                               .source = "Neve",
                               .inputs = {{"shape", "i64 [rank]: sizes that the result is said to have"}},
                               .random = true};  // what it does must not happen before the run
  static constexpr auto attrs = std::tuple{attr("message", &Fail::message, "What the error says."),
                                           attr("dtype", &Fail::dtype, "Element type the result is said to have.")};
  void infer(Inferring& t) const {
    t.require(!message.empty(), "attribute 'message' is empty (it must say why there is no result)");
    const Shape* shape = t.content(0);
    t.require(shape != nullptr, "the content of shape is not known (sizes, or what is computed from sizes, are right)");
    t.result(dtype, *shape);
  }
  void eval(Evaluating&) const { neve::fail(ErrorCode::unsupported, message); }
  static std::vector<Sample> samples() { return {}; }  // has no result; tests/ops/regions.cpp runs it
};

// Result of what may be either: sizes that differ are known when it has run.
TensorType join(Inferring& t, Outside& outside, const TensorType& a, const TensorType& b, std::string_view what,
                const char* name) {
  t.require_type(a.dtype == b.dtype && a.rank() == b.rank(), what, " is ", a, " or ", b,
                 " (dtype and rank must be the same)");
  TensorType r{a.dtype, {}};
  for (size_t i = 0; i < a.shape.size(); ++i) {
    const Dim x = a.shape[i], y = b.shape[i];
    if (x == y)
      r.shape.push_back(outside(x, name));
    else
      r.shape.push_back(t.fresh(name, std::max<int64_t>(0, std::min(lower_bound(x), lower_bound(y))),
                                std::max<int64_t>(0, std::max(upper_bound(x), upper_bound(y)))));
  }
  return r;
}

struct If {
  static constexpr OpInfo info{.name = "if",
                               .summary = "Runs the region `then` if cond is true, else the region `else`.",
                               .source = "ONNX If-19; both regions take the captures as parameters",
                               .inputs = {{"cond", "one bool"}, {"captures", "", Arity::variadic}},
                               .outputs = {{"y", "results of the region that ran", Arity::variadic}},
                               .regions = 2};
  static constexpr std::tuple<> attrs{};
  void infer(Inferring& t) const {
    require_cond(t, t.in(0), "cond");
    const auto then = t.region(0), otherwise = t.region(1);
    t.require(then.size() == otherwise.size(), "the regions have ", then.size(), " and ", otherwise.size(),
              " results (they must have equally many)");
    Outside outside(t);
    for (size_t k = 0; k < then.size(); ++k) t.result(join(t, outside, then[k], otherwise[k], str("result ", k), "if"));
  }
  void eval(Evaluating& e) const {
    std::vector<Tensor> y = e.region(*e.in[0].data_as<uint8_t>() ? 0 : 1, e.in.subspan(1));
    for (size_t k = 0; k < y.size(); ++k) e.set(k, std::move(y[k]));
  }
  static std::vector<Sample> samples() { return {}; }  // samples have no regions; tests/ops/regions.cpp runs it
};

// One slice of every iteration, collected into a tensor with a new axis.
Tensor stack(const std::vector<Tensor>& parts, int64_t axis, bool backward, const TensorType& type) {
  if (parts.empty()) {  // no iteration: sizes that nobody knows are 0
    Sizes shape;
    for (Dim d : type.shape) shape.push_back(d.is_constant() ? d.value() : 0);
    shape[size_t(axis)] = 0;
    return Tensor::zeros(type.dtype, shape);
  }
  Sizes one = parts[0].shape();
  one.insert(one.begin() + axis, 1);
  Sizes shape = one;
  shape[size_t(axis)] = int64_t(parts.size());
  const Tensor y = Tensor::empty(type.dtype, shape);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].shape() != parts[0].shape())
      fail(ErrorCode::shape_mismatch, "loop: a scan output is ", type_text(parts[0]), " at first and ",
           type_text(parts[i]), " in iteration ", i, " (it must keep its sizes)");
    const int64_t at = backward ? int64_t(parts.size() - 1 - i) : int64_t(i);
    y.slice(axis, at, at + 1).copy_from(parts[i].reshape(one));
  }
  return y;
}

struct Loop {
  int64_t carried = 0;
  int64_t scan_outputs = 0;

  static constexpr OpInfo info{
      .name = "loop",
      .summary =
          "Repeats the region while it says so: (iteration, cond, carried..., captures...) -> (cond, carried..., "
          "scan...).",
      .source = "ONNX Loop-19; captures are passed as inputs",
      .inputs = {{"max_trip", "one i64: at most so many iterations", Arity::optional},
                 {"cond", "one bool: whether the first iteration runs", Arity::optional},
                 {"values", "carried values, then captures", Arity::variadic}},
      .outputs = {{"y", "final carried values, then scan outputs with a new axis 0", Arity::variadic}},
      .regions = 1};
  static constexpr auto attrs = std::tuple{attr("carried", &Loop::carried, "Number of carried values."),
                                           attr("scan_outputs", &Loop::scan_outputs, "Number of scan outputs.")};
  void infer(Inferring& t) const {
    t.require(carried >= 0 && scan_outputs >= 0, "carried is ", carried, " and scan_outputs ", scan_outputs,
              " (both are 0 or more)");
    t.require(t.inputs() >= size_t(2 + carried), "got ", t.inputs(), " inputs (carried=", carried, " needs at least ",
              2 + carried, ")");
    if (t.has(0))
      t.require_type(t.in(0).dtype == DType::i64 && element_count(t.in(0).shape).is(1), "max_trip is ", t.in(0),
                     " (it must be one i64)");
    if (t.has(1)) require_cond(t, t.in(1), "cond");
    const auto r = t.region(0);
    t.require(r.size() == size_t(1 + carried + scan_outputs), "the region has ", r.size(),
              " results (carried=", carried, " and scan_outputs=", scan_outputs, " need ", 1 + carried + scan_outputs,
              ")");
    require_cond(t, r[0], "the region's condition");
    Outside outside(t);
    for (size_t k = 0; k < size_t(carried); ++k)
      t.result(join(t, outside, t.in(2 + k), r[1 + k], str("carried value ", k), "loop"));
    const auto most = t.ints(0);
    const Dim trips =
        t.fresh("trips", 0, most && most->size() == 1 ? std::max<int64_t>(0, (*most)[0]) : Dim::unbounded);
    for (size_t k = size_t(1 + carried); k < r.size(); ++k) {
      Shape s{trips};
      for (Dim d : r[k].shape) s.push_back(outside(d, "loop"));
      t.result(r[k].dtype, std::move(s));
    }
  }
  void eval(Evaluating& e) const {
    const int64_t most = e.has(0) ? *e.in[0].data_as<int64_t>() : INT64_MAX;
    bool go = !e.has(1) || *e.in[1].data_as<uint8_t>();
    const size_t c = size_t(carried);
    std::vector<Tensor> arguments(2);
    for (size_t i = 2; i < e.in.size(); ++i) arguments.push_back(e.in[i]);
    std::vector<std::vector<Tensor>> scans{size_t(scan_outputs)};
    for (int64_t i = 0; i < most && go; ++i) {
      arguments[0] = Tensor::scalar_int(DType::i64, i);
      arguments[1] = Tensor::scalar_int(DType::boolean, 1);
      std::vector<Tensor> r = e.region(0, arguments);
      go = r[0].item_int() != 0;
      for (size_t k = 0; k < c; ++k) arguments[2 + k] = r[1 + k];
      for (size_t k = 0; k < scans.size(); ++k) scans[k].push_back(r[1 + c + k]);
    }
    for (size_t k = 0; k < c; ++k) e.set(k, arguments[2 + k]);
    for (size_t k = 0; k < scans.size(); ++k) e.set(c + k, stack(scans[k], 0, false, e.out_types[c + k]));
  }
  static std::vector<Sample> samples() { return {}; }  // samples have no regions; tests/ops/regions.cpp runs it
};

struct Scan {
  int64_t carried = 0;
  int64_t num_scan_inputs = 1;
  std::vector<int64_t> scan_input_axes, scan_input_directions, scan_output_axes, scan_output_directions;

  static constexpr OpInfo info{.name = "scan",
                               .summary =
                                   "Runs the region on each slice of the scan inputs: (carried..., slices..., "
                                   "captures...) -> (carried..., scan...).",
                               .source = "ONNX Scan-11; captures are passed as inputs",
                               .inputs = {{"values", "carried values, scan inputs, captures", Arity::variadic}},
                               .outputs = {{"y", "final carried values, then stacked scan outputs", Arity::variadic}},
                               .regions = 1};
  static constexpr auto attrs = std::tuple{
      attr("carried", &Scan::carried, "Number of carried values."),
      attr("num_scan_inputs", &Scan::num_scan_inputs, "Number of scan inputs, at least 1."),
      attr("scan_input_axes", &Scan::scan_input_axes, "Axis that is walked, per scan input; empty: 0."),
      attr("scan_input_directions", &Scan::scan_input_directions, "1: backward, per scan input; empty: forward."),
      attr("scan_output_axes", &Scan::scan_output_axes, "Position of the new axis, per scan output; empty: 0."),
      attr("scan_output_directions", &Scan::scan_output_directions,
           "1: slices are prepended, per scan output; empty: appended.")};

  static int64_t at(const std::vector<int64_t>& v, size_t i) { return i < v.size() ? v[i] : 0; }
  void infer(Inferring& t) const {
    t.require(carried >= 0 && num_scan_inputs >= 1, "carried is ", carried, " and num_scan_inputs ", num_scan_inputs,
              " (they must be at least 0 and 1)");
    const size_t c = size_t(carried), n = size_t(num_scan_inputs);
    t.require(t.inputs() >= c + n, "got ", t.inputs(), " inputs (its attributes need at least ", c + n, ")");
    const auto r = t.region(0);
    t.require(r.size() >= c, "the region has ", r.size(), " results (carried=", carried, ")");
    for (const auto* v : {&scan_input_axes, &scan_input_directions})
      t.require(v->empty() || v->size() == n, "an attribute has ", v->size(), " entries for ", n, " scan inputs");
    for (const auto* v : {&scan_output_axes, &scan_output_directions})
      t.require(v->empty() || v->size() == r.size() - c, "an attribute has ", v->size(), " entries for ", r.size() - c,
                " scan outputs");
    Dim length;
    for (size_t i = 0; i < n; ++i) {
      const TensorType& x = t.in(c + i);
      const Dim d = x.shape[size_t(t.axis(at(scan_input_axes, i), x.rank(), "scan_input_axes"))];
      length = i ? t.require_equal(length, d, "scan inputs must have one length") : d;
    }
    Outside outside(t);
    for (size_t k = 0; k < c; ++k) t.result(join(t, outside, t.in(k), r[k], str("carried value ", k), "scan"));
    for (size_t k = c; k < r.size(); ++k) {
      Shape s = outside(r[k].shape, "scan");
      s.insert(s.begin() + t.axis(at(scan_output_axes, k - c), r[k].rank() + 1, "scan_output_axes"), length);
      t.result(r[k].dtype, std::move(s));
    }
  }
  void eval(Evaluating& e) const {
    const size_t c = size_t(carried), n = size_t(num_scan_inputs), outputs = e.outputs() - c;
    const auto axis = [](int64_t a, int64_t rank) { return a < 0 ? a + rank : a; };
    const int64_t length = e.in[c].size(axis(at(scan_input_axes, 0), e.in[c].rank()));
    std::vector<Tensor> arguments(e.in.begin(), e.in.end());
    std::vector<std::vector<Tensor>> scans(outputs);
    for (int64_t step = 0; step < length; ++step) {
      for (size_t i = 0; i < n; ++i) {
        const Tensor& x = e.in[c + i];
        const int64_t a = axis(at(scan_input_axes, i), x.rank()),
                      k = at(scan_input_directions, i) ? length - 1 - step : step;
        Sizes shape = x.shape();
        shape.erase(shape.begin() + a);
        arguments[c + i] = x.slice(a, k, k + 1).contiguous().reshape(shape);
      }
      std::vector<Tensor> r = e.region(0, arguments);
      for (size_t k = 0; k < c; ++k) arguments[k] = r[k];
      for (size_t k = 0; k < outputs; ++k) scans[k].push_back(r[c + k]);
    }
    for (size_t k = 0; k < c; ++k) e.set(k, arguments[k]);
    for (size_t k = 0; k < outputs; ++k) {
      const TensorType& type = e.out_types[c + k];
      e.set(c + k,
            stack(scans[k], axis(at(scan_output_axes, k), type.rank()), at(scan_output_directions, k) != 0, type));
    }
  }
  static std::vector<Sample> samples() { return {}; }  // samples have no regions; tests/ops/regions.cpp runs it
};

struct Fused {
  std::string kind;

  static constexpr OpInfo info{.name = "fused",
                               .summary = "Its region, run as one: what a pass found worth one kernel or loop nest.",
                               .source = "Neve",
                               .inputs = {{"x", "", Arity::variadic}},
                               .outputs = {{"y", "", Arity::variadic}},
                               .regions = 1};
  static constexpr auto attrs =
      std::tuple{attr("kind", &Fused::kind, "What the pass had in mind: \"elementwise\", \"conv\"...")};
  void infer(Inferring& t) const {
    for (const TensorType& r : t.region(0)) t.result(r);
  }
  void eval(Evaluating& e) const {
    std::vector<Tensor> y = e.region(0, e.in);
    for (size_t k = 0; k < y.size(); ++k) e.set(k, std::move(y[k]));
  }
  static std::vector<Sample> samples() { return {}; }  // samples have no regions; tests/ops/regions.cpp runs it
};

}  // namespace

OpList core() {
  return {def<Constant>(), def<Weight>(), def<Identity>(), def<StopGradient>(), def<Fail>(),
          def<If>(),       def<Loop>(),   def<Scan>(),     def<Fused>()};
}

}  // namespace neve::ops
