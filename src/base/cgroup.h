// The CPU quota that a container gives this process.
#pragma once
#include <string>

namespace neve {

/// CPUs' worth of time per second allowed by cgroup v2 (cpu.max) or v1 (cfs quota) of this process or any group above
/// it, e.g. 1.5; 0 where there is no limit. `proc_cgroup` is what /proc/self/cgroup holds, `root` where cgroups are
/// mounted.
double cgroup_cpu_limit(const std::string& proc_cgroup, const std::string& root = "/sys/fs/cgroup");

}  // namespace neve
