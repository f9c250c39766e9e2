// Mapping, reading and atomic writing of files, and the cache folder.
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "base/interrupt.h"

namespace neve {
namespace {

[[noreturn]] void fail_system(const char* call, const std::string& path, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR;
  fail(missing ? ErrorCode::not_found : ErrorCode::io, call, ": '", path,
       "': ", std::generic_category().message(error));
}
[[noreturn]] void fail_write(const std::string& path, int error) {
  fail(ErrorCode::io, "write file: '", path, "': ", std::generic_category().message(error));
}

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const char* call, const std::string& path) {
    do fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    while (fd_ < 0 && errno == EINTR);
    if (fd_ < 0) fail_system(call, path, errno);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

/// Where a link leads: renaming over the link itself would replace it.
std::string resolved(const std::string& path) {
  char buffer[PATH_MAX];
  return ::realpath(path.c_str(), buffer) ? buffer : path;
}

bool make_private_folder(const std::string& path) {
  if (path.empty() || path[0] != '/') return false;
  for (size_t i = 1; i <= path.size(); ++i) {
    if (i < path.size() && path[i] != '/') continue;
    if (::mkdir(path.substr(0, i).c_str(), 0700) != 0 && errno != EEXIST && errno != EISDIR && errno != EROFS &&
        errno != EACCES)
      return false;
  }
  struct stat s;
  return ::stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode) && s.st_uid == ::geteuid() &&
         ::access(path.c_str(), W_OK | X_OK) == 0;
}

}  // namespace

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const Descriptor file("open", path);
  struct stat s;
  if (::fstat(file.get(), &s) != 0) fail_system("open", path, errno);
  if (!S_ISREG(s.st_mode)) fail(ErrorCode::io, "open: '", path, "' is not a file that can be mapped (a regular file)");
  std::shared_ptr<MappedFile> m(new MappedFile);
  m->path_ = path;
  if (s.st_size == 0) return m;
  void* p = ::mmap(nullptr, size_t(s.st_size), PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (p == MAP_FAILED) fail_system("open", path, errno);
  m->data_ = static_cast<const std::byte*>(p);
  m->size_ = size_t(s.st_size);
  return m;
}

void MappedFile::release_pages() const {
  if (size_) madvise(const_cast<std::byte*>(data_), size_, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::string read_file(const std::string& path) {
  const Descriptor file("read file", path);
  struct stat s;
  if (::fstat(file.get(), &s) != 0) fail_system("read file", path, errno);
  std::string text;
  size_t used = 0;
  text.resize(S_ISREG(s.st_mode) ? size_t(s.st_size) + 1 : 4096);  // one more shows the end without another read
  for (;;) {
    const ssize_t n = ::read(file.get(), text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_system("read file", path, errno);
    if (n == 0) break;
    used += size_t(n);
    if (used == text.size()) text.resize(text.size() * 2);
  }
  text.resize(used);
  return text;
}

AtomicFile::AtomicFile(const std::string& path) : path_(resolved(path)) {
  static std::atomic<uint32_t> counter{0};
  struct stat s;
  const bool exists = ::stat(path_.c_str(), &s) == 0;
  if (exists && !S_ISREG(s.st_mode))
    fail(ErrorCode::io, "write file: '", path, "' exists and is no regular file (a file name)");
  const std::string temporary = str(path_, ".", int(::getpid()), ".", counter.fetch_add(1), ".tmp");
  fd_ = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) fail_write(path_, errno);
  temporary_ = temporary;
  if (exists) (void)!::fchmod(fd_, s.st_mode & 07777);  // keeps who may read it, as far as the system lets us
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  check(fd_ >= 0, "AtomicFile::write after commit");
  while (!bytes.empty()) {
    check_interrupt();
    const ssize_t n = ::write(fd_, bytes.data(), std::min(bytes.size(), size_t(1) << 24));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_write(path_, errno);
    bytes = bytes.subspan(size_t(n));
    size_ += uint64_t(n);
  }
}

void AtomicFile::commit() {
  check(fd_ >= 0, "AtomicFile::commit twice");
  if (::fsync(fd_) != 0 && errno != EINVAL) fail_write(path_, errno);
  const int closed = ::close(std::exchange(fd_, -1));
  if (closed != 0 && errno != EINTR) fail_write(path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_write(path_, errno);
  temporary_.clear();
  const int folder = ::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {  // makes the new name last; not all file systems offer it
    (void)!::fsync(folder);
    ::close(folder);
  }
}

void write_file(const std::string& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

std::string cache_directory() {
  std::string path;
  if (const char* own = std::getenv("NEVE_CACHE_DIR"); own && *own) {
    path = own;
  } else if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && *xdg == '/') {
    path = std::string(xdg) + "/neve";
  } else if (const char* home = std::getenv("HOME"); home && *home == '/') {
    path = std::string(home) + "/.cache/neve";
  }
  if (!path.empty() && path[0] != '/') {  // relative to where the process is now
    char here[PATH_MAX];
    if (!::getcwd(here, sizeof here)) return "";
    path = std::string(here) + "/" + path;
  }
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return make_private_folder(path) ? path : "";
}

}  // namespace neve
