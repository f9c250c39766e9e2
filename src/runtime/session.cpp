// Frames and sessions: input checks, instances, the steady-state loop.
#include "runtime/session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/helper.h"
#include "base/threads.h"
#include "op/registry.h"

namespace neve::runtime {
using plan::Instr;
using plan::Place;
using plan::Plan;
using plan::PlanValue;

struct Frame::Part {
  /// An instance with what this frame keeps for its kernels.
  struct Bound {
    std::shared_ptr<const Instance> instance;
    std::vector<std::unique_ptr<kernels::RunState>> states;  ///< per step
  };
  std::shared_ptr<Bound> bound;
  std::array<std::shared_ptr<Bound>, 8> recent;  ///< found again without the program's lock
  size_t next = 0;
  Tensor arena;
  const Instance* instance() const { return bound ? bound->instance.get() : nullptr; }
};

Frame::Frame(std::shared_ptr<const Program> program, int threads, std::vector<Tensor>* arenas)
    : program_(std::move(program)), threads_(threads), arenas_(arenas) {
  const Plan& p = program_->plan();
  symbols_.assign(p.symbols.size(), -1);
  pointer_ = program_->fixed();
  parts_.resize(p.segments.size());
  dynamic_.resize(p.values.size());
  spare_.resize(p.outputs.size());
  if (program_->has_region_frames()) {
    regions_.resize(p.instrs.size());
    for (size_t i = 0; i < p.instrs.size(); ++i)
      for (const auto& r : program_->regions(i)) regions_[i].push_back(std::make_unique<Frame>(r, threads));
  }
}
Frame::~Frame() = default;

int64_t Frame::arena_bytes() const {
  int64_t n = scratch_.defined() ? scratch_.bytes() : 0;
  for (const Part& part : parts_) n += part.arena.defined() ? part.arena.bytes() : 0;
  for (const auto& r : regions_)
    for (const auto& f : r) n += f->arena_bytes();
  return n;
}

void Frame::release_memory() {
  forget_arena();
  scratch_ = Tensor{};
}

void Frame::forget_arena() {
  for (Part& part : parts_) part.arena = Tensor{};
}

void Frame::bind_symbols(std::span<const Tensor> in) {
  const Plan& p = program_->plan();
  for (size_t s = 0; s < p.symbols.size(); ++s) {
    const plan::PlanSymbol& symbol = p.symbols[s];
    if (symbol.input < 0) {
      symbols_[s] = symbol.outer < 0 ? -1 : outer_[size_t(symbol.outer)];
      continue;
    }
    const int64_t v = in[size_t(symbol.input)].shape()[size_t(symbol.axis)];
    if (v < symbol.lo || v > symbol.hi || v % symbol.divisor)
      fail(ErrorCode::shape_mismatch, "run: input '", p.inputs[size_t(symbol.input)].name, "' axis ", symbol.axis,
           " is ", v, " (", symbol.name, " must be in ", symbol.lo, "..",
           symbol.hi >= Dim::unbounded ? std::string("") : str(symbol.hi),
           symbol.divisor > 1 ? str(" and a multiple of ", symbol.divisor) : "", ")");
    symbols_[s] = v;
  }
}

// Input axes against the expressions that the plan states for them.
void Frame::check_sizes(std::span<const Tensor> in) {
  const Plan& p = program_->plan();
  const auto& steps = parts_[0].instance()->steps;
  for (size_t i = 0; i < p.inputs.size(); ++i) {
    const PlanValue& v = p.values[size_t(p.inputs[i].value)];
    for (size_t a = 0; a < v.dims.size(); ++a) {
      const int64_t want = steps[size_t(v.dims[a])], have = in[i].shape()[a];
      if (want != have)
        fail(ErrorCode::shape_mismatch, "run: input '", p.inputs[i].name, "' axis ", a, " is ", have, " (must be ",
             want,
             p.dim_code[size_t(v.dims[a])].op == DimCode::constant ? ", fixed in the model)"
                                                                   : ", tied to another axis in the model)");
    }
  }
}

void Frame::enter(size_t s) {
  Part& part = parts_[s];
  auto matches = [&](const std::shared_ptr<Part::Bound>& b) { return b && b->instance->symbols == symbols_; };
  if (!matches(part.bound)) {
    std::shared_ptr<Part::Bound> found;
    for (const auto& r : part.recent)
      if (matches(r)) found = r;
    if (!found) {
      found = std::make_shared<Part::Bound>();
      found->instance = program_->instance(s, symbols_, threads_);
      for (const Instance::Step& step : found->instance->run) found->states.push_back(step.kernel->make_state());
      part.recent[part.next++ % part.recent.size()] = found;
    }
    part.bound = std::move(found);
  } else if (part.arena.defined()) {
    return;
  }
  const Instance& inst = *part.instance();
  if (arenas_ && arenas_->size() <= s) arenas_->resize(s + 1);
  Tensor& arena = arenas_ ? (*arenas_)[s] : part.arena;
  if (!arena.defined() || arena.bytes() < inst.arena_bytes) {
    arena = part.arena = Tensor{};  // the old one goes first: both need not fit
    arena = Tensor::empty(DType::u8, {std::max<int64_t>(inst.arena_bytes, 64)});
  }
  part.arena = arena;
  if (!scratch_.defined() || scratch_.bytes() < inst.scratch_bytes)
    scratch_ = Tensor::empty(DType::u8, {std::max<int64_t>(inst.scratch_bytes, 64)});
  for (const Instance::Slot& slot : inst.slots) pointer_[size_t(slot.value)] = part.arena.data() + slot.offset;
  const Plan& p = program_->plan();
  for (const Instance::Content& c : inst.contents) {
    const PlanValue& v = p.values[size_t(c.value)];
    std::byte* to = part.arena.data() + c.offset;
    for (size_t k = 0; k < v.content.size(); ++k) {
      const int64_t x = inst.steps[size_t(v.content[k])];
      const int64_t n = size_of(v.dtype);  // little endian: the low bytes
      std::memcpy(to + int64_t(k) * n, &x, size_t(n));
    }
  }
}

// A tensor of these sizes with room for its elements in a layout of ours: only a program that expects it can read it.
static Tensor empty_in(const Layout& layout, DType dtype, const Sizes& sizes) {
  Tensor t = Tensor::empty(dtype, sizes);
  const int64_t bytes = padded_elements(layout, sizes.data(), sizes.size()) * size_of(dtype);
  if (layout.plain() || bytes <= t.bytes()) return t;
  return Tensor::view(Storage::allocate(bytes), dtype, sizes, t.strides());
}

// Memory of the graph outputs whose sizes are known in this segment: the caller's, a spare one, or new.
void Frame::provide_outputs(size_t s, std::vector<Tensor>& out) {
  const Plan& p = program_->plan();
  const int32_t known = p.segments[s].steps, before = s ? p.segments[s - 1].steps : 0;
  for (size_t k = 0; k < p.outputs.size(); ++k) {
    const int32_t value = p.outputs[k].value, root = program_->root(value);
    const PlanValue& v = p.values[size_t(root)];
    if (v.place != Place::output) continue;
    int32_t needed = -1;
    for (int32_t d : p.values[size_t(value)].dims) needed = std::max(needed, d);
    if (needed >= known || (s && needed < before)) continue;
    const auto& steps = parts_[s].instance()->steps;
    const auto& dims = p.values[size_t(value)].dims;
    auto fits = [&](const Tensor& t) {
      if (!t.defined() || t.dtype() != v.dtype || size_t(t.rank()) != dims.size()) return false;
      for (size_t a = 0; a < dims.size(); ++a)
        if (t.shape()[a] != steps[size_t(dims[a])]) return false;
      return true;
    };
    const Layout& layout = p.values[size_t(value)].layout;
    if (!layout.plain() || !fits(out[k]) || !out[k].is_contiguous()) {
      if (!fits(spare_[k]) || !spare_[k].is_sole_owner())
        spare_[k] = empty_in(layout, v.dtype, program_->sizes_of(value, steps));
      out[k] = reuse_outputs ? spare_[k] : std::move(spare_[k]);
    }
    pointer_[size_t(root)] = out[k].data();
  }
}

namespace {
int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}
}  // namespace

