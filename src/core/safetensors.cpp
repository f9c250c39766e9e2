// The safetensors format: eight bytes of length, a JSON header, the bytes of the tensors.
#include "core/safetensors.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"

namespace neve {

using nlohmann::json;

namespace {

const char* safetensors_name(DType t) {
  switch (t) {
    case DType::f64:
      return "F64";
    case DType::f32:
      return "F32";
    case DType::bf16:
      return "BF16";
    case DType::f16:
      return "F16";
    case DType::i64:
      return "I64";
    case DType::i32:
      return "I32";
    case DType::i16:
      return "I16";
    case DType::i8:
      return "I8";
    case DType::u8:
      return "U8";
    case DType::u16:
      return "U16";
    case DType::u32:
      return "U32";
    case DType::u64:
      return "U64";
    case DType::boolean:
      return "BOOL";
    case DType::c64:
      return "C64";
    case DType::c128:
      return "C128";
  }
  return "?";
}

}  // namespace

std::string write_safetensors(const std::map<std::string, Tensor, std::less<>>& tensors, uint64_t alignment) {
  std::vector<std::pair<std::string, Tensor>> order(tensors.begin(), tensors.end());
  if (alignment == 1)
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
      return size_of(a.second.dtype()) > size_of(b.second.dtype());
    });
  json header = json::object();
  uint64_t at = 0;
  std::vector<std::pair<uint64_t, Tensor>> placed;
  for (const auto& [name, t] : order) {
    at = (at + alignment - 1) / alignment * alignment;
    header[name] = {
        {"dtype", safetensors_name(t.dtype())}, {"shape", t.shape()}, {"data_offsets", {at, at + uint64_t(t.bytes())}}};
    placed.emplace_back(at, t.contiguous());
    at += uint64_t(t.bytes());
  }
  std::string text = header.dump();
  while ((text.size() + 8) % 64) text += ' ';
  std::string out(8 + text.size() + at, '\0');
  const uint64_t n = text.size();
  std::memcpy(out.data(), &n, 8);
  std::memcpy(out.data() + 8, text.data(), text.size());
  for (const auto& [offset, t] : placed)
    if (t.bytes()) std::memcpy(out.data() + 8 + text.size() + offset, t.data(), size_t(t.bytes()));
  return out;
}

std::map<std::string, Tensor, std::less<>> read_safetensors(std::span<const std::byte> bytes,
                                                            const std::shared_ptr<const void>& owner,
                                                            const std::string& where) {
  auto corrupt = [&](const std::string& what) -> void { fail(ErrorCode::corrupt_file, where, ": ", what); };
  if (bytes.size() < 8) corrupt("is too short");
  uint64_t n = 0;
  std::memcpy(&n, bytes.data(), 8);
  if (n > bytes.size() - 8 || n > (uint64_t(1) << 30)) corrupt("its header ends outside of it");
  const json header = json::parse(reinterpret_cast<const char*>(bytes.data()) + 8,
                                  reinterpret_cast<const char*>(bytes.data()) + 8 + n, nullptr, false);
  if (!header.is_object()) corrupt("its header is not a JSON object");
  const auto data = bytes.subspan(8 + n);
  std::map<std::string, Tensor, std::less<>> out;
  for (const auto& [name, e] : header.items()) {
    if (name == "__metadata__") continue;
    const bool sound = e.is_object() && e.contains("dtype") && e["dtype"].is_string() && e.contains("shape") &&
                       e["shape"].is_array() && e.contains("data_offsets") && e["data_offsets"].is_array() &&
                       e["data_offsets"].size() == 2 && e["data_offsets"][0].is_number_unsigned() &&
                       e["data_offsets"][1].is_number_unsigned();
    if (!sound) corrupt(str("tensor '", name, "' is not described as it should be"));
    DType dtype{};
    bool found = false;
    for (int i = 0; i < dtype_count; ++i)
      if (e["dtype"] == safetensors_name(DType(i))) dtype = DType(i), found = true;
    if (!found) corrupt(str("tensor '", name, "' has the unknown dtype ", e["dtype"].get<std::string>()));
    Sizes shape;
    int64_t count = 1;
    for (const json& d : e["shape"]) {
      if (!d.is_number_unsigned() || d.get<uint64_t>() > (uint64_t(1) << 40))
        corrupt(str("tensor '", name, "' has a size that cannot be"));
      shape.push_back(d.get<int64_t>());
      if (__builtin_mul_overflow(count, shape.back(), &count) || count > (int64_t(1) << 44))
        corrupt(str("tensor '", name, "' is too large"));
    }
    const uint64_t begin = e["data_offsets"][0], end = e["data_offsets"][1];
    if (begin > end || end > data.size() || end - begin != uint64_t(count * size_of(dtype)))
      corrupt(str("tensor '", name, "' has offsets that do not fit its shape"));
    void* p = const_cast<std::byte*>(data.data() + begin);
    auto storage = Storage::wrap(p, size_t(end - begin), [owner] {}, false);
    Tensor t = Tensor::view(std::move(storage), dtype, shape, contiguous_strides(shape));
    // Old files may be unaligned; kernels expect elements where their size wants them.
    if (reinterpret_cast<uintptr_t>(p) % uintptr_t(size_of(dtype))) t = t.clone();
    out.emplace(name, std::move(t));
  }
  return out;
}

}  // namespace neve
