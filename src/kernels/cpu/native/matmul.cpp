// Products of many rows with a packed weight, with what follows applied to a block of results that is still in the
// cache: the plain sums, and Strassen's with fewer multiplications.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <mutex>
#include <tuple>

#include "base/threads.h"
#include "kernels/cpu/native/packed_product.h"
#include "kernels/cpu/native/strassen.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_positions = 768;  // of a panel that stays in the second cache while the rows of a block go by
constexpr int64_t line_floats = 16;
// Below, what is added up costs more than the multiplications saved.
constexpr int64_t least_rows_at(int levels) { return levels == 2 ? 384 : 96; }

class BoundMatmul final : public BoundKernel {
 public:
  BoundMatmul(const PackedProduct& p, int levels, int64_t rows, int threads)
      : p_(p),
        simd_(simd_for(p.isa)),
        products_(part_products(levels)),
        grid_(int64_t(1) << levels),
        rows_(rows),
        threads_(threads),
        residual_(residual_of(p_.steps, p_.a)) {
    depth_ = p_.k / grid_;
    chunks_ = std::max<int64_t>(1, (depth_ + most_positions - 1) / most_positions);
    groups_ = p_.panels() / grid_;
    blocks_ = (rows_ + block_rows(levels) - 1) / block_rows(levels);
    // What is larger is read once: the weight where the threads share its columns, else the rows.
    const int64_t share = groups_ ? (groups_ + threads_ - 1) / threads_ * threads_ : 1;
    const bool uneven = groups_ * 20 < share * 19, tall = grid_ == 1 ? rows_ > p_.n : blocks_ >= 2 * threads_;
    by_rows_ = threads_ > 1 && (uneven || tall) && rows_ >= 16 * grid_ * threads_;
    if (by_rows_) blocks_ = round_up(blocks_, threads_);
    // Few panels are too coarse to be shared evenly: the rows of a block are cut, too.
    cuts_ = grid_ == 1 && groups_ < 2 * pieces_a_thread * threads_ && threads_ > 1 && rows_ >= 64 * blocks_ ? 2 : 1;
    part_rows_ = blocks_ ? (((rows_ + blocks_ - 1) / blocks_) + grid_ - 1) / grid_ : 0;
    int slots = 0;
    for (const PartProduct& x : products_) slot_.push_back(x.a.size() > 1 ? slots++ : -1);
    slots_ = slots;
    ScratchPlan own;
    results_at_ = own.add_of<float>(grid_ * grid_ * part_rows_ * p_.width());
    for (size_t& at : weights_at_) at = own.add_of<float>(grid_ > 1 ? (depth_ / chunks_ + 1) * p_.width() : 0);
    sums_at_ = own.add_of<float>(slots_ * part_rows_ * depth_);
    added_at_ = own.add_of<int64_t>(1);
    own_bytes_ = own.size();
  }
  size_t scratch_bytes() const override { return own_bytes_ * size_t(threads_); }

  void run(const RunArgs& args) const override {
    for (int t = 0; slots_ && t < threads_; ++t) added(args.scratch + size_t(t) * own_bytes_) = -1;
    const int64_t each = (by_rows_ ? groups_ : blocks_) * cuts_;
    parallel_pieces({.items = by_rows_ ? blocks_ : groups_, .each = each}, threads_, [&](const Piece& p) {
      std::byte* own = args.scratch + size_t(p.part) * own_bytes_;
      const int64_t first = by_rows_ ? 0 : p.begin, last = by_rows_ ? groups_ : p.end, columns = last - first;
      const int64_t cut = p.index % cuts_, at = p.index / cuts_;
      const int64_t i = (by_rows_ ? p.begin : 0) + at / columns, j = first + at % columns;
      if (cuts_ > 1)
        return group(args, cut_of(i, cut), j, cut + 1 < cuts_ ? j : j + 1 < last ? j + 1 : first, own, cut);
      const Rows r = rows_of(i);
      if (slots_ && added(own) != i) add_rows(args, r, own), added(own) = i;
      group(args, r, j, j + 1 < last ? j + 1 : first, own);
    });
  }

