// Changes .neve files the way that reaches their readers: members are changed inside, and all digests made right again.
// Bytes changed at random would nearly always end at a digest.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "jit/zip.h"

// libFuzzer's; where files are only replayed, it is not there and not called.
extern "C" __attribute__((weak)) size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

namespace neve::test {

/// A file in memory, with a path.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : file_(memfd_create("fuzz.neve", 0)) {
    if (file_ < 0 || write(file_, data, size) != ssize_t(size)) {
      std::perror("fuzz: no file in memory");
      std::exit(1);
    }
  }
  ~MemoryFile() { close(file_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(file_); }

 private:
  int file_;
};

class ArchiveMutator {
  using json = nlohmann::json;
  using Members = std::map<std::string, std::string>;

 public:
  explicit ArchiveMutator(unsigned seed) : random_(seed) {}

  /// Another archive; "" where these bytes are none.
  std::string mutate(const uint8_t* data, size_t size) {
    Members members;
    try {
      const MemoryFile file(data, size);
      const jit::ZipReader zip(MappedFile::open(file.path()));
      for (const std::string& name : zip.names()) {
        const auto b = zip.get(name);
        members[name] = std::string(reinterpret_cast<const char*>(b.data()), b.size());
      }
    } catch (const Error&) {
      return "";
    }
    for (size_t times = 1 + pick(3); times-- > 0;) change_one(members);
    seal(members);
    return zipped(members);
  }

 private:
  size_t pick(size_t n) { return n ? random_() % n : 0; }

