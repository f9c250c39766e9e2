// Data sets and the loader: orders that follow from seeds, worker threads that change nothing but the time.
#include <gtest/gtest.h>
#include <neve/neve.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "support/message.h"

namespace neve::test {
namespace {

using I = std::vector<int64_t>;

TEST(Data, BatchesInASeededOrder) {
  const data::TensorDataset set({arange(10).reshape({5, 2}), arange(5)});
  auto epoch = [](data::DataLoader& loader) {
    std::vector<int64_t> all;
    for (const data::Sample& b : loader) {
      EXPECT_EQ(to_int_vector(index(b[0], {Slice{}, 0})), to_int_vector(b[1] * 2));
      for (int64_t k : to_int_vector(b[1])) all.push_back(k);
    }
    return all;
  };
  data::DataLoader plain(set, {.batch = 2});
  EXPECT_EQ(plain.size(), 3);
  EXPECT_EQ(epoch(plain), (std::vector<int64_t>{0, 1, 2, 3, 4}));
  data::DataLoader a(set, {.batch = 2, .shuffle = true, .seed = 3}), b(set, {.batch = 2, .shuffle = true, .seed = 3});
  const std::vector<int64_t> first = epoch(a), second = epoch(a);
  EXPECT_NE(first, second);
  EXPECT_EQ(epoch(b), first);
  b.set_epoch(1);
  EXPECT_EQ(epoch(b), second);
  std::vector<int64_t> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, data::sequential_order(5));
  data::DataLoader dropped(set, {.batch = 2, .drop_last = true});
  EXPECT_EQ(epoch(dropped).size(), 4u);
  const double weights[] = {0, 1, 3};
  const std::vector<int64_t> drawn = data::weighted_order(weights, 400, 1, 0);
  EXPECT_EQ(std::count(drawn.begin(), drawn.end(), 0), 0);
  EXPECT_NEAR(double(std::count(drawn.begin(), drawn.end(), 2)), 300, 40);
  struct Squares : data::Dataset {
    int64_t size() const override { return 3; }
    data::Sample get(int64_t i) const override { return {full({2}, i * i)}; }
  };
  const Squares squares;
  data::DataLoader own(squares, {.batch = 3});
  EXPECT_EQ(to_vector((*own.begin())[0]), (std::vector<float>{0, 0, 1, 1, 4, 4}));
  EXPECT_EQ(message_of([&] { data::DataLoader(set, {.batch = 0}); }),
            "invalid_argument: DataLoader: batch is 0 (1 or more)");
  EXPECT_EQ(message_of([] { data::TensorDataset({ones({2}), ones({3})}); }),
            "shape_mismatch: TensorDataset: a tensor is f32[3] and the first f32[2] (first axes of one size)");
}

// Sample i is i and a number drawn for it.
struct Noisy : data::Dataset {
  explicit Noisy(int64_t n) : n(n) {}
  int64_t size() const override { return n; }
  data::Sample get(int64_t i) const override { return {full({}, i, DType::i64), rand({2}) + randn({1})}; }
  int64_t n;
};

std::vector<std::vector<float>> epochs(const data::Dataset& set, const data::LoaderOptions& o, int count = 2) {
  data::DataLoader loader(set, o);
  std::vector<std::vector<float>> all;
  for (int e = 0; e < count; ++e)
    for (const data::Sample& b : loader)
      for (const Tensor& t : b) all.push_back(to_vector(t));
  return all;
}

TEST(ConcurrentData, BatchesDoNotDependOnWorkers) {
  const Noisy set(23);
  manual_seed(5);
  const auto state = random_state();
  const auto alone = epochs(set, {.batch = 4, .shuffle = true, .seed = 9});
  EXPECT_EQ(alone.size(), 24u);
  for (int64_t workers : {1, 3, 50})
    for (int64_t prefetch : {1, 4})
      EXPECT_EQ(epochs(set, {.batch = 4, .shuffle = true, .seed = 9, .workers = workers, .prefetch = prefetch}), alone)
          << workers << " " << prefetch;
  EXPECT_EQ(random_state(), state);  // draws of the data set are its own
  EXPECT_NE(epochs(set, {.batch = 4, .shuffle = true, .seed = 10, .workers = 2}), alone);
  // The second epoch draws other numbers, and a loader that begins there draws the same.
  data::DataLoader later(set, {.batch = 4, .shuffle = true, .seed = 9, .workers = 2});
  later.set_epoch(1);
  EXPECT_EQ(to_vector((*later.begin())[1]), alone[13]);
  EXPECT_NE(alone[1], alone[13]);
}

// Counts what is made, and how far ahead of what was asked for.
struct Watched : data::Dataset {
  int64_t size() const override { return 200; }
  data::Sample get(int64_t i) const override {
    ++made;
    const int64_t lead = i - asked;
    for (int64_t most = farthest; lead > most && !farthest.compare_exchange_weak(most, lead);) {
    }
    return {full({}, i, DType::i64)};
  }
  mutable std::atomic<int64_t> made{0}, asked{0}, farthest{-1000};
};

TEST(ConcurrentData, WorkersStayWithinPrefetch) {
  const Watched set;
  data::DataLoader loader(set, {.workers = 2, .prefetch = 3});
  set.asked = 1;  // counted before it is asked for
  int64_t expected = 0;
  for (auto it = loader.begin(); it != loader.end(); ++set.asked, ++it) EXPECT_EQ((*it)[0].item_int(), expected++);
  EXPECT_EQ(expected, 200);
  EXPECT_EQ(set.made, 200);
  EXPECT_LT(set.farthest, 2 * 3);
}

TEST(ConcurrentData, IteratorsThatAreLeftEndTheirWorkers) {
  const Watched set;
  data::DataLoader loader(set, {.workers = 4, .prefetch = 2});
  for (const data::Sample& b : loader) {
    EXPECT_EQ(b[0].item_int(), 0);
    break;
  }
  EXPECT_LE(set.made, 1 + 4 * 2);
  const int64_t made = set.made;
  {
    const auto it = loader.begin();
    data::DataLoader::Iterator second = it;  // a copy shares the workers; what was handed out is made again
    ++second;
    EXPECT_EQ((*second)[0].item_int(), 1);
    data::DataLoader::Iterator third = it;
    ++third;
    EXPECT_EQ((*third)[0].item_int(), 1);
    EXPECT_TRUE(second == third);
    EXPECT_FALSE(second == it);
  }
  EXPECT_GT(set.made, made);
}

struct Torn : data::Dataset {
  int64_t size() const override { return 10; }
  data::Sample get(int64_t i) const override {
    if (i == 7) throw std::runtime_error("sample 7 is torn");
    if (i == 2) return {ones({3}).reshape({2})};
    return {full({}, i, DType::i64)};
  }
};

TEST(ConcurrentData, ExceptionsReachTheCallerInTheirTurn) {
  const Torn set;
  for (int64_t workers : {0, 1, 3}) {
    data::DataLoader loader(set, {.batch = 2, .workers = workers});
    auto it = loader.begin();
    EXPECT_EQ(to_int_vector((*it)[0]), (I{0, 1}));
    EXPECT_EQ(message_of([&] { ++it; }).substr(0, 15), "shape_mismatch:") << workers;
    ++it;
    EXPECT_EQ(to_int_vector((*it)[0]), (I{4, 5}));
    try {
      ++it;
      ADD_FAILURE() << "no exception with " << workers << " workers";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "sample 7 is torn");
    }
    ++it;
    EXPECT_EQ(to_int_vector((*it)[0]), (I{8, 9}));
    EXPECT_TRUE(++it == loader.end());
  }
}

