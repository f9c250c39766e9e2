// Kernels in turns, each with all that it needs to run alone.
#include "compile/timing.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>
#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "base/interrupt.h"
#include "base/threads.h"
#include "compile/tactics.h"
#include "kernels/cpu/channels_last.h"
#include "kernels/list.h"

namespace neve::compile {
namespace {

constexpr int fewest_runs = 3, most_runs = 15;
constexpr double budget_milliseconds = 12;  // for each kernel, once it has run often enough

/// Takes memory out of the caches.
void forget([[maybe_unused]] const Tensor& t) {
#if defined(__x86_64__)
  for (int64_t i = 0; i < t.bytes(); i += 64) _mm_clflush(t.data() + i);
#endif
}

/// Writes every line of memory again, each thread its share, as the kernel before in a network does.
void write_again(const Tensor& t, int threads) {
  constexpr int64_t line = 64;
  parallel_for((t.bytes() + line - 1) / line, 1, threads, [&](int64_t begin, int64_t end, int) {
    volatile uint8_t* p = t.data_as<uint8_t>();
    for (int64_t i = begin; i < end; ++i) p[i * line] = p[i * line];
  });
}

/// The copies that a kernel's inputs need in other layouts than they are offered in, and those of results in blocks of
/// channels: nearly all that may read them next is fastest with channels last.
class Reorders {
 public:
  Reorders(const kernels::Kernel& kernel, const kernels::Request& request, const std::vector<Tensor>& in,
           const std::vector<Tensor>& out) {
    const Subgraph& g = *request.graph;
    for (size_t i = 0; i < in.size() && i < request.offered.size(); ++i) {
      const TensorType& t = g.types[size_t(g.inputs[i])];
      const Layout &from = request.offered[i], to = kernel.input_layout(i);
      if (g.roles[i] != InputRole::activation || same_bytes(t, from, to)) continue;
      const Sizes& sizes = request.sizes[size_t(g.inputs[i])];
      add(request, t, from, to, sizes, zeros(t, from, sizes), in[i], before_);
    }
    for (size_t k = 0; k < out.size(); ++k) {
      const TensorType& t = g.types[size_t(g.outputs[k])];
      const Layout from = kernel.output_layout(k), to = kernels::channels_last(t.shape.size());
      if (from.blocks.empty() || t.shape.size() < 3) continue;
      const Sizes& sizes = request.sizes[size_t(g.outputs[k])];
      add(request, t, from, to, sizes, out[k], zeros(t, to, sizes), after_);
    }
  }
  size_t scratch_bytes() const { return scratch_; }
  void before(std::byte* scratch) const { run(before_, scratch); }
  void after(std::byte* scratch) const { run(after_, scratch); }

 private:
  struct One {
    std::shared_ptr<const kernels::BoundKernel> kernel;
    std::unique_ptr<kernels::RunState> state;
    Tensor from, to;
    int threads;
  };
  static Tensor zeros(const TensorType& t, const Layout& layout, const Sizes& sizes) {
    return Tensor::zeros(DType::u8, {padded_elements(layout, sizes.data(), sizes.size()) * size_of(t.dtype)});
  }
  void add(const kernels::Request& request, const TensorType& t, const Layout& from, const Layout& to,
           const Sizes& sizes, Tensor source, Tensor target, std::vector<One>& list) {
    kernels::BindSizes bind;
    bind.in = bind.out = {sizes};
    bind.threads = kernels::useful_threads(nullptr, nullptr, bind.in, bind.out, request.threads);
    const auto bound = kernels::make_reorder(t.dtype, t.shape.size(), from, to)->bind(bind);
    if (!bound) return;
    list.push_back({bound.value, bound.value->make_state(), std::move(source), std::move(target), bind.threads});
    scratch_ = std::max(scratch_, bound.value->scratch_bytes());
  }
  static void run(const std::vector<One>& list, std::byte* scratch) {
    for (const One& r : list) {
      const void* in[] = {r.from.data()};
      void* out[] = {r.to.data()};
      r.kernel->run({in, out, scratch, r.threads, r.state.get()});
    }
  }

  std::vector<One> before_, after_;
  size_t scratch_ = 0;
};

/// Memory for what kernels read and write; kernels of one request share it, as only one runs at a time.
class Buffers {
 public:
  const Tensor& get(const void* request, bool input, size_t index, int64_t bytes, DType dtype) {
    Tensor& t = held_[{request, input, index, bytes}];
    if (!t.defined()) {
      t = Tensor::zeros(DType::u8, {bytes});
      // Zeros would flatter (denormals, pages that share): a small pattern of floats near 0; integers stay 0.
      float* p = input && dtype == DType::f32 ? t.data_as<float>() : nullptr;
      for (int64_t i = 0; p && i < bytes / 4; ++i) p[i] = 0.01f * float(int(i % 13) - 6);
    }
    return t;
  }
  std::byte* scratch(size_t bytes) {
    if (!scratch_.defined() || scratch_.bytes() < int64_t(bytes) + 64)
      scratch_ = Tensor::empty(DType::u8, {int64_t(bytes) + 64});
    return scratch_.data();
  }

