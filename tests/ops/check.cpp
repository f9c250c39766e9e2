// Runs every op of the registry through the same checks, from its samples: adding an op adds no test code.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <optional>

#include "op/reference.h"
#include "op/regions.h"
#include "op/registry.h"
#include "ops/sample_run.h"

namespace neve::test {
namespace {

using Bindings = std::map<uint32_t, int64_t>;

// Sizes with symbols against concrete ones: bound symbols have their value, others (sizes that infer leaves open) take
// the first one they meet, if their bounds allow it.
bool agrees(Dim d, int64_t n, Bindings& values) {
  if (d.is_constant()) return d.value() == n;
  if (d.is_symbol()) {
    const Symbol& s = d.as_symbol();
    return values.emplace(s.id, n).first->second == n && n >= s.lo && n <= s.hi && n % s.divisor == 0;
  }
  std::vector<Dim> symbols;
  collect_symbols(d, symbols);
  for (Dim s : symbols)
    if (!values.count(s.as_symbol().id)) return true;
  return neve::evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> { return values.at(s.id); }) == n;
}
bool agrees(const TensorType& symbolic, const TensorType& concrete, Bindings& values) {
  if (symbolic.dtype != concrete.dtype || symbolic.rank() != concrete.rank()) return false;
  for (size_t i = 0; i < symbolic.shape.size(); ++i)
    if (!agrees(symbolic.shape[i], concrete.shape[i].value(), values)) return false;
  return true;
}

bool holds(const Constraint& c, const Bindings& values) {
  std::vector<Dim> symbols;
  collect_symbols(c.a, symbols);
  collect_symbols(c.b, symbols);
  for (Dim s : symbols)
    if (!values.count(s.as_symbol().id)) return true;
  const auto value = [&](Dim d) {
    return neve::evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> { return values.at(s.id); });
  };
  const int64_t a = value(c.a), b = value(c.b);
  switch (c.kind) {
    case Constraint::equal:
      return a == b;
    case Constraint::at_least:
      return a >= b;
    case Constraint::divides:
      return b != 0 && a % b == 0;
    case Constraint::broadcastable:
      return a == b || a == 1 || b == 1;
  }
  return false;
}

// The inputs of a run with some sizes as symbols.
struct Symbolic {
  std::string what;
  std::vector<TensorType> types;
  std::vector<Facts> facts;
  Bindings values;
};

std::vector<Symbolic> symbolic_variants(const SampleRun& run) {
  std::vector<Symbolic> variants;
  const auto blank = [&](std::string what) { return Symbolic{std::move(what), run.types, run.facts, {}}; };
  const auto set = [&](Symbolic& v, size_t i, size_t axis, Dim d) {
    v.values[d.as_symbol().id] = run.types[i].shape[axis].value();
    v.types[i].shape[axis] = d;
    v.facts[i] = {};
  };
  Symbolic distinct = blank("all sizes distinct symbols"), shared = blank("equal sizes one symbol");
  std::map<int64_t, Dim> by_size;
  for (size_t i = 0; i < run.in.size(); ++i) {
    if (!run.symbolic[i]) continue;
    distinct.facts[i] = shared.facts[i] = {};
    for (size_t a = 0; a < run.types[i].shape.size(); ++a) {
      const int64_t n = run.types[i].shape[a].value();
      Symbolic one = blank(str("axis ", a, " of input ", i, " a symbol"));
      set(one, i, a, Dim::symbol("s"));
      variants.push_back(std::move(one));
      set(distinct, i, a, Dim::symbol(str("s", i, "_", a)));
      if (!by_size.count(n)) by_size[n] = Dim::symbol(str("n", n));
      set(shared, i, a, by_size[n]);
    }
  }
  variants.push_back(std::move(distinct));
  variants.push_back(std::move(shared));
  return variants;
}

std::vector<const TensorType*> pointers(const SampleRun& run, const std::vector<TensorType>& types) {
  std::vector<const TensorType*> p;
  for (size_t i = 0; i < types.size(); ++i) p.push_back(run.in[i].defined() ? &types[i] : nullptr);
  return p;
}

std::string types_text(const std::vector<TensorType>& types) {
  std::string s;
  for (const TensorType& t : types) s += (s.empty() ? "" : ", ") + to_string(t);
  return "(" + s + ")";
}

