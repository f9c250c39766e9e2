// What was looked for in the caches, and whether it was there: what `neve cache why-miss` tells.
#pragma once
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace neve {

/// What a cache's key is made of, most telling part first: {{"kernel", "onednn.conv.0"}, {"threads", "2"}, ...}.
using KeyParts = std::vector<std::pair<std::string, std::string>>;

/// One question to a cache. Where the answer was no, `nearest` is the entry that has most parts in common, if any.
struct CacheLookup {
  std::string cache;  ///< "kernel times", "loop code", "self-test"
  KeyParts parts, nearest;
  bool found = false;
};

/// While one lives, every look-up of the process is noted in it, and caches keep nothing new: looking changes nothing.
/// One at a time. Thread-safe.
class CacheTrace {
 public:
  CacheTrace();
  ~CacheTrace();
  CacheTrace(const CacheTrace&) = delete;
  CacheTrace& operator=(const CacheTrace&) = delete;
  void note(CacheLookup lookup);
  std::vector<CacheLookup> take();
  /// The one that lives, or null.
  static CacheTrace* current();

 private:
  std::mutex mutex_;
  std::vector<CacheLookup> lookups_;
};

/// How many parts are the same in both.
size_t parts_in_common(const KeyParts& a, const KeyParts& b);
/// "name=value" lines, and back. Values lose their line ends.
std::string key_text(const KeyParts& parts);
KeyParts parse_key(std::string_view text);

}  // namespace neve
