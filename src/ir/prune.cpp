// Branches and loops lose the results and the parameters that nobody needs.
#include "ir/prune.h"

#include <set>

namespace neve::ir {
namespace {

// Positions of the inputs that some values are made of.
std::set<size_t> inputs_behind(const Graph& g, std::vector<Value> todo) {
  std::set<size_t> found;
  std::set<uint32_t> seen;
  while (!todo.empty()) {
    const Value v = todo.back();
    todo.pop_back();
    if (!v.valid() || !seen.insert(v.id).second) continue;
    if (const Node* n = g.def(v))
      todo.insert(todo.end(), n->in.begin(), n->in.end());
    else
      found.insert(g.result_index(v));
  }
  return found;
}

// Which values a loop has to carry: those that are used after it, or for its condition, or for others of those.
std::vector<bool> needed_of_loop(const Graph& g, const Node& n, size_t carried) {
  const Graph& body = *n.regions[0];
  std::vector<bool> needed(carried);
  std::vector<Value> ends{body.outputs()[0]};
  for (size_t k = 1 + carried; k < body.outputs().size(); ++k) ends.push_back(body.outputs()[k]);
  for (size_t k = 0; k < carried; ++k)
    if (g.use_count(n.out[k]) > 0) needed[k] = true, ends.push_back(body.outputs()[1 + k]);
  for (bool more = true; more;) {
    more = false;
    for (size_t i : inputs_behind(body, ends)) {
      if (i < 2 || i >= 2 + carried || needed[i - 2]) continue;
      needed[i - 2] = more = true;
      ends.push_back(body.outputs()[i - 1]);
    }
  }
  return needed;
}

size_t prune(Graph& g, Node*& n) {
  const bool loop = n->is("loop");
  const size_t carried = loop ? size_t(n->attrs.get_int("carried")) : 0;
  const size_t fixed = loop ? 2 : 1;  // operands that are no parameters
  std::vector<bool> keep(n->out.size(), true);
  if (loop) {
    const std::vector<bool> needed = needed_of_loop(g, *n, carried);
    std::copy(needed.begin(), needed.end(), keep.begin());
  } else {
    for (size_t k = 0; k < keep.size(); ++k) keep[k] = g.use_count(n->out[k]) > 0;
  }
  Values in = n->in;
  size_t gone = 0;
  for (size_t k = keep.size(); k-- > 0;) {
    if (keep[k]) continue;
    for (auto& r : n->regions) r->remove_output(k + (loop ? 1 : 0));
    ++gone;
  }
  size_t left = carried;
  for (auto& r : n->regions) r->erase_dead();
  for (size_t i = in.size(); i-- > fixed;) {
    const size_t parameter = loop ? i : i - fixed;
    if (loop && i < fixed + carried && keep[i - fixed]) continue;
    bool used = false;
    for (auto& r : n->regions) used = used || r->use_count(r->inputs()[parameter]) > 0;
    if (used) continue;
    for (auto& r : n->regions) r->remove_input(parameter);
    in.erase(in.begin() + std::ptrdiff_t(i));
    left -= loop && i < fixed + carried;
    ++gone;
  }
  if (gone == 0) return 0;
  std::vector<TensorType> types;
  std::vector<size_t> kept;
  for (size_t k = 0; k < keep.size(); ++k)
    if (keep[k]) types.push_back(g.type(n->out[k])), kept.push_back(k);
  Node* const at = g.insertion_point();
  g.insert_before(n);
  const Attrs attrs = loop ? n->attrs.with({{"carried", int64_t(left)}}) : n->attrs;
  Node* made = g.emit_typed(*n->op, attrs, in, std::move(types), std::move(n->regions));
  made->loc = n->loc;
  g.insert_before(at);
  for (size_t k = 0; k < kept.size(); ++k) {
    if (!g.name(n->out[kept[k]]).empty()) g.set_name(made->out[k], g.name(n->out[kept[k]]));
    g.replace(n->out[kept[k]], made->out[k]);
  }
  g.erase(n);
  n = made;
  return gone;
}

}  // namespace

size_t prune_regions(Graph& g) {
  size_t count = 0;
  const std::vector<Node*> nodes = g.nodes();
  // Backwards: what a later one drops, an earlier one need not give.
  for (size_t i = nodes.size(); i-- > 0;) {
    Node* n = nodes[i];
    if (n->regions.empty()) continue;
    if (std::none_of(n->out.begin(), n->out.end(), [&](Value v) { return g.use_count(v) > 0; })) continue;
    const bool known = n->is("if") || n->is("loop");
    if (known) count += prune(g, n);
    size_t inner = 0;
    for (auto& r : n->regions) inner += prune_regions(*r);
    if (known && inner > 0) count += prune(g, n);  // operands that only what went had read
    count += inner;
  }
  return count;
}

}  // namespace neve::ir
