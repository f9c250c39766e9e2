// Products of many rows with a packed weight by tiles of bf16 (AMX): numbers are cut into two or three bf16 each, whose
// products are added up in f32. With three parts the error is that of f32 sums, with two it is some 2^-17 of a product,
// for half of the work. Whether either is faster than multiply-adds of f32 is measured: neighbours share the unit.
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>

#include "base/threads.h"
#include "kernels/cpu/native/packed_product.h"
#include "kernels/cpu/native/tiles.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t bytes_of_rows = 32 << 10;  // of a block, for some positions: they stay in the first cache
constexpr int64_t most_blocks = 8;           // of rows, for the results of a group of panels

/// The kernel of the system gives the registers to processes that ask.
bool tiles_allowed() {
#ifdef __linux__
  constexpr long request_permission = 0x1023, tile_data = 18;
  static const bool allowed = cpu_info().amx && syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return allowed;
#else
  return false;
#endif
}

class BoundTiles final : public BoundKernel {
 public:
  BoundTiles(const PackedProduct& p, int parts, int64_t rows, int threads)
      : p_(p),
        simd_(simd_for(p.isa)),
        parts_(parts),
        residual_(residual_of(p_.steps, p_.a)),
        rows_(rows),
        threads_(threads) {
    depth_ = (p_.k + tile_depth - 1) / tile_depth;
    const int64_t of_block = block_elements(parts_) * int64_t(sizeof(uint16_t)),
                  chunk = std::max<int64_t>(1, bytes_of_rows / of_block);
    chunks_ = (depth_ + chunk - 1) / chunk;
    blocks_ = (rows_ + block_side - 1) / block_side;
    strips_ = std::max<int64_t>(1, (blocks_ + most_blocks - 1) / most_blocks);
    panels_ = (p_.n + block_side - 1) / block_side;
    group_ = panels_ * strips_ < 64 * threads_ ? 2 : 4;
    groups_ = (panels_ + group_ - 1) / group_;
    ScratchPlan all;
    split_at_ = all.add_of<uint16_t>(blocks_ * block());
    const int64_t results = (blocks_ + strips_ - 1) / strips_ * block_side * group_ * block_side;
    for (int t = 0; t < threads_; ++t) results_at_.push_back(all.add_of<float>(results));
    bytes_ = all.size();
  }
  size_t scratch_bytes() const override { return bytes_; }

  void run(const RunArgs& args) const override {
    uint16_t* split = reinterpret_cast<uint16_t*>(args.scratch + split_at_);
    const float* x = static_cast<const float*>(args.in[p_.a]);
    const int64_t worth_waking = std::max<int64_t>(1, work_of_waking / (64 * std::max<int64_t>(1, p_.k)));
    parallel_for(blocks_, worth_waking, threads_, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i * block_side;
        split_rows_amx(x + row * p_.k, p_.k, std::min(block_side, rows_ - row), p_.k, parts_, split + i * block());
      }
    });
    parallel_pieces({.items = groups_, .each = strips_}, threads_, [&](const Piece& p) {
      begin_tiles_amx();
      const int64_t g = p.begin + p.index / strips_, s = p.index % strips_;
      const bool last = s + 1 == strips_;
      products(args, split, s, g,
               !last           ? g
               : g + 1 < p.end ? g + 1
                               : -1,
               reinterpret_cast<float*>(args.scratch + results_at_[size_t(p.part)]));
      end_tiles_amx();
    });
  }

 private:
  /// Elements of a block of rows, or of a panel of columns, in all.
  int64_t block() const { return depth_ * block_elements(parts_); }
  int64_t chunk(int64_t i) const { return depth_ * i / chunks_; }

  /// A strip of rows and a group of panels. next: the group that comes then; -1: none.
  void products(const RunArgs& args, const uint16_t* split, int64_t s, int64_t g, int64_t next, float* results) const {
    const uint16_t* weight = static_cast<const uint16_t*>(args.in[p_.b]) + g * group_ * block();
    const int64_t first = blocks_ * s / strips_, count = blocks_ * (s + 1) / strips_ - first,
                  width = group_ * block_side;
    const bool whole = next >= 0 && (next + 1) * group_ <= panels_;
    for (int64_t c = 0; c < chunks_; ++c) {
      const int64_t at = chunk(c) * block_elements(parts_);
      const bool last = c + 1 == chunks_;
      for (int64_t i = 0; i < count; ++i) {
        TileProducts t{};
        t.parts = parts_, t.panels = std::min(group_, panels_ - g * group_), t.depth = chunk(c + 1) - chunk(c);
        t.a = split + (first + i) * block() + at;
        t.b = weight + at, t.b_panel = block();
        t.add = c > 0, t.c = results + i * block_side * width, t.c_stride = width;
        if (!last || whole) {
          t.next_b = last ? weight + (next - g) * group_ * block() : weight + chunk(c + 1) * block_elements(parts_);
          t.next_begin = lines_of_block(parts_) * i / count, t.next_end = lines_of_block(parts_) * (i + 1) / count;
        }
        const int64_t row = (first + i) * block_side, to = row * p_.n + g * width;
        if (last) {
          t.y = static_cast<const float*>(args.out[0]) + to, t.y_stride = p_.n;
          if (residual_ >= 0) t.residual = static_cast<const float*>(args.in[size_t(residual_)]) + to;
          t.y_rows = std::min(block_side, rows_ - row);
        }
        tile_products_amx(t);
        if (last) finish_rows(p_, simd_, args, row, t.y_rows, g * width, width, results + i * block_side * width);
      }
    }
  }

  PackedProduct p_;
  const Simd& simd_;
  int parts_, residual_;
  int64_t rows_;
  int threads_;
  int64_t depth_, chunks_, blocks_, strips_, panels_, group_, groups_;
  size_t split_at_, bytes_;
  std::vector<size_t> results_at_;
};

