// The per-user cache of object code: a file for each key, with a digest of what it holds.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "loop/llvm/object.h"

namespace neve::loop {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view magic = "neve loop object 1\n";
constexpr uintmax_t limit_bytes = uintmax_t(64) << 20;

/// Folder of the cache, or "" when there is none that belongs to this user alone.
std::string folder() {
  const std::string root = cache_directory();
  if (root.empty()) return "";
  const std::string path = root + "/loops";
  ::mkdir(path.c_str(), 0700);
  struct stat s{};
  if (::stat(path.c_str(), &s) != 0 || !S_ISDIR(s.st_mode) || s.st_uid != ::geteuid() || (s.st_mode & 022)) return "";
  return path;
}

void prune(const std::string& path) {
  struct Entry {
    fs::file_time_type time;
    uintmax_t size;
    fs::path path;
  };
  std::error_code error;
  std::vector<Entry> entries;
  uintmax_t total = 0;
  for (fs::directory_iterator i(path, error), end; !error && i != end; i.increment(error)) {
    const uintmax_t size = i->file_size(error);
    if (error) return;
    entries.push_back({i->last_write_time(error), size, i->path()});
    total += size;
  }
  if (total <= limit_bytes) return;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.time < b.time; });
  for (const Entry& e : entries) {
    if (total <= limit_bytes / 2) return;
    if (fs::remove(e.path, error)) total -= e.size;
  }
}

}  // namespace

std::string load_cached_object(const std::string& key) {
  const std::string path = folder();
  if (path.empty()) return "";
  std::string file;
  try {
    file = read_file(str(path, "/", key, ".o"));
  } catch (const Error&) {
    return "";
  }
  const size_t head = magic.size() + 64 + 1;
  if (file.size() <= head || file.compare(0, magic.size(), magic) != 0) return "";
  std::string object = file.substr(head);
  if (file.compare(magic.size(), 64, sha256_hex(key + object)) != 0) return "";
  return object;
}

void save_cached_object(const std::string& key, const std::string& object) {
  const std::string path = folder();
  if (path.empty()) return;
  try {
    write_file(str(path, "/", key, ".o"), str(magic, sha256_hex(key + object), "\n", object));
  } catch (const Error&) {
    return;  // a full disk, a folder that went away: the next process compiles again
  }
  prune(path);
}

}  // namespace neve::loop
