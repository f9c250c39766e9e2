// What the instructions of an engine take, against what the machine allows; and who did what when.
#pragma once
#include <neve/engine.h>

#include <string>
#include <vector>

#include "runtime/session.h"

namespace neve::jit {

/// Ops of an instruction, "conv+relu"; the kernel's entry for those that have none.
std::string ops_text(const plan::Instr& instr);

/// As Session::profile.
std::vector<Session::Timing> profile(runtime::SessionCore& session, std::span<const Tensor> in, int runs);

/// As Session::trace.
std::string trace_text(runtime::SessionCore& session, std::span<const Tensor> in, int runs);

/// {"sizes", "machine", "nodes", "ms", "best_ms"}: what report_html draws.
std::string roofline_json(const std::vector<Session::Timing>& timings, const MachinePeak& machine,
                          const std::string& sizes);

}  // namespace neve::jit
