// How a part of a loop nest is laid over kernels and threads.
#include "loop/schedule.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/threads.h"
#include "loop/combine.h"

namespace neve::loop {
namespace {

constexpr int64_t part_nanoseconds = 8000;  // work that is worth another thread
constexpr int64_t split_elements = 32768;   // inner points of a row from which rows may be cut into chunks
constexpr int64_t chunk_elements = 16384;
constexpr int64_t few_rows = 16;

struct Axis {
  int64_t extent = 1;
  std::vector<int64_t> strides;  // per access, in bytes
};

int64_t product(const std::vector<Axis>& axes) {
  int64_t n = 1;
  for (const Axis& a : axes) n *= a.extent;
  return n;
}

/// Rough nanoseconds of one element, from the steps and the bytes moved.
double element_cost(const LoopNest& nest, const LoopPart& p) {
  double cost = 0.05;
  for (const LoopStage& s : p.stages) {
    for (const ScalarNode& n : s.program.nodes) {
      const bool heavy = n.op == ScalarOp::exp || n.op == ScalarOp::tanh || n.op == ScalarOp::erf ||
                         n.op == ScalarOp::sigmoid || n.op == ScalarOp::log || n.op == ScalarOp::expm1 ||
                         n.op == ScalarOp::log1p;
      const bool call = !heavy && ((n.op >= ScalarOp::expm1 && n.op <= ScalarOp::atanh) || n.op == ScalarOp::pow ||
                                   n.op == ScalarOp::rem);
      cost += call ? 8 : heavy ? 0.8 : 0.03;
    }
    for (const LoopOperand& o : s.operands)
      if (o.kind == LoopOperand::access)
        cost += 0.03 * double(size_of(nest.buffers[size_t(p.accesses[size_t(o.index)].buffer)].dtype));
    cost += 0.1 * double(s.results.size());
  }
  return cost;
}

/// One part with its sizes.
struct BoundPart {
  const LoopPart* part = nullptr;
  Kernel rows = nullptr;
  std::span<const Kernel> stages;  // where rows are split
  int64_t width = 1;
  int accesses = 0, slots = 0;
  std::vector<int32_t> buffer;            // per access
  std::vector<int64_t> offset;            // per access, bytes
  std::vector<Axis> outer;                // driven from here, outermost first
  std::vector<int64_t> strides;           // [access][slot]
  std::vector<int64_t> extents;           // per slot
  int64_t row_block = 0, lane_block = 0;  // a call takes at most so many
  int64_t row_blocks = 0, lane_blocks = 0, items = 0, grain = 1;
  std::vector<int64_t> scratch_offset;  // per scratch array and tile, within a thread's piece
  int64_t scratch_bytes = 0;            // a thread's piece
  bool empty_index = false;             // a gather from an axis of size 0
  // Rows cut into chunks along one inner slot; the cut depends on sizes alone.
  bool split = false;
  int split_slot = 0;
  int64_t chunks = 0, chunk = 0, inner_after = 1;
};

class Binder {
 public:
  Binder(const NestCode& code, size_t number, std::span<const int64_t> values)
      : code_(code), number_(number), nest_(code.nest), part_(code.nest.parts[number]), values_(values), slots_(part_) {
    out_.part = &part_;
    out_.rows = code.rows[number];
    out_.width = code.widths[number];
    out_.accesses = int(part_.accesses.size());
    out_.slots = slots_.count();
  }

  BoundPart run(int threads) {
    read();
    if (product(outer_) == 0) return std::move(out_);  // items stays 0
    check_bounds();
    if (part_.lanes_inner) {
      join(inner_, size_t(inner_.size()) - 1, part_.outer.size());
    } else {
      join(inner_, SIZE_MAX, 0);
    }
    join_outer();
    place();
    plan_work(threads);
    return std::move(out_);
  }

 private:
  int64_t value(int32_t entry) const { return values_[size_t(entry)]; }
  int64_t element_size(const LoopAccess& a) const { return size_of(nest_.buffers[size_t(a.buffer)].dtype); }
  int64_t stride(const LoopStride& s) const {
    if (s.kind == LoopStride::zero || (s.unless_one != -1 && value(s.unless_one) == 1)) return 0;
    return s.kind == LoopStride::one ? 1 : value(s.stride);
  }