// What is known to fail, with the words of its refusal. An entry that does not fail any more fails the run.
struct Known {
  std::string_view test, sample, refusal;
};
constexpr Known known_failures[] = {
    {"GradientHasTheTypesOfItsInputs", "conv_transpose sample 3 ",
     "needs constant spatial sizes"},  // output_shape is a constant
    {"GradientHasTheTypesOfItsInputs", "conv_transpose sample 4 ", "needs constant spatial sizes"},
    {"GradientHasTheTypesOfItsInputs", "conv_transpose sample 5 ", "needs constant spatial sizes"},
    {"GradientHasTheTypesOfItsInputs", "rnn sample 2 ", "sequence_lens"},  // what they say they have no gradient for
    {"GradientHasTheTypesOfItsInputs", "rnn sample 3 ", "sequence_lens"},
    {"GradientHasTheTypesOfItsInputs", "gru sample 2 ", "sequence_lens"},
    {"GradientHasTheTypesOfItsInputs", "gru sample 3 ", "sequence_lens"},
    {"GradientHasTheTypesOfItsInputs", "gru sample 4 ", "sequence_lens"},
    {"GradientHasTheTypesOfItsInputs", "lstm sample 4 ", "sequence_lens"},
    {"GradientHasTheTypesOfItsInputs", "lstm sample 5 ", "sequence_lens"},
    {"GradientHasTheTypesOfItsInputs", "lstm sample 6 ", "sequence_lens"},
};

class EveryOp : public testing::TestWithParam<const OpDef*> {
 protected:
  const OpDef& op() const { return *GetParam(); }
  // Runs `body` on each sample; an Error is a failure with the sample named.
  template <class F>
  void each_sample(F body) {
    const std::vector<Sample> samples = op().samples();
    for (size_t k = 0; k < samples.size(); ++k) {
      SampleRun run;
      const Known* known = nullptr;
      try {
        run = make_run(op(), samples, k);
        known = find_known(run.text);
        SCOPED_TRACE(run.text);
        body(run);
        if (known)
          ADD_FAILURE() << "is listed as known to fail (" << known->refusal << "), and does not: remove the entry";
      } catch (const Error& e) {
        if (known && e.message().find(known->refusal) != std::string::npos) continue;
        ADD_FAILURE() << (run.text.empty() ? str(op().info.name, " sample ", k) : run.text) << "\n  " << e.what();
      }
    }
  }

 private:
  static const Known* find_known(std::string_view sample) {
    const std::string_view test = testing::UnitTest::GetInstance()->current_test_info()->name();  // "Evaluates/add"
    for (const Known& k : known_failures)
      if (test.substr(0, test.find('/')) == k.test && sample.substr(0, k.sample.size()) == k.sample) return &k;
    return nullptr;
  }
};