 private:
  /// Rows of a block: parts of `height`, the last ones may be shorter.
  struct Rows {
    int64_t first, count, height;
    int64_t of(int64_t part) const { return std::clamp<int64_t>(count - part * height, 0, height); }
  };

  static int64_t block_rows(int levels) { return levels == 0 ? 128 : levels == 1 ? 256 : 512; }

  Rows rows_of(int64_t block) const {
    const int64_t first = rows_ * block / blocks_, count = rows_ * (block + 1) / blocks_ - first;
    return {first, count, (count + grid_ - 1) / grid_};
  }
  Rows cut_of(int64_t block, int64_t cut) const {
    const Rows r = rows_of(block);
    const int64_t begin = r.count * cut / cuts_, count = r.count * (cut + 1) / cuts_ - begin;
    return {r.first + begin, count, count};
  }
  const float* a_of(const RunArgs& args, const Rows& r, const Part& x) const {
    return static_cast<const float*>(args.in[p_.a]) + (r.first + x.row * r.height) * p_.k + x.column * depth_;
  }
  const float* panel_of(const RunArgs& args, int64_t group, int64_t column) const {
    return static_cast<const float*>(args.in[p_.b]) + (column * groups_ + group) * p_.width() * p_.k;
  }

  /// The sums of parts of the left side. Every thread has its own: taken from another's cache they would cost more.
  void add_rows(const RunArgs& args, const Rows& r, std::byte* own) const {
    for (size_t t = 0; t < products_.size(); ++t)
      for (int64_t m = 0; slot_[t] >= 0 && m < r.height; ++m) {
        std::array<const float*, Product::most_terms> x;
        std::array<float, Product::most_terms> signs;
        int terms = 0;
        for (const Part& part : products_[t].a)
          if (m < r.of(part.row)) {
            x[size_t(terms)] = a_of(args, r, part) + m * p_.k;
            signs[size_t(terms++)] = part.sign;
          }
        if (terms) simd_.signed_sum(terms, x.data(), signs.data(), sums(own, t) + m * depth_, depth_);
      }
  }
  /// The block whose sums of rows a part has.
  int64_t& added(std::byte* own) const { return *reinterpret_cast<int64_t*>(own + added_at_); }
  float* sums(std::byte* own, size_t product) const {
    return reinterpret_cast<float*>(own + sums_at_) + slot_[product] * part_rows_ * depth_;
  }

  /// What of the right side a step multiplies with: positions of a part, or a sum of parts that the step before it
  /// leaves in one of two places.
  Product::Sum weights(const RunArgs& args, int64_t group, int64_t step, std::byte* own) const {
    const PartProduct& x = products_[size_t(step / chunks_)];
    const int64_t begin = chunk(step % chunks_), end = chunk(step % chunks_ + 1);
    Product::Sum sum{};
    sum.terms = int(x.b.size());
    for (size_t i = 0; i < x.b.size(); ++i) {
      sum.part[i] = panel_of(args, group, x.b[i].column) + (x.b[i].row * depth_ + begin) * p_.width();
      sum.sign[i] = x.b[i].sign;
    }
    sum.to = reinterpret_cast<float*>(own + weights_at_[step % 2]);
    sum.n = (end - begin) * p_.width();
    return sum;
  }
  int64_t chunk(int64_t i) const { return depth_ * i / chunks_; }