int64_t packed_elements(const PackedProduct& p, int parts) {
  return (p.n + block_side - 1) / block_side * ((p.k + tile_depth - 1) / tile_depth) * block_elements(parts);
}

void pack_tiles(const PackedProduct& p, int parts, const float* weight, uint16_t* to, int threads) {
  const int64_t panels = (p.n + block_side - 1) / block_side, each = packed_elements(p, parts) / panels;
  parallel_for(panels, 1, threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i * block_side;
      split_columns_amx(weight + first, p.n, std::min(block_side, p.n - first), p.k, parts, to + i * each);
    }
  });
}

class TilesKernel final : public PackedProductKernel {
 public:
  TilesKernel(PackedProduct p, int parts, double error)
      : PackedProductKernel(std::move(p)), parts_(parts), error_(error) {}
  std::string description() const override {
    char error[32];
    std::snprintf(error, sizeof error, "%.1e", error_);
    return str("native amx, ", parts_, " bf16 a number, error ", error, " of the largest result");
  }
  int in_place(size_t) const override { return residual_of(p_.steps, p_.a); }
  std::string packing_key(size_t i) const override {
    return i == p_.b ? str("native tiles of ", parts_, " bf16, ", p_.k, "x", p_.n) : "";
  }
  size_t packed_bytes(size_t i) const override {
    return i == p_.b ? size_t(packed_elements(p_, parts_)) * sizeof(uint16_t) : 0;
  }
  void pack(size_t, const Tensor& weight, void* packed, int threads) const override {
    pack_tiles(p_, parts_, weight.data_as<float>(), static_cast<uint16_t*>(packed), threads);
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundTiles>(p_, parts_, rows_of(sizes), sizes.threads));
  }

 private:
  int parts_;
  double error_;
};

/// Of the number of positions and parts alone: known once.
double measured_error(PackedProduct p, int parts) {
  static std::mutex mutex;
  static std::map<std::pair<int, int64_t>, double> known;
  const std::lock_guard lock(mutex);
  const auto [it, fresh] = known.try_emplace({parts, p.k}, 0);
  if (!fresh) return it->second;
  const int64_t rows = 8;
  p.n = 16, p.steps.clear(), p.a = 0, p.b = 1;
  const Tensor packed = Tensor::zeros(DType::f32, {packed_elements(p, parts) / 2});
  return it->second = product_error(p, rows, BoundTiles(p, parts, rows, 1), packed, [&](const float* b) {
           pack_tiles(p, parts, b, reinterpret_cast<uint16_t*>(packed.data_as<float>()), 1);
         });
}

// The second variant: two parts.
Result<Kernel> accept(const Request& r, int variant) {
  if (variant > 1) return "no more variants";
  if (r.isa != Isa::avx512 || !cpu_info().amx) return "the CPU has no AMX";
  if (!tiles_allowed()) return "the system does not let this process use AMX";
  PackedProduct p;
  int64_t rows = 0;
  if (auto why = read_product(r, p, rows)) return *why;
  if (rows < least_rows_of_matmul) return str(rows, " rows at the point (", least_rows_of_matmul, " or more)");
  if (!p.n || !p.k) return "nothing is added up";
  const int parts = 3 - variant;
  const double error = measured_error(p, parts);
  if (!(error <= r.most_error))
    return str("the error is ", error, " of the largest result (", r.most_error, " would do)");
  return std::shared_ptr<const Kernel>(std::make_shared<TilesKernel>(std::move(p), parts, error));
}

}  // namespace

std::vector<Entry> matmul_tiles_entries() { return {{"native.amx", accept, false, true}}; }

}  // namespace neve::kernels::native
