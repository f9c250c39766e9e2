// The ordered lists of kernels, and the choice of the node that gives a piece its character.
#include "kernels/list.h"

#include <algorithm>
#include <map>
#include <set>

namespace neve::kernels {
namespace {

Result<Kernel> accept_reference(const Request& request, int variant) {
  if (variant) return "no more variants";
  return make_reference(*request.graph);
}

const std::map<std::string, std::vector<Entry>, std::less<>>& table() {
  static const auto t = [] {
    std::map<std::string, std::vector<Entry>, std::less<>> t;
    for (auto entries : {onednn_entries, native_entries})
      for (OpEntries& e : entries()) {
        auto& list = t[std::string(e.op)];
        list.insert(list.end(), e.entries.begin(), e.entries.end());
      }
    for (auto& [op, list] : t) {
      std::stable_partition(list.begin(), list.end(), [](const Entry& e) { return e.leads; });
      list.push_back({"reference", accept_reference});
    }
    return t;
  }();
  return t;
}

}  // namespace

std::span<const Entry> kernels_for(const OpDef& anchor) {
  static const Entry reference{"reference", accept_reference};
  const auto it = table().find(anchor.info.name);
  if (it == table().end()) return {&reference, 1};
  return it->second;
}

const Entry* find_entry(std::string_view name) {
  for (const auto& [op, list] : table())
    for (const Entry& e : list)
      if (e.name == name) return &e;
  static const Entry reference{"reference", accept_reference};
  return name == "reference" ? &reference : nullptr;
}

const SubgraphNode& anchor(const Subgraph& g) {
  const SubgraphNode* best = &g.nodes.front();
  for (const SubgraphNode& n : g.nodes)
    if (n.op->flops && !best->op->flops) best = &n;
  return *best;
}

namespace {

// A wake-up costs a few microseconds: so much arithmetic, or so many bytes moved, one core does in that time.
constexpr double little_flops = 6e5, little_bytes = 1 << 17;

double elements(const Sizes& s) {
  double n = 1;
  for (int64_t d : s) n *= double(d);
  return n;
}

// Arithmetic of the anchor; nothing where its operands are made inside the piece.
std::optional<double> anchor_flops(const Subgraph& g, std::span<const Sizes> in, std::span<const Sizes> out) {
  const SubgraphNode& n = anchor(g);
  if (!n.op->flops || out.empty()) return {};
  auto typed = [&](int32_t v, const Sizes& s) {
    TensorType t{g.types[size_t(v)].dtype, {}};
    for (int64_t d : s) t.shape.push_back(Dim(d));
    return t;
  };
  std::vector<TensorType> ins, outs;
  for (int32_t v : n.in) {
    if (v < 0) continue;
    const auto it = std::find(g.inputs.begin(), g.inputs.end(), v);
    if (it == g.inputs.end()) return {};
    ins.push_back(typed(v, in[size_t(it - g.inputs.begin())]));
  }
  // What follows the anchor keeps its type: the piece's result has its sizes.
  if (g.types[size_t(n.out[0])].rank() != int64_t(out[0].size())) return {};
  outs.push_back(typed(n.out[0], out[0]));
  return n.op->flops(n.attrs.object(), ins, outs);
}

}  // namespace

std::vector<std::string> kernel_names() {
  std::set<std::string> names;
  for (const auto& list : {onednn_entries(), native_entries()})
    for (const OpEntries& op : list)
      for (const Entry& e : op.entries) names.insert(std::string(e.name));
  names.erase("reference");
  return {names.begin(), names.end()};
}

int useful_threads(const Subgraph* g, const Kernel* kernel, std::span<const Sizes> in, std::span<const Sizes> out,
                   int threads) {
  if (threads <= 1) return 1;
  double bytes = 0;
  for (const Sizes& s : in) bytes += 4 * elements(s);
  for (const Sizes& s : out) bytes += 4 * elements(s);
  if (!g || !anchor(*g).op->flops) return bytes < little_bytes ? 1 : threads;
  const auto flops = anchor_flops(*g, in, out);
  const bool waits = kernel && kernel->weights_from_memory() && bytes >= little_bytes;
  return flops && *flops < little_flops && !waits ? 1 : threads;
}

}  // namespace neve::kernels