  void read() {
    const auto axis = [&](int32_t extent, size_t position) {
      Axis a;
      a.extent = value(extent);
      check(a.extent >= 0, "loop nest: an extent is ", a.extent);
      for (const LoopAccess& x : part_.accesses) a.strides.push_back(stride(x.strides[position]) * element_size(x));
      return a;
    };
    for (size_t i = 0; i < part_.outer.size(); ++i) outer_.push_back(axis(part_.outer[i], i));
    for (size_t i = 0; i < part_.inner.size(); ++i) inner_.push_back(axis(part_.inner[i], part_.outer.size() + i));
    for (const LoopAccess& a : part_.accesses) {
      out_.buffer.push_back(a.buffer);
      out_.offset.push_back((a.offset == -1 ? 0 : value(a.offset)) * element_size(a));
      for (const LoopIndirect& g : a.indirect) out_.empty_index |= value(g.extent) == 0;
    }
  }

  /// Every address that the loops form lies in its buffer. Accesses that do not follow the inner axes are read even if
  /// these are empty.
  void check_bounds() const {
    const bool no_inner = product(inner_) == 0;
    for (size_t i = 0; i < part_.accesses.size(); ++i) {
      const LoopAccess& a = part_.accesses[i];
      bool moves = false;
      for (size_t k = part_.outer.size(); k < a.strides.size(); ++k) moves |= a.strides[k].kind != LoopStride::zero;
      if (no_inner && moves) continue;
      int64_t lo = out_.offset[i], hi = lo;
      const auto extend = [&](int64_t by) {
        int64_t& end = by < 0 ? lo : hi;
        check(!__builtin_add_overflow(end, by, &end), "loop nest: an address overflows");
      };
      const auto walk = [&](const Axis& x) {
        int64_t by = 0;
        if (x.extent > 1)
          check(!__builtin_mul_overflow(x.extent - 1, x.strides[i], &by), "loop nest: an address overflows");
        extend(by);
      };
      for (const Axis& x : outer_) walk(x);
      if (!no_inner)
        for (const Axis& x : inner_) walk(x);
      for (const LoopIndirect& g : a.indirect) {
        int64_t by = 0;
        if (value(g.extent) > 0)
          check(!__builtin_mul_overflow((value(g.extent) - 1) * element_size(a), stride(g.stride), &by),
                "loop nest: an address overflows");
        extend(by);
      }
      if (out_.empty_index && !a.indirect.empty()) continue;  // run() throws before any access
      const int64_t bytes = value(nest_.buffers[size_t(a.buffer)].elements) * element_size(a);
      check(lo >= 0 && hi + element_size(a) <= bytes, "loop nest: access ", i, " reaches bytes ", lo, "..",
            hi + element_size(a), " of buffer ", a.buffer, ", which has ", bytes);
    }
  }

  /// Whether the axis `from` may take the place of a lane axis of extent 1: what the code knows of strides must hold.
  bool may_be_lane(const Axis& from, size_t position) const {
    for (size_t i = 0; i < part_.accesses.size(); ++i) {
      const LoopStride& s = part_.accesses[i].strides[position];
      if (s.kind == LoopStride::zero && from.strides[i] != 0) return false;
      if (s.kind == LoopStride::one && s.unless_one == -1 && from.strides[i] != element_size(part_.accesses[i]))
        return false;
    }
    return true;
  }

  /// Drops axes of extent 1 and joins neighbours that are one axis in memory. `lane`: index of the lane axis (which
  /// stays last), or SIZE_MAX; `first`: position of axes[0] among an access's strides.
  void join(std::vector<Axis>& axes, size_t lane, size_t first) const {
    std::vector<Axis> joined;
    for (size_t i = axes.size(); i-- > 0;) {
      Axis& a = axes[i];
      if (i == lane) {
        joined.push_back(std::move(a));
        continue;
      }
      if (a.extent == 1) continue;
      if (!joined.empty()) {
        Axis& in = joined.back();
        const bool is_lane = joined.size() == 1 && lane != SIZE_MAX;
        bool one = in.extent == 1 && is_lane && may_be_lane(a, first + lane);
        bool same = true;
        for (size_t k = 0; k < a.strides.size(); ++k) same &= a.strides[k] == in.strides[k] * in.extent;
        if (one) {
          in = std::move(a);
          continue;
        }
        if (same) {
          in.extent *= a.extent;
          continue;
        }
      }
      joined.push_back(std::move(a));
    }
    std::reverse(joined.begin(), joined.end());
    axes = std::move(joined);
  }

