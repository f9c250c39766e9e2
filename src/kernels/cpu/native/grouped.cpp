// Convolutions in groups, channels last: the image of a bundle of groups is copied into a block of its own, with zeros
// around it. Then either neighbouring results of a row are made for a vector of channels, whose lanes take the inputs
// of their group; or it is a direct convolution of few channels, in which groups of fewer results than a vector has go
// together with zeros between them in the weight.
#include <algorithm>
#include <cstring>
#include <limits>

#include "base/threads.h"
#include "kernels/cpu/channels_last.h"
#include "kernels/cpu/native/packed_product.h"

namespace neve::kernels::native {
namespace {

constexpr int64_t most_together = 8;          // groups, of whose multiplications one in as many is not by zero
constexpr int64_t patch_floats = 16 << 10;    // of rows that are copied together: they stay in the second cache,
constexpr int64_t block_floats = 64 << 10;    // and so do these of all channels,
constexpr int64_t weight_floats = 128 << 10;  // unless the weight is larger: then its bundles are read once

struct GroupedPlan : ImageTaps {
  /// Of a bundle of groups; positions: row of taps, tap, channel. Of neighbours, its weight and the instruction set.
  PackedProduct product;
  ProductEnd end;
  bool neighbours = false;
  int64_t bundles = 0, together = 1;  ///< groups of a bundle
  int64_t group_channels = 0, group_outputs = 0;
  int64_t channels() const { return together * group_channels; }  ///< of a bundle
  int64_t lanes() const { return simd_for(product.isa).lanes; }
  /// Of neighbours: vectors of a bundle's results, and floats of the weight for one.
  int64_t vectors() const { return (product.n + lanes() - 1) / lanes(); }
  int64_t vector_floats() const { return height * width * group_channels * lanes(); }
  /// Floats of the weight of a bundle.
  int64_t floats() const {
    return neighbours ? vectors() * vector_floats() : product.first(product.panels()) * product.k;
  }
};

class BoundGrouped final : public BoundImages {
 public:
  BoundGrouped(const GroupedPlan& p, const Sizes& x, const Sizes& y, int threads)
      : BoundImages(p, x, y, threads), p_(p), simd_(simd_for(p.product.isa)) {
    line_ = under_ * p_.channels();
    // As many rows of results as have their image in the cache, but pieces enough for cores that are not of one speed.
    by_rows_ = p_.bundles * p_.floats() <= weight_floats;
    const int64_t least = p_.covered(0, 1), most = by_rows_ ? block_floats / p_.bundles : patch_floats,
                  fitting = line_ ? std::min(most, patch_floats) / line_ - least : out_h_,
                  bundles = images_ * p_.bundles, wanted = pieces_a_thread * threads_;
    rows_ = std::clamp<int64_t>(fitting / p_.strides[0] + 1, 1, std::max<int64_t>(1, out_h_));
    if (threads_ > 1 && bundles && bundles < wanted)
      rows_ = std::clamp<int64_t>(out_h_ * bundles / wanted, std::min<int64_t>(4, rows_), rows_);
    blocks_ = (out_h_ + rows_ - 1) / rows_;
    patch_ = p_.covered(0, rows_) * line_;
    for (int64_t l = 0; p_.together > 1 && l < p_.lanes(); ++l)
      spread_.push_back(l < p_.product.n ? int32_t(l / p_.group_outputs * p_.group_channels) : 0);
    // Taps of a row lie one behind the other, unless there are others between them.
    apart_ = p_.dilations[1] > 1;
    for (int64_t i = 0; i < p_.height; ++i)
      for (int64_t k = 0; k < (apart_ ? p_.width : 1); ++k)
        runs_.push_back(int32_t(i * p_.dilations[0] * line_ + k * p_.dilations[1] * p_.channels()));
  }
  size_t scratch_bytes() const override { return size_t(patch_apart() * threads_) * sizeof(float); }