 private:
  std::map<std::tuple<const void*, bool, size_t, int64_t>, Tensor> held_;
  Tensor scratch_;
};

/// A kernel bound at its request's sizes, and the times of its runs so far.
class Trial {
 public:
  Trial(const KernelToTime& what, Buffers& buffers) : request_(*what.request) {
    const kernels::Kernel& kernel = *what.kernel;
    const Subgraph& g = *request_.graph;
    kernels::BindSizes sizes;
    sizes.values = what.shape_values;
    const auto bytes_of = [&](const Layout& l, const Sizes& s, DType t) {
      return padded_elements(l, s.data(), s.size()) * size_of(t);
    };
    std::vector<Tensor> results;
    for (size_t i = 0; i < g.inputs.size(); ++i) {
      const size_t v = size_t(g.inputs[i]);
      sizes.in.push_back(request_.sizes[v]);
      const DType dtype = g.types[v].dtype;
      const bool packed = g.roles[i] == InputRole::weight && !kernel.packing_key(i).empty();
      const Tensor& t = buffers.get(
          &request_, true, i,
          packed ? int64_t(kernel.packed_bytes(i)) : bytes_of(kernel.input_layout(i), sizes.in[i], dtype), dtype);
      if (g.roles[i] == InputRole::constant && g.constants[i].defined())
        std::memcpy(t.data(), g.constants[i].contiguous().data(), size_t(g.constants[i].bytes()));
      in_.push_back(t.data());
      inputs_.push_back(t);
    }
    for (size_t k = 0; k < g.outputs.size(); ++k) {
      const size_t v = size_t(g.outputs[k]);
      sizes.out.push_back(request_.sizes[v]);
      const DType dtype = g.types[v].dtype;
      results.push_back(
          buffers.get(&request_, false, k, bytes_of(kernel.output_layout(k), sizes.out[k], dtype), dtype));
      out_.push_back(results.back().data());
    }
    sizes.threads = threads_ = kernels::useful_threads(&g, &kernel, sizes.in, sizes.out, request_.threads);
    if (kernel.accumulates() >= 0) out_[0] = const_cast<void*>(in_[size_t(kernel.accumulates())]);
    const auto bound = kernel.bind(sizes);
    if (!bound) return;
    bound_ = bound.value;
    state_ = bound_->make_state();
    reorders_ = std::make_unique<Reorders>(kernel, request_, inputs_, results);
  }

  bool runs() const { return bound_ != nullptr; }
  int threads() const { return request_.threads; }

  void run(Buffers& buffers, bool count = true) {
    std::byte* scratch = buffers.scratch(std::max(bound_->scratch_bytes(), reorders_->scratch_bytes()));
    const ThreadScope few(threads_);
    if (request_.cold_weights)
      for (size_t i = 0; i < inputs_.size(); ++i)
        if (request_.graph->roles[i] == InputRole::weight) forget(inputs_[i]);
    // As in a network: what it reads was written just now, and by threads that are awake. To wake one takes as long as
    // a small kernel runs, and two kernels would pay twice.
    for (size_t i = 0; i < inputs_.size(); ++i)
      if (request_.graph->roles[i] == InputRole::activation) write_again(inputs_[i], request_.threads);
    parallel_for(request_.threads, 1, request_.threads, [](int64_t, int64_t, int) {});
    const auto start = std::chrono::steady_clock::now();
    reorders_->before(scratch);
    bound_->run({in_.data(), out_.data(), scratch, threads_, state_.get()});
    reorders_->after(scratch);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (count) times_.insert(std::upper_bound(times_.begin(), times_.end(), took.count()), took.count());
  }

  double shortest() const { return times_.front(); }
  double milliseconds() const { return runs() ? times_[times_.size() / 4] : 1e30; }

 private:
  const kernels::Request& request_;
  std::shared_ptr<const kernels::BoundKernel> bound_;
  std::unique_ptr<kernels::RunState> state_;
  std::unique_ptr<Reorders> reorders_;
  std::vector<Tensor> inputs_;
  std::vector<const void*> in_;
  std::vector<void*> out_;
  std::vector<double> times_;  // sorted
  int threads_ = 1;
};

/// Between runs every thread walks another buffer, so that the results of the run before do not lie in its caches.
void sweep(int threads) {
  static const Tensor other = Tensor::zeros(DType::u8, {4 << 20});
  parallel_for(threads, 1, threads, [](int64_t, int64_t, int) {
    volatile uint8_t sink = 0;
    const uint8_t* p = other.data_as<uint8_t>();
    for (int64_t i = 0; i < other.bytes(); i += 64) sink = uint8_t(sink + p[i]);
  });
}

}  // namespace

std::vector<double> time_kernels(const std::vector<KernelToTime>& kernels) {
  Buffers buffers;
  std::vector<Trial> trials;
  trials.reserve(kernels.size());
  std::vector<Trial*> racing;
  for (const KernelToTime& k : kernels) {
    check_interrupt();
    Trial& trial = trials.emplace_back(k, buffers);
    if (!trial.runs()) continue;
    trial.run(buffers, false);
    racing.push_back(&trial);
  }
  const auto begin = std::chrono::steady_clock::now();
  const std::chrono::duration<double, std::milli> budget(budget_milliseconds * double(racing.size()));
  for (int round = 1; round <= most_runs && !racing.empty(); ++round) {
    if (round > fewest_runs && std::chrono::steady_clock::now() - begin > budget) break;
    for (Trial* t : racing) {
      check_interrupt();
      sweep(t->threads());
      t->run(buffers);
    }
    // By the shortest of each: a machine that takes a core away for a moment makes one run several times as long.
    if (round < 2) continue;
    const double best = (*std::min_element(racing.begin(), racing.end(), [](const Trial* a, const Trial* b) {
                          return a->shortest() < b->shortest();
                        }))->shortest();
    const double behind = round < fewest_runs ? 3 : 1.5;
    std::erase_if(racing, [&](const Trial* t) { return t->shortest() > behind * best; });
  }
  std::vector<double> out;
  for (const Trial& t : trials) out.push_back(t.milliseconds());
  return out;
}

}  // namespace neve::compile