  /// Outermost the axes that move furthest in the memory of the first output; the lane axis and the tile axis stay
  /// where they are.
  void join_outer() {
    std::vector<Axis> tail;
    size_t lane_position = SIZE_MAX;
    if (!part_.lanes_inner) {
      lane_position = part_.outer.size() - 1;
      if (outer_.empty())
        outer_.push_back(Axis{1, std::vector<int64_t>(part_.accesses.size())}), lane_position = SIZE_MAX;
      tail.push_back(std::move(outer_.back()));
      outer_.pop_back();
    }
    if (part_.tile_axis != -1) {
      tail.insert(tail.begin(), std::move(outer_[size_t(part_.tile_axis)]));
      outer_.erase(outer_.begin() + part_.tile_axis);
    }
    const int by = first_store();
    // Few axes, and equal ones keep their order.
    for (size_t i = 1; by >= 0 && i < outer_.size(); ++i)
      for (size_t k = i; k > 0 && std::abs(outer_[k].strides[size_t(by)]) > std::abs(outer_[k - 1].strides[size_t(by)]);
           --k)
        std::swap(outer_[k], outer_[k - 1]);
    if (part_.tile_axis == -1 && !tail.empty()) {
      outer_.push_back(std::move(tail[0]));
      tail.clear();
      const size_t lane = outer_.size() - 1;
      // join() takes the position of the lane axis from first + lane.
      join(outer_, lane_position == SIZE_MAX ? SIZE_MAX : lane, lane_position == SIZE_MAX ? 0 : lane_position - lane);
      if (outer_.empty()) outer_.push_back(Axis{1, std::vector<int64_t>(part_.accesses.size())});
      lane_ = std::move(outer_.back());
      outer_.pop_back();
    } else {
      join(outer_, SIZE_MAX, 0);
      if (!tail.empty()) {
        absorb(tail.front());
        absorb(tail.back());
        lane_ = std::move(tail.back());
      }
    }
    if (part_.tile_axis != -1) {
      row_ = std::move(tail.front());
    } else if (!outer_.empty()) {
      row_ = std::move(outer_.back());
      outer_.pop_back();
    } else {
      row_ = Axis{1, std::vector<int64_t>(part_.accesses.size())};
    }
  }
  /// Joins to the row or the lane axis of tiles what goes on where it ends.
  void absorb(Axis& axis) {
    for (size_t i = outer_.size(); i-- > 0;) {
      bool same = true;
      for (size_t k = 0; k < axis.strides.size(); ++k) same &= outer_[i].strides[k] == axis.strides[k] * axis.extent;
      if (!same) continue;
      axis.extent *= outer_[i].extent;
      outer_.erase(outer_.begin() + long(i));
    }
  }
  int first_store() const {
    for (const LoopStage& s : part_.stages)
      for (const LoopResult& r : s.results)
        if (r.kind == LoopResult::store) return r.index;
    return -1;
  }

  /// Strides and extents of the kernel's slots.
  void place() {
    const int n = slots_.count();
    std::vector<const Axis*> at(static_cast<size_t>(n), nullptr);
    at[0] = &row_;
    if (!part_.lanes_inner) at[1] = &lane_;
    check(int(inner_.size()) <= slots_.inner, "loop nest: inner axes");
    for (size_t i = 0; i < inner_.size(); ++i) at[size_t(n) - inner_.size() + i] = &inner_[i];
    out_.extents.assign(size_t(n), 1);
    out_.strides.assign(size_t(n) * part_.accesses.size(), 0);
    for (int s = 0; s < n; ++s) {
      if (!at[size_t(s)]) continue;
      out_.extents[size_t(s)] = at[size_t(s)]->extent;
      for (size_t a = 0; a < part_.accesses.size(); ++a)
        out_.strides[a * size_t(n) + size_t(s)] = at[size_t(s)]->strides[a];
    }
    out_.outer = std::move(outer_);
  }

