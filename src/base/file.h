// Files: mapping, whole reads, atomic writes, digests, the cache folder.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace neve {

/// A file mapped read-only. Shared by everything that points into it.
class MappedFile {
 public:
  /// @throws Error{not_found | io} naming the path and the reason of the system.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  ~MappedFile();
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }
  /// Gives the memory of the pages read so far back to the system; they are read from the file again when touched.
  void release_pages() const;

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  std::string path_;
};

/// The whole content. @throws Error{not_found | io}
std::string read_file(const std::string& path);

/// Writes to a temporary file in the same folder; commit() syncs and renames it over `path`. Without commit() (an
/// exception, an early return) the temporary file is removed and `path` stays what it was.
class AtomicFile {
 public:
  explicit AtomicFile(const std::string& path);  ///< @throws Error{io}: folder missing or not writable
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  void write(std::span<const std::byte> bytes);  ///< @throws Error{io}: e.g. "no space left on device", with the path
  void write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }
  uint64_t size() const { return size_; }
  void commit();

 private:
  std::string path_, temporary_;
  int fd_ = -1;
  uint64_t size_ = 0;
};
void write_file(const std::string& path, std::string_view content);  ///< atomic

/// SHA-256, incremental.
class Sha256 {
 public:
  Sha256();
  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text) { return update(std::as_bytes(std::span(text.data(), text.size()))); }
  std::string hex();  ///< 64 lower-case digits; ends the digest

 private:
  void block(const uint8_t* p);
  uint32_t h_[8];
  uint64_t length_ = 0;
  uint8_t buffer_[64];
  size_t used_ = 0;
};
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);

/// $NEVE_CACHE_DIR, else $XDG_CACHE_HOME/neve, else ~/.cache/neve; made with mode 0700. Empty when none can be made:
/// callers then work without a cache.
std::string cache_directory();

}  // namespace neve
