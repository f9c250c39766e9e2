// Times generated loops: bytes and elements per nanosecond beside a plain copy. bench-loops [threads]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/error.h"
#include "base/threads.h"
#include "ir/graph.h"
#include "loop/analyse.h"
#include "plan/code_provider.h"

using namespace neve;

namespace {

struct Work {
  std::string name;
  std::function<void(ir::Graph&)> build;
};

double median_ns(const std::function<void()>& f) {
  using clock = std::chrono::steady_clock;
  std::vector<double> times;
  const auto start = clock::now();
  for (int i = 0; i < 2000 && (i < 9 || clock::now() - start < std::chrono::milliseconds(150)); ++i) {
    const auto a = clock::now();
    f();
    times.push_back(double(std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - a).count()));
  }
  std::nth_element(times.begin(), times.begin() + long(times.size() / 2), times.end());
  return times[times.size() / 2];
}

/// All composites replaced, constants as inputs.
ir::Graph lowered(const ir::Graph& g) {
  ir::Graph now = g.clone();
  for (bool again = true; again;) {
    again = false;
    ir::Graph next;
    std::map<uint32_t, Value> map;
    for (Value v : now.inputs()) map[v.id] = next.add_input("", now.type(v));
    for (ir::Node* n : now.nodes()) {
      Values in;
      for (Value v : n->in) in.push_back(v.valid() ? map[v.id] : Value{});
      again = again || n->op->is_composite();
      const Values out = n->op->lower ? n->op->lower(n->attrs.object(), next, in) : next.emit(*n->op, n->attrs, in);
      for (size_t k = 0; k < n->out.size(); ++k) map[n->out[k].id] = out[k];
    }
    for (Value v : now.outputs()) next.add_output("", map[v.id]);
    now = std::move(next);
  }
  return now;
}

void measure(const Work& w, int threads) {
  ir::Graph g;
  w.build(g);
  const Subgraph s = ir::to_subgraph(lowered(g));
  const LoopAnalysis a = make_loop_nest(s);
  if (!a.nest) {
    std::printf("%-34s refused: %s\n", w.name.c_str(), a.refusal.c_str());
    return;
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto code = loop_code_provider()->compile(*a.nest, {.disk_cache = false});
  const double compile_ms =
      double(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count()) /
      1000;
  std::vector<int64_t> values;
  for (Dim d : a.values) values.push_back(d.value());
  const auto bound = code->bind(values, threads);
  std::vector<Tensor> tensors;
  std::vector<void*> buffers;
  int64_t bytes = 0, elements = 0;
  for (const auto* list : {&s.inputs, &s.outputs})
    for (int32_t v : *list) {
      Sizes shape;
      for (Dim d : s.types[size_t(v)].shape) shape.push_back(d.value());
      tensors.push_back(Tensor::zeros(s.types[size_t(v)].dtype, shape));
      float* p = tensors.back().data_as<float>();
      if (s.types[size_t(v)].dtype == DType::f32)
        for (int64_t i = 0; i < tensors.back().element_count(); ++i) p[i] = float(i % 97) * 0.1f - 4.0f;
      buffers.push_back(tensors.back().data());
      bytes += tensors.back().bytes();
      elements = std::max(elements, tensors.back().element_count());
    }
  const auto scratch = Storage::allocate(std::max<size_t>(64, bound->scratch_bytes()));
  const double ns = median_ns([&] { bound->run(buffers.data(), scratch->data()); });
  // The same bytes copied.
  const auto from = Storage::allocate(size_t(bytes / 2 + 64)), to = Storage::allocate(size_t(bytes / 2 + 64));
  std::memset(from->data(), 1, from->size());
  const double copy = median_ns([&] {
    parallel_for(bytes / 2, 1 << 16, threads,
                 [&](int64_t b, int64_t e, int) { std::memcpy(to->data() + b, from->data() + b, size_t(e - b)); });
  });
  std::printf("%-34s %9.1f us  %6.2f el/ns  %6.1f GB/s  copy %6.1f GB/s  compile %5.1f ms\n", w.name.c_str(), ns / 1000,
              double(elements) / ns, double(bytes) / ns, double(bytes) / copy, compile_ms);
}

TensorType f32(std::initializer_list<int64_t> shape) {
  TensorType t;
  for (int64_t d : shape) t.shape.push_back(d);
  return t;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : available_threads();
  std::string reason;
  CodeProvider* provider = loop_code_provider(&reason);
  if (!provider) {
    std::fprintf(stderr, "%s\n", reason.c_str());
    return 1;
  }
  std::printf("%s, %d threads\n", provider->description().c_str(), threads);
  std::vector<Work> list;
  const auto unary = [&](const char* op, std::initializer_list<int64_t> shape, const AttrList& attrs = {}) {
    std::string name = op;
    for (int64_t d : shape) name += " " + std::to_string(d);
    list.push_back({name, [=, shape = std::vector<int64_t>(shape)](ir::Graph& g) {
                      TensorType t;
                      for (int64_t d : shape) t.shape.push_back(d);
                      g.add_output("", g.call_many(op, {g.add_input("", t)}, attrs)[0]);
                    }});
  };
  for (int64_t n : {1000, 64 * 1024, 4 * 1024 * 1024}) {
    unary("relu", {n});
    unary("exp", {n});
    unary("gelu", {n});
    unary("sigmoid", {n});
    unary("tanh", {n});
  }
  for (int64_t n : {128, 384, 1024}) unary("softmax", {1536, n}, {{"axis", int64_t(-1)}});
  for (int64_t rows : {128, 1024})
    list.push_back({"add + layer norm " + std::to_string(rows) + " 768", [rows](ir::Graph& g) {
                      const Value x = g.add_input("", f32({rows, 768})), y = g.add_input("", f32({rows, 768}));
                      const Value a = g.add_input("", f32({768})), b = g.add_input("", f32({768}));
                      g.add_output("", g.call_many("layer_normalization", {g.call("add", {x, y}), a, b})[0]);
                    }});
  list.push_back(
      {"bias + gelu 1024 3072", [](ir::Graph& g) {
         g.add_output(
             "", g.call("gelu", {g.call("add", {g.add_input("", f32({1024, 3072})), g.add_input("", f32({3072}))})}));
       }});
  list.push_back({"batch norm + relu 8 64 56 56", [](ir::Graph& g) {
                    const Value x = g.add_input("", f32({8, 64, 56, 56})), s = g.add_input("", f32({64, 1, 1})),
                                b = g.add_input("", f32({64, 1, 1}));
                    g.add_output("", g.call("relu", {g.call("add", {g.call("mul", {x, s}), b})}));
                  }});
  unary("transpose", {1024, 1024});
  unary("transpose", {8, 128, 12, 64}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  unary("transpose", {8, 64, 56, 56}, {{"perm", std::vector<int64_t>{0, 2, 3, 1}}});
  unary("transpose", {8, 224, 224, 3}, {{"perm", std::vector<int64_t>{0, 3, 1, 2}}});
  unary("reduce_sum", {4096, 1024}, {{"axes", std::vector<int64_t>{1}}});
  unary("reduce_sum", {4096, 1024}, {{"axes", std::vector<int64_t>{0}}});
  unary("reduce_sum", {4194304});
  unary("global_average_pool", {8, 2048, 7, 7});
  for (const Work& w : list) measure(w, threads);
}
