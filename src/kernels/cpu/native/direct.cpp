// Convolutions of any taps as products: a row of results is its windows times the weight, and the windows are read
// where they lie. Channels are last in the result; an image of few channels, the first of a network, comes as planes.
#include <algorithm>
#include <limits>

#include "base/threads.h"
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_planes = 4;
constexpr int64_t least_run = 16;         // positions that lie one behind the other; fewer are found tap by tap
constexpr int64_t most_floats = 1 << 17;  // of the rows under a row of results: they and the weight stay in a cache,
constexpr int64_t least_columns = 16;     // and so do those under a part of a long row
constexpr int64_t most_weight = 1 << 20;  // bytes that stay in the second cache while rows of results go by
constexpr int64_t chunk_bytes = 1 << 19;  // of a larger weight, while the rows of a block go by
constexpr int64_t block_bytes = 1 << 19;  // of the image under such a block

struct DirectPlan : ImageTaps {
  PackedProduct product;  ///< positions: row of taps, tap, channel; of planes: channel, row of taps, tap
  ProductEnd end;
  bool planes = false;
  int64_t channels = 0;
  int64_t pixel() const { return planes ? 1 : channels; }  ///< floats from one pixel of a row to the next
  int64_t rows() const { return height * (planes ? channels : 1); }
  /// Positions that lie one behind the other in the image.
  int64_t run() const { return planes ? 1 : dilations[1] == 1 ? width * channels : channels; }
};

class BoundDirect final : public BoundImages {
 public:
  BoundDirect(const DirectPlan& p, const Sizes& x, const Sizes& y, int threads)
      : BoundImages(p, x, y, threads), p_(p), simd_(simd_for(p.product.isa)) {
    under_h_ = p_.covered(0, out_h_);
    by_runs_ = p_.run() >= least_run;
    inside_ = by_runs_ && top_ == 0 && left_ == 0 && under_h_ <= in_h_ && under_ <= in_w_;
    by_panels_ = by_runs_ && int64_t(panels_bytes(p_.product)) > most_weight;
    columns_ = out_w_;
    const auto under_columns = [&] { return p_.covered(1, columns_); };
    while (!inside_ && !by_panels_ && columns_ > least_columns &&
           p_.rows() * under_columns() * p_.pixel() > most_floats)
      columns_ = (columns_ + 1) / 2;
    parts_ = columns_ ? (out_w_ + columns_ - 1) / columns_ : 1;
    // From one row under a row of results to the next: in the image, in all of it with its padding, or in a copy of
    // the rows that are needed, one tap's behind the other's.
    const int64_t pixels = inside_ ? in_w_ : under_columns();
    line_ = pixels * p_.pixel();
    const int64_t step = inside_ || by_panels_ ? p_.dilations[0] : 1;
    for (int64_t row = 0; row < p_.rows(); ++row)
      for (int64_t k = 0; k < p_.width; ++k)
        for (int64_t c = 0; c < p_.pixel(); ++c) {
          const int64_t at = row * step * line_ + k * p_.dilations[1] * p_.pixel() + c;
          if (!by_runs_ || (k * p_.pixel() + c) % p_.run() == 0) taps_.push_back(int32_t(at));
        }
    if (by_panels_) cut();
    const int64_t copied = inside_ ? 0 : by_panels_ ? images_ * under_h_ * line_ : p_.rows() * line_;
    copy_bytes_ = size_t(round_up(copied, most_lanes)) * sizeof(float);
  }
  size_t scratch_bytes() const override { return by_panels_ ? copy_bytes_ : copy_bytes_ * size_t(threads_); }
  void run(const RunArgs& args) const override {
    if (by_panels_) return run_panels(args);
    const PackedProduct& w = p_.product;
    const int64_t work = std::max<int64_t>(1, out_w_ * w.k * w.n);
    parallel_pieces({.items = images_ * out_h_, .each = parts_, .grain = std::max<int64_t>(1, work_of_waking / work)},
                    threads_, [&](const Piece& p) {
                      const int64_t i = p.begin + p.index / parts_, image = i / out_h_,
                                    first = i % out_h_ * p_.strides[0], column = p.index % parts_ * columns_;
                      const float* rows = image_of(args, image) + first * line_;
                      if (!inside_) {
                        float* copy = reinterpret_cast<float*>(args.scratch + copy_bytes_ * size_t(p.part));
                        gather(args, image, first - top_, column, copy), rows = copy;
                      }
                      for (int64_t j = 0; j < w.panels(); ++j) {
                        FinishedProduct product = product_of(args, (i * out_w_ + column) * w.n, j);
                        product.a = rows, product.rows = std::min(columns_, out_w_ - column);
                        if (by_runs_) product.runs = int64_t(taps_.size());
                        simd_.finished_product(product);
                      }
                    });
  }

