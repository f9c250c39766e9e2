// Loop nests of known shapes of work against the reference, several sizes through one compiled nest.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "op/reference.h"

#include "support.h"

namespace neve::test {
namespace {

const Dim b = Dim::symbol("b"), n = Dim::symbol("n"), m = Dim::symbol("m");

std::vector<SymbolValues> sizes2(Dim x, Dim y) {
  std::vector<SymbolValues> s;
  for (auto [p, q] : std::initializer_list<std::pair<int64_t, int64_t>>{
           {2, 3}, {1, 1}, {0, 5}, {5, 0}, {7, 64}, {3, 129}, {33, 100}, {1, 1000}, {300, 17}})
    s.push_back({{id(x), p}, {id(y), q}});
  return s;
}

TEST(Loop, ElementwiseWithBias) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), bias = p.input(DType::f32, {n}), s = p.input(DType::f32, {b, 1});
  p.output(p.call("relu", {p.call("mul", {p.call("add", {x, bias}), s})}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, Gelu) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("gelu", {x}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, MaybeBroadcast) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), y = p.input(DType::f32, {b, m});
  p.output(p.call("add", {x, y}));
  const Subgraph g = p.primitives();
  std::vector<SymbolValues> s;
  for (auto [i, j, k] : std::initializer_list<std::array<int64_t, 3>>{
           {3, 5, 5}, {3, 5, 1}, {3, 1, 70}, {2, 1, 1}, {2, 0, 1}, {40, 300, 300}})
    s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
  expect_reference(g, s);
}

TEST(Loop, SumLast) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("reduce_sum", {p.call("mul", {x, x})}, {{"axes", std::vector<int64_t>{-1}}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, SumFirst) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("reduce_max", {x}, {{"axes", std::vector<int64_t>{0}}, {"keepdims", false}}));
  p.output(p.call("reduce_sum", {x}, {{"axes", std::vector<int64_t>{0}}, {"keepdims", false}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, MeanMiddle) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n, 5, m});
  p.output(p.call("relu", {p.call("reduce_mean", {x}, {{"axes", std::vector<int64_t>{1, 2}}, {"keepdims", false}})}));
  expect_reference(p.primitives(), {{{id(b), 2}, {id(n), 3}, {id(m), 7}},
                                    {{id(b), 1}, {id(n), 1}, {id(m), 100}},
                                    {{id(b), 4}, {id(n), 9}, {id(m), 1}}});
}

TEST(Loop, SumAll) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("reduce_sum", {x}, {{"keepdims", false}}));
  auto s = sizes2(b, n);
  s.push_back({{id(b), 300}, {id(n), 1000}});
  expect_reference(p.primitives(), s, 1e-4);
}

