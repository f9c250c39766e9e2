// The order of nodes in a graph of the file, what it captures, and which weights its regions need.
#include <algorithm>
#include <functional>

#include "import/onnx/importer.h"

namespace neve::import {

namespace {

/// Calls `use` with every name that a node reads, those that its subgraphs take from outside included.
void each_used(Importer& importer, const pb::NodeProto& n, const std::function<void(const std::string&)>& use) {
  for (const std::string& i : n.input())
    if (!i.empty()) use(i);
  for (const auto& a : n.attribute()) {
    if (a.has_g())
      for (const std::string& c : importer.info(a.g()).captures) use(c);
    for (const auto& g : a.graphs())
      for (const std::string& c : importer.info(g).captures) use(c);
  }
}

std::unordered_map<std::string, int> definitions(const pb::GraphProto& g) {
  std::unordered_map<std::string, int> made;  // name -> node, -1 for inputs and initializers
  const auto define = [&](const std::string& name, int node) {
    if (!made.emplace(name, node).second)
      fail(ErrorCode::corrupt_file, "onnx: '", name, "' is defined twice in graph '", g.name(), "'");
  };
  for (const auto& v : g.input()) {
    if (v.name().empty()) fail(ErrorCode::corrupt_file, "onnx: an input of graph '", g.name(), "' has no name");
    define(v.name(), -1);
  }
  std::set<std::string_view> initialized;
  const auto initializer = [&](const std::string& name) {
    if (!initialized.insert(name).second)
      fail(ErrorCode::corrupt_file, "onnx: initializer '", name, "' is there twice");
    made.emplace(name, -1);
  };
  for (const auto& t : g.initializer()) initializer(t.name());
  for (const auto& t : g.sparse_initializer()) initializer(t.values().name());
  for (int i = 0; i < g.node_size(); ++i)
    for (const std::string& o : g.node(i).output())
      if (!o.empty()) define(o, i);
  return made;
}

}  // namespace

const GraphInfo& Importer::info(const pb::GraphProto& g) {
  if (const auto it = infos_.find(&g); it != infos_.end()) return it->second;
  GraphInfo out;
  const auto made = definitions(g);
  const int count = g.node_size();
  std::vector<std::vector<int>> users{size_t(count)};
  std::vector<int> waiting(size_t(count), 0);
  std::set<std::string_view> captured;
  const auto capture = [&](const std::string& name) {
    if (captured.insert(name).second) out.captures.push_back(name);
  };
  for (int i = 0; i < count; ++i) {
    each_used(*this, g.node(i), [&](const std::string& name) {
      const auto it = made.find(name);
      if (it == made.end()) return capture(name);
      if (it->second < 0) return;
      users[size_t(it->second)].push_back(i);
      ++waiting[size_t(i)];
    });
  }
  for (const auto& o : g.output())
    if (!made.contains(o.name())) capture(o.name());
  // Smallest index first: a file that is in order stays so.
  std::set<int> ready;
  for (int i = 0; i < count; ++i)
    if (!waiting[size_t(i)]) ready.insert(i);
  while (!ready.empty()) {
    const int i = *ready.begin();
    ready.erase(ready.begin());
    out.order.push_back(i);
    for (int u : users[size_t(i)])
      if (!--waiting[size_t(u)]) ready.insert(u);
  }
  if (int(out.order.size()) != count) {
    const auto stuck = std::find_if(waiting.begin(), waiting.end(), [](int w) { return w > 0; });
    fail(ErrorCode::corrupt_file, "onnx: graph '", g.name(), "' has a cycle, through ",
         describe(g.node(int(stuck - waiting.begin()))));
  }
  return infos_[&g] = std::move(out);
}

std::vector<LiteralRef> Importer::region_weights(const pb::GraphProto& g) {
  std::vector<LiteralRef> out;
  std::set<const void*> seen;
  const auto add = [&](const pb::TensorProto& t, const std::string& name) {
    DType dtype;
    if (!onnx_dtype(t.data_type(), dtype) || !is_float(dtype) || t.dims_size() == 0) return;
    LiteralRef l = literal(const_cast<pb::TensorProto&>(t), name, true);  // decoding takes the bytes out of the message
    if (l->weight) out.push_back(std::move(l));
  };
  std::function<void(const pb::GraphProto&)> walk_graph;
  const std::function<void(const pb::NodeProto&)> walk = [&](const pb::NodeProto& n) {
    if (const pb::FunctionProto* f = find_function(n)) {
      if (seen.insert(f).second)
        for (const auto& m : f->node()) walk(m);
      return;
    }
    for (const auto& a : n.attribute()) {
      if (n.op_type() == "Constant" && a.name() == "value" && a.has_t() && n.output_size()) add(a.t(), n.output(0));
      if (a.has_g()) walk_graph(a.g());
    }
  };
  walk_graph = [&](const pb::GraphProto& sub) {
    for (const auto& t : sub.initializer()) add(t, t.name());
    for (const auto& n : sub.node()) walk(n);
  };
  walk_graph(g);
  return out;
}

}  // namespace neve::import
