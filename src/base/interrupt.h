// Long work that can be stopped: whoever starts it says what to ask, the work asks now and then.
#pragma once
#include <chrono>
#include <functional>

namespace neve {

/// While it lives, check_interrupt() in this thread calls `ask`, which throws Error{cancelled} to stop the work. Nests:
/// the innermost is asked. What `ask` threw once is thrown again by every later check, so that a `catch` on the way
/// that takes it for another error only delays the end.
class InterruptScope {
 public:
  explicit InterruptScope(std::function<void()> ask);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  friend void check_interrupt();
  std::function<void()> ask_;
  InterruptScope* outer_;
  std::chrono::steady_clock::time_point last_{};
  bool stopped_ = false;
};

/// Asks, at most every 20 ms; nothing where no scope lives in this thread. Some 30 ns.
void check_interrupt();

}  // namespace neve