 private:
  /// Some positions of a panel: of whole runs, or of one.
  struct Chunk {
    int64_t first_run, runs, begin, length;  ///< in each run
    int64_t position;                        ///< the first of them in the panel
  };

  /// Cuts what is larger than the cache: the positions of a panel, and the rows of results of an image.
  void cut() {
    const int64_t run = p_.run(), runs = p_.product.k / run,
                  most = std::max<int64_t>(1, chunk_bytes / (p_.product.width() * int64_t(sizeof(float))));
    if (run > most) {
      const int64_t parts = (run + most - 1) / most;
      for (int64_t r = 0; r < runs; ++r)
        for (int64_t i = 0; i < parts; ++i) {
          const int64_t begin = run * i / parts, end = run * (i + 1) / parts;
          chunks_.push_back({r, 1, begin, end - begin, r * run + begin});
        }
    } else {
      const int64_t parts = (runs + most / run - 1) / (most / run);
      for (int64_t i = 0; i < parts; ++i) {
        const int64_t begin = runs * i / parts, end = runs * (i + 1) / parts;
        chunks_.push_back({begin, end - begin, 0, run, begin * run});
      }
    }
    const int64_t row = std::min(p_.strides[0] * line_, out_w_ * p_.product.k) * int64_t(sizeof(float)),
                  all = std::max<int64_t>(1, out_h_ * row);
    // Few pieces are too coarse to be shared evenly by cores that are not of one speed.
    const int64_t panels = std::max<int64_t>(1, p_.product.panels() * images_),
                  enough = threads_ > 1 ? (pieces_a_thread * threads_ + panels - 1) / panels : 1;
    blocks_ =
        std::clamp<int64_t>(std::max((all + block_bytes - 1) / block_bytes, enough), 1, std::max<int64_t>(1, out_h_));
  }

  const float* image_of(const RunArgs& args, int64_t image) const {
    return static_cast<const float*>(args.in[p_.product.a]) + image * p_.channels * in_h_ * in_w_;
  }

