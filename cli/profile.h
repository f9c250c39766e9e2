// Tables of what instructions take: neve bench --profile and --tactics, neve inspect --roofline.
#pragma once
#include <neve/neve.h>

namespace neve::cli {

/// Every instruction, longest first, against the machine's peak; then by op. `median`: milliseconds of a whole call.
void print_profile(const std::vector<Session::Timing>& timings, const MachinePeak& machine, double median);
/// Every instruction in order with all that was tried for it.
void print_tactics(const std::vector<Session::Timing>& timings);
/// Work, traffic and the best possible time of every instruction in order, and in all.
void print_roofline(const std::vector<Session::Timing>& timings, const MachinePeak& machine);
void print_machine(const MachinePeak& machine);

}  // namespace neve::cli
