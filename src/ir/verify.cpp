// The verifier.
#include "ir/verify.h"

#include <unordered_map>
#include <unordered_set>

#include "base/error.h"

namespace neve::ir {
namespace {

void bad(const Node& n, int rule, const std::string& what) {
  const std::string where = to_string(n.loc);
  fail(ErrorCode::internal, "verify: rule ", rule, ": ", n.op->info.name, where.empty() ? "" : " at ", where, ": ",
       what);
}

bool may_equal(const TensorType& a, const TensorType& b) {
  if (a.dtype != b.dtype || a.rank() != b.rank()) return false;
  for (size_t i = 0; i < a.shape.size(); ++i)
    if (equal(a.shape[i], b.shape[i]) == Proof::no) return false;
  return true;
}

void check_level(const Node& n, Level level) {
  if (n.is("fused") && level == Level::imported) bad(n, 7, "a fused node in a graph that was just imported");
}

void check_types(const Graph& g, const Node& n) {
  std::vector<const TensorType*> types;
  for (Value v : n.in) types.push_back(v.valid() ? &g.type(v) : nullptr);
  Inferring t(n.op->info, types);
  for (Value v : n.in) t.in_facts.push_back(v.valid() ? g.facts(v) : Facts{});
  for (const auto& r : n.regions) {
    std::vector<TensorType> results;
    for (Value v : r->outputs()) results.push_back(r->type(v));
    t.regions_.push_back(std::move(results));
  }
  try {
    infer(*n.op, n.attrs, t);
  } catch (const Error& e) {
    bad(n, 3, "infer refuses: " + e.message());
  }
  if (t.out.size() != n.out.size()) bad(n, 3, str(n.out.size(), " results, infer gives ", t.out.size()));
  for (size_t k = 0; k < n.out.size(); ++k)
    if (!may_equal(t.out[k], g.type(n.out[k])))
      bad(n, 4, str("result ", k, " has type ", g.type(n.out[k]), ", infer gives ", t.out[k]));
}

}  // namespace

void verify(const Graph& g, Level level) {
  std::unordered_set<uint32_t> defined;
  std::unordered_map<uint32_t, size_t> uses;
  for (Value v : g.inputs())
    if (!defined.insert(v.id).second) fail(ErrorCode::internal, "verify: rule 1: an input stands twice");
  size_t count = 0;
  const Node* before = nullptr;
  for (const Node* n = g.first(); n; before = n, n = n->next) {
    ++count;
    if (n->prev != before) bad(*n, 5, "the list of nodes is broken");
    for (Value v : n->in) {
      if (!v.valid()) continue;
      if (!defined.count(v.id)) bad(*n, 1, "an input is not defined before");
      ++uses[v.id];
    }
    check_level(*n, level);
    check_types(g, *n);
    for (const auto& r : n->regions) verify(*r, level);
    if (n->is("fused")) {
      const Graph& body = *n->regions[0];
      if (body.inputs().size() != n->in.size()) bad(*n, 6, "the body has another number of parameters");
      for (size_t i = 0; i < n->in.size(); ++i)
        if (!n->in[i].valid() || !may_equal(body.type(body.inputs()[i]), g.type(n->in[i])))
          bad(*n, 6, str("parameter ", i, " has another type than the input"));
    }
    for (size_t k = 0; k < n->out.size(); ++k) {
      if (!defined.insert(n->out[k].id).second) bad(*n, 1, "a result is defined twice");
      if (g.def(n->out[k]) != n || g.result_index(n->out[k]) != k) bad(*n, 2, "a result does not know its node");
    }
  }
  if (count != g.node_count())
    fail(ErrorCode::internal, "verify: rule 5: ", count, " nodes in the list of ", g.node_count());
  for (Value v : g.outputs())
    if (!defined.count(v.id)) fail(ErrorCode::internal, "verify: rule 1: an output is not defined");
  for (uint32_t id : defined)
    if (g.uses(Value{id}).size() != uses[id])
      fail(ErrorCode::internal, "verify: rule 2: the use list of value ", id, " has ", g.uses(Value{id}).size(),
           " entries for ", uses[id], " uses");
}

}  // namespace neve::ir
