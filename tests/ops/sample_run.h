// A sample of an op made concrete: tensors drawn by a seed, types, facts.
#pragma once
#include <string>
#include <vector>

#include "op/def.h"

namespace neve::test {

struct SampleRun {
  const OpDef* op = nullptr;
  Attrs attrs;
  std::vector<Tensor> in;         ///< undefined: absent
  std::vector<TensorType> types;  ///< of `in`
  std::vector<bool> symbolic;     ///< whether the sizes of the input may become symbols
  std::vector<Facts> facts;
  const Sample* sample = nullptr;
  std::string text;  ///< "conv sample 2 {strides=[2, 2]} (f32[1, 3, 8, 8], ...)"

  std::vector<const TensorType*> type_pointers() const;
};

/// Sample k of an op, with values drawn by a fixed seed.
SampleRun make_run(const OpDef& op, const std::vector<Sample>& samples, size_t k);
/// The same with all floats as f64, in dtype attributes as well.
SampleRun in_f64(const SampleRun& run);
std::string attrs_text(const Attrs& attrs);

/// Numbers in [0, 1) that depend on the seed alone.
class Draw {
 public:
  explicit Draw(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ull + 1) {}
  double operator()() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return double((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }

 private:
  uint64_t state_;
};

}  // namespace neve::test