  /// The columns of one panel of every part, for the rows of a block, or of a cut of it: from the second one on the
  /// panel is in the cache.
  void group(const RunArgs& args, const Rows& r, int64_t j, int64_t next, std::byte* own, int64_t cut = 0) const {
    float* results = reinterpret_cast<float*>(own + results_at_);
    const int64_t width = p_.width(), part = part_rows_ * width, steps = int64_t(products_.size()) * chunks_;
    const bool whole = grid_ == 1 || r.count == grid_ * part_rows_;  // else the parts are not of one height
    if (!whole) std::fill(results, results + grid_ * grid_ * part, 0.f);
    for (int64_t step = 0; step < steps; ++step) {
      const size_t t = size_t(step / chunks_);
      const int64_t c = step % chunks_;
      const PartProduct& x = products_[t];
      Product p{};
      p.vectors = p_.vectors, p.c_stride = width, p.targets = int(x.c.size());
      for (const Part& of : x.a) p.rows = std::max(p.rows, r.of(of.row));
      for (size_t i = 0; i < x.c.size(); ++i)
        p.to[i] = {results + (x.c[i].row * grid_ + x.c[i].column) * part, mode(t, i, c == 0 && whole)};
      const bool lies = slot_[t] < 0;
      const float* a = lies ? a_of(args, r, x.a[0]) : sums(own, t);
      p.a_stride = lies ? p_.k : depth_;
      p.k = chunk(c + 1) - chunk(c), p.a = a + chunk(c);
      const Product::Sum b = weights(args, j, step, own);
      p.b = b.terms > 1 ? b.to : b.part[0];
      if (step + 1 < steps) p.sum = weights(args, j, step + 1, own);
      if (p.sum.terms <= 1) p.sum.n = 0;
      if (step + 1 < steps ? cut == 0 : cuts_ == 1 || next != j) fetch(args, p, step, steps, j, next);
      if (const int64_t part = step + grid_ * grid_ - steps; part >= 0) fetch_results(args, p, r, part, j);
      simd_.product(p);
    }
    for (int64_t row = 0; row < grid_; ++row)
      for (int64_t column = 0; column < grid_; ++column)
        finish_rows(p_, simd_, args, r.first + row * r.height, r.of(row), (column * groups_ + j) * width, width,
                    results + (row * grid_ + column) * part);
  }

  /// How the i-th target of a product takes it; the first product for a part may set it.
  Product::Mode mode(size_t product, size_t i, bool may_set) const {
    const Part& to = products_[product].c[i];
    for (size_t t = 0; t < product && may_set; ++t)
      for (const Part& other : products_[t].c)
        if (other.row == to.row && other.column == to.column) may_set = false;
    if (may_set) return to.sign > 0 ? Product::set : Product::set_minus;
    return to.sign > 0 ? Product::add : Product::subtract;
  }

  /// What to fetch from memory during one of the steps of a group: what the step behind it reads, or its share of what
  /// the next group reads.
  void fetch(const RunArgs& args, Product& p, int64_t step, int64_t steps, int64_t j, int64_t next) const {
    const int64_t panel = p_.width() * p_.k;
    const float* from;
    int64_t floats;
    if (grid_ == 1) {
      const int64_t begin = p_.k * ((step + 1) % steps) / steps, end = p_.k * ((step + 1) % steps + 1) / steps;
      from = panel_of(args, step + 1 < steps ? j : next, 0) + begin * p_.width();
      floats = (end - begin) * p_.width();
    } else {
      const int64_t column = step * grid_ / steps, first = (column * steps + grid_ - 1) / grid_,
                    last = ((column + 1) * steps + grid_ - 1) / grid_;
      const int64_t begin = panel * (step - first) / (last - first), end = panel * (step - first + 1) / (last - first);
      from = panel_of(args, next, column) + begin;
      floats = end - begin;
    }
    p.ahead = reinterpret_cast<const char*>(from);
    p.ahead_lines = floats / line_floats;
  }

  /// What finish() will write, and add, for a part of the results. Of lines that many pages apart follow each other,
  /// only a few come at a time: asked for when they are written they would take longer than a product of few positions.
  void fetch_results(const RunArgs& args, Product& p, const Rows& r, int64_t part, int64_t j) const {
    const int64_t column = part % grid_ * groups_ + j,
                  at = (r.first + part / grid_ * r.height) * p_.n + column * p_.width();
    p.next_written = static_cast<const float*>(args.out[0]) + at, p.next_stride = p_.n;
    if (residual_ >= 0) p.next_read = static_cast<const float*>(args.in[size_t(residual_)]) + at;
  }