TEST(ConcurrentData, SeveralEpochsAtOnce) {
  const Noisy set(17);
  const data::LoaderOptions o{.batch = 3, .shuffle = true, .seed = 2, .workers = 2};
  const auto expected = epochs(set, {.batch = 3, .shuffle = true, .seed = 2});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 3; ++t) threads.emplace_back([&] { wrong += epochs(set, o) != expected; });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Data, PartsAndSums) {
  const data::TensorDataset set({arange(7)}), more({arange(3) + 100});
  const int64_t sizes[] = {4, 0, 3};
  const std::vector<data::Subset> parts = data::random_split(set, sizes, 3);
  I all;
  for (const data::Subset& p : parts) {
    data::DataLoader loader(p, {.batch = 2});
    for (const data::Sample& b : loader)
      for (int64_t k : to_int_vector(b[0])) all.push_back(k);
  }
  EXPECT_EQ(parts[1].size(), 0);
  EXPECT_EQ(all, data::random_order(7, 3, 0));
  EXPECT_EQ(parts[2].get(1)[0].item_int(), all[5]);
  const data::ConcatDataset both({&parts[2], &parts[1], &more});
  EXPECT_EQ(both.size(), 6);
  data::DataLoader loader(both, {.batch = 6});
  EXPECT_EQ(to_int_vector((*loader.begin())[0]), (I{all[4], all[5], all[6], 100, 101, 102}));
  const int64_t short_of[] = {4, 2};
  EXPECT_EQ(message_of([&] { data::random_split(set, short_of); }),
            "invalid_argument: random_split: sizes are [4, 2] for a data set of 7 (sizes of 0 or more that sum to it)");
  EXPECT_EQ(message_of([&] { data::Subset(set, {1, 7}); }), "invalid_argument: Subset: sample 7 (samples 0..6)");
  EXPECT_EQ(message_of([] { data::ConcatDataset({}); }),
            "invalid_argument: ConcatDataset: there are no data sets (one or more)");
}

TEST(Data, OrdersOfOnesOwn) {
  const data::TensorDataset set({arange(5)});
  const double weights[] = {0, 1, 0, 0, 3};
  data::DataLoader loader(
      set, {.batch = 8, .workers = 1, .order = [&](int64_t e) { return data::weighted_order(weights, 20, 4, e); }});
  I all;
  for (const data::Sample& b : loader)
    for (int64_t k : to_int_vector(b[0])) all.push_back(k);
  EXPECT_EQ(all, data::weighted_order(weights, 20, 4, 0));
  EXPECT_EQ(to_int_vector((*loader.begin())[0]).front(), data::weighted_order(weights, 20, 4, 1).front());
  EXPECT_EQ(message_of([&] { loader.size(); }).substr(0, 40), "unsupported: DataLoader: size with an or");
  data::DataLoader wrong(set, {.order = [](int64_t) { return I{0, 5}; }});
  EXPECT_EQ(message_of([&] { wrong.begin(); }), "invalid_argument: DataLoader: order holds 5 (samples 0..4)");
  EXPECT_EQ(message_of([&] { data::DataLoader(set, {.shuffle = true, .order = [](int64_t) { return I{}; }}); }),
            "invalid_argument: DataLoader: shuffle and an order (one of them)");
  EXPECT_EQ(message_of([&] { data::DataLoader(set, {.workers = -1}); }),
            "invalid_argument: DataLoader: workers is -1 (0 or more)");
  EXPECT_EQ(message_of([&] { data::DataLoader(set, {.workers = 1, .prefetch = 0}); }),
            "invalid_argument: DataLoader: prefetch is 0 (1 or more)");
}

}  // namespace
}  // namespace neve::test