  void run(const RunArgs& args) const override {
    const int64_t of_image = by_rows_ ? blocks_ : p_.bundles, each = by_rows_ ? p_.bundles : blocks_;
    const int64_t work = std::max<int64_t>(
        1, out_h_ * out_w_ * p_.product.k * p_.product.n * p_.bundles / std::max<int64_t>(1, of_image));
    parallel_pieces({.items = images_ * of_image, .each = each, .grain = std::max<int64_t>(1, work_of_waking / work)},
                    threads_, [&](const Piece& piece) {
                      const int64_t i = piece.begin + piece.index / each, j = piece.index % each;
                      const int64_t bundle = by_rows_ ? j : i % of_image, first = (by_rows_ ? i % of_image : j) * rows_;
                      float* patch = reinterpret_cast<float*>(args.scratch) + piece.part * patch_apart();
                      block(args, i / of_image, bundle, first, std::min(first + rows_, out_h_), patch);
                    });
  }

 private:
  /// The last pixel may be read as a whole vector.
  int64_t patch_apart() const { return round_up(patch_ + most_lanes, most_lanes); }

  /// Rows [begin, end) of the results of a bundle.
  void block(const RunArgs& args, int64_t image, int64_t bundle, int64_t begin, int64_t end, float* patch) const {
    const PackedProduct& w = p_.product;
    const int64_t rows = p_.covered(0, end - begin);
    const float* x = static_cast<const float*>(args.in[w.a]) + image * in_h_ * in_w_ * p_.bundles * p_.channels() +
                     bundle * p_.channels();
    for (int64_t r = 0; r < rows; ++r) copy_row(x, begin * p_.strides[0] - top_ + r, patch + r * line_);
    const int64_t outputs = p_.bundles * w.n, parts = p_.neighbours ? p_.vectors() : w.panels();
    for (int64_t j = 0; j < parts; ++j) {
      const int64_t first = p_.neighbours ? j * p_.lanes() : w.first(j), column = bundle * w.n + first;
      GroupedRow g{};
      FinishedProduct& p = g.p;
      p.rows = out_w_, p.b = static_cast<const float*>(args.in[w.b]) + bundle * p_.floats();
      if (p_.neighbours) {
        p.vectors = 1, p.columns = std::min(w.n - first, p_.lanes());
        p.a_stride = p_.channels(), p.k = p_.group_channels, p.b += j * p_.vector_floats();
        g.stride = int(p_.strides[1]), g.height = p_.height, g.line = p_.dilations[0] * line_;
        g.spread = spread_.empty() ? nullptr : spread_.data();
      } else {
        p.vectors = w.vectors_of(j), p.columns = std::min(w.n, w.first(j + 1)) - first;
        p.a_stride = p_.strides[1] * p_.channels(), p.k = p_.channels() * (apart_ ? 1 : p_.width), p.b += first * w.k;
        p.run_at = runs_.data(), p.runs = int64_t(runs_.size());
      }
      if (p_.end.bias >= 0) p.bias = static_cast<const float*>(args.in[size_t(p_.end.bias)]) + column;
      p.f = p_.end.f, p.c_stride = outputs;
      for (int64_t y = begin; y < end; ++y) {
        const int64_t at = (image * out_h_ + y) * out_w_ * outputs + column;
        p.a = patch + (y - begin) * p_.strides[0] * line_;
        if (p_.end.residual >= 0) p.residual = static_cast<const float*>(args.in[size_t(p_.end.residual)]) + at;
        p.c = static_cast<float*>(args.out[0]) + at;
        p_.neighbours ? simd_.grouped_row(g) : simd_.finished_product(p);
      }
    }
  }

