// Which kernels there are for an op, in order. Each folder under kernels/cpu gives its part.
#pragma once
#include "kernels/kernel.h"

namespace neve::kernels {

struct OpEntries {
  std::string_view op;         ///< anchor
  std::vector<Entry> entries;  ///< fastest first
};
/// kernels/cpu/onednn: the ops that oneDNN has.
std::vector<OpEntries> onednn_entries();
/// kernels/cpu/native: kernels of our own. They come after oneDNN's but for those that lead: where nothing is timed,
/// oneDNN's is taken.
std::vector<OpEntries> native_entries();

/// Names of all kernels that some op has ("onednn.conv", "native.gemv"), sorted, without the reference.
std::vector<std::string> kernel_names();
/// "3.2.0"
std::string onednn_version();

}  // namespace neve::kernels