  PackedProduct p_;
  const Simd& simd_;
  const std::vector<PartProduct>& products_;
  std::vector<int> slot_;  ///< of each product: which sum of parts of the left side; -1: a part as it lies
  int64_t grid_, rows_;
  int threads_, residual_;
  int64_t depth_, chunks_, groups_, blocks_, part_rows_, slots_, cuts_ = 1;
  bool by_rows_;
  std::array<size_t, 2> weights_at_;
  size_t results_at_, sums_at_, added_at_, own_bytes_;
};

class MatmulKernel final : public PackedProductKernel {
 public:
  MatmulKernel(PackedProduct p, int levels, double error)
      : PackedProductKernel(std::move(p)), levels_(levels), error_(error) {}
  std::string description() const override {
    if (!levels_) return str("native matmul ", p_.isa);
    char error[32];
    std::snprintf(error, sizeof error, "%.1e", error_);
    return str("native strassen ", levels_, levels_ == 1 ? " level " : " levels ", p_.isa, ", error ", error,
               " of the largest result");
  }
  int in_place(size_t) const override { return residual_of(p_.steps, p_.a); }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    const int64_t rows = rows_of(sizes);
    int levels = levels_;
    while (levels && rows < least_rows_at(levels)) --levels;
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundMatmul>(p_, levels, rows, sizes.threads));
  }

 private:
  int levels_;
  double error_;
};

Result<Kernel> accept(const Request& r, int variant) {
  if (variant) return "no more variants";
  PackedProduct p;
  int64_t rows = 0;
  if (auto why = read_product(r, p, rows)) return *why;
  if (rows < least_rows_of_matmul) return str(rows, " rows at the point (", least_rows_of_matmul, " or more)");
  return std::shared_ptr<const Kernel>(std::make_shared<MatmulKernel>(std::move(p), 0, 0));
}

/// Of the levels, the number of positions and the instruction set alone: known once.
double measured_error(PackedProduct p, int levels) {
  static std::mutex mutex;
  static std::map<std::tuple<int, int64_t, Isa>, double> known;
  const std::lock_guard lock(mutex);
  const auto [it, fresh] = known.try_emplace({levels, p.k, p.isa}, 0);
  if (!fresh) return it->second;
  const int64_t rows = int64_t(2) << levels;
  p.n = simd_for(p.isa).lanes << levels, p.vectors = 1, p.steps.clear(), p.a = 0, p.b = 1;
  const Tensor packed = Tensor::zeros(DType::f32, {p.k * p.n});
  return it->second = product_error(p, rows, BoundMatmul(p, levels, rows, 1), packed,
                                    [&](const float* b) { pack_panels(p, b, packed.data_as<float>(), 1); });
}

Result<Kernel> accept_strassen(const Request& r, int variant) {
  if (variant > 1) return "no more variants";
  const int levels = variant + 1;
  const int64_t grid = int64_t(1) << levels;
  PackedProduct p;
  int64_t rows = 0;
  if (auto why = read_product(r, p, rows)) return *why;
  if (rows < least_rows_at(levels)) return str(rows, " rows at the point (", least_rows_at(levels), " or more)");
  if (p.k % grid || p.k < 128 * grid) return str("sums over ", p.k, " positions");
  if (p.panels() % grid) return str(p.panels(), " panels of columns cannot be cut into ", grid, " parts");
  const double error = measured_error(p, levels);
  if (!(error <= r.most_error))
    return str("the error is ", error, " of the largest result (", r.most_error, " would do)");
  return std::shared_ptr<const Kernel>(std::make_shared<MatmulKernel>(std::move(p), levels, error));
}

}  // namespace

std::vector<Entry> matmul_entries() {
  return {{"native.matmul", accept}, {"native.strassen", accept_strassen, false, true}};
}

}  // namespace neve::kernels::native
