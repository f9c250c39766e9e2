// Kernels timed on this machine.
#pragma once
#include <vector>

#include "kernels/kernel.h"

namespace neve::compile {

struct KernelToTime {
  const kernels::Kernel* kernel;
  const kernels::Request* request;
  std::vector<int64_t> shape_values;  ///< of Kernel::shape_values()
};

/// Milliseconds of one run of each at its request's sizes, with the reorders of what is offered in another layout and
/// caches as cold as a network leaves them; 1e30 for one that cannot be bound. They run in turns, so that a phase in
/// which the machine is slower slows all alike; one that is far behind leaves early. Each time is the lower quartile of
/// up to 15 runs: what disturbs a run only ever makes it longer.
std::vector<double> time_kernels(const std::vector<KernelToTime>& kernels);

}  // namespace neve::compile
