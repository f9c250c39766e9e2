// The times of kernels on this machine, kept.
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cache_trace.h"
#include "kernels/kernel.h"

namespace neve::compile {

/// Times by (piece, sizes, kernel, machine). One JSON file in the cache folder, read once, written atomically by
/// flush(); at most `most` entries, least recently used go first. Safe to delete at any time. Thread-safe.
class TacticCache {
 public:
  /// `path` empty: in memory only.
  explicit TacticCache(std::string path, size_t most = 20000);
  ~TacticCache();  ///< flushes; errors are ignored: the cache is a convenience
  std::optional<double> find(const std::string& key);
  void put(const std::string& key, double milliseconds);
  void flush();
  /// A frozen cache is what an archive knows: nothing is timed, and of several candidates only those that it names are
  /// looked at, the fastest first. What it knows from another machine, or for another number of threads, counts where
  /// nothing was timed for these: the best guess that there is.
  void set_frozen(bool frozen);
  bool frozen() const { return frozen_; }
  size_t size() const;
  /// The cache in cache_directory(), shared by the process.
  static TacticCache& standard();

  // For archives: the entries used since `mark_used` began, as text, and back.
  std::vector<std::pair<std::string, double>> used() const;
  void reset_used();
  /// Words for a machine that keys of this cache name (machine_text of another CPU).
  void know_machine(const std::string& text);

 private:
  struct Entry {
    double milliseconds;
    uint64_t stamp;
    bool used;
  };
  mutable std::mutex mutex_;
  std::string path_;
  size_t most_;
  /// The parts of a key, its machine in words.
  KeyParts parts(const std::string& key) const;
  KeyParts nearest(const std::string& key) const;

  std::map<std::string, Entry> entries_;
  std::map<std::string, double> elsewhere_;                   // where frozen: by key without threads and machine
  std::map<std::string, std::string, std::less<>> machines_;  // digits in keys -> machine_text
  uint64_t clock_ = 0;
  bool dirty_ = false, frozen_ = false;
};

/// The keys of a request's tactics, readable: ops, sizes of the first values, kernel and variant, threads (and whether
/// weights are cold), machine() and a digest of everything (all sizes, attributes, roles, layouts), apart by " | ".
class TacticKeys {
 public:
  explicit TacticKeys(const kernels::Request& request);
  std::string of(std::string_view entry, int variant) const;

 private:
  std::string before_, after_;
};
/// CPU, instruction set, versions of oneDNN and of Neve, as words; keys hold the first digits of its digest.
std::string machine_text(Isa isa);

/// Whether two layouts lay the same bytes: they order only axes of size 1 differently.
bool same_bytes(const TensorType& t, const Layout& a, const Layout& b);

}  // namespace neve::compile