  void plan_work(int threads) {
    const int64_t rows = out_.extents[0], lanes = part_.lanes_inner ? 1 : out_.extents[1];
    const int64_t inner = product(inner_);
    const double cost = element_cost(nest_, part_);
    out_.row_block = rows;
    out_.lane_block = lanes;
    if (part_.tile_axis != -1) {
      out_.row_block = tile_rows, out_.lane_block = tile_lanes;
    } else if (!part_.lanes_inner) {
      // Blocks of lanes that are worth a call; many rows are split instead.
      const int64_t wanted =
          std::max<int64_t>(out_.width, int64_t(2000 / (cost * double(std::max<int64_t>(1, inner)))));
      const int64_t block = (wanted + 63) / 64 * 64;
      if (product(out_.outer) * rows < 4 * int64_t(threads) && lanes > block) out_.lane_block = block;
    }
    out_.row_blocks = (rows + out_.row_block - 1) / std::max<int64_t>(1, out_.row_block);
    out_.lane_blocks = (lanes + out_.lane_block - 1) / std::max<int64_t>(1, out_.lane_block);
    const int64_t outer = product(out_.outer);
    // One item: a row (or block of rows, when tiled) over a block of lanes.
    const int64_t row_items = part_.tile_axis != -1 ? out_.row_blocks : rows;
    out_.items = outer * row_items * out_.lane_blocks;
    const double item = cost * double(std::max<int64_t>(1, inner)) * double(std::min(lanes, out_.lane_block)) *
                        double(part_.tile_axis != -1 ? std::min(rows, tile_rows) : 1);
    out_.grain = std::max<int64_t>(1, int64_t(double(part_nanoseconds) / std::max(item, 0.01)));
    plan_split(outer * rows, lanes, inner);
    plan_scratch(inner);
  }

  void plan_split(int64_t rows, int64_t lanes, int64_t inner) {
    if (!has_reduction(part_)) return;
    const int64_t blocks = rows * ((lanes + out_.width - 1) / out_.width);
    if (blocks >= few_rows || inner < split_elements) return;
    const int first = slots_.first_inner();
    int slot = first;
    while (slot + 1 < slots_.count() && out_.extents[size_t(slot)] == 1) ++slot;
    int64_t after = 1;
    for (int s = slot + 1; s < slots_.count(); ++s) after *= out_.extents[size_t(s)];
    out_.split = true;
    out_.stages = code_.stages(number_);
    out_.split_slot = slot;
    out_.inner_after = after;
    out_.chunk = std::max<int64_t>(1, chunk_elements / std::max<int64_t>(1, after));
    out_.chunks = (out_.extents[size_t(slot)] + out_.chunk - 1) / out_.chunk;
  }

  void plan_scratch(int64_t inner) {
    int64_t at = 0;
    const auto add = [&](int64_t bytes) {
      out_.scratch_offset.push_back(at);
      at += (bytes + 63) / 64 * 64;
    };
    for (DType t : part_.scratch) add(inner * scratch_element(t) * (part_.lanes_inner ? 1 : out_.width));
    for (int a = 0; a < out_.accesses; ++a)
      if (tile_of(nest_, part_, a) >= 0) add(tile_rows * tile_lanes * element_size(part_.accesses[size_t(a)]));
    out_.scratch_bytes = at;
  }

  const NestCode& code_;
  const size_t number_;
  const LoopNest& nest_;
  const LoopPart& part_;
  std::span<const int64_t> values_;
  Slots slots_;
  BoundPart out_;
  std::vector<Axis> outer_, inner_;
  Axis row_, lane_;
};

/// Calls compiled code, which has no word in front that says its type, as clang's undefined sanitizer wants to read.
#ifdef __clang__
__attribute__((no_sanitize("function")))
#endif
inline void
call(Kernel f, const KernelArgs& args) {
  f(&args);
}

/// Runs items of a part, or the chunks of its rows.
class Runner {
 public:
  Runner(const BoundPart& p, const int64_t* values, void* const* buffers) : p_(p), values_(values), buffers_(buffers) {}

  /// Items [begin, end); `scratch`: the piece of this thread. Returns the status.
  int64_t items(int64_t begin, int64_t end, std::byte* scratch) const {
    Call c(*this, scratch, p_);
    const bool tiled = p_.part->tile_axis != -1;
    const int64_t rows = p_.extents[0], row_items = tiled ? p_.row_blocks : rows;
    const int64_t lanes = p_.part->lanes_inner ? 1 : p_.extents[1];
    for (int64_t item = begin; item < end;) {
      const int64_t block = item % p_.lane_blocks, line = item / p_.lane_blocks;
      int64_t row = line % row_items, count = 1, lane = block * p_.lane_block,
              width = std::min(p_.lane_block, lanes - lane);
      if (tiled) {
        row *= p_.row_block;
        count = std::min(p_.row_block, rows - row);
        ++item;
      } else if (p_.lane_blocks > 1) {
        const int64_t blocks = std::min(p_.lane_blocks - block, end - item);
        width = std::min(blocks * p_.lane_block, lanes - lane);
        item += blocks;
      } else {
        count = std::min(rows - row, end - item);
        item += count;
      }
      c.at(line / row_items, row, lane);
      c.extents[0] = count;
      if (!p_.part->lanes_inner) c.extents[1] = width;
      call(p_.rows, c.args);
    }
    return c.status;
  }

