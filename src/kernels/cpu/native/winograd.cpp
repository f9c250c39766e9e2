// Convolutions of 3x3 taps with stride 1 by Winograd's minimal filtering (Lavin and Gray, 2016): F(2x2, 3x3) and
// F(4x4, 3x3), with 2.25 and 4 times fewer multiplications. Channels last; what follows goes into the output transform.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <tuple>

#include "base/threads.h"
#include "kernels/cpu/native/epilogue.h"
#include "op/spatial.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t taps = 3;
constexpr int64_t most_width = 64;  // channels of a panel

struct WinogradPlan {
  int m = 4;  ///< results of a tile along an axis
  int64_t channels = 0, outputs = 0;
  size_t x = 0, w = 1;
  std::vector<Step> steps;  ///< the bias first
  std::vector<int64_t> pads;
  std::string auto_pad;
  Layout layout;
  int vectors = 4;
  Isa isa = Isa::baseline;
  double error = 0;  ///< measured: of the largest result

  int64_t size() const { return m + taps - 1; }  ///< of a tile along an axis
  int64_t frequencies() const { return size() * size(); }
  int64_t width() const { return vectors * simd_for(isa).lanes; }
  int64_t panels() const { return (outputs + width() - 1) / width(); }
  int64_t padded() const { return panels() * width(); }
  int64_t weight_floats() const { return frequencies() * panels() * channels * width(); }
};

// G, of the transform of a filter: G g G^T.
const float (*filter_rows(int m))[3] {
  static constexpr float g2[4][3] = {{1, 0, 0}, {0.5f, 0.5f, 0.5f}, {0.5f, -0.5f, 0.5f}, {0, 0, 1}};
  static constexpr float g4[6][3] = {{1.f / 4, 0, 0},
                                     {-1.f / 6, -1.f / 6, -1.f / 6},
                                     {-1.f / 6, 1.f / 6, -1.f / 6},
                                     {1.f / 24, 1.f / 12, 1.f / 6},
                                     {1.f / 24, -1.f / 12, 1.f / 6},
                                     {0, 0, 1}};
  return m == 2 ? g2 : g4;
}

/// Transforms the filters of one channel for the outputs of a panel; frequency f goes to `to` + f `step`.
void pack_channel(const WinogradPlan& p, const float* w, int64_t channel, int64_t first, float* to, int64_t step) {
  const float(*rows)[3] = filter_rows(p.m);
  const int64_t count = std::min(p.width(), p.outputs - first), size = p.size();
  float g[taps * taps][most_width] = {}, half[6][taps][most_width];
  for (int64_t o = 0; o < count; ++o) {
    const float* from = w + ((first + o) * p.channels + channel) * taps * taps;
    for (int64_t k = 0; k < taps * taps; ++k) g[k][o] = from[k];
  }
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < taps; ++j)
      for (int64_t o = 0; o < most_width; ++o)
        half[i][j][o] = rows[i][0] * g[j][o] + rows[i][1] * g[taps + j][o] + rows[i][2] * g[2 * taps + j][o];
  for (int64_t i = 0; i < size; ++i)
    for (int64_t j = 0; j < size; ++j) {
      float line[most_width];
      for (int64_t o = 0; o < most_width; ++o)
        line[o] = rows[j][0] * half[i][0][o] + rows[j][1] * half[i][1][o] + rows[j][2] * half[i][2][o];
      std::memcpy(to + (i * size + j) * step, line, size_t(p.width()) * sizeof(float));
    }
}

/// Frequency, panel, channel, lane.
void pack_filters(const WinogradPlan& p, const float* w, float* packed, int threads) {
  const int64_t panel = p.channels * p.width();
  parallel_for(p.panels() * p.channels, 8, threads, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      pack_channel(p, w, i % p.channels, i / p.channels * p.width(), packed + i * p.width(), p.panels() * panel);
  });
}

