// What must run: backwards from the outputs, and from the sizes that somebody needs.
#include "compile/compiler.h"

namespace neve::compile {
using ir::Node;

// Backwards from the outputs: a value whose content is known needs no producer, a view needs only its first input.
void Compiler::find_needed() {
  std::vector<Value> work = g_.outputs();
  std::unordered_set<uint32_t> seen;
  while (!work.empty()) {
    const Value v = work.back();
    work.pop_back();
    if (!v.valid() || !seen.insert(v.id).second) continue;
    Node* n = g_.def(v);
    if (!n || g_.facts(v).known) continue;
    needed_.insert(n);
    if (is_view(*n) && !defines_sizes(*n)) {
      work.push_back(n->in[0]);
    } else {
      work.insert(work.end(), n->in.begin(), n->in.end());
    }
  }
  // What defines a size that someone needs must run, even if its elements are not read.
  std::unordered_set<uint32_t> symbols;
  auto note = [&](const Shape& s) {
    for (Dim d : s) {
      std::vector<Dim> used;
      collect_symbols(d, used);
      for (Dim x : used) symbols.insert(x.as_symbol().id);
    }
  };
  for (Value v : g_.outputs()) note(g_.type(v).shape), note(g_.facts(v).content);
  for (Node* n = g_.last(); n; n = n->prev) {
    bool defines = false;
    for (Value v : n->out)
      for (Dim d : g_.type(v).shape) defines |= d.is_symbol() && symbols.count(d.as_symbol().id) && defines_sizes(*n);
    if (!needed_.count(n) && !defines) continue;
    if (!needed_.count(n)) {
      needed_.insert(n);
      std::vector<Value> more(n->in.begin(), n->in.end());
      while (!more.empty()) {
        const Value v = more.back();
        more.pop_back();
        if (!v.valid()) continue;
        Node* d = g_.def(v);
        if (!d || g_.facts(v).known || !needed_.insert(d).second) continue;
        more.insert(more.end(), d->in.begin(), d->in.end());
      }
    }
    for (Value v : n->out) note(g_.type(v).shape), note(g_.facts(v).content);
    for (Value v : n->in)
      if (v.valid()) note(g_.type(v).shape), note(g_.facts(v).content);
  }
}

// Whether a result has a symbol that no input has: a size known only when the node has run.
bool Compiler::defines_sizes(const Node& n) const {
  for (Value v : n.out)
    for (Dim d : g_.type(v).shape) {
      if (!d.is_symbol()) continue;
      const Symbol& s = d.as_symbol();
      bool from_input = false;
      for (Value g : g_.inputs())
        for (Dim x : g_.type(g).shape) from_input |= depends_on(x, s);
      for (Value i : n.in) {
        if (!i.valid()) continue;
        for (Dim x : g_.type(i).shape) from_input |= depends_on(x, s);
        for (Dim x : g_.facts(i).content) from_input |= depends_on(x, s);
      }
      if (!from_input && !(outer_ && outer_->known(d)) && !known_symbols_.count(s.id)) return true;
    }
  return false;
}

}  // namespace neve::compile
