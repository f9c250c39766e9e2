// Passes that make a graph smaller without knowing any machine.
#pragma once
#include "passes/pass.h"

namespace neve::passes {

/// Nodes that depend on constants alone are evaluated; shape arithmetic whose content is known becomes constants.
int64_t fold_constants(ir::Graph& g, PassContext& c);
/// Nodes with the same op, attributes and inputs become one. Not random ops, not region ops.
int64_t remove_common(ir::Graph& g, PassContext& c);
/// Nodes that nothing uses go.
int64_t remove_dead(ir::Graph& g, PassContext& c);
/// One form for what can be said in several: see the rules.
int64_t canonicalize(ir::Graph& g, PassContext& c);

/// The rule for gelu: what replaces `n`, or nothing.
Values make_gelu(ir::Graph& g, ir::Node& n);

/// Sum of the counts of a rewrite.
int64_t total(const std::vector<ir::RewriteCount>& counts);

}  // namespace neve::passes