void Frame::run_steps(size_t s) {
  const Instance& inst = *parts_[s].instance();
  const auto& states = parts_[s].bound->states;
  constexpr size_t most = 64;
  const void* in[most];
  void* out[most];
  std::vector<const void*> many_in;
  int now = threads_;
  const HelperScope helper(inst.has_halves);
  for (size_t n = 0; n < inst.run.size(); ++n) {
    const Instance::Step& step = inst.run[n];
    const int32_t* arg = inst.args.data() + step.first_arg;
    const void** inputs = in;
    if (step.inputs > most) {
      many_in.resize(step.inputs);
      inputs = many_in.data();
    }
    for (size_t i = 0; i < step.inputs; ++i) inputs[i] = pointer_[size_t(arg[i])];
    check(step.outputs <= most, "run: an instruction has more than ", most, " outputs");
    for (size_t i = 0; i < step.outputs; ++i) out[i] = const_cast<void*>(pointer_[size_t(arg[step.inputs + i])]);
    if (step.threads != now) set_threads(now = step.threads);
    const kernels::RunArgs args{inputs, out, scratch_.data(), step.threads, states[n].get()};
    if (!observer) {
      step.kernel->run(args);
      continue;
    }
    const int64_t start = now_ns();
    step.kernel->run(args);
    observer({*program_, step.instr, start, now_ns() - start, step.threads, &inst, {}, {}});
  }
  if (now != threads_) set_threads(threads_);
}

