// The aligned writer, and reading through libzip with every offset checked.
#include "jit/zip.h"

#include <zip.h>
#include <zlib.h>

#include <cstring>

#include "base/error.h"

namespace neve::jit {
namespace {

constexpr uint64_t alignment = 64;

void put(std::string& s, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; ++i) s += char((v >> (8 * i)) & 255);
}

// Sizes and offsets always stand in the zip64 extra field: one form for all files.
std::string zip64(uint64_t size, const uint64_t* offset) {
  std::string e;
  put(e, 1, 2);
  put(e, offset ? 24 : 16, 2);
  put(e, size, 8);
  put(e, size, 8);
  if (offset) put(e, *offset, 8);
  return e;
}

}  // namespace

void ZipWriter::add(const std::string& name, std::span<const std::byte> bytes) {
  Member m{name, file_.size(), bytes.size(), 0};
  uLong crc = crc32(0, nullptr, 0);
  for (size_t at = 0; at < bytes.size();) {
    const size_t n = std::min<size_t>(bytes.size() - at, size_t(1) << 30);
    crc = crc32(crc, reinterpret_cast<const Bytef*>(bytes.data() + at), uInt(n));
    at += n;
  }
  m.crc = uint32_t(crc);
  std::string extra = zip64(m.size, nullptr);
  const uint64_t data = m.offset + 30 + name.size() + extra.size();
  uint64_t padding = (alignment - (data + 4) % alignment) % alignment;
  put(extra, 0x4e76, 2);  // a private field that only pads
  put(extra, padding, 2);
  extra.append(padding, '\0');
  std::string h;
  put(h, 0x04034b50, 4);
  put(h, 45, 2), put(h, 0x800, 2), put(h, 0, 2);  // version, UTF-8 names, stored
  put(h, 0, 2), put(h, 0x21, 2);                  // 1980-01-01: archives are reproducible
  put(h, m.crc, 4);
  put(h, 0xffffffff, 4), put(h, 0xffffffff, 4);
  put(h, name.size(), 2), put(h, extra.size(), 2);
  file_.write(h + name + extra);
  file_.write(bytes);
  digests_[name] = sha256_hex(bytes);
  members_.push_back(std::move(m));
}

void ZipWriter::finish() {
  const uint64_t start = file_.size();
  std::string d;
  for (const Member& m : members_) {
    const std::string extra = zip64(m.size, &m.offset);
    put(d, 0x02014b50, 4);
    put(d, 45, 2), put(d, 45, 2), put(d, 0x800, 2), put(d, 0, 2);
    put(d, 0, 2), put(d, 0x21, 2);
    put(d, m.crc, 4);
    put(d, 0xffffffff, 4), put(d, 0xffffffff, 4);
    put(d, m.name.size(), 2), put(d, extra.size(), 2), put(d, 0, 2);
    put(d, 0, 2), put(d, 0, 2), put(d, 0, 4);
    put(d, 0xffffffff, 4);
    d += m.name + extra;
  }
  const uint64_t size = d.size();
  put(d, 0x06064b50, 4);
  put(d, 44, 8), put(d, 45, 2), put(d, 45, 2), put(d, 0, 4), put(d, 0, 4);
  put(d, members_.size(), 8), put(d, members_.size(), 8);
  put(d, size, 8), put(d, start, 8);
  put(d, 0x07064b50, 4);
  put(d, 0, 4), put(d, start + size, 8), put(d, 1, 4);
  put(d, 0x06054b50, 4);
  put(d, 0, 2), put(d, 0, 2), put(d, 0xffff, 2), put(d, 0xffff, 2);
  put(d, 0xffffffff, 4), put(d, 0xffffffff, 4), put(d, 0, 2);
  file_.write(d);
}