  /// A row of the image of a bundle, with zeros around it.
  void copy_row(const float* image, int64_t row, float* to) const {
    if (row < 0 || row >= in_h_) {
      std::fill(to, to + line_, 0.f);
      return;
    }
    const int64_t channels = p_.channels(), apart = p_.bundles * channels;
    const int64_t begin = std::clamp<int64_t>(left_, 0, under_), end = std::clamp(left_ + in_w_, begin, under_);
    const float* from = image + (row * in_w_ + begin - left_) * apart;
    std::fill(to, to + begin * channels, 0.f);
    to += begin * channels;
    switch (channels) {  // a copy of few bytes whose number is known is a few instructions
      case 8:
        to = copy_pixels<8>(from, apart, end - begin, to);
        break;
      case 16:
        to = copy_pixels<16>(from, apart, end - begin, to);
        break;
      case 24:
        to = copy_pixels<24>(from, apart, end - begin, to);
        break;
      case 32:
        to = copy_pixels<32>(from, apart, end - begin, to);
        break;
      default:
        for (int64_t i = begin; i < end; ++i, from += apart, to += channels) std::copy(from, from + channels, to);
    }
    std::fill(to, to + (under_ - end) * channels, 0.f);
  }
  template <size_t Channels>
  static float* copy_pixels(const float* from, int64_t apart, int64_t count, float* to) {
    for (int64_t i = 0; i < count; ++i, from += apart, to += Channels) std::memcpy(to, from, Channels * sizeof(float));
    return to;
  }

  GroupedPlan p_;
  const Simd& simd_;
  int64_t line_, rows_, blocks_, patch_;
  bool apart_;
  bool by_rows_;  ///< a block of rows with all bundles, one after the other; else a bundle with all its blocks
  std::vector<int32_t> runs_, spread_;
};

class GroupedKernel final : public Kernel {
 public:
  explicit GroupedKernel(GroupedPlan p) : p_(std::move(p)) {}
  std::string description() const override {
    return str("native grouped convolution ", p_.product.isa, p_.neighbours ? ", neighbours" : "",
               p_.together > 1 ? str(", ", p_.together, " groups together") : "");
  }
  Layout input_layout(size_t i) const override {
    return i == p_.product.a || int(i) == p_.end.residual ? last_ : Layout{};
  }
  Layout output_layout(size_t) const override { return last_; }
  /// Over the residual, unless other rows read it as the image.
  int in_place(size_t) const override { return p_.end.residual == int(p_.product.a) ? -1 : p_.end.residual; }
  std::string packing_key(size_t i) const override {
    if (i != p_.product.b) return "";
    return str(p_.neighbours ? str("native neighbours of ", p_.lanes()) : panels_key(p_.product), ", ", p_.bundles,
               " bundles of ", p_.together, " groups, ", p_.height, "x", p_.width, " taps, channels last");
  }
  size_t packed_bytes(size_t i) const override {
    return i == p_.product.b ? size_t(p_.bundles * p_.floats()) * sizeof(float) : 0;
  }
  void pack(size_t, const Tensor& weight, void* packed, int threads) const override {
    const int64_t taps = p_.height * p_.width, group = p_.group_channels;
    if (p_.neighbours) return pack_neighbours(weight.data_as<float>(), static_cast<float*>(packed));
    const Tensor turned = Tensor::zeros(DType::f32, {p_.product.n, p_.product.k});
    const float* from = weight.data_as<float>();
    for (int64_t b = 0; b < p_.bundles; ++b) {
      float* to = turned.data_as<float>();
      for (int64_t o = 0; o < p_.product.n; ++o, to += p_.product.k)
        for (int64_t c = 0; c < group; ++c)
          for (int64_t t = 0; t < taps; ++t) to[t * p_.channels() + o / p_.group_outputs * group + c] = *from++;
      pack_panels(p_.product, turned.data_as<float>(), static_cast<float*>(packed) + b * p_.floats(), threads);
    }
  }
  Result<BoundKernel> bind(const BindSizes& sizes) const override {
    const Sizes &x = sizes.in[p_.product.a], &y = sizes.out[0];
    const int64_t line = p_.channels() * (y[3] * p_.strides[1] + p_.width * p_.dilations[1]);
    if (line * (p_.height * p_.dilations[0] + 1) > std::numeric_limits<int32_t>::max())
      return str("rows of ", x[3], " pixels");
    return std::shared_ptr<const BoundKernel>(std::make_shared<BoundGrouped>(p_, x, y, sizes.threads));
  }

