// The ordered lists of kernels, and the choice of the node that gives a piece its character.
#include "kernels/list.h"

#include <map>

namespace neve::kernels {
namespace {

Result<Kernel> accept_reference(const Request& request, int variant) {
  if (variant) return "no more variants";
  return make_reference(*request.graph);
}

const std::map<std::string, std::vector<Entry>, std::less<>>& table() {
  static const auto t = [] {
    std::map<std::string, std::vector<Entry>, std::less<>> t;
    for (OpEntries& e : onednn_entries()) {
      auto& list = t[std::string(e.op)];
      list.insert(list.end(), e.entries.begin(), e.entries.end());
    }
    for (auto& [op, list] : t) list.push_back({"reference", accept_reference});
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

}  // namespace neve::kernels
