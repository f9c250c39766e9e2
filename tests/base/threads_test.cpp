// Parallel loops: the cut, coverage, nesting, many callers, after fork; and the CPU quota.
#include "base/threads.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "base/cgroup.h"
#include "base/cpu.h"

namespace neve {
namespace {

struct Part {
  int64_t begin, end;
  int part;
  bool operator==(const Part&) const = default;
};

std::vector<Part> parts_of(int64_t n, int64_t grain, int threads) {
  std::mutex mutex;
  std::vector<Part> parts;
  parallel_for(n, grain, threads, [&](int64_t begin, int64_t end, int part) {
    const std::lock_guard lock(mutex);
    parts.push_back({begin, end, part});
  });
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) { return a.part < b.part; });
  return parts;
}

TEST(ParallelFor, CutsIntoEvenContiguousParts) {
  EXPECT_EQ(parts_of(10, 1, 4), (std::vector<Part>{{0, 3, 0}, {3, 6, 1}, {6, 8, 2}, {8, 10, 3}}));
  EXPECT_EQ(parts_of(10, 4, 4), (std::vector<Part>{{0, 5, 0}, {5, 10, 1}}));
  EXPECT_EQ(parts_of(10, 100, 4), (std::vector<Part>{{0, 10, 0}}));
  EXPECT_EQ(parts_of(2, 0, 4), (std::vector<Part>{{0, 1, 0}, {1, 2, 1}}));
  EXPECT_EQ(parts_of(5, 1, 0), (std::vector<Part>{{0, 5, 0}}));
  EXPECT_TRUE(parts_of(0, 1, 4).empty());
  EXPECT_TRUE(parts_of(-3, 1, 4).empty());
  for (int64_t n : {1, 7, 64, 1000}) {
    for (int64_t grain : {1, 3, 50}) {
      for (int threads : {1, 2, 3, 16, 100}) {
        const auto parts = parts_of(n, grain, threads);
        ASSERT_LE(int(parts.size()), threads);
        int64_t at = 0;
        for (const Part& p : parts) {
          ASSERT_EQ(p.begin, at);
          ASSERT_GE(p.end - p.begin, std::min(grain, n));
          at = p.end;
        }
        ASSERT_EQ(at, n);
      }
    }
  }
}

TEST(ParallelPieces, EveryPieceRunsOnce) {
  for (int64_t n : {0, 1, 5, 13, 200})
    for (int64_t each : {1, 3})
      for (int64_t least : {1, 4})
        for (int threads : {1, 2, 3, 16, 70}) {  // more than take over from each other, too
          std::vector<std::atomic<int>> ran(size_t(n * each));
          std::array<std::atomic<int>, 70> busy{};
          std::atomic<int> wrong{0};
          parallel_pieces({.items = n, .each = each, .least = least}, threads, [&](const Piece& p) {
            wrong += p.part < 0 || p.part >= threads || busy[size_t(p.part)]++ != 0;  // one at a time for each part
            wrong += p.begin < 0 || p.end > n || p.index < 0 || p.index >= (p.end - p.begin) * each;
            if (!wrong) ++ran[size_t(p.begin * each + p.index)];
            --busy[size_t(p.part)];
          });
          ASSERT_EQ(wrong, 0) << n << " items, " << threads << " threads";
          for (const auto& r : ran) ASSERT_EQ(r, 1) << n << " items, " << threads << " threads";
        }
}

