// Reading the CPU quota of cgroup v1 and v2.
#include "base/cgroup.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <vector>

namespace neve {
namespace {

bool read_line(const std::string& path, std::string& line) {
  std::ifstream file(path);
  return bool(std::getline(file, line));
}

double ratio(const std::string& quota, const std::string& period) {
  const double q = std::atof(quota.c_str()), p = std::atof(period.c_str());
  return q > 0 && p > 0 ? q / p : 0;
}

double limit_v2(const std::string& folder) {
  std::string line, quota, period;
  if (!read_line(folder + "/cpu.max", line)) return 0;
  std::istringstream(line) >> quota >> period;
  return ratio(quota, period);  // "max" reads as 0
}

double limit_v1(const std::string& folder) {
  std::string quota, period;
  if (!read_line(folder + "/cpu.cfs_quota_us", quota) || !read_line(folder + "/cpu.cfs_period_us", period)) return 0;
  return ratio(quota, period);
}

/// The smallest limit of a group and all above it. In a container the path may be the host's and not exist here; the
/// walk up still ends at the mounted root.
double smallest(const std::string& root, std::string path, double (*limit)(const std::string&)) {
  double least = 0;
  for (;;) {
    const double here = limit(root + path);
    if (here > 0) least = least > 0 ? std::min(least, here) : here;
    const size_t slash = path.rfind('/');
    if (path.empty() || slash == std::string::npos) return least;
    path.resize(slash);
  }
}

bool lists_cpu(const std::string& controllers) {
  std::istringstream in(controllers);
  for (std::string c; std::getline(in, c, ',');)
    if (c == "cpu") return true;
  return false;
}

}  // namespace

double cgroup_cpu_limit(const std::string& proc_cgroup, const std::string& root) {
  std::istringstream lines(proc_cgroup);
  double least = 0;
  for (std::string line; std::getline(lines, line);) {  // hierarchy:controllers:path
    const size_t first = line.find(':'), second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    std::vector<double> limits;
    if (controllers.empty()) limits.push_back(smallest(root, path, limit_v2));
    if (lists_cpu(controllers)) {
      limits.push_back(smallest(root + "/cpu", path, limit_v1));
      limits.push_back(smallest(root + "/" + controllers, path, limit_v1));
    }
    for (double l : limits)
      if (l > 0) least = least > 0 ? std::min(least, l) : l;
  }
  return least;
}

}  // namespace neve
