// Zip archives with stored, aligned members: written by us so that weights can be mapped, read by libzip.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"

namespace neve::jit {

/// Writes stored members, each starting at a multiple of 64 bytes.
class ZipWriter {
 public:
  explicit ZipWriter(AtomicFile& file) : file_(file) {}
  void add(const std::string& name, std::span<const std::byte> bytes);
  void add(const std::string& name, std::string_view text) {
    add(name, std::as_bytes(std::span(text.data(), text.size())));
  }
  /// Writes the central directory. Nothing can be added afterwards.
  void finish();
  const std::map<std::string, std::string>& digests() const { return digests_; }

 private:
  struct Member {
    std::string name;
    uint64_t offset, size;
    uint32_t crc;
  };
  AtomicFile& file_;
  std::vector<Member> members_;
  std::map<std::string, std::string> digests_;
};

/// The members of a mapped archive. Only stored members are taken. @throws Error{corrupt_file}
class ZipReader {
 public:
  explicit ZipReader(std::shared_ptr<const MappedFile> file);
  bool has(const std::string& name) const { return members_.count(name) > 0; }
  /// Bytes inside the mapping. @throws Error{corrupt_file} if there is no such member.
  std::span<const std::byte> get(const std::string& name) const;
  std::vector<std::string> names() const;
  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  std::shared_ptr<const MappedFile> file_;
  std::map<std::string, std::span<const std::byte>> members_;
};

}  // namespace neve::jit
