// Files: reading, mapping, atomic writes, digests, the cache folder.
#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/error.h"

namespace neve {
namespace {

namespace fs = std::filesystem;

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return str(to_string(e.code()), ": ", e.message());
  }
  return "";
}

class Files : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "neve_files_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { fs::remove_all(folder); }
  std::string path(const std::string& name) const { return folder + "/" + name; }
  size_t entries() const { return size_t(std::distance(fs::directory_iterator(folder), fs::directory_iterator())); }
  std::string folder;
};

TEST_F(Files, WriteReadMap) {
  std::string content(300000, 'x');
  content += '\0';
  write_file(path("a"), content);
  EXPECT_EQ(read_file(path("a")), content);
  const auto mapped = MappedFile::open(path("a"));
  ASSERT_EQ(mapped->bytes().size(), content.size());
  EXPECT_EQ(std::memcmp(mapped->bytes().data(), content.data(), content.size()), 0);
  EXPECT_EQ(mapped->path(), path("a"));
  write_file(path("a"), "new");  // the old file stays mapped
  EXPECT_EQ(std::memcmp(mapped->bytes().data(), content.data(), content.size()), 0);
  EXPECT_EQ(read_file(path("a")), "new");
  write_file(path("empty"), "");
  EXPECT_EQ(read_file(path("empty")), "");
  EXPECT_TRUE(MappedFile::open(path("empty"))->bytes().empty());
  EXPECT_FALSE(read_file("/proc/self/stat").empty()) << "a file that does not tell its size";
  EXPECT_EQ(entries(), 2u);
}

TEST_F(Files, AnAbandonedWriteLeavesNothing) {
  write_file(path("a"), "old");
  {
    AtomicFile file(path("a"));
    file.write("half");
    EXPECT_EQ(file.size(), 4u);
    EXPECT_EQ(entries(), 2u);
  }
  EXPECT_EQ(read_file(path("a")), "old");
  EXPECT_EQ(entries(), 1u);
  AtomicFile file(path("a"));
  file.write("in ");
  file.write("parts");
  EXPECT_EQ(read_file(path("a")), "old");
  file.commit();
  EXPECT_EQ(read_file(path("a")), "in parts");
  EXPECT_EQ(entries(), 1u);
  EXPECT_THROW(file.write("more"), Error);
  EXPECT_THROW(file.commit(), Error);
}

TEST_F(Files, AWriteKeepsLinksAndModes) {
  write_file(path("a"), "old");
  fs::permissions(path("a"), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink(path("a"), path("link"));
  write_file(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_file(path("a")), "new");
  EXPECT_EQ(fs::status(path("a")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Files, Errors) {
  EXPECT_EQ(error_of([&] { read_file(path("none")); }),
            "not_found: read file: '" + path("none") + "': No such file or directory");
  EXPECT_EQ(error_of([&] { MappedFile::open(path("none")); }),
            "not_found: open: '" + path("none") + "': No such file or directory");
  EXPECT_EQ(error_of([&] { read_file(folder); }), "io: read file: '" + folder + "': Is a directory");
  EXPECT_EQ(error_of([&] { MappedFile::open(folder); }),
            "io: open: '" + folder + "' is not a file that can be mapped (a regular file)");
  EXPECT_EQ(error_of([&] { write_file(path("none/a"), ""); }),
            "io: write file: '" + path("none/a") + "': No such file or directory");
  EXPECT_EQ(error_of([&] { write_file(folder, ""); }),
            "io: write file: '" + folder + "' exists and is no regular file (a file name)");
  EXPECT_EQ(error_of([&] { write_file("/dev/null", ""); }),
            "io: write file: '/dev/null' exists and is no regular file (a file name)");
}

TEST_F(Files, AFullDiskIsAnError) {
  // A limit on the size of files stands in for a full disk: the write that crosses it fails.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  write_file(path("a"), "old");
  const std::string error = error_of([&] { write_file(path("a"), std::string(10000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(error, "io: write file: '" + path("a") + "': File too large");
  EXPECT_EQ(read_file(path("a")), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, CacheFolder) {
  const auto with = [&](const char* own, const char* xdg, const char* home) {
    const std::pair<const char*, const char*> variables[] = {
        {"NEVE_CACHE_DIR", own}, {"XDG_CACHE_HOME", xdg}, {"HOME", home}};
    std::vector<std::pair<const char*, std::optional<std::string>>> before;
    for (const auto& [name, value] : variables) {
      const char* was = std::getenv(name);
      before.emplace_back(name, was ? std::optional<std::string>(was) : std::nullopt);
      value ? setenv(name, value, 1) : unsetenv(name);
    }
    const std::string found = cache_directory();
    for (const auto& [name, value] : before) value ? setenv(name, value->c_str(), 1) : unsetenv(name);
    return found;
  };
  EXPECT_EQ(with(path("own/deep/").c_str(), path("xdg").c_str(), folder.c_str()), path("own/deep"));
  EXPECT_EQ(fs::status(path("own/deep")).permissions(), fs::perms::owner_all);
  EXPECT_EQ(with(nullptr, path("xdg").c_str(), folder.c_str()), path("xdg/neve"));
  EXPECT_EQ(with(nullptr, nullptr, folder.c_str()), path(".cache/neve"));
  EXPECT_EQ(with(nullptr, nullptr, nullptr), "");
  write_file(path("file"), "");
  EXPECT_EQ(with(path("file/x").c_str(), nullptr, nullptr), "");
  EXPECT_EQ(with("/proc/neve", nullptr, nullptr), "");
}

TEST(Sha256, KnownDigests) {
  EXPECT_EQ(sha256_hex(std::string_view("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(std::string_view("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(std::string_view("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesDoNotMatter) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += char(i * 7);
  for (size_t n = 0; n <= text.size(); ++n) {
    const std::string whole = sha256_hex(std::string_view(text).substr(0, n));
    for (size_t cut : {size_t(1), size_t(55), size_t(64), size_t(65)}) {
      Sha256 digest;
      for (size_t at = 0; at < n; at += cut) digest.update(std::string_view(text).substr(at, std::min(cut, n - at)));
      ASSERT_EQ(digest.hex(), whole) << n << " in pieces of " << cut;
    }
  }
}

}  // namespace
}  // namespace neve
