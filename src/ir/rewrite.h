// The one rewrite driver: local rules, typed, named, counted, stoppable, applied in regions too.
#pragma once
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace neve::ir {

/// A local rule. `apply` looks at node n; it may emit nodes (the insertion point is before n) and returns the values
/// that replace n.out, one each (Value{} keeps that result), or an empty vector when it does not apply. It must not
/// erase nodes: the driver does. Dtype, rank and provable dims must stay.
struct Rule {
  std::string_view name;
  std::string_view doc;  ///< what becomes what, and when it must not fire
  Values (*apply)(Graph& g, Node& n);
};

struct RewriteOptions {
  int64_t stop_after =
      std::numeric_limits<int64_t>::max();  ///< rewrites allowed, over all rules: for bisecting a wrong result
  bool verify_each = false;
};
struct RewriteCount {
  std::string rule;
  int64_t count = 0;
};

/// Applies the rules, in order at each node, in graph order, until nothing changes (bounded), regions included. Removes
/// nodes that became dead. Returns counts per rule. @throws Error{internal} naming the rule that gave a wrong type.
std::vector<RewriteCount> rewrite(Graph& g, std::span<const Rule> rules, const RewriteOptions& options = {});

}  // namespace neve::ir