Tensor Frame::tensor_of(int32_t value) {
  const int32_t root = program_->root(value);
  const PlanValue& v = program_->plan().values[size_t(value)];
  if (program_->plan().values[size_t(root)].place == Place::dynamic) {
    const Tensor& t = dynamic_[size_t(root)];
    if (root == value) return t;
    Sizes sizes;
    for (size_t s = parts_.size(); s-- > 0;) {
      if (!parts_[s].instance() || parts_[s].instance()->symbols != symbols_) continue;
      return t.reshape(program_->sizes_of(value, parts_[s].instance()->steps));
    }
    return t.reshape(sizes);
  }
  for (size_t s = parts_.size(); s-- > 0;) {
    if (!parts_[s].instance() || parts_[s].instance()->symbols != symbols_) continue;
    return Tensor::borrow(const_cast<void*>(pointer_[size_t(root)]), v.dtype,
                          program_->sizes_of(value, parts_[s].instance()->steps));
  }
  fail(ErrorCode::internal, "run: a value is used before its sizes are known");
}

namespace {
// Region ops run their definition, with frames in place of their regions.
class ControlEvaluating final : public Evaluating {
 public:
  explicit ControlEvaluating(std::vector<std::unique_ptr<Frame>>& frames) : frames_(frames) {}
  std::vector<Tensor> region(size_t k, std::span<const Tensor> arguments) override {
    std::vector<Tensor> contiguous, out(frames_.at(k)->program().plan().outputs.size());
    for (const Tensor& t : arguments) contiguous.push_back(t.contiguous());
    frames_[k]->run(contiguous, out);
    return out;
  }

 private:
  std::vector<std::unique_ptr<Frame>>& frames_;
};
}  // namespace

void Frame::run_dynamic(size_t segment, int32_t i) {
  const Plan& p = program_->plan();
  const Instr& instr = p.instrs[size_t(i)];
  const int64_t start = now_ns();
  std::vector<Tensor> in;
  for (int32_t v : instr.in) in.push_back(v < 0 ? Tensor{} : tensor_of(v));
  std::vector<Tensor> out;
  if (instr.kind == Instr::control) {
    const SubgraphNode& node = instr.graph->nodes.front();
    for (auto& f : regions_[size_t(i)]) {
      f->set_outer(symbols_);
      f->observer = observer;
    }
    ControlEvaluating e(regions_[size_t(i)]);
    e.in = in;
    e.threads = threads_;
    e.out_.resize(instr.out.size());
    static const Dim later = Dim::symbol("size known after the run");
    const auto& steps = parts_[segment].instance()->steps;
    for (int32_t v : instr.out) {
      const PlanValue& value = p.values[size_t(v)];
      e.out_dtype_.push_back(value.dtype);
      Shape shape;
      for (int32_t d : value.dims) shape.push_back(d < p.segments[segment].steps ? Dim(steps[size_t(d)]) : later);
      e.out_types.push_back({value.dtype, std::move(shape)});
    }
    node.op->eval(node.attrs.object(), e);
    out = std::move(e.out_);
  } else {
    out = program_->kernel(size_t(i))->run_dynamic(in, threads_);
  }
  for (size_t k = 0; k < instr.out.size(); ++k) {
    const size_t v = size_t(instr.out[k]);
    const PlanValue& value = p.values[v];
    check(out[k].defined() && out[k].dtype() == value.dtype && size_t(out[k].rank()) == value.dims.size(), "run: '",
          instr.name, "' gave ", type_text(out[k]), " as output ", k, " where ", value.dtype, " of rank ",
          value.dims.size(), " was planned");
    // What an operation hands on as it came (a loop without a pass) lies in memory that others write to later.
    const bool handed_on = std::any_of(in.begin(), in.end(),
                                       [&](const Tensor& t) { return t.defined() && t.storage() == out[k].storage(); });
    dynamic_[v] = handed_on ? out[k].clone() : out[k].contiguous();
    pointer_[v] = dynamic_[v].data();
  }
  for (const Instr::Defines& d : instr.defines) {
    const int64_t size = dynamic_[size_t(instr.out[size_t(d.output)])].shape()[size_t(d.axis)];
    const plan::PlanSymbol& symbol = p.symbols[size_t(d.symbol)];
    check(size >= symbol.lo && size <= symbol.hi, "run: '", instr.name, "' gave size ", size, " for ", symbol.name);
    symbols_[size_t(d.symbol)] = size;
  }
  if (observer) observer({*program_, i, start, now_ns() - start, threads_, nullptr, in, out});
}

