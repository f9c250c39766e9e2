// Time of a short call.
#pragma once
#include <algorithm>
#include <chrono>
#include <vector>

/// Median of 15 rounds of 20000 calls, per call.
template <class F>
double nanoseconds(F f) {
  std::vector<double> t;
  for (int r = 0; r < 15; ++r) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 20000; ++i) f();
    t.push_back(std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / 20000);
  }
  std::sort(t.begin(), t.end());
  return t[t.size() / 2];
}
