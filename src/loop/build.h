// From a traced piece to the stages and accesses of one part of a loop nest.
#pragma once
#include "loop/trace.h"

namespace neve::loop {

/// @throws Refused
LoopPart build_part(const Subgraph& g, const LoopLayout& layout, Trace& trace, Entries& entries, LoopNest& nest);

}  // namespace neve::loop