void Frame::set_outer(std::span<const int64_t> symbols) {
  if (std::equal(symbols.begin(), symbols.end(), outer_.begin(), outer_.end())) return;
  outer_.assign(symbols.begin(), symbols.end());
  primed_ = false;
}

void Frame::run(std::span<const Tensor> in, std::vector<Tensor>& out) {
  const Plan& p = program_->plan();
  check(in.size() == p.inputs.size(), "run: ", in.size(), " inputs for ", p.inputs.size());
  out.resize(p.outputs.size());
  bool same = primed_;
  size_t at = 0;
  for (const Tensor& t : in)
    for (int64_t n : t.shape()) {
      same = same && at < shape_key_.size() && shape_key_[at] == n;
      ++at;
    }
  same = same && at == shape_key_.size();
  if (!same) {
    primed_ = false;
    bind_symbols(in);
  }
  const bool later = parts_.size() > 1;
  if (later && same)
    for (size_t s = 0; s < p.symbols.size(); ++s)
      if (p.symbols[s].input < 0 && p.symbols[s].outer < 0) symbols_[s] = -1;
  for (size_t i = 0; i < in.size(); ++i) {
    const int32_t v = p.inputs[i].value;
    pointer_[size_t(v)] = in[i].data();
    dynamic_[size_t(v)] = Tensor{};
  }
  const ThreadScope scope(threads_);
  for (size_t s = 0; s < parts_.size(); ++s) {
    if (!(same && s == 0))
      enter(s);
    else if (!parts_[0].arena.defined())
      enter(0);
    if (!same && s == 0) check_sizes(in);
    provide_outputs(s, out);
    run_steps(s);
    const plan::Segment& segment = p.segments[s];
    if (segment.count && p.instrs[size_t(segment.first + segment.count - 1)].kind != Instr::kernel)
      run_dynamic(s, segment.first + segment.count - 1);
  }
  for (size_t k = 0; k < p.outputs.size(); ++k) {
    const int32_t root = program_->root(p.outputs[k].value);
    if (p.values[size_t(root)].place == Place::dynamic) out[k] = tensor_of(p.outputs[k].value);
  }
  if (!same) {
    shape_key_.clear();
    for (const Tensor& t : in) shape_key_.insert(shape_key_.end(), t.shape().begin(), t.shape().end());
    primed_ = true;
  }
}

void Frame::warm(std::span<const Sizes> in) {
  const Plan& p = program_->plan();
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < in.size(); ++i) {
    const int64_t rank = int64_t(in[i].size());
    tensors.push_back(
        Tensor::view(Storage::allocate(64), p.values[size_t(p.inputs[i].value)].dtype, in[i], Sizes(size_t(rank), 0)));
  }
  primed_ = false;
  bind_symbols(tensors);
  enter(0);
  check_sizes(tensors);
}

// ---- sessions ---------------------------------------------------------------------------------------------------

namespace {
bool inside(const Range& r, std::span<const Sizes> in) {
  if (r.min.empty()) return true;
  for (size_t i = 0; i < in.size(); ++i)
    for (size_t a = 0; a < in[i].size(); ++a)
      if (in[i][a] < r.min[i][a] || in[i][a] > r.max[i][a]) return false;
  return true;
}
// Sum of squared relative differences: scale-free, so that 1 to 2 is as far as 100 to 200.
double distance(std::span<const Sizes> opt, std::span<const Sizes> in) {
  double d = 0;
  for (size_t i = 0; i < in.size(); ++i)
    for (size_t a = 0; a < in[i].size(); ++a) {
      const double x = double(std::max<int64_t>(opt[i][a], 1)), y = double(std::max<int64_t>(in[i][a], 1));
      const double r = x > y ? x / y - 1 : y / x - 1;
      d += r * r;
    }
  return d;
}
// An open size is written "*".
std::string sizes_text(const Sizes& s) {
  std::string t;
  for (size_t i = 0; i < s.size(); ++i) t += (i ? "x" : "") + (s[i] >= Dim::unbounded ? std::string("*") : str(s[i]));
  return t.empty() ? "scalar" : t;
}
}  // namespace

