// The per-user cache of object code: a file for each key, with a digest of what it holds.
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "loop/llvm/object.h"

namespace neve::loop {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view magic = "neve loop object 2\n";  // then a digest, the parts of the key, and the object
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

/// The parts of the cached object that has most in common with these. Reads the folder: for traces only.
KeyParts nearest(const std::string& path, const KeyParts& parts) {
  KeyParts best;
  size_t most = 0;
  std::error_code error;
  for (fs::directory_iterator i(path, error), end; !error && i != end; i.increment(error)) {
    char head[1024] = {};
    std::ifstream(i->path(), std::ios::binary).read(head, sizeof head - 1);
    const std::string_view text = head;
    if (!text.starts_with(magic) || text.size() < magic.size() + 65) continue;
    KeyParts other = parse_key(text.substr(magic.size() + 65));
    const size_t same = parts_in_common(parts, other);
    // Another nest's code tells nothing, unless all of it is for another machine or another Neve.
    const bool same_nest = !other.empty() && other[0] == parts[0];
    if (same_nest && same >= most) best = std::move(other), most = same;
  }
  return best;
}

}  // namespace

std::string load_cached_object(const KeyParts& parts) {
  const std::string path = folder(), key = object_key(parts);
  std::string object;
  try {
    const std::string file = path.empty() ? "" : read_file(str(path, "/", key, ".o"));
    const std::string text = key_text(parts) + "\n";
    const size_t start = magic.size() + 65 + text.size();
    if (file.size() > start && file.starts_with(magic) && file.compare(magic.size() + 65, text.size(), text) == 0) {
      object = file.substr(start);
      if (file.compare(magic.size(), 64, sha256_hex(key + object)) != 0) object.clear();
    }
  } catch (const Error&) {  // not there
  }
  if (CacheTrace* trace = CacheTrace::current())
    trace->note({"loop code", parts, object.empty() ? nearest(path, parts) : KeyParts{}, !object.empty()});
  return object;
}

void save_cached_object(const KeyParts& parts, const std::string& object) {
  const std::string path = folder(), key = object_key(parts);
  if (path.empty() || CacheTrace::current()) return;
  try {
    write_file(str(path, "/", key, ".o"), str(magic, sha256_hex(key + object), "\n", key_text(parts), "\n", object));
  } catch (const Error&) {
    return;  // a full disk, a folder that went away: the next process compiles again
  }
  prune(path);
}

}  // namespace neve::loop
