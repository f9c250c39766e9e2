// Archives: the same bits after a round trip, and a clear error for every damaged or unwritable file.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {
namespace fs = std::filesystem;

std::string read(const fs::path& p) {
  std::ifstream in(p, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
void write(const fs::path& p, const std::string& bytes) { std::ofstream(p, std::ios::binary) << bytes; }

class Archive : public ::testing::Test {
 protected:
  Archive() {
    char name[] = "neve-archive-XXXXXX";
    const std::string base = (fs::temp_directory_path() / name).string();
    std::string path = base;
    folder_ = ::mkdtemp(path.data());
    ::setenv("NEVE_CACHE_DIR", (folder_ / "cache").c_str(), 1);
  }
  ~Archive() override {
    ::unsetenv("NEVE_CACHE_DIR");
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }
  std::string path(const std::string& name = "m.neve") const { return (folder_ / name).string(); }
  // No mark may say that a file was checked before.
  void forget() { fs::remove_all(folder_ / "cache"); }
  fs::path folder_;
};

Engine make_engine(std::string_view text) {
  OptimizeOptions o = quiet();
  o.threads = 0;
  return optimize(text_model(text), o);
}

TEST_F(Archive, GivesTheSameBits) {
  const std::pair<std::string_view, std::vector<std::vector<Sizes>>> cases[] = {
      {conv_block, {{{1, 3, 8, 8}}, {{3, 3, 5, 9}}}},
      {attention, {{{1, 3, 12}, {1, 3}}, {{2, 9, 12}, {2, 9}}}},
      {picked, {{{4, 5}}, {{1, 1}}}},
      {branches, {{{}, {3, 4}, {3, 4}}}},
      {scanned, {{{4}, {5, 4}, {4}}}},
      {shape_arithmetic, {{{2, 3, 4}, {5, 4}}}},
  };
  for (const auto& [text, all] : cases) {
    const Model m = text_model(text);
    const Engine e = make_engine(text);
    e.save(path());
    const Model back = load(path());
    ASSERT_TRUE(back.has_engine());
    EXPECT_EQ(back.format(), "neve");
    Session a = e.session(), b = back.engine().session(),
            c = load(path()).engine().session();  // the third load trusts the mark
    EXPECT_EQ(back.engine().graph_text(), e.graph_text());
    EXPECT_EQ(back.engine().report_json(), e.report_json());
    for (size_t i = 0; i < m.inputs().size(); ++i) EXPECT_EQ(back.inputs()[i].name, m.inputs()[i].name);
    for (const auto& sizes : all) {
      const auto in = draw_inputs(m, sizes);
      const auto y = a.run(in), z = b.run(in), w = c.run(in);
      ASSERT_EQ(y.size(), z.size());
      for (size_t i = 0; i < y.size(); ++i) {
        EXPECT_TRUE(same_bits(y[i], z[i])) << text.substr(0, 20) << " output " << i;
        EXPECT_TRUE(same_bits(y[i], w[i])) << text.substr(0, 20) << " output " << i;
      }
    }
    expect_close(back.run_reference(draw_inputs(m, all[0])), m.run_reference(draw_inputs(m, all[0])), 2e-5,
                 "the archive as a model");
  }
}

TEST_F(Archive, RangesAreKept) {
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x1x16..2x4x16..4x8x16"), parse_range("x=8x8x16..8x8x16")};
  optimize(text_model(gelu_block), o).save(path());
  Session s = load(path()).engine().session();
  EXPECT_EQ(s.run({Tensor::zeros(DType::f32, {8, 8, 16})})[0].shape(), (Sizes{8, 8, 24}));
  EXPECT_EQ(
      message_of([&] { s.run({Tensor::zeros(DType::f32, {5, 8, 16})}); }),
      "run: sizes x=5x8x16 are outside every range (the engine was made for x=1x1x16..4x8x16 or x=8x8x16..8x8x16)");
}

TEST_F(Archive, TruncatedAnywhereIsAnError) {
  make_engine(branches).save(path());
  const std::string bytes = read(path());
  ASSERT_GT(bytes.size(), 1000u);
  for (size_t k = 0; k < 120; ++k) {
    const size_t n = k < 20 ? k * 3 : k < 40 ? bytes.size() - 1 - (k - 20) * 5 : bytes.size() * (k - 39) / 82;
    write(path("t.neve"), bytes.substr(0, n));
    const std::string m = message_of([&] { load(path("t.neve")).engine(); });
    EXPECT_NE(m, "(nothing was thrown)") << "cut to " << n << " of " << bytes.size() << " bytes";
    EXPECT_NE(m.find("t.neve"), std::string::npos) << m;
  }
}

TEST_F(Archive, FlippedBitsAreFound) {
  const Model model = text_model(branches);
  make_engine(branches).save(path());
  const std::string bytes = read(path());
  const std::vector<Tensor> in = draw_inputs(model, {{}, {3, 4}, {3, 4}});
  Session whole = load(path()).engine().session();
  const std::vector<Tensor> y0 = whole.run(in);
  uint64_t seed = 5;
  size_t found = 0;
  for (int k = 0; k < 250; ++k) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    const size_t at = size_t(seed >> 20) % bytes.size();
    std::string broken = bytes;
    broken[at] = char(broken[at] ^ (1 << ((seed >> 15) & 7)));
    write(path("f.neve"), broken);
    forget();
    try {
      Session s = load(path("f.neve")).engine().session();
      // Padding and fields that nobody reads may differ: the engine must be the same.
      const std::vector<Tensor> y = s.run(in);
      for (size_t i = 0; i < y.size(); ++i)
        EXPECT_TRUE(same_bits(y[i], y0[i])) << "bit in byte " << at << " changed the results";
    } catch (const Error& e) {
      ++found;
      EXPECT_TRUE(e.code() == ErrorCode::corrupt_file || e.code() == ErrorCode::unsupported ||
                  e.code() == ErrorCode::not_found)
          << "byte " << at << ": " << e.message();
    }
  }
  EXPECT_GT(found, 150u);
}

TEST_F(Archive, AChangedMemberIsNamed) {
  make_engine(gelu_block).save(path());
  std::string bytes = read(path());
  const size_t at = bytes.find("graph forward(");
  ASSERT_NE(at, std::string::npos);
  bytes[bytes.find("gelu", at)] = 'G';
  write(path("c.neve"), bytes);
  EXPECT_EQ(message_of([&] { load(path("c.neve")); }),
            "load: '" + path("c.neve") +
                "': member 'graphs/forward.nir' is not what the manifest says (its SHA-256 differs)");
}

TEST_F(Archive, NewerFormatsAreRefused) {
  make_engine(gelu_block).save(path());
  std::string bytes = read(path());
  const std::string field = "\"format_version\": 1";
  const size_t at = bytes.find(field);
  ASSERT_NE(at, std::string::npos);
  bytes[at + field.size() - 1] = '7';
  write(path("n.neve"), bytes);
  EXPECT_EQ(message_of([&] { load(path("n.neve")); }),
            "load: '" + path("n.neve") + "' has format version 7 (this Neve reads up to 1; a newer one wrote it)");
}

TEST_F(Archive, MissingAndForeignFiles) {
  EXPECT_NE(message_of([&] { load(path("none.neve")); }).find("none.neve"), std::string::npos);
  write(path("empty.neve"), "");
  EXPECT_NE(message_of([&] { load(path("empty.neve")); }), "(nothing was thrown)");
  write(path("zip.neve"), std::string("PK\3\4") + std::string(200, 'x'));
  EXPECT_NE(message_of([&] { load(path("zip.neve")); }).find("zip.neve"), std::string::npos);
  EXPECT_NE(message_of([&] { load(folder_.string()); }), "(nothing was thrown)");
}

TEST_F(Archive, AnUnwritableOutputLosesNothing) {
  const Engine e = make_engine(gelu_block);
  EXPECT_NE(message_of([&] { e.save(path("no/such/folder.neve")); }).find("no/such/folder.neve"), std::string::npos);
  EXPECT_NE(message_of([&] { e.save(folder_.string()); }), "(nothing was thrown)");
  e.save(path());  // works on afterwards
  EXPECT_TRUE(load(path()).has_engine());
}

// A full disk: writing fails in the middle. What stood there before stays, and no half file is left.
TEST_F(Archive, AFullDiskLosesNothing) {
  const Engine e = make_engine(gelu_block);
  write(path(), "what was here before");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{2000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string m = message_of([&] { e.save(path()); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_NE(m.find("m.neve"), std::string::npos) << m;
  EXPECT_EQ(read(path()), "what was here before");
  size_t files = 0;
  for (const auto& f : fs::directory_iterator(folder_)) files += f.is_regular_file();
  EXPECT_EQ(files, 1u) << "a half-written file was left behind";
  e.save(path());
  EXPECT_TRUE(load(path()).has_engine());
}

TEST_F(Archive, OfAModelThatWasLoadedFromOne) {
  make_engine(gelu_block).save(path());
  const Model m = load(path());
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x1x16..2x2x16")};
  optimize(m, o).save(path("again.neve"));
  Session s = load(path("again.neve")).engine().session();
  const auto in = draw_inputs(m, {{2, 2, 16}});
  expect_close(s.run(in), text_model(gelu_block).run_reference(in), 2e-5, "twice optimised");
}

}  // namespace
}  // namespace neve::test