ZipReader::ZipReader(std::shared_ptr<const MappedFile> file) : file_(std::move(file)) {
  const auto bytes = file_->bytes();
  auto corrupt = [&](const std::string& what) -> void {
    fail(ErrorCode::corrupt_file, "load: '", file_->path(), "': ", what);
  };
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (!source) corrupt("cannot be read as an archive");
  zip_t* zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
  if (!zip) {
    const std::string why = zip_error_strerror(&error);
    zip_source_free(source);
    zip_error_fini(&error);
    corrupt(str("not a sound archive: ", why));
  }
  std::string problem;
  const zip_int64_t count = zip_get_num_entries(zip, 0);
  if (count > 100000) problem = str(count, " members are too many");
  for (zip_int64_t i = 0; i < count && problem.empty(); ++i) {
    zip_stat_t st;
    if (zip_stat_index(zip, zip_uint64_t(i), 0, &st) != 0 || !(st.valid & ZIP_STAT_NAME) ||
        !(st.valid & ZIP_STAT_SIZE)) {
      problem = "a member cannot be described";
      break;
    }
    const std::string name = st.name;
    if (st.comp_method != ZIP_CM_STORE || st.encryption_method != ZIP_EM_NONE || st.comp_size != st.size) {
      problem = str("member '", name, "' is compressed or encrypted (members of .neve files are stored)");
      break;
    }
    if (name.empty() || name[0] == '/' || name.find("..") != std::string::npos || members_.count(name)) {
      problem = str("member name '", name, "' is not allowed or stands twice");
      break;
    }
    members_[name] = {};
  }
  zip_discard(zip);
  zip_error_fini(&error);
  if (!problem.empty()) corrupt(problem);

  // libzip does not tell where the bytes lie: the directory, which it has checked, does.
  auto u = [&](uint64_t at, int n) {
    if (at > bytes.size() || bytes.size() - at < size_t(n)) corrupt("the directory points outside of the file");
    uint64_t v = 0;
    for (int i = 0; i < n; ++i) v |= uint64_t(bytes[at + uint64_t(i)]) << (8 * i);
    return v;
  };
  if (bytes.size() < 22) corrupt("is too short");
  const uint64_t end = bytes.size() - 22;
  if (u(end, 4) != 0x06054b50) corrupt("has bytes after its directory");
  uint64_t at = u(end + 16, 4), n = u(end + 10, 2);
  if (at == 0xffffffff || n == 0xffff) {
    if (end < 20 || u(end - 20, 4) != 0x07064b50) corrupt("has no zip64 locator");
    const uint64_t end64 = u(end - 20 + 8, 8);
    if (u(end64, 4) != 0x06064b50) corrupt("has no zip64 directory end");
    n = u(end64 + 32, 8);
    at = u(end64 + 48, 8);
  }
  for (uint64_t i = 0; i < n; ++i) {
    if (u(at, 4) != 0x02014b50) corrupt("the directory is damaged");
    uint64_t size = u(at + 24, 4), offset = u(at + 42, 4);
    const uint64_t name_length = u(at + 28, 2), extra_length = u(at + 30, 2), comment = u(at + 32, 2);
    u(at + 46, int(0));
    if (at + 46 + name_length + extra_length > bytes.size()) corrupt("the directory is damaged");
    const std::string name(reinterpret_cast<const char*>(bytes.data() + at + 46), name_length);
    uint64_t e = at + 46 + name_length;
    const uint64_t extra_end = e + extra_length;
    while (e + 4 <= extra_end) {
      const uint64_t id = u(e, 2), length = u(e + 2, 2);
      if (id == 1) {
        uint64_t p = e + 4;
        if (size == 0xffffffff) size = u(p, 8), p += 8;
        if (u(at + 20, 4) == 0xffffffff) p += 8;
        if (offset == 0xffffffff) offset = u(p, 8);
      }
      e += 4 + length;
    }
    if (u(offset, 4) != 0x04034b50) corrupt(str("member '", name, "' has no header"));
    const uint64_t data = offset + 30 + u(offset + 26, 2) + u(offset + 28, 2);
    if (data > bytes.size() || size > bytes.size() - data) corrupt(str("member '", name, "' ends outside of the file"));
    const auto it = members_.find(name);
    if (it == members_.end()) corrupt(str("member '", name, "' is not in the directory"));
    it->second = bytes.subspan(data, size);
    at += 46 + name_length + extra_length + comment;
  }
}

std::span<const std::byte> ZipReader::get(const std::string& name) const {
  const auto it = members_.find(name);
  if (it == members_.end()) fail(ErrorCode::corrupt_file, "load: '", file_->path(), "' has no member '", name, "'");
  return it->second;
}

std::vector<std::string> ZipReader::names() const {
  std::vector<std::string> v;
  for (const auto& [name, bytes] : members_) v.push_back(name);
  return v;
}

}  // namespace neve::jit
