// One engine, several sessions, each in its own thread.
#include <atomic>
#include <thread>

#include "runtime/models.h"
#include "support/text_model.h"

namespace neve::test {
namespace {

// Runs `count` threads over all sizes, each in its own order, and compares bit for bit with one session that ran alone.
void run_together(std::string_view text, const std::vector<std::vector<Sizes>>& all, size_t count, int rounds) {
  const Model m = text_model(text);
  const Engine e = optimize(m, quiet());
  std::vector<std::vector<Tensor>> in, expected;
  Session alone = e.session();
  for (const auto& sizes : all) {
    in.push_back(draw_inputs(m, sizes));
    std::vector<Tensor> y = alone.run(in.back());
    for (Tensor& t : y) t = t.clone();
    expected.push_back(y);
  }
  std::atomic<int> wrong{0}, ready{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < count; ++t)
    threads.emplace_back([&, t] {
      try {
        Session s = e.session();
        ++ready;
        while (ready < int(count)) std::this_thread::yield();
        for (int r = 0; r < rounds; ++r)
          for (size_t k = 0; k < in.size(); ++k) {
            const size_t i = (k + t) % in.size();
            const std::vector<Tensor> y = s.run(in[i]);
            for (size_t j = 0; j < y.size(); ++j) wrong += !same_bits(y[j], expected[i][j]);
          }
      } catch (const std::exception& x) {
        ADD_FAILURE() << x.what();
        ready = int(count);
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0) << text.substr(0, text.find('('));
}

TEST(ConcurrentSessions, TwoAreBitEqual) {
  run_together(conv_block, {{{1, 3, 8, 8}}, {{3, 3, 9, 5}}}, 2, 10);
  run_together(attention, {{{1, 3, 12}, {1, 3}}, {{2, 9, 12}, {2, 9}}}, 2, 10);
}

TEST(ConcurrentSessions, EightAreBitEqual) {
  run_together(gelu_block, {{{1, 1, 16}}, {{2, 3, 16}}, {{4, 5, 16}}, {{1, 9, 16}}}, 8, 5);
  run_together(softmaxes, {{{1, 4, 5}}, {{2, 3, 9}}, {{6, 1, 2}}}, 8, 5);
  run_together(picked, {{{4, 5}}, {{9, 2}}, {{1, 1}}}, 8, 5);
  run_together(scanned, {{{4}, {5, 4}, {4}}, {{4}, {2, 4}, {4}}}, 8, 5);
  run_together(conv_block, {{{1, 3, 8, 8}}, {{2, 3, 5, 5}}}, 8, 3);
}

TEST(ConcurrentSessions, OneModelIsCalledByAll) {
  const Model m = text_model(norms);
  const auto in = draw_inputs(m, {{3, 4, 10}});
  const auto expected = m.run_reference(in);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int r = 0; r < 3; ++r) expect_close(m(in), expected, 2e-5, "baseline");
    });
  for (std::thread& t : threads) t.join();
}

TEST(ConcurrentSessions, WarmWhileOthersRun) {
  const Model m = text_model(gelu_block);
  const Engine e = optimize(m, quiet());
  std::thread warm([&] {
    for (int64_t n = 1; n < 30; ++n) e.warm({{{"x", {n, 2, 16}}}});
  });
  Session s = e.session();
  for (int64_t n = 1; n < 30; ++n) {
    const auto in = draw_inputs(m, {{n, 2, 16}});
    expect_close(s.run(in), m.run_reference(in), 2e-5, str("n ", n));
  }
  warm.join();
}

}  // namespace
}  // namespace neve::test