class BoundWinograd final : public BoundKernel {
 public:
  BoundWinograd(const WinogradPlan& p, const Sizes& x, const Sizes& y, int threads)
      : p_(p), simd_(simd_for(p.isa)), threads_(threads) {
    images_ = x[0], in_h_ = x[2], in_w_ = x[3], out_h_ = y[2], out_w_ = y[3];
    WindowSpec spec;
    spec.kernel = {Dim(taps), Dim(taps)};
    spec.pads = p_.pads, spec.auto_pad = p_.auto_pad;
    const Dim in[] = {Dim(in_h_), Dim(in_w_)};
    const Window window = slide(spec, in);
    top_ = window.pad_begin[0].value(), left_ = window.pad_begin[1].value();
    down_ = (out_h_ + p_.m - 1) / p_.m, across_ = (out_w_ + p_.m - 1) / p_.m;
    tiles_ = images_ * down_ * across_;
    // Small filters stay in the cache of a core, and so do the tiles it works at: each does its tiles from end to end.
    // Large ones are read once for many tiles: the cores share the frequencies.
    const int64_t tile = p_.frequencies() * (p_.channels + p_.padded()) * int64_t(sizeof(float));
    apart_ = p_.weight_floats() * int64_t(sizeof(float)) <= (3 << 19) && tiles_ >= 12 * threads_;
    const int64_t room = apart_ ? 3 << 18 : 6 << 20;
    chunk_ = std::clamp<int64_t>(room / tile / 6 * 6, 6, most_tiles);
    const int64_t share = apart_ ? (tiles_ + threads_ - 1) / threads_ : tiles_;
    const int64_t chunks = std::max<int64_t>(1, (share + chunk_ - 1) / chunk_);
    chunk_ = std::max<int64_t>(1, (share + chunks - 1) / chunks);  // even ones
  }
  size_t scratch_bytes() const override { return size_t(floats()) * sizeof(float) * size_t(apart_ ? threads_ : 1); }
  void run(const RunArgs& args) const override {
    float* scratch = reinterpret_cast<float*>(args.scratch);
    const int64_t chunks = (tiles_ + chunk_ - 1) / chunk_;
    if (apart_) {
      parallel_pieces({.items = chunks}, threads_, [&](const Piece& p) {
        float* v = scratch + p.part * floats();
        const int64_t first = (p.begin + p.index) * chunk_, count = std::min(chunk_, tiles_ - first);
        transform_in(args, first, 0, count, v);
        for (int64_t f = 0; f < p_.frequencies(); ++f)
          for (int64_t j = 0; j < p_.panels(); ++j) multiply(args, f, j, count, v);
        transform_out(args, first, 0, count, v);
      });
      return;
    }
    for (int64_t first = 0; first < tiles_; first += chunk_) {
      const int64_t count = std::min(chunk_, tiles_ - first);
      parallel_for(count, 2, threads_,
                   [&](int64_t begin, int64_t end, int) { transform_in(args, first, begin, end, scratch); });
      parallel_pieces({.items = p_.frequencies() * p_.panels()}, threads_, [&](const Piece& p) {
        const int64_t i = p.begin + p.index;
        multiply(args, i / p_.panels(), i % p_.panels(), count, scratch);
      });
      parallel_for(count, 2, threads_,
                   [&](int64_t begin, int64_t end, int) { transform_out(args, first, begin, end, scratch); });
    }
  }

 private:
  static constexpr int64_t most_tiles = 384;

  int64_t floats() const { return p_.frequencies() * chunk_ * (p_.channels + p_.padded()); }
  float* products(float* v) const { return v + p_.frequencies() * chunk_ * p_.channels; }
  struct Place {
    int64_t image, row, column;  ///< of the first result
  };
  Place place_of(int64_t tile) const {
    return {tile / (down_ * across_), tile / across_ % down_ * p_.m, tile % across_ * p_.m};
  }

  /// Tiles [begin, end) of the chunk that starts at tile `first`: v[frequency][tile][channel].
  void transform_in(const RunArgs& args, int64_t first, int64_t begin, int64_t end, float* v) const {
    const float* x = static_cast<const float*>(args.in[p_.x]);
    const float* pixels[36];
    for (int64_t t = begin; t < end; ++t) {
      const Place at = place_of(first + t);
      for (int64_t i = 0; i < p_.size(); ++i)
        for (int64_t j = 0; j < p_.size(); ++j) {
          const int64_t r = at.row - top_ + i, c = at.column - left_ + j;
          const bool inside = r >= 0 && r < in_h_ && c >= 0 && c < in_w_;
          pixels[i * p_.size() + j] = inside ? x + ((at.image * in_h_ + r) * in_w_ + c) * p_.channels : nullptr;
        }
      simd_.winograd_input(p_.m, pixels, p_.channels, v + t * p_.channels, chunk_ * p_.channels);
    }
  }

