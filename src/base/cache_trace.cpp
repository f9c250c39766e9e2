// Notes of what was looked for in the caches.
#include "base/cache_trace.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"

namespace neve {
namespace {
std::atomic<CacheTrace*> the_trace{nullptr};
}

CacheTrace::CacheTrace() {
  CacheTrace* none = nullptr;
  check(the_trace.compare_exchange_strong(none, this), "two traces of the caches at once");
}
CacheTrace::~CacheTrace() { the_trace = nullptr; }
CacheTrace* CacheTrace::current() { return the_trace.load(std::memory_order_acquire); }

void CacheTrace::note(CacheLookup lookup) {
  std::lock_guard lock(mutex_);
  lookups_.push_back(std::move(lookup));
}
std::vector<CacheLookup> CacheTrace::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(lookups_, {});
}

size_t parts_in_common(const KeyParts& a, const KeyParts& b) {
  size_t n = 0;
  for (const auto& part : a) n += std::find(b.begin(), b.end(), part) != b.end();
  return n;
}

std::string key_text(const KeyParts& parts) {
  std::string text;
  for (const auto& [name, value] : parts) {
    text += name + "=";
    for (char c : value) text += c == '\n' ? ' ' : c;
    text += '\n';
  }
  return text;
}

KeyParts parse_key(std::string_view text) {
  KeyParts parts;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size()), eq = text.substr(0, end).find('=');
    if (eq == std::string_view::npos) break;
    parts.emplace_back(text.substr(0, eq), text.substr(eq + 1, end - eq - 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace neve
