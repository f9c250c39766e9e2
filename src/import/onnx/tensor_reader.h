// From TensorProto to Tensor: all encodings, external data.
#pragma once
#include <neve/tensor.h>

#include <map>
#include <memory>
#include <string>

#include "base/file.h"
#include "import/onnx/schema.h"

namespace neve::import {

/// Where the bytes of external tensors may come from: files inside one folder, each mapped once.
class ExternalData {
 public:
  /// `folder` empty: external data are refused.
  explicit ExternalData(std::string folder) : folder_(std::move(folder)) {}
  /// The file called `location` in the model. @throws Error{corrupt_file} if it lies outside the folder,
  /// Error{not_found | io}
  std::shared_ptr<const MappedFile> open(const std::string& location, const std::string& what);

 private:
  std::string folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

/// "FLOAT16" for 10; "type 99" for an unknown one.
std::string onnx_type_name(int type);
/// Dtype of an ONNX element type. The 2- and 4-bit integers are held in 8 bits. False for strings and 8-bit floats.
bool onnx_dtype(int type, DType& out);
/// @throws Error{unsupported | corrupt_file} starting with `what`
DType require_onnx_dtype(int type, const std::string& what);

/// Decodes a tensor. The bytes of raw_data are taken out of `t`, not copied. @throws Error{corrupt_file | unsupported}
Tensor read_tensor(pb::TensorProto& t, ExternalData& external, const std::string& what);
/// The dense tensor of a sparse one.
Tensor read_sparse_tensor(pb::SparseTensorProto& t, ExternalData& external, const std::string& what);

}  // namespace neve::import