  void multiply(const RunArgs& args, int64_t f, int64_t panel, int64_t count, float* v) const {
    const float* u = static_cast<const float*>(args.in[p_.w]) + (f * p_.panels() + panel) * p_.channels * p_.width();
    std::array<const float*, most_tiles> rows;
    const float* from = v + f * chunk_ * p_.channels;
    for (int64_t t = 0; t < count; ++t) rows[size_t(t)] = from + t * p_.channels;
    simd_.panel(p_.vectors, count, p_.channels, rows.data(), u,
                products(v) + f * chunk_ * p_.padded() + panel * p_.width(), p_.padded());
  }

  void transform_out(const RunArgs& args, int64_t first, int64_t begin, int64_t end, float* v) const {
    alignas(64) float block[16 * most_width];
    const int64_t width = p_.width();
    for (int64_t t = begin; t < end; ++t) {
      const Place at = place_of(first + t);
      const int64_t rows = std::min<int64_t>(p_.m, out_h_ - at.row),
                    columns = std::min<int64_t>(p_.m, out_w_ - at.column);
      for (int64_t j = 0; j < p_.panels(); ++j) {
        simd_.winograd_output(p_.m, products(v) + t * p_.padded() + j * width, chunk_ * p_.padded(), width, block);
        const int64_t channel = j * width, count = std::min(width, p_.outputs - channel);
        for (int64_t i = 0; i < rows; ++i) {
          const int64_t to = ((at.image * out_h_ + at.row + i) * out_w_ + at.column) * p_.outputs + channel;
          float* from = block + i * p_.m * width;
          for (const Step& s : p_.steps) apply(s, simd_, args, {from, columns, width, channel, count, to, p_.outputs});
          float* y = static_cast<float*>(args.out[0]) + to;
          for (int64_t c = 0; c < columns; ++c)
            std::memcpy(y + c * p_.outputs, from + c * width, size_t(count) * sizeof(float));
        }
      }
    }
  }

  WinogradPlan p_;
  const Simd& simd_;
  int threads_;
  int64_t images_, in_h_, in_w_, out_h_, out_w_, top_, left_, down_, across_, tiles_, chunk_;
  bool apart_;
};

class WinogradKernel final : public Kernel {
 public:
  explicit WinogradKernel(WinogradPlan p) : p_(std::move(p)) {}
  std::string description() const override {
    char error[32];
    std::snprintf(error, sizeof error, "%.1e", p_.error);
    return str("native winograd ", p_.m, "x", p_.m, " ", p_.isa, ", error ", error, " of the largest result");
  }
  Layout input_layout(size_t i) const override {
    bool result_like = i == p_.x;
    for (const Step& s : p_.steps)
      result_like = result_like || (s.kind != Step::activation && s.operand == Step::full && s.input == i);
    return result_like ? p_.layout : Layout{};
  }
  Layout output_layout(size_t) const override { return p_.layout; }
  std::string packing_key(size_t i) const override {
    return i == p_.w ? str("native.winograd ", p_.m, ", ", p_.width(), " channels, ", p_.channels, "x", p_.outputs)
                     : "";
  }
  size_t packed_bytes(size_t i) const override { return i == p_.w ? size_t(p_.weight_floats()) * sizeof(float) : 0; }
  void pack(size_t, const Tensor& weight, void* packed, int threads) const override {
    pack_filters(p_, weight.data_as<float>(), static_cast<float*>(packed), threads);
  }
  int in_place(size_t) const override { return residual_of(p_.steps, p_.x); }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    return std::shared_ptr<const BoundKernel>(
        std::make_shared<BoundWinograd>(p_, sizes.in[p_.x], sizes.out[0], sizes.threads));
  }

 private:
  WinogradPlan p_;
};

