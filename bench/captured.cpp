// Overhead of calling what was captured: a small program through its engine's session, as a jit::Function, and as a
// method of a loaded module with one form and with several.
#include <neve/neve.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "nanoseconds.h"

namespace {
const char usage[] =
    "bench-captured [--sizes N,...]\n"
    "  Nanoseconds of a call of y = relu(linear(x)) on N rows (1 by default) by each way that C++ has, gradients off:\n"
    "  the session of its engine, what jit::trace gave, a loaded module with one form, and one with eight forms that "
    "a\n"
    "  value tells apart. Medians of 15 rounds; the second number is what is above the session.\n";

void measure(int64_t rows, const std::string& folder) {
  using namespace neve;
  const nn::Linear net(4, 4);
  const auto program = [&](const std::vector<Tensor>& in) { return std::vector<Tensor>{relu(net(in[0]))}; };
  const std::vector<Tensor> x{rand({rows, 4})};
  const jit::Function f = jit::trace(program, {rand({2, 4})}, {}, &net);
  jit::save(f, folder + "/one.neve");
  const jit::Module one = jit::load(folder + "/one.neve");
  std::vector<jit::Method> methods;
  for (int k = 0; k < 8; ++k) methods.push_back({"forward", f, "", {int64_t(k)}});
  jit::save(net, methods, folder + "/eight.neve");
  const jit::Module eight = jit::load(folder + "/eight.neve");
  const NoGrad off;
  Session session = optimize(f.model(), {.tune = false, .gate = false}).session();
  std::vector<Tensor> y;
  const double base = nanoseconds([&] { y = session.run(x); });
  const auto line = [&](const char* what, double ns) { std::printf("  %-28s %7.0f  %+6.0f\n", what, ns, ns - base); };
  std::printf("%lld x 4:\n", (long long)rows);
  line("session", base);
  line("jit::Function", nanoseconds([&] { y = f(x); }));
  line("loaded, one form", nanoseconds([&] { y = one.call("forward", x); }));
  const std::vector<jit::Constant> last{int64_t(7)};
  line("loaded, the last of eight", nanoseconds([&] { y = eight.call("forward", x, last); }));
}
}  // namespace

int main(int argc, char** argv) {
  std::vector<int64_t> sizes{1};
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--sizes") != 0 || ++i == argc) {
      std::fputs(usage, std::strcmp(argv[i - (i == argc)], "--help") == 0 ? stdout : stderr);
      return std::strcmp(argv[i - (i == argc)], "--help") == 0 ? 0 : 2;
    }
    sizes.clear();
    for (const char* s = argv[i]; *s; s += *s == ',') {
      char* end;
      sizes.push_back(std::strtoll(s, &end, 10));
      if (end == s || sizes.back() < 1) return std::fputs(usage, stderr), 2;
      s = end;
    }
  }
  std::string folder = (std::filesystem::temp_directory_path() / "neve-bench-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return std::perror("bench-captured"), 1;
  for (int64_t n : sizes) measure(n, folder);
  std::filesystem::remove_all(folder);
}