  /// The panels one after the other, each for all rows: a large weight comes from memory once, and what follows in it
  /// comes nearer while the rows of a block go by.
  void run_panels(const RunArgs& args) const {
    const PackedProduct& w = p_.product;
    float* copy = reinterpret_cast<float*>(args.scratch);
    if (!inside_)
      parallel_for(images_ * under_h_, 4, threads_, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i)
          copy_row(image_of(args, i / under_h_), i % under_h_ - top_, left_, copy + i * line_);
      });
    const int64_t blocks = images_ * blocks_;
    parallel_pieces({.items = w.panels(), .each = blocks}, threads_, [&](const Piece& p) {
      const int64_t j = p.begin + p.index / blocks, image = p.index % blocks / blocks_, block = p.index % blocks_;
      const int64_t begin = out_h_ * block / blocks_, end = out_h_ * (block + 1) / blocks_;
      const float* rows = inside_ ? image_of(args, image) : copy + image * under_h_ * line_;
      const bool last_block = p.index % blocks + 1 == blocks;
      for (size_t c = 0; c < chunks_.size(); ++c) {
        const int64_t panel = c + 1 < chunks_.size() || !last_block ? j : j + 1;
        const Chunk& next = chunks_[(c + 1) % chunks_.size()];
        for (int64_t y = begin; y < end; ++y) {
          FinishedProduct product = product_of(args, (image * out_h_ + y) * out_w_ * w.n, j, &chunks_[c]);
          product.a = rows + y * p_.strides[0] * line_ + chunks_[c].begin;
          const int64_t lines = panel < w.panels() && (chunks_.size() > 1 || last_block) ? lines_of(panel, next) : 0,
                        first = lines * (y - begin) / (end - begin), last = lines * (y - begin + 1) / (end - begin);
          if (lines) product.ahead = reinterpret_cast<const char*>(weight_of(args, panel, next.position)) + first * 64;
          product.ahead_lines = last - first;
          simd_.finished_product(product);
        }
      }
    });
  }

  const float* weight_of(const RunArgs& args, int64_t panel, int64_t position) const {
    const PackedProduct& w = p_.product;
    const int64_t width = w.first(panel + 1) - w.first(panel);
    return static_cast<const float*>(args.in[w.b]) + w.first(panel) * w.k + position * width;
  }
  int64_t lines_of(int64_t panel, const Chunk& c) const {
    return c.runs * c.length * (p_.product.first(panel + 1) - p_.product.first(panel)) * int64_t(sizeof(float)) / 64;
  }

  /// A row of the image with zeros around it, `left` before it; what of it lies before the line where that is negative.
  void copy_row(const float* image, int64_t row, int64_t left, float* to) const {
    const int64_t pixel = p_.pixel(), pixels = line_ / pixel;
    if (row < 0 || row >= in_h_) {
      std::fill(to, to + line_, 0.f);
      return;
    }
    const int64_t begin = std::clamp<int64_t>(left, 0, pixels), end = std::clamp(left + in_w_, begin, pixels);
    const float* from = image + (row * in_w_ - left) * pixel;
    std::fill(to, to + begin * pixel, 0.f);
    std::copy(from + begin * pixel, from + end * pixel, to + begin * pixel);
    std::fill(to + end * pixel, to + line_, 0.f);
  }

  /// The rows of the image from row `first` on, under a row of results from `column` on.
  void gather(const RunArgs& args, int64_t image, int64_t first, int64_t column, float* to) const {
    const float* x = image_of(args, image);
    for (int64_t c = 0; c < (p_.planes ? p_.channels : 1); ++c, x += in_h_ * in_w_)
      for (int64_t k = 0; k < p_.height; ++k, to += line_)
        copy_row(x, first + k * p_.dilations[0], left_ - column * p_.strides[1], to);
  }

  /// A row of results from `at` on and a panel, but for where the row is read; of a chunk of the panel, or of all of
  /// it. Sums go through the result from one chunk to the next.
  FinishedProduct product_of(const RunArgs& args, int64_t at, int64_t panel, const Chunk* chunk = nullptr) const {
    const PackedProduct& w = p_.product;
    const int64_t first = w.first(panel);
    const bool begins = !chunk || chunk == &chunks_.front(), ends = !chunk || chunk == &chunks_.back();
    FinishedProduct p{};
    p.vectors = w.vectors_of(panel), p.columns = std::min(w.n, w.first(panel + 1)) - first;
    p.rows = out_w_, p.a_stride = p_.strides[1] * p_.pixel();
    p.k = chunk ? chunk->length : by_runs_ ? p_.run() : w.k;
    (by_runs_ ? p.run_at : p.taps) = taps_.data() + (chunk ? chunk->first_run : 0);
    p.runs = chunk ? chunk->runs : 0;
    p.b = weight_of(args, panel, chunk ? chunk->position : 0);
    p.c = static_cast<float*>(args.out[0]) + at + first, p.c_stride = w.n;
    if (begins && p_.end.bias >= 0) p.bias = static_cast<const float*>(args.in[size_t(p_.end.bias)]) + first;
    if (!begins)
      p.residual = p.c;
    else if (p_.end.residual >= 0)
      p.residual = static_cast<const float*>(args.in[size_t(p_.end.residual)]) + at + first;
    if (ends) p.f = p_.end.f;
    return p;
  }

  DirectPlan p_;
  const Simd& simd_;
  int64_t under_h_;  // rows under all results, padding included
  bool by_runs_, by_panels_;
  bool inside_;  ///< no window reaches beyond the image, which is read where it lies
  int64_t line_, blocks_ = 1;
  int64_t columns_, parts_;    // of a row of results that are made at once, and how many such
  std::vector<int32_t> taps_;  ///< where each position of a window lies, or each run of them
  std::vector<Chunk> chunks_;
  size_t copy_bytes_;
};

