// The steady state allocates nothing of Neve's: operator new and malloc are counted while a warmed session runs.
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "runtime/models.h"
#include "support/text_model.h"

namespace {
std::atomic<bool> counting{false};
std::atomic<int64_t> allocations{0};

// oneDNN makes small things of its own at every call; what Neve asks for is what counts.
bool of_library_kernels(void* caller) {
  Dl_info info{};
  return dladdr(caller, &info) && info.dli_fname && std::strstr(info.dli_fname, "dnnl");
}

[[maybe_unused]] void* counted(size_t bytes, size_t alignment, void* caller) {
  if (counting.load(std::memory_order_relaxed) && !of_library_kernels(caller)) ++allocations;
  void* p = alignment <= alignof(std::max_align_t)
                ? std::malloc(bytes ? bytes : 1)
                : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (!p) throw std::bad_alloc();
  return p;
}
}  // namespace

// Of the whole program, libneve included: the dynamic linker binds the library's calls to these. (Under a sanitizer
// that brings its own they are not ours to replace.)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define NEVE_SANITIZED 1
#endif
#endif
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(NEVE_SANITIZED)
#define NEVE_COUNTS 1
void* operator new(size_t n) { return counted(n, 1, __builtin_return_address(0)); }
void* operator new[](size_t n) { return counted(n, 1, __builtin_return_address(0)); }
void* operator new(size_t n, std::align_val_t a) { return counted(n, size_t(a), __builtin_return_address(0)); }
void* operator new[](size_t n, std::align_val_t a) { return counted(n, size_t(a), __builtin_return_address(0)); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }
#endif

namespace neve::test {
namespace {

int64_t allocations_of(const std::function<void()>& f) {
  allocations = 0;
  counting = true;
  f();
  counting = false;
  return allocations;
}

[[maybe_unused]] void expect_none(std::string_view text, const std::vector<std::vector<Sizes>>& all, int threads) {
  const Model m = text_model(text);
  OptimizeOptions o = quiet();
  o.threads = threads;
  Session s = optimize(m, o).session();
  std::vector<std::vector<Tensor>> in, out(all.size());
  for (const auto& sizes : all) in.push_back(draw_inputs(m, sizes));
  for (int round = 0; round < 3; ++round)
    for (size_t k = 0; k < in.size(); ++k) s.run(in[k], out[k]);
  for (size_t k = 0; k < in.size(); ++k) {
    s.run(in[k], out[k]);
    EXPECT_EQ(allocations_of([&] {
                for (int i = 0; i < 10; ++i) s.run(in[k], out[k]);
              }),
              0)
        << text.substr(0, text.find('(')) << " at " << type_text(in[k][0]) << " with " << threads << " threads";
  }
}

#ifdef NEVE_COUNTS
TEST(SteadyState, TheCounterCounts) {
  EXPECT_GE(allocations_of([] { delete new Tensor(); }), 1);
  EXPECT_GE(allocations_of([] { Tensor::zeros(DType::f32, {4}); }), 1) << "the library's own calls are not seen";
}

TEST(SteadyState, AllocatesNothing) {
  for (int threads : {1, 2}) {
    expect_none(conv_block, {{{1, 3, 8, 8}}, {{4, 3, 16, 16}}}, threads);
    expect_none(pooled, {{{2, 4, 8, 9}}}, threads);
    expect_none(gelu_block, {{{2, 5, 16}}, {{1, 1, 16}}}, threads);
    expect_none(attention, {{{2, 9, 12}, {2, 9}}, {{1, 3, 12}, {1, 3}}}, threads);
    expect_none(softmaxes, {{{2, 3, 5}}}, threads);
    expect_none(norms, {{{2, 3, 10}}}, threads);
    expect_none(shape_arithmetic, {{{2, 3, 4}, {5, 4}}}, threads);
  }
}

TEST(SteadyState, ResultsThatWereDroppedAreUsedAgain) {
  const Model m = text_model(gelu_block);
  Session s = optimize(m, quiet()).session();
  const auto in = draw_inputs(m, {{2, 3, 16}});
  const std::byte* first = s.run(in)[0].data();
  EXPECT_EQ(s.run(in)[0].data(), first);
}
#endif

TEST(SteadyState, OutputsAreWrittenInPlace) {
  const Model m = text_model(gelu_block);
  Session s = optimize(m, quiet()).session();
  const auto in = draw_inputs(m, {{2, 3, 16}});
  std::vector<Tensor> out{Tensor::empty(DType::f32, {2, 3, 24})};
  const std::byte* mine = out[0].data();
  s.run(in, out);
  EXPECT_EQ(out[0].data(), mine);
  expect_close(out, m.run_reference(in), 2e-5, "in place");
  // What does not fit is replaced, not written to.
  out[0] = Tensor::zeros(DType::f32, {2, 3, 23});
  const Tensor unfit = out[0];
  s.run(in, out);
  EXPECT_EQ(out[0].shape(), (Sizes{2, 3, 24}));
  EXPECT_EQ(unfit.item(0), 0);
  out[0] = Tensor::zeros(DType::f64, {2, 3, 24});
  s.run(in, out);
  EXPECT_EQ(out[0].dtype(), DType::f32);
}

}  // namespace
}  // namespace neve::test
