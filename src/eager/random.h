// Random numbers that follow from a seed of their own for a while.
#pragma once
#include <cstdint>
#include <functional>

namespace neve::eager {

/// Runs f. What this thread draws inside follows from `seed` alone, and the generator of the process does not notice.
void with_own_draws(int64_t seed, const std::function<void()>& f);

}  // namespace neve::eager
