// NumPy's .npy and .npz files.
#include <zip.h>

#include <algorithm>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "cli.h"

namespace neve::cli {
namespace {

[[noreturn]] void corrupt(const std::string& path, const std::string& what) {
  fail(ErrorCode::corrupt_file, "read: '", path, "': ", what);
}

// The value of a key in the header's Python dict, up to the comma that ends it.
std::string field(const std::string& header, const std::string& key, const std::string& path) {
  const size_t at = header.find("'" + key + "'");
  if (at == std::string::npos) corrupt(path, "its header has no '" + key + "'");
  const size_t colon = header.find(':', at);
  if (colon == std::string::npos) corrupt(path, "its header is damaged");
  size_t begin = header.find_first_not_of(' ', colon + 1), end = begin;
  if (begin == std::string::npos) corrupt(path, "its header is damaged");
  end = header[begin] == '(' ? header.find(')', begin) : header.find_first_of(",}", begin);
  if (end == std::string::npos) corrupt(path, "its header is damaged");
  return header.substr(begin, end - begin + (header[begin] == '(' ? 1 : 0));
}

Tensor parse_npy(std::string_view bytes, const std::string& path) {
  if (bytes.size() < 10 || bytes.substr(0, 6) != "\x93NUMPY") corrupt(path, "is no .npy file");
  const int major = static_cast<unsigned char>(bytes[6]);
  size_t length = static_cast<unsigned char>(bytes[8]) | size_t(static_cast<unsigned char>(bytes[9])) << 8, at = 10;
  if (major >= 2) {
    if (bytes.size() < 12) corrupt(path, "is cut off");
    length |= size_t(static_cast<unsigned char>(bytes[10])) << 16 | size_t(static_cast<unsigned char>(bytes[11])) << 24;
    at = 12;
  }
  if (length > bytes.size() - at) corrupt(path, "its header is cut off");
  const std::string header(bytes.substr(at, length));
  const std::string descr = field(header, "descr", path), order = field(header, "fortran_order", path),
                    shape_text = field(header, "shape", path);
  static const std::pair<const char*, DType> types[] = {
      {"<f8", DType::f64}, {"<f4", DType::f32}, {"<f2", DType::f16}, {"<i8", DType::i64},
      {"<i4", DType::i32}, {"<i2", DType::i16}, {"|i1", DType::i8},  {"|u1", DType::u8},
      {"<u2", DType::u16}, {"<u4", DType::u32}, {"<u8", DType::u64}, {"|b1", DType::boolean}};
  const DType* dtype = nullptr;
  for (const auto& t : types)
    if (descr == std::string("'") + t.first + "'") dtype = &t.second;
  if (!dtype)
    fail(ErrorCode::unsupported, "read: '", path, "' holds elements of type ", descr,
         " (numbers in little endian would do)");
  Sizes shape;
  int64_t count = 1;
  for (size_t i = 1; i < shape_text.size();) {
    size_t used = 0;
    while (i < shape_text.size() && (shape_text[i] == ' ' || shape_text[i] == ',')) ++i;
    if (i >= shape_text.size() || shape_text[i] == ')') break;
    try {
      shape.push_back(std::stoll(shape_text.substr(i), &used));
    } catch (const std::exception&) {
      corrupt(path, "its shape is " + shape_text);
    }
    if (shape.back() < 0 || __builtin_mul_overflow(count, shape.back(), &count))
      corrupt(path, "its shape is " + shape_text);
    i += used;
  }
  const std::string_view data = bytes.substr(at + length);
  if (count < 0 || uint64_t(count) > data.size() / size_t(size_of(*dtype))) corrupt(path, "its data is cut off");
  const bool fortran = order == "True";
  Sizes stored = shape;
  if (fortran) std::reverse(stored.begin(), stored.end());
  const Tensor t = Tensor::empty(*dtype, stored);
  if (t.bytes()) std::memcpy(t.data(), data.data(), size_t(t.bytes()));
  if (!fortran) return t;
  std::vector<int64_t> perm;
  for (int64_t i = t.rank(); i-- > 0;) perm.push_back(i);
  return t.transpose(perm).contiguous();
}

}  // namespace

Tensor read_npy(const std::string& path) { return parse_npy(read_file(path), path); }

NamedTensors read_npz(const std::string& path) {
  int code = 0;
  zip_t* zip = zip_open(path.c_str(), ZIP_RDONLY, &code);
  if (!zip) {
    if (!std::filesystem::exists(path)) fail(ErrorCode::not_found, "read: there is no file '", path, "'");
    corrupt(path, "is no archive");
  }
  NamedTensors out;
  std::string problem;
  for (zip_int64_t i = 0; i < zip_get_num_entries(zip, 0) && problem.empty(); ++i) {
    zip_stat_t st;
    if (zip_stat_index(zip, zip_uint64_t(i), 0, &st) != 0) {
      problem = "a member cannot be described";
      break;
    }
    if (st.size > (uint64_t(1) << 34)) {
      problem = "a member is larger than 16 GB";
      break;
    }
    std::string name = st.name, bytes(st.size, '\0');
    zip_file_t* f = zip_fopen_index(zip, zip_uint64_t(i), 0);
    const zip_int64_t n = f ? zip_fread(f, bytes.data(), bytes.size()) : -1;
    if (f) zip_fclose(f);
    if (n != zip_int64_t(bytes.size())) {
      problem = str("member '", name, "' cannot be read");
      break;
    }
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    try {
      out[name] = parse_npy(bytes, path + ":" + name);
    } catch (...) {
      zip_discard(zip);
      throw;
    }
  }
  zip_discard(zip);
  if (!problem.empty()) corrupt(path, problem);
  return out;
}

void write_npy(const std::string& path, const Tensor& t) {
  const char* descr = nullptr;
  switch (t.dtype()) {
    case DType::f64:
      descr = "<f8";
      break;
    case DType::f32:
      descr = "<f4";
      break;
    case DType::f16:
      descr = "<f2";
      break;
    case DType::i64:
      descr = "<i8";
      break;
    case DType::i32:
      descr = "<i4";
      break;
    case DType::i16:
      descr = "<i2";
      break;
    case DType::i8:
      descr = "|i1";
      break;
    case DType::u8:
      descr = "|u1";
      break;
    case DType::u16:
      descr = "<u2";
      break;
    case DType::u32:
      descr = "<u4";
      break;
    case DType::u64:
      descr = "<u8";
      break;
    case DType::boolean:
      descr = "|b1";
      break;
    default:
      break;
  }
  if (!descr) return write_npy(path, t.to(DType::f32));  // NumPy has no bf16
  std::string shape = "(";
  for (int64_t n : t.shape()) shape += str(n, ", ");
  std::string header = str("{'descr': '", descr, "', 'fortran_order': False, 'shape': ", shape, "), }");
  while ((header.size() + 11) % 64) header += ' ';
  header += '\n';
  AtomicFile file(path);
  const char start[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0, char(header.size() & 255), char(header.size() >> 8)};
  file.write(std::string_view(start, 10));
  file.write(header);
  const Tensor c = t.contiguous();
  file.write(std::span(reinterpret_cast<const std::byte*>(c.data()), size_t(c.bytes())));
  file.commit();
}

std::vector<NamedTensors> read_samples(const std::string& path) {
  namespace fs = std::filesystem;
  if (!fs::exists(path))
    fail(ErrorCode::not_found, "read: there is no '", path,
         "' (a folder of NAME.npy, a folder of such folders, or an .npz)");
  if (!fs::is_directory(path)) return {read_npz(path)};
  std::vector<fs::path> entries;
  for (const auto& e : fs::directory_iterator(path)) entries.push_back(e.path());
  std::sort(entries.begin(), entries.end());
  std::vector<NamedTensors> out;
  NamedTensors here;
  for (const fs::path& e : entries) {
    if (fs::is_directory(e) || e.extension() == ".npz") {
      auto more = read_samples(e.string());
      out.insert(out.end(), more.begin(), more.end());
    } else if (e.extension() == ".npy") {
      here[e.stem().string()] = read_npy(e.string());
    }
  }
  if (!here.empty()) out.push_back(std::move(here));
  if (out.empty()) fail(ErrorCode::not_found, "read: '", path, "' holds no .npy and no .npz");
  return out;
}

}  // namespace neve::cli
