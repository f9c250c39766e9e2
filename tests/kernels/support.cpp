// What the kernel tests share.
#include "kernels/support.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "base/error.h"
#include "op/reference.h"

namespace neve::test {

std::vector<SymbolValues> images::sizes_of(const std::vector<std::array<int64_t, 3>>& list) {
  std::vector<SymbolValues> sizes;
  for (const auto& [b, y, z] : list) sizes.push_back({{id(n), b}, {id(h), y}, {id(w), z}});
  return sizes;
}
using kernels::Kernel;

Value Piece::add(TensorType t, InputRole role, Tensor content, Facts facts) {
  roles_.push_back(role);
  constants_.push_back(content);
  facts_.push_back(content.defined() ? facts_of(content) : std::move(facts));
  return graph.add_input("", std::move(t), facts_.back());
}

Value Piece::constant(const Tensor& t) { return add(type_of(t), InputRole::constant, t); }

Value Piece::content(const Shape& c) {
  Facts f;
  f.known = true;
  f.content = c;
  return add({DType::i64, {int64_t(c.size())}}, InputRole::activation, {}, std::move(f));
}

Subgraph Piece::subgraph() const {
  Subgraph g = to_subgraph(graph);
  g.roles = roles_;
  g.constants = constants_;
  g.facts.resize(g.types.size());
  for (size_t i = 0; i < g.inputs.size(); ++i) g.facts[size_t(g.inputs[i])] = facts_[i];
  return g;
}

namespace {

int64_t value_of(Dim d, const SymbolValues& symbols) {
  return evaluate(d, [&](const Symbol& s) -> std::optional<int64_t> {
    const auto it = symbols.find(s.id);
    return it == symbols.end() ? std::nullopt : std::optional(it->second);
  });
}

Sizes sizes_of(const Shape& s, const SymbolValues& symbols) {
  Sizes out;
  for (Dim d : s) out.push_back(value_of(d, symbols));
  return out;
}

kernels::Request request_for(const Subgraph& g, const SymbolValues& symbols, const Asked& how) {
  kernels::Request r;
  r.graph = &g;
  r.threads = how.threads;
  r.isa = how.isa;
  r.cold_weights = how.cold_weights;
  for (const TensorType& t : g.types) {
    Sizes s;
    for (Dim d : t.shape) {
      try {
        s.push_back(value_of(d, symbols));
      } catch (const Error&) {
        s.push_back(-1);
      }
    }
    r.sizes.push_back(std::move(s));
  }
  r.offered = how.offered.empty() ? std::vector<Layout>(g.inputs.size()) : how.offered;
  r.may_overwrite.assign(g.inputs.size(), how.may_overwrite);
  r.plain_only = how.plain_only;
  r.most_error = how.most_error;
  return r;
}

Tensor random_tensor(const TensorType& t, const Sizes& shape, std::mt19937& random, const Asked& how) {
  int64_t n = 1;
  for (int64_t s : shape) n *= s;
  if (is_float(t.dtype)) {
    std::normal_distribution<double> d(0, how.spread);
    std::vector<double> v(static_cast<size_t>(n));
    for (double& x : v) x = d(random);
    return Tensor::of(t.dtype, shape, v);
  }
  std::uniform_int_distribution<int64_t> d(t.dtype == DType::boolean ? 0 : how.low,
                                           t.dtype == DType::boolean ? 1 : how.below - 1);
  std::vector<int64_t> v(static_cast<size_t>(n));
  for (int64_t& x : v) x = d(random);
  return Tensor::of_ints(t.dtype, shape, v);
}

/// Where an element lies in a layout, counted in elements.
int64_t place(const Layout& l, const Sizes& shape, Sizes at) {
  int64_t inner = 0, stride = 1;
  std::vector<int64_t> outer(shape.begin(), shape.end());
  for (size_t b = l.blocks.size(); b-- > 0;) {
    const size_t axis = size_t(l.blocks[b].axis);
    const int64_t size = l.blocks[b].size;
    inner += at[axis] % size * stride;
    at[axis] /= size;
    outer[axis] = (outer[axis] + size - 1) / size;
    stride *= size;
  }
  int64_t p = 0;
  for (size_t k = 0; k < shape.size(); ++k) {
    const size_t axis = l.order.empty() ? k : size_t(l.order[k]);
    p = p * outer[axis] + at[axis];
  }
  return p * stride + inner;
}

/// Copies from row-major to a layout (a row of elements, padding zero), or back.
Tensor permuted(const Tensor& t, const Layout& l, bool back, const Sizes& shape) {
  if (l.plain()) return t;
  const Tensor out = Tensor::zeros(t.dtype(), back ? shape : Sizes{padded_elements(l, shape.data(), shape.size())});
  const size_t bytes = size_t(size_of(t.dtype()));
  Sizes at(shape.size(), 0);
  const int64_t count = back ? out.element_count() : t.element_count();
  for (int64_t i = 0; i < count; ++i) {  // i counts in row-major order
    const int64_t p = place(l, shape, at), from = back ? p : i, to = back ? i : p;
    std::memcpy(out.data() + size_t(to) * bytes, t.data() + size_t(from) * bytes, bytes);
    for (size_t a = shape.size(); a-- > 0;) {
      if (++at[a] < shape[a]) break;
      at[a] = 0;
    }
  }
  return out;
}

std::string difference(const Tensor& got, const Tensor& want, double tolerance) {
  for (int64_t i = 0; i < want.element_count(); ++i) {
    if (!is_float(want.dtype())) {
      if (got.item_int(i) != want.item_int(i))
        return str("element ", i, " is ", got.item_int(i), ", not ", want.item_int(i));
      continue;
    }
    const double a = got.item(i), b = want.item(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    if (!(std::fabs(a - b) <= tolerance * std::max(1.0, std::fabs(b))))
      return str("element ", i, " is ", a, ", not ", b);
  }
  return "";
}

std::vector<Tensor> run(const Kernel& kernel, const Subgraph& g, const std::vector<Tensor>& in,
                        const SymbolValues& symbols, int threads, bool may_overwrite, std::string& refused) {
  kernels::BindSizes sizes;
  sizes.threads = threads;
  std::vector<Tensor> held, out;
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  for (size_t i = 0; i < in.size(); ++i) {
    sizes.in.push_back(in[i].shape());
    Tensor t = in[i];
    if (g.roles[i] == InputRole::weight && !kernel.packing_key(i).empty()) {
      t = Tensor::zeros(DType::u8, {int64_t(kernel.packed_bytes(i))});
      kernel.pack(i, in[i], t.data(), threads);
    } else {
      t = permuted(in[i], kernel.input_layout(i), false, in[i].shape()).clone();
    }
    inputs.push_back(t.data());
    held.push_back(std::move(t));
  }
  for (size_t k = 0; k < g.outputs.size(); ++k) {
    const TensorType& t = g.types[size_t(g.outputs[k])];
    sizes.out.push_back(sizes_of(t.shape, symbols));
    const Layout layout = kernel.output_layout(k);
    out.push_back(Tensor::empty(
        t.dtype, layout.plain() ? sizes.out.back()
                                : Sizes{padded_elements(layout, sizes.out.back().data(), sizes.out.back().size())}));
    if (out.back().bytes()) std::memset(out.back().data(), 0x5a, size_t(out.back().bytes()));
    outputs.push_back(out.back().data());
  }
  if (kernel.accumulates() >= 0) {
    out[0].copy_from(held[size_t(kernel.accumulates())]);
    inputs[size_t(kernel.accumulates())] = out[0].data();
  }
  bool over = kernel.accumulates() >= 0;
  if (may_overwrite && !over)  // as the compiler places results
    for (size_t k = 0; k < out.size(); ++k) {
      const int i = kernel.in_place(k);
      if (i < 0 || kernel.input_layout(size_t(i)) != kernel.output_layout(k)) continue;
      if (sizes.in[size_t(i)] != sizes.out[k] || held[size_t(i)].bytes() != out[k].bytes()) continue;
      std::memcpy(out[k].data(), held[size_t(i)].data(), size_t(out[k].bytes()));
      inputs[size_t(i)] = out[k].data();
      over = true;
    }
  for (Dim d : kernel.shape_values()) sizes.values.push_back(value_of(d, symbols));
  const auto bound = kernel.bind(sizes);
  if (!bound) {
    refused = bound.reason;
    return {};
  }
  const size_t scratch_bytes = std::max<size_t>(64, bound.value->scratch_bytes());
  const auto scratch = Storage::allocate(scratch_bytes);
  std::memset(scratch->data(), 0x5a, scratch_bytes);
  const auto state = bound.value->make_state();
  const kernels::RunArgs args{inputs.data(), outputs.data(), scratch->data(), threads, state.get()};
  bound.value->run(args);
  if (!over) bound.value->run(args);  // a second run finds nothing of the first
  for (size_t k = 0; k < out.size(); ++k) out[k] = permuted(out[k], kernel.output_layout(k), true, sizes.out[k]);
  return out;
}

void expect_reference(const Kernel& kernel, const Subgraph& g, const std::vector<SymbolValues>& sizes,
                      const Asked& how) {
  std::mt19937 random(7);
  for (const SymbolValues& s : sizes) {
    std::vector<Tensor> in;
    for (size_t i = 0; i < g.inputs.size(); ++i) {
      const TensorType& t = g.types[size_t(g.inputs[i])];
      const Facts& f = g.facts[size_t(g.inputs[i])];
      if (g.constants[i].defined())
        in.push_back(g.constants[i]);
      else if (f.known)
        in.push_back(Tensor::of_ints(t.dtype, sizes_of(t.shape, s), sizes_of(f.content, s)));
      else
        in.push_back(random_tensor(t, sizes_of(t.shape, s), random, how));
    }
    const std::vector<Tensor> want = evaluate(g, in);
    for (int threads : {1, 2, 3}) {
      std::string refused;
      const std::vector<Tensor> got = run(kernel, g, in, s, threads, how.may_overwrite, refused);
      ASSERT_EQ(refused, "");
      for (size_t k = 0; k < want.size(); ++k)
        ASSERT_EQ(difference(got[k], want[k], how.tolerance), "")
            << kernel.description() << ", output " << k << " " << type_text(want[k]) << ", " << threads << " threads";
    }
  }
}

}  // namespace

std::string refusal(const std::string& entry, const Subgraph& g, const SymbolValues& tuned, const Asked& how) {
  const kernels::Entry* e = kernels::find_entry(entry);
  if (!e) return "no such entry";
  const auto kernel = e->accept(request_for(g, tuned, how), 0);
  return kernel ? "" : kernel.reason;
}

void expect_reference(const std::string& entry, const Subgraph& g, const std::vector<SymbolValues>& sizes, Asked how) {
  const kernels::Entry* e = kernels::find_entry(entry);
  ASSERT_TRUE(e) << entry;
  const Isa best = how.isa;
  for (Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa > best || (how.isa_alone && isa != best)) continue;
    how.isa = isa;
    for (int variant = 0; variant < 16; ++variant) {
      const auto kernel = e->accept(request_for(g, sizes[0], how), variant);
      if (variant && !kernel) break;
      ASSERT_TRUE(bool(kernel)) << kernel.reason;
      expect_reference(*kernel.value, g, sizes, how);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

Tensor result_of(const std::string& entry, int variant, const Subgraph& g, const SymbolValues& at,
                 const std::vector<Tensor>& in, const Asked& how) {
  const kernels::Entry* e = kernels::find_entry(entry);
  if (!e) throw std::runtime_error("no such entry: " + entry);
  const auto kernel = e->accept(request_for(g, at, how), variant);
  if (!kernel) throw std::runtime_error(kernel.reason);
  std::string refused;
  const std::vector<Tensor> out = run(*kernel.value, g, in, at, 2, false, refused);
  if (!refused.empty()) throw std::runtime_error(refused);
  return out[0];
}

}  // namespace neve::test