 private:
  /// Bundle, vector, row of taps, input, tap, lane.
  void pack_neighbours(const float* from, float* to) const {
    const int64_t taps = p_.height * p_.width, group = p_.group_channels, lanes = p_.lanes();
    for (int64_t b = 0; b < p_.bundles; ++b)
      for (int64_t v = 0; v < p_.vectors(); ++v)
        for (int64_t i = 0; i < p_.height; ++i)
          for (int64_t c = 0; c < group; ++c)
            for (int64_t k = 0; k < p_.width; ++k, to += lanes)
              for (int64_t l = 0; l < std::min(lanes, p_.product.n - v * lanes); ++l)
                to[l] = from[((b * p_.product.n + v * lanes + l) * group + c) * taps + i * p_.width + k];
  }

  GroupedPlan p_;
  Layout last_ = channels_last(4);
};

/// The ways to compute it with this instruction set.
std::vector<GroupedPlan> ways(const GroupedPlan& base, int64_t groups, Isa isa) {
  std::vector<GroupedPlan> found;
  const int64_t lanes = simd_for(isa).lanes;
  const auto bundled = [&](int64_t together, bool neighbours) {
    GroupedPlan p = base;
    p.neighbours = neighbours, p.together = together, p.bundles = groups / together;
    p.product.isa = isa, p.product.n = together * p.group_outputs, p.product.k = p.channels() * p.height * p.width;
    found.push_back(std::move(p));
  };
  if (base.width == 3 && base.strides[1] <= 2 && base.dilations[1] == 1) {
    int64_t together = 1;  // as many as a vector holds
    if (base.group_channels == base.group_outputs)
      for (int64_t t = 2; t * base.group_outputs <= lanes; ++t)
        if (groups % t == 0) together = t;
    bundled(together, true);
  }
  for (int64_t t = 1; t <= most_together; ++t)  // as few as fill a vector
    if (groups % t == 0 && t * base.group_outputs >= lanes) {
      bundled(t, false);
      break;
    }
  return found;
}

// The variants: those of the widest vectors, then those of half the size where they leave fewer lanes empty.
Result<Kernel> accept(const Request& r, int variant) {
  if (r.plain_only) return "channels are last";
  const Subgraph& g = *r.graph;
  FixedConv c;
  if (auto why = read_fixed_conv(g, c)) return *why;
  if (c.groups == 1) return "one group";
  const TensorType& x = g.types[size_t(g.nodes[0].in[0])];
  if (x.rank() != 4) return str("two spatial axes, x is ", x);
  if (!c.outputs || !c.channels) return "no channels";
  GroupedPlan p{image_taps(g), {}, {}};
  if (auto why = read_end(c.steps, p.end)) return *why;
  for (int64_t pad : p.pads)
    if (pad < 0) return "negative padding";
  p.group_channels = c.channels, p.group_outputs = c.outputs / c.groups;
  p.product.a = c.x, p.product.b = c.w, p.product.turned = true, p.product.mixed = true;
  std::vector<GroupedPlan> plans = ways(p, c.groups, r.isa);
  if (plans.empty()) return str(c.groups, " groups of ", p.group_outputs, " results");
  if (r.isa == Isa::avx512) {
    const auto spare = [](const GroupedPlan& q) {
      return round_up(q.product.n, q.lanes()) * (q.neighbours ? 1 : q.together);
    };
    for (GroupedPlan& half : ways(p, c.groups, Isa::avx2)) {
      const auto wide = std::find_if(plans.begin(), plans.end(), [&](const GroupedPlan& q) {
        return q.neighbours == half.neighbours && q.product.isa == r.isa;
      });
      if (wide == plans.end() || spare(half) * half.bundles < spare(*wide) * wide->bundles)
        plans.push_back(std::move(half));
    }
  }
  if (size_t(variant) >= plans.size()) return "no more variants";
  return std::shared_ptr<const Kernel>(std::make_shared<GroupedKernel>(std::move(plans[size_t(variant)])));
}

}  // namespace

std::vector<Entry> grouped_entries() { return {{"native.grouped", accept}}; }

}  // namespace neve::kernels::native
