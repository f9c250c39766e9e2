// The kernels that would run a piece, and the choice between them.
#pragma once
#include <optional>

#include "compile/compile.h"

namespace neve::compile {

struct Candidate {
  std::shared_ptr<const kernels::Kernel> kernel;
  std::string entry, ops;
  int variant = 0;
  std::shared_ptr<const LoopNest> nest;
  std::shared_ptr<const Subgraph> graph;  ///< where it is not the piece asked for (a lowered composite)
  std::vector<std::string> refusals;
  std::vector<plan::Tactic> tactics;
  bool keep = false;           ///< the user wants the reference here: the piece is not taken apart
  Forced forced = Forced::no;  ///< why options.tactic refused stands first in `refusals`
  size_t timed = 0, cached = 0;
};

/// Every entry in order, then a loop nest, then the reference; several that accept are timed when options.tactics is
/// given. `guess` gives sizes at the point tuned for.
Candidate choose_kernel(const kernels::Request& request, const ir::Node& node, const Options& options,
                        const std::function<int64_t(Dim)>& guess);
Candidate reference_candidate(const Subgraph& graph);
/// What an entry gives for a piece, where it accepts; no kernel where it refuses, or it or an op was disabled.
Candidate candidate_of(std::string_view entry, const kernels::Request& request, const Options& options);
/// A piece, and what was chosen for it.
struct Link {
  const kernels::Request& request;
  const Candidate& candidate;
};
struct ChainTimes {
  double together, apart;  ///< milliseconds
};
/// How long one kernel for several pieces takes and how long those, one after the other, from the cache or measured in
/// turns; nothing where that is not known and nothing may be timed.
std::optional<ChainTimes> chain_times(Candidate& chain, const kernels::Request& request, const std::vector<Link>& links,
                                      const Options& options, const std::function<int64_t(Dim)>& guess);

}  // namespace neve::compile
