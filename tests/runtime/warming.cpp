// Sizes prepared in the background: right results meanwhile, errors, ends of all kinds.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {

Engine made() {
  OptimizeOptions o = quiet();
  o.ranges = {parse_range("x=1x3x8x8..16x3x64x64")};
  return optimize(text_model(conv_block), o);
}

std::vector<NamedSizes> many(int64_t from, int64_t to) {
  std::vector<NamedSizes> shapes;
  for (int64_t n = from; n <= to; ++n)
    for (int64_t h = 8; h <= 24; h += 4) shapes.push_back({{"x", {n, 3, h, h + 1}}});
  return shapes;
}

TEST(ConcurrentWarming, CallsAreRightMeanwhile) {
  const auto input = [](int i) {
    const int64_t h = 8 + i % 5 * 4;
    return draw(DType::f32, {1 + i % 16, 3, h, h + 1}, uint64_t(i));
  };
  const Engine e = made();
  std::vector<Tensor> expected;
  Session alone = made().session();
  for (int i = 0; i < 20; ++i) expected.push_back(alone.run({input(i)})[0].clone());

  const Warming w = e.warm_in_background(many(1, 16));
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&, t] {
      Session session = e.session();
      for (int k = 0; k < 60; ++k) {
        const int i = (k + 7 * t) % 20;
        wrong += !same_bits(session.run({input(i)})[0], expected[size_t(i)]);
      }
    });
  for (std::thread& t : threads) t.join();
  w.wait();
  EXPECT_TRUE(w.done());
  EXPECT_EQ(w.error(), "");
  EXPECT_EQ(wrong, 0);
  // Nothing is left to be made.
  const auto instances = [&] {
    size_t n = 0;
    for (const auto& program : e.impl()->optimized->core->ranges[0].programs) n += program->instance_count();
    return n;
  };
  const size_t before = instances();  // and what optimize looked at
  EXPECT_GE(before, 80u);
  Session session = e.session();
  session.run({draw(DType::f32, {7, 3, 16, 17}, 3)});
  EXPECT_EQ(instances(), before);
}

TEST(ConcurrentWarming, IsCancelled) {
  const Engine e = made();
  const Warming w = e.warm_in_background(many(1, 16));
  w.cancel();
  EXPECT_TRUE(w.done());
  w.cancel();
  if (w.error().empty()) GTEST_SKIP() << "it was done before";
  EXPECT_EQ(w.error(), "warm: cancelled");
  EXPECT_EQ(message_of([&] { w.wait(); }), "warm: cancelled");
}

TEST(ConcurrentWarming, EndsWithTheEngineAndItsHandles) {
  const Tensor x = draw(DType::f32, {2, 3, 8, 9}, 1);
  std::optional<Session> session;
  std::weak_ptr<runtime::EngineCore> core;
  {
    const Engine e = made();
    session = e.session();
    core = e.impl()->optimized->core;
    e.warm_in_background(many(1, 16));  // the engine keeps it
  }
  EXPECT_EQ(session->run({x})[0].shape(), (Sizes{2, 8, 8, 9}));
  session.reset();
  EXPECT_TRUE(core.expired()) << "something still holds the engine";
  Warming kept;
  {
    const Engine e = made();
    kept = e.warm_in_background(many(1, 2));
  }
  kept.wait();  // goes on without the engine
}

TEST(ConcurrentWarming, ErrorsReachTheHandle) {
  const Engine e = made();
  EXPECT_NE(message_of([&] { e.warm_in_background({{{"z", {1, 3, 8, 8}}}}); }).find("no sizes for input 'x'"),
            std::string::npos);
  const Warming w = e.warm_in_background({{{"x", {1, 3, 8, 8}}}, {{"x", {99, 3, 8, 8}}}});
  const std::string said = message_of([&] { w.wait(); });
  EXPECT_NE(said.find("outside every range"), std::string::npos) << said;
  EXPECT_EQ(w.error(), said);
  EXPECT_NE(message_of([] { Warming().wait(); }).find("Warming is empty"), std::string::npos);
}

}  // namespace
}  // namespace neve::test
