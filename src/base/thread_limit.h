// A bound on the threads of parallel loops that leaves their split into parts, and so their results, as it is.
#pragma once

namespace neve {

/// At most n threads work on the parts of one parallel_for of this process; 0: as many as there are parts.
void limit_threads(int n);

}  // namespace neve
