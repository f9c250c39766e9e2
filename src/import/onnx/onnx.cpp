// The entries of the ONNX reader: from a path or bytes to a module.
#include "import/onnx.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <filesystem>
#include <limits>
#include <new>
#include <stdexcept>

#include "base/file.h"
#include "import/onnx/importer.h"
#include "op/registry.h"

namespace neve::import {
namespace fs = std::filesystem;

namespace {

void parse(google::protobuf::MessageLite& to, std::span<const std::byte> bytes, const std::string& name,
           const char* kind) {
  if (bytes.size() > size_t(std::numeric_limits<int>::max()))
    fail(ErrorCode::corrupt_file, "onnx: '", name, "' has ", bytes.size(),
         " bytes (at most 2 GiB; larger models keep their weights in external data)");
  if (!to.ParseFromArray(bytes.data(), int(bytes.size())))
    fail(ErrorCode::corrupt_file, "onnx: '", name, "' is not ", kind, ", or is damaged or cut short (", bytes.size(),
         " bytes)");
}

ir::Module read(std::span<const std::byte> bytes, const OnnxOptions& options, const std::string& folder,
                const std::string& name) {
  pb::ModelProto model;
  parse(model, bytes, name, "an ONNX model");
  try {
    return Importer(model, options, folder, name).run();
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::out_of_memory, "onnx: '", name, "' needs more memory than there is");
  } catch (const std::length_error&) {
    fail(ErrorCode::out_of_memory, "onnx: '", name, "' needs more memory than there is");
  }
}

OnnxPort port(const pb::ValueInfoProto& v) {
  OnnxPort p;
  p.name = v.name();
  const pb::TypeProto* t = &v.type();
  if (t->has_sequence_type())
    p.kind = OnnxPort::Kind::sequence, t = &t->sequence_type().elem_type();
  else if (t->has_optional_type())
    p.kind = OnnxPort::Kind::optional, t = &t->optional_type().elem_type();
  if (t->has_sequence_type()) t = &t->sequence_type().elem_type();  // an optional sequence
  if (!t->has_tensor_type()) {
    p.supported = false;
    return p;
  }
  p.element = onnx_type_name(t->tensor_type().elem_type());
  DType d;
  p.supported = onnx_dtype(t->tensor_type().elem_type(), d);
  if (p.supported) p.dtype = d;
  if (!t->tensor_type().has_shape()) return p;
  p.shape.emplace();
  for (const auto& dim : t->tensor_type().shape().dim())
    p.shape->push_back(dim.has_dim_value() ? str(dim.dim_value()) : dim.dim_param());
  return p;
}

void collect_operators(const google::protobuf::RepeatedPtrField<pb::NodeProto>& nodes, std::set<std::string>& out) {
  for (const auto& n : nodes) {
    out.insert(n.domain().empty() || n.domain() == "ai.onnx" ? n.op_type() : str(n.domain(), "::", n.op_type()));
    for (const auto& a : n.attribute()) {
      if (a.has_g()) collect_operators(a.g().node(), out);
      for (const auto& g : a.graphs()) collect_operators(g.node(), out);
    }
  }
}

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

/// SequenceProto and OptionalProto belong to a second schema, of which this is all: field 3 holds tensors, field 5 a
/// sequence.
void read_elements(std::span<const std::byte> bytes, bool optional, ExternalData& external, const std::string& what,
                   std::vector<Tensor>& out, int depth = 0) {
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()), int(bytes.size()));
  const auto corrupt = [&] {
    fail(ErrorCode::corrupt_file, what, " is not a ", optional ? "optional" : "sequence",
         ", or is damaged or cut short");
  };
  while (const uint32_t tag = in.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED || field < 3) {
      if (!WireFormatLite::SkipField(&in, tag)) corrupt();
      continue;
    }
    uint32_t length = 0;
    if (!in.ReadVarint32(&length) || length > bytes.size() - size_t(in.CurrentPosition())) corrupt();
    const auto part = bytes.subspan(size_t(in.CurrentPosition()), length);
    if (field == 3) {
      pb::TensorProto t;
      parse(t, part, what, "a tensor");
      out.push_back(read_tensor(t, external, what));
    } else if (field == 5 && optional && depth == 0) {
      read_elements(part, false, external, what, out, 1);
    } else {
      fail(ErrorCode::unsupported, what, ": elements that are not tensors");
    }
    if (!in.Skip(int(length))) corrupt();
  }
  if (!in.ConsumedEntireMessage()) corrupt();
}

}  // namespace