// ---- schema and text ------------------------------------------------------------------------------------------
TEST_P(EveryOp, SaysWhatItIs) {
  const OpInfo& i = op().info;
  EXPECT_FALSE(i.name.empty());
  EXPECT_FALSE(i.summary.empty());
  EXPECT_FALSE(i.source.empty());
  for (char c : i.name) EXPECT_TRUE((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') << i.name;
  for (const AttrInfo& a : op().attrs) EXPECT_FALSE(a.doc.empty()) << i.name << "." << a.name;
  const int meanings = bool(op().lower) + bool(op().eval) + bool(op().scalar) + bool(op().reduce);
  EXPECT_EQ(meanings, 1);
  // Samples have no regions, a weight no value of its own and a failure no result; those have tests beside this one.
  if (i.regions == 0 && i.name != "weight" && i.name != "fail") {
    EXPECT_FALSE(op().samples().empty()) << i.name << " has no samples";
  }
}

TEST_P(EveryOp, AttributesReadBack) {
  std::vector<Attrs> all{op().defaults()};
  for (const Sample& s : op().samples()) all.push_back(s.attrs);
  for (const Attrs& attrs : all) {
    Attrs copy = op().defaults();
    for (const AttrInfo& a : op().attrs) {
      const AttrValue v = attrs.get(a.name);
      const std::string text = to_string(v) + ", rest";
      size_t at = 0;
      const AttrValue back = parse_attr(text, at, v);
      EXPECT_EQ(at, text.size() - 6) << a.name << "=" << text;
      EXPECT_TRUE(detail::attr_equal(v, back)) << a.name << "=" << text << " reads back as " << to_string(back);
      copy = copy.with({{a.name, back}});
    }
    EXPECT_TRUE(copy == attrs) << attrs_text(attrs) << " and " << attrs_text(copy);
    EXPECT_EQ(copy.hash(), attrs.hash());
  }
}

// A sample in f64, or nothing where the op takes no f64: the standard gives some inputs one dtype.
std::optional<SampleRun> wide_run(const OpDef& op, const SampleRun& run) {
  SampleRun wide = in_f64(run);
  try {
    infer_node(op, wide.attrs, wide.type_pointers(), wide.facts);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::type_mismatch) return {};
    throw;
  }
  return wide;
}

// ---- types and values -----------------------------------------------------------------------------------------
bool same_bytes(const Tensor& a, const Tensor& b) {
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.dtype() == y.dtype() && x.shape() == y.shape() &&
         (x.bytes() == 0 || std::memcmp(x.data(), y.data(), size_t(x.bytes())) == 0);
}

TEST_P(EveryOp, Evaluates) {
  each_sample([&](const SampleRun& run) {
    const std::vector<Tensor> y = evaluate(op(), run.attrs, run.in);
    const std::vector<Tensor> again = evaluate(op(), run.attrs, run.in, 2);
    ASSERT_EQ(y.size(), again.size());
    for (size_t k = 0; k < y.size(); ++k)
      EXPECT_TRUE(same_bytes(y[k], again[k])) << "result " << k << " differs with two threads";
    // What infer says of the content must be the content.
    const NodeTypes node = infer_node(op(), run.attrs, run.type_pointers(), run.facts);
    for (size_t k = 0; k < y.size(); ++k) {
      if (!node.facts[k].known) continue;
      ASSERT_EQ(int64_t(node.facts[k].content.size()), y[k].element_count());
      for (int64_t e = 0; e < y[k].element_count(); ++e)
        EXPECT_TRUE(node.facts[k].content[size_t(e)].is(y[k].item_int(e)))
            << "result " << k << " element " << e << ": content " << to_string(node.facts[k].content[size_t(e)])
            << ", value " << y[k].item_int(e);
    }
  });
}

TEST_P(EveryOp, AgreesWithF64) {
  each_sample([&](const SampleRun& run) {
    if (op().info.random) return;
    bool floats = false;
    for (const Tensor& t : run.in) floats = floats || (t.defined() && is_float(t.dtype()) && t.dtype() != DType::f64);
    if (!floats) return;
    const std::optional<SampleRun> wide = wide_run(op(), run);
    if (!wide) return;
    const std::vector<Tensor> y = evaluate(op(), run.attrs, run.in), z = evaluate(op(), wide->attrs, wide->in);
    ASSERT_EQ(y.size(), z.size());
    for (size_t k = 0; k < y.size(); ++k) {
      if (!is_float(y[k].dtype()) || !is_float(z[k].dtype())) continue;
      ASSERT_EQ(y[k].shape(), z[k].shape());
      for (int64_t e = 0; e < y[k].element_count(); ++e) {
        const double a = y[k].item(e), b = z[k].item(e);
        if (a == b || (a != a && b != b)) continue;
        EXPECT_LE(std::fabs(a - b), run.sample->tolerance * std::max(1.0, std::fabs(b)))
            << "result " << k << " element " << e << ": " << a << ", in f64 " << b;
        if (HasFailure()) return;
      }
    }
  });
}

TEST_P(EveryOp, SymbolicTypesAreTheConcreteOnes) {
  each_sample([&](const SampleRun& run) {
    const std::vector<Tensor> y = evaluate(op(), run.attrs, run.in);
    for (Symbolic& v : symbolic_variants(run)) {
      SCOPED_TRACE(v.what);
      NodeTypes node;
      try {
        node = infer_node(op(), run.attrs, pointers(run, v.types), v.facts);
      } catch (const Error& e) {
        ADD_FAILURE() << "refuses " << types_text(v.types) << ": " << e.what();
        continue;
      }
      ASSERT_EQ(node.out.size(), y.size());
      for (const Constraint& c : node.constraints) EXPECT_TRUE(holds(c, v.values)) << "constraint " << to_string(c);
      for (size_t k = 0; k < y.size(); ++k) {
        EXPECT_TRUE(agrees(node.out[k], type_of(y[k]), v.values))
            << "result " << k << " of " << types_text(v.types) << " is " << to_string(node.out[k])
            << ", with its sizes " << type_text(y[k]);
        if (!node.facts[k].known) continue;
        ASSERT_EQ(int64_t(node.facts[k].content.size()), y[k].element_count());
        for (int64_t e = 0; e < y[k].element_count(); ++e)
          EXPECT_TRUE(agrees(node.facts[k].content[size_t(e)], y[k].item_int(e), v.values))
              << "result " << k << " element " << e << ": content " << to_string(node.facts[k].content[size_t(e)])
              << ", value " << y[k].item_int(e);
      }
    }
  });
}

// Runs `make` with the inputs of a variant as parameters, inferring only.
std::vector<TensorType> infer_with(const SampleRun& run, const Symbolic& v,
                                   const std::function<Values(Builder&, Values)>& make) {
  RegionSignature s;
  for (size_t i = 0; i < run.in.size(); ++i) {
    if (!run.in[i].defined()) continue;
    s.parameters.push_back(v.types[i]);
    s.facts.push_back(v.facts[i]);
  }
  const RegionFn region = [&](Builder& b, std::span<const Value> parameters) {
    Values in;
    size_t next = 0;
    for (const Tensor& t : run.in) in.push_back(t.defined() ? parameters[next++] : Value{});
    return make(b, std::move(in));
  };
  return infer_region(region, s);
}

TEST_P(EveryOp, LowersToItsType) {
  if (!op().lower) return;
  each_sample([&](const SampleRun& run) {
    const std::vector<Tensor> y = evaluate(op(), run.attrs, run.in);  // checks the concrete types
    for (Symbolic& v : symbolic_variants(run)) {
      SCOPED_TRACE(v.what);
      const std::vector<TensorType> out =
          infer_with(run, v, [&](Builder& b, Values in) { return op().lower(run.attrs.object(), b, in); });
      ASSERT_EQ(out.size(), y.size());
      for (size_t k = 0; k < y.size(); ++k)
        EXPECT_TRUE(agrees(out[k], type_of(y[k]), v.values))
            << "lowered result " << k << " of " << types_text(v.types) << " is " << to_string(out[k])
            << ", with its sizes " << type_text(y[k]);
    }
  });
}

// ---- gradients ------------------------------------------------------------------------------------------------
std::unique_ptr<bool[]> needs_of(const SampleRun& run, size_t only = SIZE_MAX) {
  auto needs = std::make_unique<bool[]>(run.in.size());
  for (size_t i = 0; i < run.in.size(); ++i)
    needs[i] = run.in[i].defined() && is_float(run.in[i].dtype()) && (only == SIZE_MAX || only == i);
  return needs;
}

std::vector<Tensor> draw_like(const std::vector<Tensor>& y) {
  std::vector<Tensor> r;
  Draw draw(7);
  for (const Tensor& t : y) {
    r.emplace_back();
    if (!is_float(t.dtype())) continue;
    std::vector<double> values;
    for (int64_t e = 0; e < t.element_count(); ++e) values.push_back(2 * draw() - 1);
    r.back() = Tensor::of(t.dtype(), t.shape(), values);
  }
  return r;
}

std::vector<Tensor> gradients(const OpDef& op, const SampleRun& run, const std::vector<Tensor>& y,
                              const std::vector<Tensor>& dy, size_t only = SIZE_MAX) {
  ReferenceBuilder b;
  Values in, out, dout;
  for (const Tensor& t : run.in) in.push_back(t.defined() ? b.put(t) : Value{});
  for (const Tensor& t : y) out.push_back(b.put(t));
  for (const Tensor& t : dy) dout.push_back(t.defined() ? b.put(t) : Value{});
  const auto needs = needs_of(run, only);
  const Values g = op.grad(run.attrs.object(), {b, in, out, dout, {needs.get(), in.size()}});
  EXPECT_EQ(g.size(), in.size()) << "gradients and inputs";
  std::vector<Tensor> r(in.size());
  for (size_t i = 0; i < in.size() && i < g.size(); ++i)
    if (g[i].valid() && needs[i]) r[i] = b.get(g[i]);
  return r;
}

double dot(const std::vector<Tensor>& y, const std::vector<Tensor>& dy) {
  double s = 0;
  for (size_t k = 0; k < y.size(); ++k)
    if (dy[k].defined())
      for (int64_t e = 0; e < y[k].element_count(); ++e) s += y[k].item(e) * dy[k].item(e);
  return s;
}

// Scales, ratios, regions: inputs with a fixed sample value may be parameters, which have no gradient.
bool is_parameter(const SampleRun& run, size_t i) { return !run.symbolic[i] && run.sample->in[i].value.defined(); }

// Central differences of input i against its gradient, on up to 24 elements.
void check_differences(const OpDef& op, const SampleRun& run, const std::vector<Tensor>& dy, size_t i,
                       const Tensor& g) {
  if (!g.defined() && is_parameter(run, i)) return;
  const int64_t n = run.in[i].element_count(), step = std::max<int64_t>(1, n / 24);
  for (int64_t e = 0; e < n; e += step) {
    const double x = run.in[i].item(e), h = 1e-5 * std::max(1.0, std::fabs(x));
    const auto at = [&](double value) {
      std::vector<Tensor> in = run.in;
      in[i] = in[i].clone();
      in[i].data_as<double>()[e] = value;
      return dot(evaluate(op, run.attrs, in), dy);
    };
    const double numeric = (at(x + h) - at(x - h)) / (2 * h), exact = g.defined() ? g.item(e) : 0.0;
    EXPECT_NEAR(exact, numeric, 2e-5 * std::max(1.0, std::fabs(numeric)))
        << "gradient of input " << i << " (" << op.info.inputs.port[std::min(i, op.info.inputs.count - 1)].name
        << ") element " << e << (g.defined() ? "" : ": none was given");
    if (testing::Test::HasFailure()) return;
  }
}

TEST_P(EveryOp, GradientIsTheCentralDifference) {
  if (!op().grad) return;
  each_sample([&](const SampleRun& given) {
    if (!given.sample->gradient) return;
    const std::optional<SampleRun> wide = wide_run(op(), given);
    if (!wide) return;
    const SampleRun& run = *wide;
    const std::vector<Tensor> y = evaluate(op(), run.attrs, run.in), dy = draw_like(y);
    bool any = false;
    for (const Tensor& t : dy) any = any || t.defined();
    const auto needs = needs_of(run);
    if (!any) return;
    const std::vector<Tensor> g = gradients(op(), run, y, dy);
    for (size_t i = 0; i < run.in.size(); ++i) {
      if (!needs[i]) continue;
      if (g[i].defined()) {
        ASSERT_EQ(type_text(g[i]), type_text(run.in[i])) << "type of the gradient of input " << i;
        // Asked alone it must be the same.
        const std::vector<Tensor> alone = gradients(op(), run, y, dy, i);
        EXPECT_TRUE(alone[i].defined() && same_bytes(alone[i], g[i]))
            << "gradient of input " << i << " differs when it alone is needed";
      }
      check_differences(op(), run, dy, i, g[i]);
    }
    if (y.size() < 2) return;
    // Every output alone: the others have no influence.
    for (size_t k = 0; k < y.size(); ++k) {
      if (!dy[k].defined()) continue;
      SCOPED_TRACE(str("output ", k, " alone"));
      std::vector<Tensor> one(y.size());
      one[k] = dy[k];
      const std::vector<Tensor> part = gradients(op(), run, y, one);
      for (size_t i = 0; i < run.in.size(); ++i)
        if (needs[i]) check_differences(op(), run, one, i, part[i]);
    }
  });
}

TEST_P(EveryOp, GradientHasTheTypesOfItsInputs) {
  if (!op().grad) return;
  each_sample([&](const SampleRun& run) {
    const auto needs = needs_of(run);
    if (std::none_of(needs.get(), needs.get() + run.in.size(), [](bool n) { return n; })) return;
    const std::vector<Tensor> y = evaluate(op(), run.attrs, run.in);
    if (std::none_of(y.begin(), y.end(), [](const Tensor& t) { return is_float(t.dtype()); })) return;
    for (Symbolic& v : symbolic_variants(run)) {
      SCOPED_TRACE(v.what);
      std::vector<size_t> which;
      const std::vector<TensorType> types = infer_with(run, v, [&](Builder& b, Values in) {
        const Values out = b.emit(op(), run.attrs, in);
        Values dout;
        for (Value o : out) dout.push_back(is_float(b.dtype(o)) ? b.call("identity", {o}) : Value{});
        const Values g = op().grad(run.attrs.object(), {b, in, out, dout, {needs.get(), in.size()}});
        Values valid;
        for (size_t i = 0; i < g.size(); ++i) {
          if (!g[i].valid() || !needs[i]) continue;
          valid.push_back(g[i]);
          which.push_back(i);
        }
        return valid;
      });
      for (size_t k = 0; k < types.size(); ++k)
        EXPECT_TRUE(agrees(types[k], run.types[which[k]], v.values))
            << "gradient of input " << which[k] << " of " << types_text(v.types) << " is " << to_string(types[k])
            << ", the input " << to_string(run.types[which[k]]);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Ops, EveryOp, testing::ValuesIn(all_ops()),
                         [](const testing::TestParamInfo<const OpDef*>& i) { return std::string(i.param->info.name); });

}  // namespace
}  // namespace neve::test