  void change_one(Members& members) {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : members)
      // What decides most is changed most.
      for (int weight = name == "manifest.json" || name.starts_with("graphs/") ? 4 : 1; weight-- > 0;)
        names.push_back(name);
    if (names.empty()) return;
    std::string& bytes = members[names[pick(names.size())]];
    const json j = json::parse(bytes, nullptr, false);
    if (!j.is_discarded() && j.is_structured())
      bytes = changed_json(j).dump(-1, ' ', false, json::error_handler_t::replace);
    else if (bytes.starts_with("graph"))
      change_text(bytes);
    else
      change_tensors(bytes);
  }

  void change_bytes(std::string& s) {
    if (!LLVMFuzzerMutate) return;
    const size_t size = s.size();
    s.resize(size + 64);
    s.resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(s.data()), size, s.size()));
  }

  // One of the values in the document becomes another, goes away, or stands twice.
  json changed_json(json j) {
    std::vector<json::json_pointer> places;
    collect(j, json::json_pointer(), places);
    if (places.empty()) return j;
    const json::json_pointer at = places[pick(places.size())];
    const json other = j[places[pick(places.size())]];
    json& value = j[at];
    switch (pick(5)) {
      case 0:
        value = other;
        break;
      case 1:
        if (json& parent = j[at.parent_pointer()]; parent.is_object())
          parent.erase(at.back());
        else
          parent.erase(size_t(std::stoul(at.back())));
        break;
      case 2:
        if (json& parent = j[at.parent_pointer()]; parent.is_array()) {
          const json copy = value;
          parent.insert(parent.begin() + long(pick(parent.size() + 1)), copy);
        }
        break;
      default:
        change_value(value);
    }
    return j;
  }
  void collect(const json& j, const json::json_pointer& at, std::vector<json::json_pointer>& places) {
    if (!at.empty()) places.push_back(at);
    if (j.is_object())
      for (const auto& [key, v] : j.items()) collect(v, at / key, places);
    if (j.is_array())
      for (size_t i = 0; i < j.size(); ++i) collect(j[i], at / i, places);
  }
  void change_value(json& value) {
    if (value.is_number()) {
      const json numbers[] = {0,         -1,        1,     2,       int64_t(1) << 31, int64_t(1) << 40,
                              INT64_MAX, INT64_MIN, 1e308, 1 << 16, UINT64_MAX,       uint64_t(1) << 63,
                              0.5};
      if (pick(2) && value.is_number_integer())
        value = int64_t(value.get<uint64_t>() + (pick(2) ? 1u : ~0u));
      else
        value = numbers[pick(std::size(numbers))];
    } else if (value.is_boolean()) {
      value = !value.get<bool>();
    } else if (value.is_string()) {
      // Structures, prints and signatures are JSON inside of a text.
      std::string s = value.get<std::string>();
      const json inner = json::parse(s, nullptr, false);
      if (!inner.is_discarded() && inner.is_structured() && pick(8))
        value = changed_json(inner).dump(-1, ' ', false, json::error_handler_t::replace);
      else
        change_bytes(s), value = s;
    } else {
      const json others[] = {nullptr, true, "", 7, json::array(), json::object()};
      value = others[pick(std::size(others))];
    }
  }

  static std::vector<std::string> tokens_of(const std::string& text) {
    std::vector<std::string> tokens;
    const auto is_word = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '%';
    };
    for (size_t i = 0; i < text.size();) {
      size_t end = i + 1;
      while (end < text.size() && is_word(text[i]) && is_word(text[end])) ++end;
      tokens.push_back(text.substr(i, end - i));
      i = end;
    }
    return tokens;
  }
  // A word of the graph becomes another word of it, or a number that is much; a line goes away or stands twice.
  void change_text(std::string& text) {
    if (pick(6) == 0) return change_bytes(text);
    if (pick(6) == 0) {
      std::vector<std::string> lines;
      for (size_t i = 0; i < text.size();) {
        const size_t end = std::min(text.find('\n', i), text.size() - 1) + 1;
        lines.push_back(text.substr(i, end - i));
        i = end;
      }
      if (lines.empty()) return;
      const std::string line = lines[pick(lines.size())];
      if (pick(2)) lines.erase(lines.begin() + long(pick(lines.size())));
      lines.insert(lines.begin() + long(pick(lines.size() + 1)), line);
      text.clear();
      for (const std::string& l : lines) text += l;
      return;
    }
    std::vector<std::string> tokens = tokens_of(text);
    if (tokens.empty()) return;
    std::vector<size_t> words;
    for (size_t i = 0; i < tokens.size(); ++i)
      if (tokens[i].size() > 1 || std::isdigit(static_cast<unsigned char>(tokens[i][0]))) words.push_back(i);
    if (words.empty()) return;
    std::string& token = tokens[words[pick(words.size())]];
    const char* numbers[] = {
        "0", "1", "-1", "2", "3", "65536", "2147483648", "9223372036854775807", "-9223372036854775808", "nan", "1e300"};
    if (std::isdigit(static_cast<unsigned char>(token[0])) && pick(2))
      token = numbers[pick(std::size(numbers))];
    else
      token = tokens[words[pick(words.size())]];
    text.clear();
    for (const std::string& t : tokens) text += t;
  }

  // A file of tensors: its header, or what it holds.
  void change_tensors(std::string& bytes) {
    uint64_t length = 0;
    if (bytes.size() < 8) return change_bytes(bytes);
    std::memcpy(&length, bytes.data(), 8);
    const json header = length > bytes.size() - 8 ? json() : json::parse(bytes.substr(8, length), nullptr, false);
    if (!header.is_object() || pick(3) == 0) return change_bytes(bytes);
    const std::string text = changed_json(header).dump(-1, ' ', false, json::error_handler_t::replace);
    const uint64_t now = text.size();
    bytes = std::string(reinterpret_cast<const char*>(&now), 8) + text + bytes.substr(8 + length);
  }

  static void seal(Members& members) {
    json manifest = json::parse(members["manifest.json"], nullptr, false);
    if (!manifest.is_object()) return;
    if (manifest.contains("sha256") && manifest["sha256"].is_object())
      for (auto& [name, digest] : manifest["sha256"].items())
        if (members.count(name)) digest = sha256_hex(members[name]);
    const auto text = [&] { return manifest.dump(-1, ' ', false, json::error_handler_t::replace); };
    if (manifest.erase("manifest_sha256")) manifest["manifest_sha256"] = sha256_hex(text());
    members["manifest.json"] = text();
  }

  static std::string zipped(const Members& members) {
    std::string file, directory;
    const auto put = [](std::string& s, uint64_t v, int bytes) {
      for (int i = 0; i < bytes; ++i) s += char((v >> (8 * i)) & 255);
    };
    for (const auto& [name, bytes] : members) {
      const size_t offset = file.size();
      // Version, flags, stored, time, date, sum (which the reader does not look at), sizes, lengths of name and extra.
      const auto common = [&](std::string& s) {
        put(s, 20, 2), put(s, 0x800, 2), put(s, 0, 2), put(s, 0, 2), put(s, 0x21, 2), put(s, 0, 4);
        put(s, bytes.size(), 4), put(s, bytes.size(), 4), put(s, name.size(), 2), put(s, 0, 2);
      };
      put(file, 0x04034b50, 4), common(file);
      file += name + bytes;
      put(directory, 0x02014b50, 4), put(directory, 20, 2), common(directory);
      put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 2), put(directory, 0, 4), put(directory, offset, 4);
      directory += name;
    }
    const size_t start = file.size();
    file += directory;
    put(file, 0x06054b50, 4), put(file, 0, 4), put(file, members.size(), 2), put(file, members.size(), 2);
    put(file, directory.size(), 4), put(file, start, 4), put(file, 0, 2);
    return file;
  }

  std::minstd_rand random_;
};

}  // namespace neve::test
