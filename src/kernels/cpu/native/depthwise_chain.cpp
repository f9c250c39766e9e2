// Rows that go from a convolution of one tap to a depthwise one, and from that to another of one tap.
#include "kernels/cpu/native/depthwise_chain.h"

#include <algorithm>
#include <array>

namespace neve::kernels::native {
namespace {

constexpr int64_t pixels_at_once = 64;  // at least, of a panel of weights before the next one is read
constexpr int64_t piece_floats = 4096;  // of the image; they stay in the first cache while the panels go by
constexpr int64_t strip_pixels = 64;    // about as many
constexpr int64_t line_floats = 16;

}  // namespace

std::optional<std::string> read_point(const Subgraph& g, const FixedConv& c, std::string_view which, Isa isa,
                                      PointPlan& p) {
  const SubgraphNode& n = g.nodes[0];
  const TensorType &x = g.types[size_t(n.in[0])], &w = g.types[size_t(n.in[1])];
  if (x.rank() != 4 || c.groups != 1 || !w.shape[2].is(1) || !w.shape[3].is(1))
    return str(which, " has other taps than one");
  for (int64_t s : n.attrs.get_ints("strides"))
    if (s != 1) return str(which, " has a stride");
  for (int64_t pad : n.attrs.get_ints("pads"))
    if (pad) return str(which, " has a padding");
  PackedProduct& product = p.product;
  product.b = c.w, product.turned = true, product.mixed = true;
  product.k = c.channels, product.n = c.outputs, product.isa = isa;
  if (!product.n || !product.k) return "no channels";
  return read_end(c.steps, p.end);
}

ExpandedRows::ExpandedRows(const PointPlan& expand, const DepthwisePlan& depthwise, const Sizes& x, const Sizes& y)
    : p_(expand), simd_(simd_for(expand.product.isa)), rows_(depthwise, x, y), height_(depthwise.height) {
  batch_ = std::clamp<int64_t>(pixels_at_once / std::max<int64_t>(1, rows_.in_columns()), 1,
                               std::max<int64_t>(1, rows_.in_rows()));
  // Of whole batches: none is cut where the ring begins again.
  ring_ = (height_ + 2 * batch_ - 2) / batch_ * batch_;
}

void ExpandedRows::add_to(ScratchPlan& own) {
  outside_at_ = own.add_of<float>(apart());
  ring_at_ = own.add_of<float>(ring_ * line());
  state_at_ = own.add_of<Ring>(1);
}

void ExpandedRows::begin(std::byte* own) const {
  std::fill_n(reinterpret_cast<float*>(own + outside_at_), apart(), 0.f);
  *reinterpret_cast<Ring*>(own + state_at_) = {-1, 0, 0};
}

void ExpandedRows::row(const RunArgs& args, std::byte* own, int64_t i, float* y) const {
  Ring& state = *reinterpret_cast<Ring*>(own + state_at_);
  float* ring = reinterpret_cast<float*>(own + ring_at_);
  const int64_t image = i / rows_.out_rows(), r = i % rows_.out_rows(), first = rows_.first(r),
                last = std::min(first + height_, rows_.in_rows());
  if (i != state.next || r == 0) state.made = 0;
  state.next = i + 1;
  if (state.made <= std::max<int64_t>(first, 0)) state.made = state.begin = std::max<int64_t>(first, 0);
  const auto at_row = [&](int64_t k) { return ring + (k - state.begin) % ring_ * line(); };
  while (state.made < last) {
    const int64_t count = std::min(batch_, rows_.in_rows() - state.made);
    expand(args, image * rows_.in_rows() + state.made, count, at_row(state.made));
    state.made += count;
  }
  std::array<const float*, DepthwiseRows::most_taps> at{};
  for (int64_t k = std::max<int64_t>(0, -first); first + k < last; ++k) at[size_t(k)] = at_row(first + k);
  rows_.row(args, at.data(), apart(), reinterpret_cast<float*>(own + outside_at_), y);
}

// Rows [first, first + count) of all images, one behind the other.
void ExpandedRows::expand(const RunArgs& args, int64_t first, int64_t count, float* to) const {
  const PackedProduct& w = p_.product;
  const int64_t pixels = count * rows_.in_columns(), piece = std::max(pixels_at_once, piece_floats / w.k);
  const float* x = static_cast<const float*>(args.in[w.a]) + first * rows_.in_columns() * w.k;
  for (int64_t c = 0; c < pixels; c += piece)
    for (int64_t j = 0; j < w.panels(); ++j) {
      FinishedProduct p = panel_of(w, p_.end, args, j);
      p.rows = std::min(piece, pixels - c), p.a = x + c * w.k;
      p.c = to + c * apart() + w.first(j), p.c_stride = apart();
      simd_.finished_product(p);
    }
}

// Meanwhile the next panel comes nearer.
void PointStrip::run(const RunArgs& args, const float* pixels, int64_t first, int64_t count) const {
  const PackedProduct& w = p_.product;
  for (int64_t j = 0; j < w.panels(); ++j) {
    FinishedProduct p = panel_of(w, p_.end, args, j);
    p.rows = count, p.a = pixels;
    place(p, w, p_.end, args, first * w.n + w.first(j));
    if (j + 1 < w.panels()) {
      p.ahead = static_cast<const char*>(args.in[w.b]) + w.first(j + 1) * w.k * int64_t(sizeof(float));
      p.ahead_lines = (w.first(j + 2) - w.first(j + 1)) * w.k / line_floats;
    }
    simd_.finished_product(p);
  }
}

int64_t strip_height(const DepthwiseRows& rows) {
  return std::clamp<int64_t>(strip_pixels / std::max<int64_t>(1, rows.out_columns()), 1,
                             std::max<int64_t>(1, rows.out_rows()));
}

std::vector<Subgraph> convolutions_of(const Subgraph& g) {
  std::vector<Subgraph> parts;
  for (size_t begin = 0, end; begin < g.nodes.size(); begin = end) {
    end = begin + 1;
    while (end < g.nodes.size() && g.nodes[end].op->info.name != "conv") ++end;
    parts.push_back(part_of(g, begin, end));
  }
  return parts;
}

const PackedProduct* DepthwiseChainKernel::product_of(size_t input) const {
  for (const PackedProduct* p : products())
    if (p->b == input) return p;
  return nullptr;
}
std::string DepthwiseChainKernel::packing_key(size_t i) const {
  if (i == depthwise().w) return std::string(packed_taps_key);
  const PackedProduct* p = product_of(i);
  return p ? panels_key(*p) : "";
}
size_t DepthwiseChainKernel::packed_bytes(size_t i) const {
  if (i == depthwise().w) return packed_taps(depthwise());
  const PackedProduct* p = product_of(i);
  return p ? panels_bytes(*p) : 0;
}
void DepthwiseChainKernel::pack(size_t i, const Tensor& weight, void* packed, int threads) const {
  float* to = static_cast<float*>(packed);
  i == depthwise().w ? pack_taps(depthwise(), weight, to)
                     : pack_panels(*product_of(i), weight.data_as<float>(), to, threads);
}

}  // namespace neve::kernels::native