// The pieces that a part runs first are its own, in order; what it takes over is the end of another's.
TEST(ParallelPieces, AThreadThatIsDoneTakesOver) {
  std::mutex mutex;
  std::vector<std::vector<int64_t>> ran(2);
  std::atomic<bool> begun{false}, others_done{false};
  parallel_pieces({.items = 2, .each = 50}, 2, [&](const Piece& p) {
    if (p.part == 0) begun = true;  // the slow one: it goes on when the rest has been done
    const std::atomic<bool>& awaited = p.part == 0 ? others_done : begun;
    for (int i = 0; !awaited && i < 1000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::lock_guard lock(mutex);
    ran[size_t(p.part)].push_back(p.begin * 50 + p.index);
    if (ran[1].size() == 99) others_done = true;
  });
  EXPECT_EQ(ran[0], (std::vector<int64_t>{0}));
  ASSERT_EQ(ran[1].size(), 99u);
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(ran[1][size_t(i)], 50 + i);
  EXPECT_EQ(ran[1][50], 25);  // the later half of the 49 that were left
}

TEST(ParallelPieces, LeavesWhatIsNotWorthIt) {
  std::mutex mutex;
  std::vector<int> ran(2);
  std::atomic<bool> others_done{false};
  parallel_pieces({.items = 2, .each = 50, .least = 30}, 2, [&](const Piece& p) {
    if (p.part == 0)
      for (int i = 0; !others_done && i < 1000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::lock_guard lock(mutex);
    if (++ran[size_t(p.part)] == 50 && p.part == 1) others_done = true;
  });
  EXPECT_EQ(ran, (std::vector<int>{50, 50}));
}

TEST(ParallelFor, MoreThanOneThreadWorks) {
  std::atomic<int> met{0};
  parallel_for(2, 1, 2, [&](int64_t, int64_t, int) {  // each part waits for the other
    ++met;
    for (int i = 0; met < 2 && i < 1000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  });
  EXPECT_EQ(met, 2);
}

TEST(ParallelFor, NestedLoopsStayInTheirThread) {
  std::atomic<int> strangers{0}, inner{0};
  parallel_for(4, 1, 4, [&](int64_t begin, int64_t end, int) {
    for (; begin < end; ++begin) {
      const auto here = std::this_thread::get_id();
      parallel_for(8, 1, 4, [&](int64_t b, int64_t e, int) {
        strangers += std::this_thread::get_id() != here;
        inner += int(e - b);
      });
    }
  });
  EXPECT_EQ(strangers, 0);
  EXPECT_EQ(inner, 32);
}

TEST(ParallelFor, ManyCallersAtOnce) {
  std::vector<std::thread> callers;
  std::vector<int64_t> sums(4);
  for (size_t c = 0; c < sums.size(); ++c) {
    callers.emplace_back([&, c] {
      for (int round = 0; round < 200; ++round) {
        std::atomic<int64_t> sum{0};
        parallel_for(1000, 10, 3, [&](int64_t begin, int64_t end, int) {
          int64_t s = 0;
          for (; begin < end; ++begin) s += begin;
          sum += s;
        });
        sums[c] += sum;
      }
    });
  }
  for (std::thread& t : callers) t.join();
  for (int64_t s : sums) EXPECT_EQ(s, 200 * 499500);
}

TEST(ParallelFor, WorksInAForkedChild) {
  parts_of(100, 1, 2);  // the pool exists
  const pid_t child = fork();
  if (child == 0) {
    int64_t sum = 0;  // not atomic: the child has one thread
    parallel_for(100, 1, 2, [&](int64_t begin, int64_t end, int) {
      for (; begin < end; ++begin) sum += begin;
    });
    const ThreadScope scope(4);
    _exit(sum == 4950 ? 0 : 1);
  }
  int status = -1;
  for (int i = 0; i < 1000 && waitpid(child, &status, WNOHANG) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(WIFEXITED(status)) << "the child hangs";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(ParallelFor, PlainFunctions) {
  std::vector<int> hits(50);
  neve_parallel_for(
      50, 5, 3,
      [](void* context, int64_t begin, int64_t end, int32_t part) {
        for (; begin < end; ++begin) static_cast<int*>(context)[begin] += 1 + part;
      },
      hits.data());
  for (size_t i = 0; i < hits.size(); ++i) EXPECT_EQ(hits[i], i < 17 ? 1 : i < 34 ? 2 : 3);
}

// Notes the parts that it is told of.
class Noting final : public LoopObserver {
 public:
  void part(int64_t begin, int64_t end) override {
    if (begin <= end) ++parts;
  }
  std::atomic<int> parts{0};
};

TEST(ParallelFor, AnObserverIsToldOfEveryPart) {
  Noting noting;
  EXPECT_EQ(observe_loops(&noting), nullptr);
  parallel_for(100, 1, 4, [](int64_t, int64_t, int) {});
  EXPECT_EQ(noting.parts, 4);
  parallel_for(100, 100, 4, [](int64_t, int64_t, int) {});
  EXPECT_EQ(noting.parts, 4) << "a loop that is not split is no part";
  EXPECT_EQ(observe_loops(nullptr), &noting);
  parallel_for(100, 1, 4, [](int64_t, int64_t, int) {});
  EXPECT_EQ(noting.parts, 4);
}

TEST(Threads, Available) {
  EXPECT_GE(available_threads(), 1);
  EXPECT_LE(available_threads(), 1024);
}

class Cgroups : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "neve_cgroup_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root = name;
  }
  void TearDown() override { std::filesystem::remove_all(root); }
  void file(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories((root + "/" + path).substr(0, (root + "/" + path).rfind('/')));
    std::ofstream(root + "/" + path) << text << "\n";
  }
  std::string root;
};

TEST_F(Cgroups, Version2TakesTheSmallestOnTheWayUp) {
  file("cpu.max", "max 100000");
  file("a/cpu.max", "150000 100000");
  file("a/b/cpu.max", "max 100000");
  EXPECT_EQ(cgroup_cpu_limit("0::/a/b\n", root), 1.5);
  EXPECT_EQ(cgroup_cpu_limit("0::/\n", root), 0);
  EXPECT_EQ(cgroup_cpu_limit("0::/of/the/host\n", root), 0);
  file("cpu.max", "50000 100000");
  EXPECT_EQ(cgroup_cpu_limit("0::/of/the/host\n", root), 0.5) << "the mounted root counts where the path is another's";
}

TEST_F(Cgroups, Version1) {
  file("cpu/x/cpu.cfs_quota_us", "300000");
  file("cpu/x/cpu.cfs_period_us", "100000");
  file("cpu/x/y/cpu.cfs_quota_us", "-1");
  file("cpu/x/y/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cgroup_cpu_limit("3:cpuset:/x\n2:cpu:/x/y\n", root), 3);
  EXPECT_EQ(cgroup_cpu_limit("2:cpuacct,cpu:/x/y\n", root), 3);
  EXPECT_EQ(cgroup_cpu_limit("3:cpuset:/x\n", root), 0);
  file("cpu,cpuacct/z/cpu.cfs_quota_us", "20000");
  file("cpu,cpuacct/z/cpu.cfs_period_us", "10000");
  EXPECT_EQ(cgroup_cpu_limit("2:cpu,cpuacct:/z\n", root), 2);
}

TEST_F(Cgroups, NonsenseIsNoLimit) {
  file("cpu.max", "");
  EXPECT_EQ(cgroup_cpu_limit("0::/", root), 0);
  file("cpu.max", "0 0");
  EXPECT_EQ(cgroup_cpu_limit("0::/", root), 0);
  EXPECT_EQ(cgroup_cpu_limit("nonsense\n:\n", root), 0);
}

TEST(Cpu, IsDetected) {
  const CpuInfo& cpu = cpu_info();
  EXPECT_LE(cpu.l3_share, cpu.l3);
  EXPECT_EQ(cpu.l3_share > 0, cpu.l3 > 0);
  EXPECT_FALSE(cpu.model.empty());
  EXPECT_GE(cpu.cores, 1);
  EXPECT_EQ(&cpu, &cpu_info());
#if defined(__x86_64__)
  if (!std::getenv("NEVE_MAX_ISA")) {
    EXPECT_EQ(cpu.isa >= Isa::avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    EXPECT_EQ(cpu.isa == Isa::avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"));
    EXPECT_EQ(cpu.bf16, bool(__builtin_cpu_supports("avx512bf16")));
  }
#endif
  EXPECT_STREQ(to_string(Isa::avx512), "avx512");
}

}  // namespace
}  // namespace neve
