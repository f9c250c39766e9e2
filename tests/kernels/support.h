// What the kernel tests share: a piece built by the Builder, one kernel asked for it by name, runs compared with the
// reference.
#pragma once
#include <array>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "kernels/kernel.h"

namespace neve::test {

using SymbolValues = std::map<uint32_t, int64_t>;
inline uint32_t id(Dim d) { return d.as_symbol().id; }

/// Batch, height and width for tests of what works on images, and values for them.
namespace images {
inline const Dim n = Dim::symbol("n"), h = Dim::symbol("h"), w = Dim::symbol("w");
std::vector<SymbolValues> sizes_of(const std::vector<std::array<int64_t, 3>>& list);
}  // namespace images

class Piece {
 public:
  ir::Graph graph;
  Value input(DType t, Shape shape) { return add({t, std::move(shape)}, InputRole::activation, {}); }
  Value weight(DType t, Shape shape) { return add({t, std::move(shape)}, InputRole::weight, {}); }
  Value constant(const Tensor& t);
  Value ints(const std::vector<int64_t>& v) { return constant(Tensor::of_ints(DType::i64, {int64_t(v.size())}, v)); }
  /// An i64 vector that comes with each call, its content known as Dims.
  Value content(const Shape& c);
  Values call(std::string_view op, const Values& in, const AttrList& attrs = {}) {
    return graph.call_many(op, in, attrs);
  }
  void output(Value v) { graph.add_output("", v); }
  Subgraph subgraph() const;

 private:
  Value add(TensorType t, InputRole role, Tensor content, Facts facts = {});
  std::vector<InputRole> roles_;
  std::vector<Tensor> constants_;
  std::vector<Facts> facts_;
};

struct Asked {
  int threads = 2;
  Isa isa = cpu_info().isa;
  bool isa_alone = false;  ///< not those below too
  int64_t below = 5;       ///< random integers lie in [low, below)
  int64_t low = 0;
  double spread = 0.3;          ///< standard deviation of random floats
  double tolerance = 2e-5;      ///< of max(1, |value|); 0: exact
  std::vector<Layout> offered;  ///< per input; empty: plain
  bool may_overwrite = false, plain_only = false;
  bool cold_weights = false;  ///< as in Request
  double most_error = 1e-5;   ///< as in Request
};

/// The refusal of the entry for this piece at these sizes; "" if it accepts.
std::string refusal(const std::string& entry, const Subgraph& g, const SymbolValues& tuned, const Asked& how = {});
/// One kernel, made at tuned[0] and run at all sizes with 1 and 2 threads, by every variant and the instruction sets
/// below too: all must agree with the reference.
void expect_reference(const std::string& entry, const Subgraph& g, const std::vector<SymbolValues>& sizes,
                      Asked how = {});
/// The first result of a kernel for these inputs, with 2 threads.
Tensor result_of(const std::string& entry, int variant, const Subgraph& g, const SymbolValues& at,
                 const std::vector<Tensor>& in, const Asked& how = {});

}  // namespace neve::test
