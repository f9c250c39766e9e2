// The interrupt scopes of a thread.
#include "base/interrupt.h"

#include <utility>

#include "base/error.h"

namespace neve {
namespace {
thread_local InterruptScope* innermost = nullptr;
}

InterruptScope::InterruptScope(std::function<void()> ask)
    : ask_(std::move(ask)), outer_(std::exchange(innermost, this)) {}

InterruptScope::~InterruptScope() { innermost = outer_; }

void check_interrupt() {
  InterruptScope* const s = innermost;
  if (!s) return;
  const auto now = std::chrono::steady_clock::now();
  if (!s->stopped_ && now - s->last_ < std::chrono::milliseconds(20)) return;
  s->last_ = now;
  try {
    s->ask_();
  } catch (...) {
    s->stopped_ = true;
    throw;
  }
}

}  // namespace neve
