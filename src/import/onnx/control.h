// If, Loop, Scan, SequenceMap: the functions that the rule table names.
#pragma once
#include "import/onnx/importer.h"

namespace neve::import {

/// Whether two sizes are equal, as the condition of an `if`.
struct Relation {
  Dim a, b;
  bool holds = true;  ///< the condition is true when a == b; false: when they differ
};
/// The relation that a bool states, where it is one of known sizes.
std::optional<Relation> relation_of(const ir::Graph& g, Value v, int depth = 0);

/// A condition that is known is resolved; branches of other ranks are decided where the condition is a relation of
/// sizes, which becomes a constraint; everything else is an `if`.
Items convert_if(OnnxNode& n);
/// A `loop`; written out step by step where sequences are carried or ranks change and the length is known.
Items convert_loop(OnnxNode& n);
Items convert_scan(OnnxNode& n);
Items convert_sequence_map(OnnxNode& n);  ///< written out per element

}  // namespace neve::import