Choice choose(const EngineCore& engine, std::span<const Sizes> in) {
  double best = std::numeric_limits<double>::infinity();
  Choice choice{engine.ranges.size(), 0};
  for (size_t r = 0; r < engine.ranges.size(); ++r) {
    const Range& range = engine.ranges[r];
    if (!inside(range, in)) continue;
    for (size_t k = 0; k < range.programs.size(); ++k) {
      const double d = k < range.opts.size() && !range.opts[k].empty() ? distance(range.opts[k], in) : 1e300;
      if (d < best) best = d, choice = {r, k};
    }
  }
  if (choice.range < engine.ranges.size()) return choice;
  std::string text;
  for (const Range& r : engine.ranges) {
    text += text.empty() ? "" : " or ";
    for (size_t i = 0; i < engine.inputs.size(); ++i)
      text += str(i ? ";" : "", engine.inputs[i].name, "=", sizes_text(r.min[i]), "..", sizes_text(r.max[i]));
  }
  std::string have;
  for (size_t i = 0; i < in.size(); ++i) have += str(i ? ";" : "", engine.inputs[i].name, "=", sizes_text(in[i]));
  fail(ErrorCode::shape_mismatch, "run: sizes ", have, " are outside every range (the engine was made for ", text, ")");
}

SessionCore::SessionCore(std::shared_ptr<const EngineCore> engine) : engine_(std::move(engine)) {
  frames_.resize(engine_->ranges.size());
  for (size_t r = 0; r < frames_.size(); ++r) frames_[r].resize(engine_->ranges[r].programs.size());
  contiguous_.resize(engine_->inputs.size());
}

Frame& SessionCore::frame(Choice c) {
  auto& f = frames_[c.range][c.point];
  if (!f) f = std::make_unique<Frame>(engine_->ranges[c.range].programs[c.point], engine_->threads, &arenas_);
  f->observer = observer_;
  return *f;
}

void SessionCore::enter(Frame& f) {
  if (holder_ == &f) return;
  if (holder_) holder_->forget_arena();
  f.forget_arena();
  holder_ = &f;
}

void SessionCore::run(std::span<const Tensor> in, std::vector<Tensor>& out) {
  const EngineCore& e = *engine_;
  if (in.size() != e.inputs.size()) {
    std::string names;
    for (const Port& p : e.inputs) names += str(names.empty() ? "" : ", ", p.name, ": ", p.dtype, p.shape);
    fail(ErrorCode::invalid_argument, "run: ", in.size(), " inputs given (the model takes ", e.inputs.size(), ": ",
         names, ")");
  }
  bool same = last_ != nullptr, contiguous = true;
  size_t at = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    const Port& p = e.inputs[i];
    const Tensor& t = in[i];
    if (!t.defined() || t.dtype() != p.dtype || t.rank() != p.rank)
      fail(ErrorCode::type_mismatch, "run: input '", p.name, "' is ",
           t.defined() ? type_text(t) : std::string("missing"), " (must be ", p.dtype, p.shape, ")");
    contiguous = contiguous && t.is_contiguous();
    for (int64_t n : t.shape()) {
      same = same && at < shape_key_.size() && shape_key_[at] == n;
      ++at;
    }
  }
  same = same && at == shape_key_.size();
  if (!same) {
    std::vector<Sizes> sizes;
    for (const Tensor& t : in) sizes.push_back(t.shape());
    last_ = nullptr;
    Frame& f = frame(choose(e, sizes));
    shape_key_.clear();
    for (const Sizes& s : sizes) shape_key_.insert(shape_key_.end(), s.begin(), s.end());
    last_ = &f;
    enter(f);
  }
  if (contiguous) {
    last_->run(in, out);
    return;
  }
  for (size_t i = 0; i < in.size(); ++i) contiguous_[i] = in[i].contiguous();
  last_->run(contiguous_, out);
  for (Tensor& t : contiguous_) t = Tensor{};
}

void SessionCore::observe(StepObserver o) {
  observer_ = std::move(o);
  for (auto& r : frames_)
    for (auto& f : r)
      if (f) f->observer = observer_;
}

void SessionCore::warm(std::span<const Sizes> in) {
  last_ = nullptr;
  Frame& f = frame(choose(*engine_, in));
  enter(f);
  f.warm(in);
}

int64_t SessionCore::arena_bytes() const {
  int64_t n = 0;
  for (const auto& r : frames_)
    for (const auto& f : r) n += f ? f->arena_bytes() : 0;
  return n;
}

}  // namespace neve::runtime