TEST(Loop, SoftmaxLast) {
  Piece p;
  p.output(p.call("softmax", {p.input(DType::f32, {b, n})}, {{"axis", int64_t(-1)}}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, SoftmaxMiddle) {
  Piece p;
  p.output(p.call("softmax", {p.input(DType::f32, {2, b, n})}, {{"axis", int64_t(1)}}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, LogSoftmax) {
  Piece p;
  p.output(p.call("log_softmax", {p.input(DType::f32, {b, n})}, {{"axis", int64_t(-1)}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, LayerNorm) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), y = p.input(DType::f32, {b, n}), g = p.input(DType::f32, {n}),
              h = p.input(DType::f32, {n});
  p.output(p.call_many_first("layer_normalization", {p.call("add", {x, y}), g, h}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-4);
}

TEST(Loop, GroupNorm) {
  Piece p;
  const Value x = p.input(DType::f32, {b, 12, n, m}), g = p.input(DType::f32, {12}), h = p.input(DType::f32, {12});
  p.output(p.call_many_first("group_normalization", {x, g, h}, {{"num_groups", int64_t(3)}}));
  expect_reference(p.primitives(),
                   {{{id(b), 2}, {id(n), 3}, {id(m), 7}},
                    {{id(b), 1}, {id(n), 1}, {id(m), 1}},
                    {{id(b), 1}, {id(n), 100}, {id(m), 130}}},
                   1e-4);
}

TEST(Loop, Transpose) {
  for (DType t : {DType::f32, DType::u8, DType::f64, DType::i16, DType::f16}) {
    Piece p;
    const Value x = p.input(t, {b, n, m});
    p.output(p.call("transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1}}}));
    std::vector<SymbolValues> s;
    for (auto [i, j, k] : std::initializer_list<std::array<int64_t, 3>>{
             {2, 3, 5}, {1, 64, 64}, {3, 100, 37}, {1, 1, 70}, {2, 33, 0}, {1, 300, 200}})
      s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
    expect_reference(p.primitives(), s, 1e-6);
  }
}

TEST(Loop, AttentionHeads) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n, 24}), bias = p.input(DType::f32, {24});
  const Value y = p.graph.reshape(p.call("add", {x, bias}), std::vector<Dim>{b, n, 4, 6});
  p.output(p.call("transpose", {y}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, HeadsBack) {
  Piece p;
  const Value x = p.input(DType::f32, {b, 4, n, 6});
  const Value y = p.call("transpose", {x}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  p.output(p.graph.reshape(y, std::vector<Dim>{b, n, 24}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, ConcatOfPieces) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), y = p.input(DType::f32, {b, 3}), z = p.input(DType::f32, {b, m});
  p.output(
      p.call("mul", {p.call("concat", {x, p.call("neg", {y}), z}, {{"axis", int64_t(1)}}), p.scalar(DType::f32, 2)}));
  std::vector<SymbolValues> s;
  for (auto [i, j, k] : std::initializer_list<std::array<int64_t, 3>>{{2, 3, 5}, {1, 64, 64}, {3, 0, 37}, {1, 1, 0}})
    s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
  expect_reference(p.primitives(), s);
}

TEST(Loop, Slices) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  const Value y =
      p.call("slice", {x, p.graph.ints({1}), p.graph.ints({1000000}), p.graph.ints({1}), p.graph.ints({2})});
  const Value z =
      p.call("slice", {y, p.graph.ints({-1}), p.graph.ints({-1000000}), p.graph.ints({0}), p.graph.ints({-1})});
  p.output(p.call("exp", {z}));
  expect_reference(p.primitives(), sizes2(b, n), 1e-6);
}

TEST(Loop, Pads) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  p.output(p.call("relu", {p.call("pad", {x, p.graph.ints({1, 0, 2, 3}), p.scalar(DType::f32, 9)})}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, Embedding) {
  Piece p;
  const Value table = p.input(DType::f32, {5, m}), index = p.input(DType::i64, {b, n}),
              position = p.input(DType::f32, {n, m});
  p.output(p.call("add", {p.call("gather", {table, index}), position}));
  std::vector<SymbolValues> s;
  for (auto [i, j, k] :
       std::initializer_list<std::array<int64_t, 3>>{{2, 3, 5}, {1, 64, 100}, {3, 0, 37}, {1, 1, 0}, {4, 7, 1}})
    s.push_back({{id(b), i}, {id(n), j}, {id(m), k}});
  expect_reference(p.primitives(), s);
}

TEST(Loop, GatherLast) {
  Piece p;
  const Value table = p.input(DType::f32, {b, 5}), index = p.input(DType::i32, {n});
  p.output(p.call("gather", {table, index}, {{"axis", int64_t(1)}}));
  expect_reference(p.primitives(), sizes2(b, n));
}

TEST(Loop, IndicesThatLieAcrossTheLanes) {  // the image patches of TNT: one table of indices for both axes, transposed
  Piece p;
  const Value x = p.input(DType::f32, {b, 3, 5, 5}), index = p.input(DType::i64, {4, 3});
  const Value rows = p.call("gather", {x, index}, {{"axis", int64_t(2)}});
  const Value both = p.call("gather", {rows, index}, {{"axis", int64_t(4)}});
  p.output(p.call("transpose", {both}, {{"perm", std::vector<int64_t>{0, 3, 5, 1, 2, 4}}}));
  expect_reference(p.primitives(), {{{id(b), 1}}, {{id(b), 3}}, {{id(b), 0}}});
}

TEST(Loop, IndexOutOfRange) {
  Piece p;
  const Value table = p.input(DType::f32, {5, m}), index = p.input(DType::i64, {n});
  p.output(p.call("gather", {table, index}));
  const CompiledPiece c(p.primitives());
  const SymbolValues s = {{id(m), 3}, {id(n), 2}};
  const std::vector<Tensor> bad = {Tensor::zeros(DType::f32, {5, 3}),
                                   Tensor::of_ints(DType::i64, {2}, std::vector<int64_t>{1, 5})};
  EXPECT_THROW(c.run(bad, s), Error);
  const std::vector<Tensor> good = {Tensor::zeros(DType::f32, {5, 3}),
                                    Tensor::of_ints(DType::i64, {2}, std::vector<int64_t>{-5, 4})};
  EXPECT_NO_THROW(c.run(good, s));
}

/// The elements of a row-major tensor as they lie under a layout.
Tensor laid_out(const Tensor& t, const Layout& l) {
  const size_t rank = t.shape().size();
  Sizes outer = t.shape();
  for (const Layout::Block& k : l.blocks) outer[size_t(k.axis)] /= k.size;
  const Tensor r = Tensor::empty(t.dtype(), t.shape());
  for (int64_t i = 0; i < t.element_count(); ++i) {
    Sizes at(rank);
    int64_t rest = i;
    for (size_t d = rank; d-- > 0;) at[d] = rest % t.shape()[d], rest /= t.shape()[d];
    std::vector<int64_t> inside;
    for (size_t k = l.blocks.size(); k-- > 0;) {
      const Layout::Block& x = l.blocks[k];
      inside.insert(inside.begin(), at[size_t(x.axis)] % x.size);
      at[size_t(x.axis)] /= x.size;
    }
    int64_t o = 0;
    for (size_t d = 0; d < rank; ++d) {
      const size_t a = l.order.empty() ? d : size_t(l.order[d]);
      o = o * outer[a] + at[a];
    }
    for (size_t k = 0; k < l.blocks.size(); ++k) o = o * l.blocks[k].size + inside[k];
    r.data_as<float>()[o] = t.data_as<float>()[i];
  }
  return r;
}

TEST(Loop, Layouts) {
  Layout plain, last, blocked;
  last.order = {0, 2, 3, 1};
  blocked.order = {0, 1, 2, 3};
  blocked.blocks = {{1, 16}};
  for (const Layout& in : {plain, last, blocked})
    for (const Layout& out : {plain, last, blocked}) {
      Piece p;
      const Value x = p.input(DType::f32, {b, 32, n, m}), y = p.input(DType::f32, {b, 32, n, m}),
                  s = p.input(DType::f32, {32, 1, 1});
      p.output(p.call("relu", {p.call("add", {p.call("mul", {x, s}), y})}));
      const CompiledPiece c(p.primitives(), {{in, in, plain}, {out}});
      std::mt19937 random(3);
      const SymbolValues sizes = {{id(b), 2}, {id(n), 5}, {id(m), 7}};
      std::vector<Tensor> t = random_inputs(c.graph(), sizes, random);
      const Tensor want = laid_out(evaluate(c.graph(), t)[0], out);
      t[0] = laid_out(t[0], in), t[1] = laid_out(t[1], in);
      EXPECT_EQ(difference(c.run(t, sizes)[0], want), "") << to_string(in) << " to " << to_string(out);
    }
  Piece p;
  const Value x = p.input(DType::f32, {b, 30, n, m});
  p.output(p.call("relu", {x}));
  EXPECT_THROW(CompiledPiece(p.primitives(), {{blocked}, {blocked}}), Error);
}

TEST(Loop, InPlace) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n}), y = p.input(DType::f32, {n});
  p.output(p.call("softmax", {p.call("add", {x, y})}));
  const CompiledPiece c(p.primitives());
  ASSERT_TRUE(may_share_memory(c.nest(), 0, int32_t(c.nest().buffers.size()) - 1));
  EXPECT_FALSE(may_share_memory(c.nest(), 1, int32_t(c.nest().buffers.size()) - 1));
  std::mt19937 random(3);
  const SymbolValues sizes = {{id(b), 37}, {id(n), 101}};
  const std::vector<Tensor> t = random_inputs(c.graph(), sizes, random);
  const Tensor want = c.run(t, sizes)[0];
  std::vector<void*> buffers;
  for (const Tensor& k : t) buffers.push_back(k.data());
  buffers.push_back(t[0].data());
  const auto bound = c.code().bind(c.values(sizes), 2);
  const auto scratch = Storage::allocate(std::max<size_t>(64, bound->scratch_bytes()));
  bound->run(buffers.data(), scratch->data());
  EXPECT_EQ(difference(t[0], want, 0), "");
}

TEST(Loop, LongRowsAreCutTheSameForAnyThreadCount) {
  Piece p;
  p.output(p.call("softmax", {p.input(DType::f32, {b, n})}));
  expect_reference(p.primitives(), {{{id(b), 2}, {id(n), 100003}}, {{id(b), 1}, {id(n), 32768}}}, 1e-6);
  Piece q;
  const Value x = q.input(DType::f32, {n, 5});
  q.output(q.call("reduce_sum", {x}, {{"axes", std::vector<int64_t>{0}}}));
  q.output(q.call("reduce_min", {x}, {{"axes", std::vector<int64_t>{0}}}));
  expect_reference(q.primitives(), {{{id(n), 100003}}}, 1e-3);
}

TEST(Loop, RefusalsSayWhy) {
  Piece p;
  const Value x = p.input(DType::f32, {b, n});
  const Value r = p.call("reduce_sum", {x}, {{"axes", std::vector<int64_t>{1}}});
  p.output(p.call("sub", {p.call("reduce_sum", {p.call("mul", {x, r})}, {{"axes", std::vector<int64_t>{0}}}), r}));
  const LoopAnalysis a = make_loop_nest(p.primitives());
  EXPECT_FALSE(a.nest);
  EXPECT_NE(a.refusal.find("reduce_sum"), std::string::npos) << a.refusal;
}

TEST(Loop, EqualNestsShareCode) {
  const auto make = [](Dim rows) {
    Piece p;
    p.output(p.call("tanh", {p.input(DType::f32, {rows, 12})}));
    return *make_loop_nest(p.primitives()).nest;
  };
  const LoopNest one = make(Dim::symbol("r")), two = make(100);
  const LoopNest* both[] = {&one, &two};
  const auto code = loop_code_provider()->compile(both, {.disk_cache = false});
  EXPECT_EQ(code[0], code[1]);
}

TEST(Loop, ObjectCodeIsKeptOnDisk) {
  Piece p;
  p.output(p.call("exp", {p.call("neg", {p.input(DType::f32, {b, 1, n})})}));
  const Subgraph g = p.primitives();
  const LoopNest nest = *make_loop_nest(g).nest;
  const std::string folder = testing::TempDir() + "neve_loop_cache_" + std::to_string(::getpid());
  const char* before = std::getenv("NEVE_CACHE_DIR");
  const std::string saved = before ? before : "";
  setenv("NEVE_CACHE_DIR", folder.c_str(), 1);
  loop_code_provider()->compile(nest);
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& e : std::filesystem::directory_iterator(folder + "/loops", error)) files.push_back(e.path());
  ASSERT_EQ(files.size(), 1u) << folder;
  EXPECT_EQ(std::filesystem::status(folder + "/loops").permissions() & std::filesystem::perms(077),
            std::filesystem::perms::none);
  // A file that was changed is not used: it is written again.
  const auto size = std::filesystem::file_size(files[0]);
  std::ofstream(files[0], std::ios::binary | std::ios::in).seekp(long(size) / 2).write("garbage", 7);
  const auto code = loop_code_provider()->compile(nest);
  EXPECT_NE(code, nullptr);
  std::string text;
  std::ifstream again(files[0], std::ios::binary);
  text.assign(std::istreambuf_iterator<char>(again), {});
  EXPECT_EQ(text.find("garbage"), std::string::npos);
  std::filesystem::remove_all(folder);
  if (before)
    setenv("NEVE_CACHE_DIR", saved.c_str(), 1);
  else
    unsetenv("NEVE_CACHE_DIR");
}

}  // namespace
}  // namespace neve::test