  /// One row after the other, each stage in chunks over all threads.
  int64_t chunks(std::byte* scratch, std::byte* registers, int threads) const {
    const int64_t lanes = p_.part->lanes_inner ? 1 : p_.extents[1], width = p_.part->lanes_inner ? 1 : p_.width;
    const int64_t blocks = (lanes + width - 1) / width, outer = product(p_.outer);
    std::atomic<int64_t> status{0};
    for (int64_t line = 0; line < outer * p_.extents[0]; ++line)
      for (int64_t block = 0; block < blocks; ++block)
        for (size_t s = 0; s < p_.part->stages.size(); ++s) {
          const auto run = [&](int64_t chunk, std::byte* to) {
            Call c(*this, scratch, p_);
            c.at(line / p_.extents[0], line % p_.extents[0], block * width);
            c.extents[0] = 1;
            if (!p_.part->lanes_inner) c.extents[1] = std::min(width, lanes - block * width);
            if (p_.part->stages[s].inner) c.cut(p_, chunk);
            c.args.registers = to;
            call(p_.stages[s], c.args);
            if (c.status) status.store(c.status, std::memory_order_relaxed);
          };
          if (!p_.part->stages[s].inner) {
            run(0, registers);
            continue;
          }
          const size_t bytes = p_.part->registers.size() * size_t(register_stride);
          parallel_for(p_.chunks, 1, threads, [&](int64_t begin, int64_t end, int) {
            for (int64_t chunk = begin; chunk < end; ++chunk) {
              // Each chunk starts from the registers known so far and leaves its accumulators in a piece of its own.
              std::byte* own = registers + size_t(chunk + 1) * bytes;
              std::copy(registers, registers + bytes, own);
              run(chunk, own);
            }
          });
          for (const LoopResult& r : p_.part->stages[s].results) {
            if (r.kind != LoopResult::accumulate) continue;
            std::byte* total = registers + r.index * register_stride;
            for (int64_t chunk = 0; chunk < p_.chunks; ++chunk) {
              const std::byte* part = registers + size_t(chunk + 1) * bytes + r.index * register_stride;
              if (chunk == 0)
                std::copy(part, part + register_stride, total);
              else
                combine(p_.part->registers[size_t(r.index)], r.reduce, total, part, width);
            }
          }
        }
    return status.load(std::memory_order_relaxed);
  }

 private:
  struct Call {
    Call(const Runner& r, std::byte* scratch_memory, const BoundPart& p) : runner(r) {
      for (size_t i = 0; i < p.scratch_offset.size(); ++i) scratch[i] = scratch_memory + p.scratch_offset[i];
      std::copy(p.extents.begin(), p.extents.end(), extents.begin());
      args = {base.data(), p.strides.data(), extents.data(), r.values_, scratch.data(), &status, nullptr};
    }
    void at(int64_t outer, int64_t row, int64_t lane) {
      const BoundPart& p = runner.p_;
      for (int a = 0; a < p.accesses; ++a) {
        int64_t o = p.offset[size_t(a)] + row * p.strides[size_t(a) * size_t(p.slots)];
        if (lane) o += lane * p.strides[size_t(a) * size_t(p.slots) + 1];
        base[size_t(a)] = static_cast<char*>(runner.buffers_[p.buffer[size_t(a)]]) + o;
      }
      for (size_t i = p.outer.size(); i-- > 0;) {
        const Axis& x = p.outer[i];
        const int64_t k = outer % x.extent;
        outer /= x.extent;
        if (k)
          for (int a = 0; a < p.accesses; ++a) base[size_t(a)] += k * x.strides[size_t(a)];
      }
    }
    void cut(const BoundPart& p, int64_t chunk) {
      const int64_t begin = chunk * p.chunk;
      for (int a = 0; a < p.accesses; ++a)
        base[size_t(a)] += begin * p.strides[size_t(a) * size_t(p.slots) + size_t(p.split_slot)];
      extents[size_t(p.split_slot)] = std::min(p.chunk, p.extents[size_t(p.split_slot)] - begin);
      const int64_t lanes = p.part->lanes_inner ? 1 : p.width;
      for (size_t i = 0; i < p.part->scratch.size(); ++i)
        scratch[i] += begin * p.inner_after * lanes * scratch_element(p.part->scratch[i]);
    }
    const Runner& runner;
    std::array<char*, max_accesses> base;
    std::array<std::byte*, max_scratch + max_accesses> scratch;
    std::array<int64_t, 34> extents;
    int64_t status = 0;
    KernelArgs args;
  };

