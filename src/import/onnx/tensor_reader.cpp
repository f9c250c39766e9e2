// From TensorProto to Tensor: all encodings, external data.
#include "import/onnx/tensor_reader.h"

#include <charconv>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "core/dim.h"

namespace neve::import {
namespace fs = std::filesystem;

namespace {

bool is_inside(const fs::path& folder, const fs::path& file) {
  auto [end, rest] = std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end == folder.end() && rest != file.end();
}

}  // namespace

std::shared_ptr<const MappedFile> ExternalData::open(const std::string& location, const std::string& what) {
  if (auto it = files_.find(location); it != files_.end()) return it->second;
  if (folder_.empty())
    fail(ErrorCode::unsupported, what, ": its bytes are in the file '", location,
         "', and a model read from memory has no folder (give the folder, or load it by path)");
  const fs::path relative(location);
  if (location.empty() || location.find('\0') != std::string::npos || relative.is_absolute())
    fail(ErrorCode::corrupt_file, what, ": external data at '", location, "' (a path relative to the model is needed)");
  for (const fs::path& part : relative)
    if (part == "..")
      fail(ErrorCode::corrupt_file, what, ": external data at '", location, "' lie outside of the model's folder");
  std::error_code ec;
  const fs::path folder = fs::canonical(folder_, ec);
  if (ec) fail(ErrorCode::io, what, ": folder '", folder_, "': ", ec.message());
  const fs::path file = fs::canonical(folder / relative, ec);
  if (ec) fail(ErrorCode::not_found, what, ": external data '", location, "': ", ec.message());
  if (!is_inside(folder, file))
    fail(ErrorCode::corrupt_file, what, ": external data at '", location,
         "' lie outside of the model's folder (a link leads out of it; copy the file beside the model)");
  if (!fs::is_regular_file(file, ec))
    fail(ErrorCode::corrupt_file, what, ": external data at '", location, "' are not a regular file");
  auto mapped = MappedFile::open(file.string());
  files_.emplace(location, mapped);
  return mapped;
}

std::string onnx_type_name(int type) {
  if (pb::TensorProto::DataType_IsValid(type)) return pb::TensorProto::DataType_Name(pb::TensorProto::DataType(type));
  return str("type ", type);
}

bool onnx_dtype(int type, DType& out) {
  switch (type) {
    case pb::TensorProto::FLOAT:
      out = DType::f32;
      return true;
    case pb::TensorProto::DOUBLE:
      out = DType::f64;
      return true;
    case pb::TensorProto::FLOAT16:
      out = DType::f16;
      return true;
    case pb::TensorProto::BFLOAT16:
      out = DType::bf16;
      return true;
    case pb::TensorProto::INT64:
      out = DType::i64;
      return true;
    case pb::TensorProto::INT32:
      out = DType::i32;
      return true;
    case pb::TensorProto::INT16:
      out = DType::i16;
      return true;
    case pb::TensorProto::INT8:
    case pb::TensorProto::INT4:
    case pb::TensorProto::INT2:
      out = DType::i8;
      return true;
    case pb::TensorProto::UINT8:
    case pb::TensorProto::UINT4:
    case pb::TensorProto::UINT2:
      out = DType::u8;
      return true;
    case pb::TensorProto::UINT16:
      out = DType::u16;
      return true;
    case pb::TensorProto::UINT32:
      out = DType::u32;
      return true;
    case pb::TensorProto::UINT64:
      out = DType::u64;
      return true;
    case pb::TensorProto::BOOL:
      out = DType::boolean;
      return true;
    case pb::TensorProto::COMPLEX64:
      out = DType::c64;
      return true;
    case pb::TensorProto::COMPLEX128:
      out = DType::c128;
      return true;
    default:
      return false;
  }
}

DType require_onnx_dtype(int type, const std::string& what) {
  DType t;
  if (onnx_dtype(type, t)) return t;
  if (type == 0 || !pb::TensorProto::DataType_IsValid(type))
    fail(ErrorCode::corrupt_file, what, ": element ", onnx_type_name(type), " does not exist");
  fail(ErrorCode::unsupported, what, ": elements of type ", onnx_type_name(type),
       " (Neve has float, double, float16, bfloat16, integers of 8 to 64 bits, bool, complex)");
}

namespace {

/// Bits per element of the packed integer types; 0 for the others.
int packed_bits(int type) {
  switch (type) {
    case pb::TensorProto::INT4:
    case pb::TensorProto::UINT4:
      return 4;
    case pb::TensorProto::INT2:
    case pb::TensorProto::UINT2:
      return 2;
    default:
      return 0;
  }
}
bool packed_signed(int type) { return type == pb::TensorProto::INT4 || type == pb::TensorProto::INT2; }

Sizes read_sizes(const pb::TensorProto& t, DType dtype, const std::string& what) {
  Sizes s;
  if (t.dims_size() > 64) fail(ErrorCode::corrupt_file, what, ": ", t.dims_size(), " dims (at most 64)");
  int64_t count = 1;
  for (int64_t d : t.dims()) {
    if (d < 0 || d > Dim::unbounded)
      fail(ErrorCode::corrupt_file, what, ": dim ", d, " (0 or more, and below 2^46, is right)");
    s.push_back(d);
  }
  for (int64_t d : s)
    if (d == 0) return s;
  for (int64_t d : s) {
    if (d > Dim::unbounded / count)
      fail(ErrorCode::corrupt_file, what, ": dims ", s, " are more elements than any file holds");
    count *= d;
  }
  if (count > Dim::unbounded / size_of(dtype))
    fail(ErrorCode::corrupt_file, what, ": dims ", s, " are more bytes than any file holds");
  return s;
}

/// Elements of sizes that read_sizes() let through.
int64_t count_of(const Sizes& s) {
  int64_t n = 1;
  for (int64_t d : s)
    if (d == 0) return 0;
  for (int64_t d : s) n *= d;
  return n;
}

Tensor unpack(std::span<const uint8_t> bytes, int type, DType dtype, const Sizes& shape) {
  const int bits = packed_bits(type), per_byte = 8 / bits;
  Tensor out = Tensor::empty(dtype, shape);
  auto* p = out.data_as<uint8_t>();
  for (int64_t i = 0; i < out.element_count(); ++i) {
    uint8_t v = uint8_t((bytes[size_t(i / per_byte)] >> (i % per_byte * bits)) & ((1 << bits) - 1));
    if (packed_signed(type) && (v >> (bits - 1))) v = uint8_t(v | (0xffu << bits));
    p[i] = v;
  }
  return out;
}

/// Bytes that the encoded elements take.
int64_t encoded_bytes(int type, DType dtype, int64_t count) {
  if (const int bits = packed_bits(type)) return (count * bits + 7) / 8;
  return count * size_of(dtype);
}

Tensor from_raw(std::string* raw, int type, DType dtype, const Sizes& shape, const std::string& what) {
  std::unique_ptr<std::string> owned(raw);
  const int64_t count = count_of(shape), need = encoded_bytes(type, dtype, count);
  if (int64_t(raw->size()) != need)
    fail(ErrorCode::corrupt_file, what, ": ", raw->size(), " bytes of raw data, but ", onnx_type_name(type), shape,
         " takes ", need);
  if (packed_bits(type))
    return unpack({reinterpret_cast<const uint8_t*>(raw->data()), raw->size()}, type, dtype, shape);
  if (need == 0) return Tensor::empty(dtype, shape);
  if (need < 64) {  // short strings live inside the object
    Tensor t = Tensor::empty(dtype, shape);
    std::memcpy(t.data(), raw->data(), size_t(need));
    return t;
  }
  std::shared_ptr<std::string> keep(std::move(owned));
  auto storage = Storage::wrap(keep->data(), keep->size(), [keep] {}, true);
  return Tensor::view(std::move(storage), dtype, shape, contiguous_strides(shape));
}

int64_t parse_count(const std::string& text, const std::string& what, const char* key) {
  int64_t v = -1;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (ec != std::errc() || end != text.data() + text.size() || v < 0)
    fail(ErrorCode::corrupt_file, what, ": ", key, " '", text.substr(0, 40), "' of its external data is not a count");
  return v;
}

Tensor from_external(const pb::TensorProto& t, DType dtype, const Sizes& shape, ExternalData& external,
                     const std::string& what) {
  std::string location;
  int64_t offset = 0, length = -1;
  for (const auto& e : t.external_data()) {
    if (e.key() == "location")
      location = e.value();
    else if (e.key() == "offset")
      offset = parse_count(e.value(), what, "offset");
    else if (e.key() == "length")
      length = parse_count(e.value(), what, "length");
  }
  const int64_t need = encoded_bytes(t.data_type(), dtype, count_of(shape));
  if (length >= 0 && length != need)
    fail(ErrorCode::corrupt_file, what, ": ", length, " bytes of external data, but ", onnx_type_name(t.data_type()),
         shape, " takes ", need);
  auto file = external.open(location, what);
  const auto bytes = file->bytes();
  if (offset > int64_t(bytes.size()) || need > int64_t(bytes.size()) - offset)
    fail(ErrorCode::corrupt_file, what, ": external data at offset ", offset, ", ", need,
         " bytes, are beyond the end of '", location, "' (", bytes.size(), " bytes)");
  if (packed_bits(t.data_type()))
    return unpack({reinterpret_cast<const uint8_t*>(bytes.data()) + offset, size_t(need)}, t.data_type(), dtype, shape);
  if (need == 0) return Tensor::empty(dtype, shape);
  if (offset % size_of(dtype) || dtype == DType::boolean) {
    Tensor copy = Tensor::empty(dtype, shape);
    std::memcpy(copy.data(), bytes.data() + offset, size_t(need));
    return copy;
  }
  auto* begin = const_cast<std::byte*>(bytes.data() + offset);  // the storage is marked read-only
  auto storage = Storage::wrap(begin, size_t(need), [file] {}, false);
  return Tensor::view(std::move(storage), dtype, shape, contiguous_strides(shape));
}

template <class T, class Field>
Tensor from_field(const Field& field, DType dtype, const Sizes& shape, int64_t per_element, const std::string& what) {
  const int64_t need = count_of(shape) * per_element;
  if (int64_t(field.size()) != need)
    fail(ErrorCode::corrupt_file, what, ": ", field.size(), " values, but ", to_string(dtype), shape, " takes ", need);
  Tensor out = Tensor::empty(dtype, shape);
  auto* p = out.data_as<T>();
  for (int64_t i = 0; i < need; ++i) p[i] = T(field.Get(int(i)));
  return out;
}

Tensor from_int32_field(const pb::TensorProto& t, DType dtype, const Sizes& shape, const std::string& what) {
  const auto& f = t.int32_data();
  if (packed_bits(t.data_type())) {
    const int64_t need = encoded_bytes(t.data_type(), dtype, count_of(shape));
    if (f.size() != need)
      fail(ErrorCode::corrupt_file, what, ": ", f.size(), " packed values, but ", onnx_type_name(t.data_type()), shape,
           " takes ", need);
    std::vector<uint8_t> bytes;
    for (int32_t v : f) bytes.push_back(uint8_t(v));
    return unpack(bytes, t.data_type(), dtype, shape);
  }
  switch (dtype) {
    case DType::i32:
      return from_field<int32_t>(f, dtype, shape, 1, what);
    case DType::i16:
      return from_field<int16_t>(f, dtype, shape, 1, what);
    case DType::i8:
      return from_field<int8_t>(f, dtype, shape, 1, what);
    case DType::boolean: {
      Tensor out = from_field<uint8_t>(f, dtype, shape, 1, what);
      for (int64_t i = 0; i < out.element_count(); ++i) out.data_as<uint8_t>()[i] = f.Get(int(i)) != 0;
      return out;
    }
    case DType::u8:
      return from_field<uint8_t>(f, dtype, shape, 1, what);
    default:
      return from_field<uint16_t>(f, dtype, shape, 1, what);  // u16, and the bits of f16 and bf16
  }
}

Tensor from_fields(const pb::TensorProto& t, DType dtype, const Sizes& shape, const std::string& what) {
  switch (dtype) {
    case DType::f32:
      return from_field<float>(t.float_data(), dtype, shape, 1, what);
    case DType::c64:
      return from_field<float>(t.float_data(), dtype, shape, 2, what);
    case DType::f64:
      return from_field<double>(t.double_data(), dtype, shape, 1, what);
    case DType::c128:
      return from_field<double>(t.double_data(), dtype, shape, 2, what);
    case DType::i64:
      return from_field<int64_t>(t.int64_data(), dtype, shape, 1, what);
    case DType::u32:
      return from_field<uint32_t>(t.uint64_data(), dtype, shape, 1, what);
    case DType::u64:
      return from_field<uint64_t>(t.uint64_data(), dtype, shape, 1, what);
    default:
      return from_int32_field(t, dtype, shape, what);
  }
}

}  // namespace

Tensor read_tensor(pb::TensorProto& t, ExternalData& external, const std::string& what) {
  const DType dtype = require_onnx_dtype(t.data_type(), what);
  if (t.has_segment()) fail(ErrorCode::unsupported, what, ": a tensor in segments (write it whole)");
  const Sizes shape = read_sizes(t, dtype, what);
  const bool is_external = t.data_location() == pb::TensorProto::EXTERNAL;
  Tensor out = is_external        ? from_external(t, dtype, shape, external, what)
               : t.has_raw_data() ? from_raw(t.release_raw_data(), t.data_type(), dtype, shape, what)
                                  : from_fields(t, dtype, shape, what);
  if (dtype == DType::boolean)  // any other bit pattern would be undefined later
    for (int64_t i = 0; i < out.element_count(); ++i) out.data_as<uint8_t>()[i] = out.data_as<uint8_t>()[i] != 0;
  return out;
}

Tensor read_sparse_tensor(pb::SparseTensorProto& t, ExternalData& external, const std::string& what) {
  Tensor values = read_tensor(*t.mutable_values(), external, what),
         indices = read_tensor(*t.mutable_indices(), external, what);
  pb::TensorProto dense;
  for (int64_t d : t.dims()) dense.add_dims(d);
  const Sizes shape = read_sizes(dense, values.dtype(), what);
  const int64_t count = count_of(shape), n = values.element_count(), rank = int64_t(shape.size());
  const bool linear = indices.rank() == 1;
  if (values.rank() != 1 || indices.dtype() != DType::i64 || indices.rank() > 2 || indices.rank() < 1 ||
      indices.size(0) != n || (!linear && indices.size(1) != rank))
    fail(ErrorCode::corrupt_file, what, ": sparse values ", type_text(values), " with indices ", type_text(indices),
         " (n values with i64[n] or i64[n, rank] indices are right)");
  if (count > (int64_t(1) << 26))
    fail(ErrorCode::unsupported, what, ": a sparse tensor of ", count, " elements (at most 2^26)");
  Tensor out = Tensor::zeros(values.dtype(), shape);
  const int64_t size = size_of(values.dtype());
  for (int64_t i = 0; i < n; ++i) {
    int64_t at = 0;
    if (linear) {
      at = indices.data_as<int64_t>()[i];
    } else {
      for (int64_t a = 0; a < rank; ++a) {
        const int64_t k = indices.data_as<int64_t>()[i * rank + a];
        if (k < 0 || k >= shape[size_t(a)])
          fail(ErrorCode::corrupt_file, what, ": sparse index ", k, " on axis ", a, " of ", shape);
        at = at * shape[size_t(a)] + k;
      }
    }
    if (at < 0 || at >= count) fail(ErrorCode::corrupt_file, what, ": sparse index ", at, " of ", count, " elements");
    std::memcpy(out.data() + at * size, values.data() + i * size, size_t(size));
  }
  return out;
}

}  // namespace neve::import
