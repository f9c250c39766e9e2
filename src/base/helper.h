// A second thread for work of a few microseconds: it takes half of it while calls come closely one after the other, and
// sleeps otherwise. Waking a thread takes longer than such work, so nothing that is small on its own ever waits for it.
#pragma once
#include <cstdint>

#include "base/threads.h"

namespace neve {

/// Around a call whose work is small. Where the calls of a thread begin less than 20 microseconds after the end of the
/// one before, many times, the helper is woken; it waits busily for 30 microseconds at most after the last. One caller
/// at a time has it, and it is not there for others. Inside another scope of the same thread: nothing.
class HelperScope {
 public:
  explicit HelperScope(bool wanted);
  ~HelperScope();
  HelperScope(const HelperScope&) = delete;
  HelperScope& operator=(const HelperScope&) = delete;

 private:
  bool outermost_;
};

/// Runs body(0) in the calling thread and body(1) on the helper, if the thread's scope has it awake, else here too.
/// Returns when both are done. The body must not throw.
void run_halves(FunctionRef<void(int half)> body);

}  // namespace neve