class DirectKernel final : public PackedProductKernel {
 public:
  explicit DirectKernel(DirectPlan p) : PackedProductKernel(p.product), p_(std::move(p)) {}
  std::string description() const override { return str("native direct convolution ", p_.product.isa); }
  Layout input_layout(size_t i) const override {
    return (i == p_.product.a && !p_.planes) || int(i) == p_.end.residual ? last_ : Layout{};
  }
  /// Over the residual, unless other rows read it as the image.
  int in_place(size_t) const override { return p_.end.residual == int(p_.product.a) ? -1 : p_.end.residual; }
  Layout output_layout(size_t) const override { return last_; }
  std::string packing_key(size_t i) const override {
    if (i != p_.product.b || p_.planes) return PackedProductKernel::packing_key(i);
    return str(panels_key(p_.product), ", ", p_.height, "x", p_.width, " taps, channels last");
  }
  void pack(size_t input, const Tensor& weight, void* packed, int threads) const override {
    if (p_.planes) return PackedProductKernel::pack(input, weight, packed, threads);
    const Tensor turned = Tensor::empty(DType::f32, {p_.product.n, p_.product.k});
    const float* from = weight.data_as<float>();
    const int64_t taps = p_.height * p_.width;
    float* to = turned.data_as<float>();
    for (int64_t o = 0; o < p_.product.n; ++o, from += p_.product.k)
      for (int64_t t = 0; t < taps; ++t)
        for (int64_t c = 0; c < p_.channels; ++c) *to++ = from[c * taps + t];
    PackedProductKernel::pack(input, turned, packed, threads);
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    const Sizes &x = sizes.in[p_.product.a], &y = sizes.out[0];
    const int64_t line = p_.pixel() * (y[3] * p_.strides[1] + p_.width * p_.dilations[1]);
    const int64_t height = y[2] * p_.strides[0] + p_.height * p_.dilations[0];
    if (std::max(height * line, p_.rows() * p_.dilations[0] * line) > std::numeric_limits<int32_t>::max())
      return str("images of ", x[2], "x", x[3], " pixels");
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundDirect>(p_, x, y, sizes.threads));
  }

 private:
  DirectPlan p_;
  Layout last_ = channels_last(4);
};

/// Vectors of a panel, for rows of so many results: what is loaded for a multiplication in tiles of 4 vectors by 6
/// rows, or of 3 by 8. A weight is loaded from the second cache.
int panel_vectors_for(int64_t columns) {
  const auto loads = [&](int64_t vectors, int64_t tallest) {
    const int64_t tiles = (columns + tallest - 1) / tallest;
    return 1.5 * double(tiles) / double(std::max<int64_t>(columns, 1)) + 1.0 / double(vectors);
  };
  return loads(3, 8) < loads(4, 6) ? 3 : 4;
}

// The second variant: vectors of half the size, where fewer columns are to spare then.
Result<Kernel> accept(const Request& r, int variant) {
  if (variant > 1) return "no more variants";
  if (r.plain_only) return "channels are last";
  const Subgraph& g = *r.graph;
  FixedConv c;
  if (auto why = read_image_conv(g, c)) return *why;
  const SubgraphNode& n = g.nodes[0];
  DirectPlan p{image_taps(g), {}, {}};
  if (auto why = read_end(c.steps, p.end)) return *why;
  p.channels = c.channels, p.planes = c.channels <= most_planes;
  if (p.planes && p.end.residual == int(c.x)) return "the image is added too";
  if (p.height * p.width == 1 && !p.planes && p.strides == std::vector<int64_t>{1, 1}) return "a single tap";
  for (int64_t pad : p.pads)
    if (pad < 0) return "negative padding";
  PackedProduct& product = p.product;
  product.a = c.x, product.b = c.w, product.turned = true, product.mixed = true, product.isa = r.isa;
  product.n = c.outputs, product.k = c.channels * p.height * p.width;
  if (!product.n || !product.k) return "no channels";
  if (r.isa == Isa::avx512) product.vectors = panel_vectors_for(r.sizes[size_t(n.out[0])][3]);
  if (variant && !halved(product)) return "no more variants";
  return std::shared_ptr<const Kernel>(std::make_shared<DirectKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> direct_entries() { return {{"native.direct", accept}}; }

}  // namespace neve::kernels::native
