// Fuzzes the readers of .neve archives, of engines and of modules: any bytes are a model or a clean error, and so is
// every call of what was read.
#include <neve/engine.h>
#include <neve/error.h>
#include <neve/jit.h>

#include "archive_mutator.h"

namespace {

using neve::Tensor;

// Tensors as a method wants them, small: open sizes are 2. None where one would be large.
std::vector<Tensor> small_inputs(const std::vector<neve::PortInfo>& ports) {
  std::vector<Tensor> in;
  for (const neve::PortInfo& p : ports) {
    neve::Sizes sizes;
    int64_t count = 1;
    for (const std::string& d : p.shape) {
      sizes.push_back(d.empty() || d.find_first_not_of("0123456789") != std::string::npos ? 2 : std::atoll(d.c_str()));
      if (sizes.back() > 4096 || (count *= std::max<int64_t>(sizes.back(), 1)) > 65536) return {};
    }
    in.push_back(Tensor::zeros(p.dtype, sizes));
  }
  return in;
}

void read_engine(const std::string& path) {
  const neve::Model m = neve::load(path);
  if (m.has_engine()) m.engine().session().run(small_inputs(m.inputs()));
}

void read_module(const std::string& path) {
  const neve::jit::Module m = neve::jit::load(path);
  m.set_print([](std::string_view) {});
  for (const bool training : {false, true}) {
    m.train(training);
    for (const std::string& method : m.methods())
      for (const neve::jit::Function& form : m.forms(method)) try {
          m.call(method, small_inputs(form.inputs()));
        } catch (const neve::Error&) {
        }
  }
}

}  // namespace

// Nothing is remembered: every file takes the whole way.
extern "C" int LLVMFuzzerInitialize(int*, char***) { return setenv("NEVE_CACHE_DIR", "/dev/null/none", 1); }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const neve::test::MemoryFile file(data, size);
  for (const auto read : {read_engine, read_module}) try {
      read(file.path());
    } catch (const neve::Error&) {
    }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  if (seed % 16) {
    const std::string made = neve::test::ArchiveMutator(seed).mutate(data, size);
    if (!made.empty() && made.size() <= most) {
      std::memcpy(data, made.data(), made.size());
      return made.size();
    }
  }
  return LLVMFuzzerMutate(data, size, most);
}