ir::Module load_onnx(const std::string& path, const OnnxOptions& options) {
  const auto file = MappedFile::open(path);
  const fs::path folder = fs::path(path).parent_path();
  ir::Module m = read(file->bytes(), options, folder.empty() ? "." : folder.string(), path);
  m.path = path;
  m.sha256 = sha256_hex(file->bytes());
  return m;
}

ir::Module parse_onnx(std::span<const std::byte> bytes, const OnnxOptions& options, const std::string& folder,
                      const std::string& name) {
  ir::Module m = read(bytes, options, folder, name);
  m.sha256 = sha256_hex(bytes);
  return m;
}

OnnxSignature read_onnx_signature(const std::string& path) {
  const auto file = MappedFile::open(path);
  pb::ModelProto model;
  parse(model, file->bytes(), path, "an ONNX model");
  std::set<std::string_view> initialized;
  for (const auto& t : model.graph().initializer()) initialized.insert(t.name());
  OnnxSignature s;
  for (const auto& v : model.graph().input())
    if (!initialized.contains(v.name())) s.inputs.push_back(port(v));
  for (const auto& v : model.graph().output()) s.outputs.push_back(port(v));
  std::set<std::string> operators;
  collect_operators(model.graph().node(), operators);
  for (const auto& f : model.functions()) collect_operators(f.node(), operators);
  s.operators.assign(operators.begin(), operators.end());
  return s;
}

std::vector<OnnxOperator> onnx_operators() {
  std::vector<OnnxOperator> out;
  for (const Rule& r : all_rules()) {
    OnnxOperator o{std::string(r.domain), std::string(r.name), {}, true};
    for (std::string_view rest = r.op; !rest.empty();) {
      const size_t space = rest.find(' ');
      o.ops.emplace_back(rest.substr(0, space));
      o.available = o.available && find_op_or_null(o.ops.back());
      rest = space == rest.npos ? std::string_view() : rest.substr(space + 1);
    }
    out.push_back(std::move(o));
  }
  return out;
}

OnnxOptions options_for_call(const OnnxSignature& signature, std::span<const OnnxValue> arguments, bool content) {
  const auto open_shape = [](const Tensor& t, const std::string& name) {
    Shape s;
    for (int64_t i = 0; i < t.rank(); ++i)
      s.push_back(Dim::symbol(str(name, "_", i), 0, Dim::unbounded, 1, str("input '", name, "' axis ", i)));
    return s;
  };
  OnnxOptions o;
  for (size_t i = 0; i < arguments.size() && i < signature.inputs.size(); ++i) {
    const OnnxPort& port = signature.inputs[i];
    const auto& tensors = arguments[i].tensors;
    if (port.kind != OnnxPort::Kind::tensor) {
      o.sequence_lengths[port.name] = int64_t(tensors.size());
      for (size_t k = 0; k < tensors.size() && !port.shape; ++k)
        o.input_shapes[str(port.name, ".", k)] = open_shape(tensors[k], str(port.name, ".", k));
      continue;
    }
    if (tensors.size() != 1)
      fail(ErrorCode::type_mismatch, "onnx: input '", port.name, "': ", tensors.size(), " tensors (one is right)");
    const Tensor& t = tensors[0];
    const bool shapes = t.rank() <= 1 && t.element_count() <= 64 && (!is_float(t.dtype()) || t.rank() == 0);
    if (content && shapes)
      o.input_values[port.name] = t;
    else if (!port.shape)
      o.input_shapes[port.name] = open_shape(t, port.name);
  }
  return o;
}

OnnxValue read_onnx_value(const std::string& path, OnnxPort::Kind kind) {
  const auto file = MappedFile::open(path);
  ExternalData external(fs::path(path).parent_path().empty() ? "." : fs::path(path).parent_path().string());
  OnnxValue v{kind, {}};
  const std::string what = str("onnx: '", path, "'");
  if (kind == OnnxPort::Kind::tensor) {
    pb::TensorProto t;
    parse(t, file->bytes(), path, "a tensor");
    v.tensors.push_back(read_tensor(t, external, what));
  } else {
    if (file->bytes().size() > size_t(std::numeric_limits<int>::max()))
      fail(ErrorCode::corrupt_file, what, " has more than 2 GiB");
    read_elements(file->bytes(), kind == OnnxPort::Kind::optional, external, what, v.tensors);
  }
  return v;
}

}  // namespace neve::import
