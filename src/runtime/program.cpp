// Programs: weights packed once, instances bound and their memory planned for each concrete size.
#include "runtime/program.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/threads.h"

namespace neve::runtime {
using kernels::BindSizes;
using plan::Place;
using plan::Plan;

const Tensor& WeightPool::get(std::string_view name) const {
  if (weights_) {
    const auto it = weights_->find(name);
    if (it != weights_->end()) return it->second;
  }
  fail(ErrorCode::not_found, "weights: no weight named '", name, "'", weights_ ? "" : " (the originals were released)");
}

Tensor WeightPool::plain(const std::string& name) {
  const Tensor& t = get(name);
  // Biases and the like are copied together: read one by one from a mapped file they would keep most of its pages
  // resident.
  if (t.bytes() > (1 << 16)) return t.contiguous();
  std::lock_guard lock(mutex_);
  Tensor& copy = packed_[name];
  if (!copy.defined()) copy = t.clone();
  return copy;
}

namespace {
std::string key_of(const std::string& name, const std::string& packing) { return name + '\n' + packing; }
constexpr int64_t least_reserved = 1 << 19;  // bytes
constexpr int64_t least_block = 1 << 22;     // which lies on large pages; what is not touched of it takes no memory
constexpr int64_t alignment = 64;
}  // namespace

void WeightPool::reserve(size_t bytes) {
  std::lock_guard lock(mutex_);
  if (int64_t(bytes) < least_reserved) return;
  if (block_.defined() && block_.bytes() - taken_ >= int64_t(bytes)) return;
  block_ = Tensor::empty(DType::u8, {std::max(int64_t(bytes), least_block)});
  taken_ = 0;
}

Tensor WeightPool::take(size_t bytes) {
  const int64_t count = int64_t(bytes), rounded = (count + alignment - 1) / alignment * alignment;
  if (!block_.defined() || block_.bytes() - taken_ < rounded) return Tensor::empty(DType::u8, {count});
  taken_ += rounded;
  return Tensor::view(block_.storage(), DType::u8, {count}, {1}, taken_ - rounded);
}

bool WeightPool::has(const std::string& name, const std::string& packing) const {
  std::lock_guard lock(mutex_);
  return packed_.contains(key_of(name, packing));
}

Tensor WeightPool::packed(const std::string& name, const kernels::Kernel& kernel, size_t operand, int threads) {
  const std::string packing = kernel.packing_key(operand);
  if (packing.empty()) return plain(name);
  const std::string key = key_of(name, packing);
  std::lock_guard lock(mutex_);
  const auto it = packed_.find(key);
  if (it != packed_.end()) return it->second;
  const Tensor plain = get(name).contiguous();
  const Tensor bytes = take(kernel.packed_bytes(operand));
  // Zeros where the packing has padding; by all threads, since the system clears these pages at their first touch.
  if (bytes.bytes() != plain.bytes())
    parallel_for(bytes.bytes(), 1 << 18, threads,
                 [&](int64_t begin, int64_t end, int) { std::memset(bytes.data() + begin, 0, size_t(end - begin)); });
  kernel.pack(operand, plain, bytes.data(), threads);
  packed_.emplace(key, bytes);
  return bytes;
}

size_t WeightPool::packed_bytes() const {
  std::lock_guard lock(mutex_);
  size_t n = 0;
  for (const auto& [k, t] : packed_) n += size_t(t.bytes());
  return n;
}

void WeightPool::release_originals() {
  std::lock_guard lock(mutex_);
  weights_ = nullptr;
}

Program::Program(std::shared_ptr<const Plan> plan, std::vector<std::shared_ptr<const kernels::Kernel>> kernels,
                 std::vector<std::vector<std::shared_ptr<Program>>> regions, std::shared_ptr<WeightPool> weights)
    : plan_(std::move(plan)), kernels_(std::move(kernels)), regions_(std::move(regions)), weights_(std::move(weights)) {
  const Plan& p = *plan_;
  const size_t n = p.values.size();
  root_.resize(n);
  for (size_t v = 0; v < n; ++v) {
    int32_t r = int32_t(v);
    while (p.values[size_t(r)].place == Place::alias) r = p.values[size_t(r)].index;
    root_[v] = r;
  }
  size_t reserved = 0;
  for (const plan::PlanWeight& w : p.weights)
    if (!w.packing.empty() && !weights_->has(w.source, w.packing))
      reserved += kernels_.at(size_t(w.instr))->packed_bytes(size_t(w.operand)) + alignment;
  weights_->reserve(reserved);
  for (const plan::PlanWeight& w : p.weights)
    weight_bytes_.push_back(
        w.packing.empty() ? weights_->plain(w.source)
                          : weights_->packed(w.source, *kernels_.at(size_t(w.instr)), size_t(w.operand), p.threads));
  fixed_.assign(n, nullptr);
  for (size_t v = 0; v < n; ++v) {
    const plan::PlanValue& x = p.values[v];
    if (x.place == Place::weight) fixed_[v] = weight_bytes_[size_t(x.index)].data();
    if (x.place == Place::constant) fixed_[v] = p.constants[size_t(x.index)].data();
  }
  constexpr int32_t none = -1;
  def_segment_.assign(n, none), def_instr_.assign(n, none), last_segment_.assign(n, none), last_instr_.assign(n, none);
  for (size_t s = 0; s < p.segments.size(); ++s)
    for (int32_t i = p.segments[s].first; i < p.segments[s].first + p.segments[s].count; ++i) {
      const plan::Instr& instr = p.instrs[size_t(i)];
      has_regions_ |= instr.kind == plan::Instr::control;
      auto touch = [&](int32_t v) {
        if (v < 0) return;
        const size_t r = size_t(root_[size_t(v)]);
        if (def_segment_[r] < 0) def_segment_[r] = int32_t(s), def_instr_[r] = i;
        last_segment_[r] = int32_t(s), last_instr_[r] = i;
      };
      for (int32_t v : instr.in) touch(v);
      for (int32_t v : instr.out) touch(v);
    }
}

Sizes Program::sizes_of(int32_t value, std::span<const int64_t> steps) const {
  Sizes s;
  for (int32_t d : plan_->values[size_t(value)].dims) s.push_back(steps[size_t(d)]);
  return s;
}

size_t Program::instance_count() const {
  std::lock_guard lock(mutex_);
  return cache_.size();
}

std::shared_ptr<const Instance> Program::instance(size_t s, const std::vector<int64_t>& symbols, int threads) const {
  {
    std::lock_guard lock(mutex_);
    for (Entry& e : cache_)
      if (e.segment == s && e.instance->threads == threads && e.instance->symbols == symbols) {
        e.used = ++clock_;
        return e.instance;
      }
  }
  auto made = make_instance(s, symbols, threads);  // outside the lock: another thread may make the same; one is kept
  std::lock_guard lock(mutex_);
  for (Entry& e : cache_)
    if (e.segment == s && e.instance->threads == threads && e.instance->symbols == symbols) return e.instance;
  cache_.push_back({s, made, ++clock_});
  size_t total = 0;
  for (const Entry& e : cache_) total += e.instance->bytes;
  while (total > cache_bytes_ && cache_.size() > 1) {
    const auto oldest =
        std::min_element(cache_.begin(), cache_.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
    total -= oldest->instance->bytes;
    cache_.erase(oldest);
  }
  return made;
}

// The recorded constraints that can be decided when segment s starts, and could not before. An instance exists only
// where they hold.
void Program::check_constraints(size_t s, std::span<const int64_t> steps) const {
  const Plan& p = *plan_;
  const int32_t known = p.segments[s].steps, before = s ? p.segments[s - 1].steps : 0;
  for (const plan::PlanConstraint& c : p.constraints) {
    const int32_t needed = std::max(c.a, c.b);
    if (needed >= known || needed >= int32_t(steps.size()) || (s && needed < before)) continue;
    const int64_t a = steps[size_t(c.a)], b = steps[size_t(c.b)];
    bool ok = true;
    switch (c.kind) {
      case Constraint::equal:
        ok = a == b;
        break;
      case Constraint::at_least:
        ok = a >= b;
        break;
      case Constraint::divides:
        ok = b != 0 && a % b == 0;
        break;
      case Constraint::broadcastable:
        ok = a == b || a == 1 || b == 1;
        break;
    }
    if (!ok) fail(ErrorCode::shape_mismatch, "run: ", c.text, " (here ", a, " and ", b, ")");
  }
}

// Whether the reference can stand in for this kernel: everything row-major, no weight packed.
static bool takes_plain_memory(const kernels::Kernel& k, size_t inputs, size_t outputs) {
  for (size_t i = 0; i < inputs; ++i)
    if (!k.input_layout(i).plain() || !k.packing_key(i).empty()) return false;
  for (size_t i = 0; i < outputs; ++i)
    if (!k.output_layout(i).plain()) return false;
  return true;
}

std::shared_ptr<const Instance> Program::make_instance(size_t s, const std::vector<int64_t>& symbols,
                                                       int threads) const {
  const Plan& p = *plan_;
  const plan::Segment& segment = p.segments[s];
  auto inst = std::make_shared<Instance>();
  inst->symbols = symbols;
  inst->threads = threads;
  inst->steps.assign(p.dim_code.size(), -1);
  const auto code = std::span(p.dim_code).first(size_t(segment.steps));
  try {
    run_dim_code(code, symbols, inst->steps);
  } catch (const Error&) {
    // A broken relation usually says more than the arithmetic that it breaks: it names the node.
    constexpr int64_t unset = std::numeric_limits<int64_t>::min();
    std::vector<int64_t> steps(p.dim_code.size(), unset);
    try {
      run_dim_code(code, symbols, steps);
    } catch (const Error&) {
    }
    check_constraints(s, std::span(steps).first(size_t(std::find(steps.begin(), steps.end(), unset) - steps.begin())));
    throw;
  }
  check_constraints(s, inst->steps);
  const ThreadScope scope(threads);
  for (int32_t i = segment.first; i < segment.first + segment.count; ++i) {
    const plan::Instr& instr = p.instrs[size_t(i)];
    if (instr.kind != plan::Instr::kernel) continue;
    check_interrupt();
    BindSizes sizes;
    sizes.threads = threads;
    for (int32_t v : instr.in) sizes.in.push_back(sizes_of(v, inst->steps));
    for (int32_t v : instr.out) sizes.out.push_back(sizes_of(v, inst->steps));
    for (int32_t step : instr.shape_values) sizes.values.push_back(inst->steps[size_t(step)]);
    // Loops and the reference decide by themselves, part by part.
    const bool decides = instr.choice == "loop" || instr.choice == "reference";
    sizes.threads =
        decides ? threads
                : kernels::useful_threads(instr.graph.get(), kernels_[size_t(i)].get(), sizes.in, sizes.out, threads);
    const ThreadScope few(sizes.threads);
    auto bound = kernels_[size_t(i)]->bind(sizes);
    if (!bound && instr.graph && takes_plain_memory(*kernels_[size_t(i)], instr.in.size(), instr.out.size()))
      bound = kernels::make_reference(*instr.graph)->bind(sizes);
    if (!bound)
      fail(ErrorCode::unsupported, "run: kernel ", instr.description, " of '", instr.name,
           "' refuses these sizes: ", bound.reason);
    Instance::Step step{bound.value,
                        i,
                        sizes.threads,
                        int32_t(inst->args.size()),
                        uint16_t(instr.in.size()),
                        uint16_t(instr.out.size())};
    for (int32_t v : instr.in) inst->args.push_back(root_[size_t(v)]);
    for (int32_t v : instr.out) inst->args.push_back(root_[size_t(v)]);
    inst->scratch_bytes = std::max(inst->scratch_bytes, int64_t(bound.value->scratch_bytes()));
    inst->bytes += bound.value->bytes();
    inst->run.push_back(std::move(step));
  }
  // A thread of the pool and the helper would wait busily for the same core.
  inst->has_halves = threads > 1 && std::ranges::all_of(inst->run, [](const auto& r) { return r.threads == 1; }) &&
                     std::ranges::any_of(inst->run, [](const auto& r) { return r.kernel->has_halves(); });
  plan_memory(s, *inst);
  inst->bytes +=
      sizeof(Instance) + inst->args.size() * 4 + inst->run.size() * sizeof(Instance::Step) + inst->steps.size() * 8;
  return inst;
}

namespace {
struct Block {
  int64_t size, offset;
  int32_t value, first, last;
};
}  // namespace

// Offsets for the arena values that this segment defines: largest first, each at the lowest offset that is free during
// its life.
void Program::plan_memory(size_t s, Instance& inst) const {
  const Plan& p = *plan_;
  std::vector<Block> blocks;
  for (size_t v = 0; v < p.values.size(); ++v) {
    if (root_[v] != int32_t(v) || def_segment_[v] != int32_t(s)) continue;
    const plan::PlanValue& x = p.values[v];
    if (x.place != Place::arena && x.place != Place::content) continue;
    const Sizes sizes = sizes_of(int32_t(v), inst.steps);
    int64_t bytes = padded_elements(x.layout, sizes.data(), sizes.size()) * size_of(x.dtype);
    bytes = (bytes + 63) / 64 * 64;
    const bool lasts = x.place == Place::content || last_segment_[v] != int32_t(s) || !p.reuse_memory;
    const int32_t first = x.place == Place::content || !p.reuse_memory ? -1 : def_instr_[v];
    blocks.push_back({bytes, 0, int32_t(v), first, lasts ? std::numeric_limits<int32_t>::max() : last_instr_[v]});
  }
  std::vector<size_t> order(blocks.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return blocks[a].size > blocks[b].size; });
  std::vector<const Block*> placed;  // by offset
  for (size_t i : order) {
    Block& b = blocks[i];
    int64_t at = 0;
    for (const Block* q : placed) {
      if (q->last < b.first || b.last < q->first) continue;
      if (at + b.size <= q->offset) break;
      at = std::max(at, q->offset + q->size);
    }
    b.offset = at;
    inst.arena_bytes = std::max(inst.arena_bytes, at + b.size);
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &b,
                                   [](const Block* x, const Block* y) { return x->offset < y->offset; }),
                  &b);
  }
  for (const Block& b : blocks) {
    inst.slots.push_back({b.value, b.offset});
    if (p.values[size_t(b.value)].place == Place::content) inst.contents.push_back({b.offset, b.value});
  }
}

}  // namespace neve::runtime