/// The largest difference from sums in double on random data, against the largest result. Of the transforms, the number
/// of channels and the instruction set alone: known once.
double measured_error(WinogradPlan p) {
  static std::mutex mutex;
  static std::map<std::tuple<int, int64_t, Isa>, double> known;
  const std::lock_guard lock(mutex);
  const auto [it, fresh] = known.try_emplace({p.m, p.channels, p.isa}, 0);
  if (!fresh) return it->second;
  constexpr int64_t side = 8, compared = 4;  // results a pixel: this runs when an archive is loaded, too
  p.outputs = simd_for(p.isa).lanes, p.vectors = 1, p.steps.clear(), p.x = 0, p.w = 1;
  p.pads = {1, 1, 1, 1}, p.auto_pad = "NOTSET";
  Noise random;
  std::vector<float> x(size_t(side * side * p.channels)), w(size_t(p.outputs * p.channels * 9)),
      y(size_t(side * side * p.outputs));
  for (float& v : x) v = random();
  for (float& v : w) v = random();
  Tensor packed = Tensor::zeros(DType::f32, {p.weight_floats()});
  pack_filters(p, w.data(), packed.data_as<float>(), 1);
  const BoundWinograd bound(p, {1, p.channels, side, side}, {1, p.outputs, side, side}, 1);
  const Tensor scratch = Tensor::empty(DType::u8, {int64_t(bound.scratch_bytes())});
  const void* in[] = {x.data(), packed.data()};
  void* out[] = {y.data()};
  bound.run({in, out, scratch.data(), 1});
  double worst = 0, largest = 0;
  for (int64_t i = 0; i < side; ++i)
    for (int64_t j = 0; j < side; ++j)
      for (int64_t o = 0; o < compared; ++o) {
        double sum = 0;
        for (int64_t a = 0; a < 3; ++a)
          for (int64_t b = 0; b < 3; ++b) {
            const int64_t r = i + a - 1, s = j + b - 1;
            if (r < 0 || r >= side || s < 0 || s >= side) continue;
            for (int64_t c = 0; c < p.channels; ++c)
              sum += double(x[size_t((r * side + s) * p.channels + c)]) *
                     double(w[size_t((o * p.channels + c) * 9 + a * 3 + b)]);
          }
        worst = std::max(worst, std::fabs(sum - double(y[size_t((i * side + j) * p.outputs + o)])));
        largest = std::max(largest, std::fabs(sum));
      }
  return it->second = worst / largest;
}

Result<Kernel> accept(const Request& r, int variant, int m) {
  if (variant) return "no more variants";
  if (r.plain_only) return "channels are last";
  const Subgraph& g = *r.graph;
  FixedConv c;
  if (auto why = read_image_conv(g, c)) return *why;
  const SubgraphNode& n = g.nodes[0];
  const TensorType& w = g.types[size_t(n.in[1])];
  if (!w.shape[2].is(taps) || !w.shape[3].is(taps)) return str("a kernel of 3x3 only, w is ", w);
  for (const char* name : {"strides", "dilations"})
    for (int64_t s : n.attrs.get_ints(name))
      if (s != 1) return name;
  // 8 or 24 channels: half a vector.
  const Isa isa = r.isa == Isa::avx512 && c.channels % simd_avx512().lanes ? Isa::avx2 : r.isa;
  if (c.channels % simd_for(isa).lanes) return str(c.channels, " channels are no multiple of the vector");
  if (c.outputs < 8) return str(c.outputs, " channels of the result are too few");
  const Sizes& y = r.sizes[size_t(n.out[0])];
  for (int64_t d : y)
    if (d <= 0) return "the sizes at the point are not known or empty";
  if (y[2] * y[3] < 4 * m) return "the image is smaller than a few tiles";
  WinogradPlan p;
  p.m = m, p.x = c.x, p.w = c.w, p.isa = isa;
  p.channels = c.channels, p.outputs = c.outputs;
  p.steps = std::move(c.steps);
  p.pads = n.attrs.get_ints("pads"), p.auto_pad = n.attrs.get_string("auto_pad");
  for (int64_t pad : p.pads)
    if (pad < 0) return "negative padding";
  p.layout.order = {0, 2, 3, 1};
  p.vectors = panel_vectors(p.outputs, p.isa);
  p.error = measured_error(p);
  if (!(p.error <= r.most_error))
    return str("the error is ", p.error, " of the largest result (", r.most_error, " would do)");
  return std::shared_ptr<const Kernel>(std::make_shared<WinogradKernel>(std::move(p)));
}

}  // namespace

std::vector<Entry> winograd_entries() {
  return {{"native.winograd4", [](const Request& r, int variant) { return accept(r, variant, 4); }, false, true},
          {"native.winograd2", [](const Request& r, int variant) { return accept(r, variant, 2); }, false, true}};
}

}  // namespace neve::kernels::native
