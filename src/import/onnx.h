// Reads ONNX models into the IR.
#pragma once
#include <neve/tensor.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ir/graph.h"

namespace neve::import {

struct OnnxOptions {
  /// Shapes that replace those of the file's inputs, by input name: constants fix what the file left open, symbols open
  /// what the file fixed (a batch of 1). Same rank as in the file, unless the file says none. Equal symbols are equal
  /// sizes. Where a node holds the old size as a literal (a reshape to [1, 512]), the literal is taken as the new size
  /// where the element counts prove it; otherwise the node is named in an error.
  std::map<std::string, Shape, std::less<>> input_shapes = {};
  /// Dims that stand for sizes which the file names.
  std::map<std::string, Dim, std::less<>> symbols = {};
  /// Content of inputs that is the same for every call: the input becomes a constant and disappears from the signature.
  std::map<std::string, Tensor, std::less<>> input_values = {};
  /// Number of elements of inputs that are sequences; 0 or 1 for optionals. Elements become inputs "name.0", "name.1",
  /// ...
  std::map<std::string, int64_t, std::less<>> sequence_lengths = {};
  /// Version of the default operator set, instead of what the file says.
  std::optional<int64_t> opset = {};
};

/// Reads a model file and what it refers to (external data inside the file's folder, mapped rather than read).
///
/// The module has one method, "forward". Float initializers (and Constant nodes) of rank 1 or more with more than one
/// element are `weight` nodes with their bytes in Module::weights; all others are `constant` nodes. Names, and symbolic
/// dims by name, are kept; an unnamed open dim gets the symbol `<input>_<axis>`. Model-local functions are inlined;
/// sequences and optionals are resolved, an output that is a sequence becomes outputs "name.0", "name.1", ...
/// @throws Error{not_found | io} for the file itself; Error{corrupt_file} where the bytes are not a well-formed model;
///   Error{unsupported} listing every operator that the model needs and Neve lacks; errors of an op's infer with the
///   node.
/// @cost  initializers inside the file are copied once; safe on hostile bytes.
/// @source  ONNX 1.21 (IR version 13, opset 1 to 26)
ir::Module load_onnx(const std::string& path, const OnnxOptions& options = {});

/// The same from memory. `folder` is where external data may lie; empty: nowhere. `name` stands for the file in
/// messages.
ir::Module parse_onnx(std::span<const std::byte> bytes, const OnnxOptions& options = {}, const std::string& folder = "",
                      const std::string& name = "model");

/// What a model file says of its signature, without reading further.
struct OnnxPort {
  std::string name;
  enum class Kind { tensor, sequence, optional } kind = Kind::tensor;
  bool supported = true;  ///< false: an element type that Neve lacks (see `element`)
  std::string element;    ///< ONNX's name of the element type: "FLOAT"
  std::optional<DType> dtype;
  std::optional<std::vector<std::string>> shape;  ///< "3", "batch", "" (open, unnamed); nothing: rank unknown
};
struct OnnxSignature {
  std::vector<OnnxPort> inputs, outputs;  ///< inputs without initializers
  std::vector<std::string>
      operators;  ///< "Conv", "com.microsoft::Gelu": sorted, each once, subgraphs and functions included
};
OnnxSignature read_onnx_signature(const std::string& path);

/// One operator that is read.
struct OnnxOperator {
  std::string domain, name;      ///< "" for ai.onnx; "Conv"
  std::vector<std::string> ops;  ///< the Neve ops that it becomes
  bool available = true;         ///< false: one of them is not in the registry
};
/// All operators that have a rule, in the order of the table.
std::vector<OnnxOperator> onnx_operators();

/// A tensor, or a sequence or optional of tensors, as test data hold them (input_0.pb).
struct OnnxValue {
  OnnxPort::Kind kind = OnnxPort::Kind::tensor;
  std::vector<Tensor> tensors;  ///< one, or the elements
};
/// Options under which a model can be read for calls like this one: lengths of its sequences, shapes (with fresh
/// symbols) where the file says none, and, with `content`, small inputs as constants (a list of axes that decides a
/// rank). For models that load_onnx refuses without: what was given this way is part of the structure, and another call
/// may need another module.
OnnxOptions options_for_call(const OnnxSignature& signature, std::span<const OnnxValue> arguments, bool content);
/// Reads a TensorProto, SequenceProto or OptionalProto. @throws as load_onnx
OnnxValue read_onnx_value(const std::string& path, OnnxPort::Kind kind = OnnxPort::Kind::tensor);

}  // namespace neve::import
