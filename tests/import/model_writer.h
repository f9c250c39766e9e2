// Writes ONNX models byte by byte, well formed or not: tests need no protobuf.
#pragma once
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace neve::test {

/// A protobuf message under construction.
struct Message {
  std::string bytes;
  Message& number(int field, uint64_t v) {
    varint(uint64_t(field) << 3);
    varint(v);
    return *this;
  }
  Message& text(int field, std::string_view s) {
    varint(uint64_t(field) << 3 | 2);
    varint(s.size());
    bytes += s;
    return *this;
  }
  Message& message(int field, const Message& m) { return text(field, m.bytes); }
  Message& real(int field, float v) {
    varint(uint64_t(field) << 3 | 5);
    bytes.append(reinterpret_cast<const char*>(&v), 4);
    return *this;
  }

 private:
  void varint(uint64_t v) {
    for (; v >= 128; v >>= 7) bytes += char((v & 127) | 128);
    bytes += char(v);
  }
};

using Names = std::initializer_list<std::string_view>;
enum : int { f32 = 1, i64 = 7, boolean = 9, text_type = 8 };

inline Message int_attr(std::string_view name, int64_t v) {
  return Message().text(1, name).number(3, uint64_t(v)).number(20, 2);
}
inline Message ints_attr(std::string_view name, std::initializer_list<int64_t> v) {
  Message m;
  m.text(1, name).number(20, 7);
  for (int64_t x : v) m.number(8, uint64_t(x));
  return m;
}
inline Message float_attr(std::string_view name, float v) { return Message().text(1, name).real(2, v).number(20, 1); }
inline Message graph_attr(std::string_view name, const Message& g) {
  return Message().text(1, name).message(6, g).number(20, 5);
}
inline Message tensor_attr(std::string_view name, const Message& t) {
  return Message().text(1, name).message(5, t).number(20, 4);
}
/// An attribute that refers to one of the function around it.
inline Message ref_attr(std::string_view name, std::string_view of, int kind) {
  return Message().text(1, name).number(20, uint64_t(kind)).text(21, of);
}

inline Message node(std::string_view op, Names in, Names out, std::initializer_list<Message> attrs = {},
                    std::string_view domain = "") {
  Message m;
  for (auto s : in) m.text(1, s);
  for (auto s : out) m.text(2, s);
  m.text(3, std::string(op) + "_node").text(4, op);
  for (const auto& a : attrs) m.message(5, a);
  if (!domain.empty()) m.text(7, domain);
  return m;
}

/// A type: sizes as numbers, names, or "" for open.
inline Message value(std::string_view name, int type, std::vector<std::string> shape) {
  Message s;
  for (const auto& d : shape) {
    const bool number = !d.empty() && d.find_first_not_of("-0123456789") == d.npos;
    s.message(1, number ? Message().number(1, uint64_t(std::stoll(d))) : d.empty() ? Message() : Message().text(2, d));
  }
  return Message().text(1, name).message(2, Message().message(1, Message().number(1, uint64_t(type)).message(2, s)));
}

template <class T>
Message tensor(std::string_view name, int type, std::vector<int64_t> dims, const std::vector<T>& data) {
  Message m;
  for (int64_t d : dims) m.number(1, uint64_t(d));
  return m.number(2, uint64_t(type))
      .text(8, name)
      .text(9, {reinterpret_cast<const char*>(data.data()), data.size() * sizeof(T)});
}
inline Message floats(std::string_view name, std::vector<int64_t> dims, const std::vector<float>& data) {
  return tensor(name, f32, dims, data);
}
inline Message ints(std::string_view name, const std::vector<int64_t>& data) {
  return tensor(name, i64, {int64_t(data.size())}, data);
}

struct GraphParts {
  std::vector<Message> nodes = {}, inputs = {}, outputs = {}, initializers = {};
};
inline Message graph(const GraphParts& p) {
  Message m;
  for (const auto& n : p.nodes) m.message(1, n);
  m.text(2, "g");
  for (const auto& t : p.initializers) m.message(5, t);
  for (const auto& v : p.inputs) m.message(11, v);
  for (const auto& v : p.outputs) m.message(12, v);
  return m;
}
inline std::string model(const Message& graph, int64_t opset = 17, const std::vector<Message>& functions = {},
                         Names domains = {}) {
  Message m;
  m.number(1, 8).message(7, graph);
  if (opset) m.message(8, Message().text(1, "").number(2, uint64_t(opset)));
  for (auto d : domains) m.message(8, Message().text(1, d).number(2, 1));
  for (const auto& f : functions) m.message(25, f);
  return m.bytes;
}

}  // namespace neve::test
