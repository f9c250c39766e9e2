// A piece: a few ops compiled together for any sizes, which eager execution runs as one. The compiler lies above this
// layer and is reached through this interface.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "base/threads.h"
#include "op/def.h"

namespace neve::eager {

/// What a piece is called with, at one position.
struct Parameter {
  TensorType type;
  Tensor content;       ///< defined: always exactly this, compiled in
  bool absent = false;  ///< an optional input that is left out
};

/// Makes the results of a piece from its parameters. A result may be invalid: there is none at that position.
using Recipe = FunctionRef<Values(Builder&, std::span<const Value> parameters)>;

/// Immutable; run() may be called from several threads at once.
class Piece {
 public:
  virtual ~Piece() = default;
  virtual size_t results() const = 0;
  virtual bool has(size_t result) const = 0;
  /// Whether the elements of parameter i are read. Others are asked for their sizes only.
  virtual bool reads(size_t parameter) const = 0;
  /// `in`: per parameter; contiguous where read. `out`: per result; undefined where there is none. Results are new, or
  /// parameters that the recipe handed through.
  virtual void run(std::span<const Tensor> in, std::vector<Tensor>& out, int threads) const = 0;
};

/// How an op is best run.
enum class Way : uint8_t {
  reference,  ///< by its definition: nothing faster exists
  sizes,      ///< compiled for the sizes at hand: library kernels
  symbols,    ///< compiled once for all sizes: loops
};

class PieceCompiler {
 public:
  virtual ~PieceCompiler() = default;
  virtual Way way(const OpDef& op) const = 0;
  /// Whether an op consists of loops alone, so that computing it again in its gradient costs less than keeping what
  /// it went through. `types`: of the operands; null where absent.
  virtual bool is_light(const OpDef& op, const Attrs& attrs, std::span<const Parameter> operands) = 0;
  /// `sizes`: a value for every symbol in the parameters' types, as they are at this call (kernels are chosen for
  /// them). Some milliseconds; thread-safe. @throws Error of an op that refuses
  virtual std::shared_ptr<const Piece> compile(std::span<const Parameter> parameters,
                                               std::span<const std::pair<Dim, int64_t>> sizes, Recipe recipe) = 0;
};

/// The compiler of this library; defined by the layer that joins eager execution and compilation.
PieceCompiler& piece_compiler();

}  // namespace neve::eager
