// The ONNX schema as protobuf classes; the only way its header is reached.
#pragma once
#include <neve_onnx.pb.h>

namespace neve::import {
namespace pb = ::neve_onnx;
}  // namespace neve::import