  const BoundPart& p_;
  const int64_t* values_;
  void* const* buffers_;
};

class BoundNest final : public BoundLoop {
 public:
  BoundNest(std::shared_ptr<const NestCode> code, std::span<const int64_t> values, int threads)
      : code_(std::move(code)), values_(values.begin(), values.end()), threads_(std::max(1, threads)) {
    check(int64_t(values.size()) == code_->nest.values, "loop nest: ", values.size(), " values for a table of ",
          code_->nest.values);
    for (size_t i = 0; i < code_->nest.parts.size(); ++i) {
      parts_.push_back(Binder(*code_, i, values_).run(threads_));
      const BoundPart& p = parts_.back();
      int64_t bytes = p.scratch_bytes * threads_;
      if (p.split) bytes = p.scratch_bytes + (p.chunks + 1) * int64_t(p.part->registers.size()) * register_stride;
      scratch_ = std::max(scratch_, size_t(bytes));
    }
  }
  size_t scratch_bytes() const override { return scratch_; }

  void run(void* const* buffers, std::byte* scratch) const override {
    int64_t status = 0;
    for (const BoundPart& p : parts_) {
      if (p.items == 0) continue;
      if (p.empty_index) {
        status = 1;
        break;
      }
      status |= p.split ? Runner(p, values_.data(), buffers).chunks(scratch, scratch + p.scratch_bytes, threads_)
                        : run_items(p, buffers, scratch);
    }
    if (status)
      fail(ErrorCode::invalid_argument, "gather: an index is out of range (indices lie in [-size, size) of the axis)");
  }

 private:
  int64_t run_items(const BoundPart& p, void* const* buffers, std::byte* scratch) const {
    const Runner runner(p, values_.data(), buffers);
    if (threads_ == 1 || p.items <= p.grain) return runner.items(0, p.items, scratch);
    std::atomic<int64_t> status{0};
    parallel_for(p.items, p.grain, threads_, [&](int64_t begin, int64_t end, int part) {
      if (runner.items(begin, end, scratch + part * p.scratch_bytes)) status.store(1, std::memory_order_relaxed);
    });
    return status.load(std::memory_order_relaxed);
  }

  std::shared_ptr<const NestCode> code_;
  std::vector<int64_t> values_;
  int threads_;
  std::vector<BoundPart> parts_;
  size_t scratch_ = 0;
};

}  // namespace

int64_t scratch_element(DType t) { return t == DType::f16 || t == DType::bf16 ? 4 : size_of(t); }

bool is_index(const LoopPart& p, int32_t access) {
  for (const LoopAccess& a : p.accesses)
    for (const LoopIndirect& g : a.indirect)
      if (g.access == access) return true;
  return false;
}

int tile_of(const LoopNest& nest, const LoopPart& p, int access) {
  if (p.tile_axis == -1) return -1;
  const auto transposed = [&](int32_t k) {
    const LoopAccess& a = p.accesses[size_t(k)];
    if (nest.buffers[size_t(a.buffer)].output || is_index(p, k)) return false;
    const LoopStride &row = a.strides[size_t(p.tile_axis)], &lane = a.strides[p.outer.size() - 1];
    return row.kind == LoopStride::one && row.unless_one == -1 && lane.kind == LoopStride::value &&
           lane.unless_one == -1 && a.indirect.empty();
  };
  if (!transposed(access)) return -1;
  int n = int(p.scratch.size());
  for (int a = 0; a < access; ++a) n += transposed(a);
  return n;
}

bool has_reduction(const LoopPart& p) {
  for (const LoopStage& s : p.stages)
    for (const LoopResult& r : s.results)
      if (r.kind == LoopResult::accumulate) return true;
  return false;
}

std::shared_ptr<const BoundLoop> bind_nest(std::shared_ptr<const NestCode> code, std::span<const int64_t> values,
                                           int threads) {
  return std::make_shared<BoundNest>(std::move(code), values, threads);
}

}  // namespace neve::loop
