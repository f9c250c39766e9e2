// The byte form and the text form of loop nests.
#include <bit>
#include <cstring>

#include "base/error.h"
#include "plan/loop_nest.h"

namespace neve {
namespace {

constexpr uint8_t form_version = 1;

struct Writer {
  std::string out;
  void byte(uint8_t v) { out += char(v); }
  void u64(uint64_t v) {
    while (v >= 128) byte(uint8_t(v) | 128), v >>= 7;
    byte(uint8_t(v));
  }
  void i32(int32_t v) {
    u64(uint64_t(uint32_t(v) + 1u));
  }  // -1 is common and becomes 0  NOLINT(bugprone-misplaced-widening-cast)
  void i64(int64_t v) { u64((uint64_t(v) << 1) ^ uint64_t(v >> 63)); }
  void f64(double v) {
    const uint64_t bits = std::bit_cast<uint64_t>(v);
    for (int i = 0; i < 8; ++i) byte(uint8_t(bits >> (8 * i)));
  }
  template <class C, class F>
  void list(const C& c, F f) {
    u64(c.size());
    for (const auto& x : c) f(x);
  }

  void stride(const LoopStride& s) { byte(s.kind), i32(s.stride), i32(s.unless_one); }
  void access(const LoopAccess& a) {
    i32(a.buffer), i32(a.offset);
    list(a.strides, [&](const LoopStride& s) { stride(s); });
    list(a.indirect, [&](const LoopIndirect& g) { i32(g.access), stride(g.stride), i32(g.extent); });
  }
  void program(const ScalarProgram& p) {
    list(p.nodes, [&](const ScalarNode& n) {
      byte(uint8_t(n.op)), byte(uint8_t(n.dtype)), i32(n.a), i32(n.b), i32(n.c);
      if (n.op == ScalarOp::constant) f64(n.value), i64(n.ivalue);
    });
    list(p.results, [&](int32_t r) { i32(r); });
  }
  void stage(const LoopStage& s) {
    byte(s.inner);
    program(s.program);
    list(s.operands, [&](const LoopOperand& o) { byte(o.kind), i32(o.index); });
    list(s.results, [&](const LoopResult& r) { byte(r.kind), i32(r.index), byte(uint8_t(r.reduce)); });
  }
  void part(const LoopPart& p) {
    list(p.outer, [&](int32_t e) { i32(e); });
    list(p.inner, [&](int32_t e) { i32(e); });
    byte(p.lanes_inner), i32(p.tile_axis);
    list(p.accesses, [&](const LoopAccess& a) { access(a); });
    list(p.registers, [&](DType t) { byte(uint8_t(t)); });
    list(p.scratch, [&](DType t) { byte(uint8_t(t)); });
    list(p.stages, [&](const LoopStage& s) { stage(s); });
  }
};

struct Reader {
  std::string_view in;
  size_t at = 0;

  [[noreturn]] void bad(const char* what) const { fail(ErrorCode::corrupt_file, "loop nest: byte ", at, ": ", what); }
  uint8_t byte() {
    if (at >= in.size()) bad("the data ends early");
    return uint8_t(in[at++]);
  }
  bool flag() {
    const uint8_t v = byte();
    if (v > 1) bad("a flag is neither 0 nor 1");
    return v;
  }
  template <class E>
  E kind(E last) {
    const uint8_t v = byte();
    if (v > uint8_t(last)) bad("an unknown kind");
    return E(v);
  }
  DType dtype() { return kind(DType::boolean); }
  uint64_t u64() {
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const uint8_t b = byte();
      v |= uint64_t(b & 127) << shift;
      if (!(b & 128)) return v;
    }
    bad("a number is too long");
  }
  int32_t i32() {
    const uint64_t v = u64();
    if (v > 0x7fffffffu) bad("a number is too large");
    return int32_t(v) - 1;
  }
  int64_t i64() {
    const uint64_t v = u64();
    return int64_t(v >> 1) ^ -int64_t(v & 1);
  }
  double f64() {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= uint64_t(byte()) << (8 * i);
    return std::bit_cast<double>(bits);
  }
  /// Every element takes a byte at least, so a count above what is left is a lie.
  template <class T, class F>
  void list(std::vector<T>& c, F f) {
    const uint64_t n = u64();
    if (n > in.size() - at) bad("a list is longer than the data");
    for (uint64_t i = 0; i < n; ++i) c.push_back(f());
  }

  LoopStride stride() {
    LoopStride s;
    s.kind = kind(LoopStride::value), s.stride = i32(), s.unless_one = i32();
    return s;
  }
  LoopAccess access() {
    LoopAccess a;
    a.buffer = i32(), a.offset = i32();
    list(a.strides, [&] { return stride(); });
    list(a.indirect, [&] {
      LoopIndirect g;
      g.access = i32(), g.stride = stride(), g.extent = i32();
      return g;
    });
    return a;
  }
  ScalarProgram program() {
    ScalarProgram p;
    list(p.nodes, [&] {
      ScalarNode n{};
      n.op = kind(ScalarOp::is_inf), n.dtype = dtype(), n.a = i32(), n.b = i32(), n.c = i32();
      if (n.op == ScalarOp::constant) n.value = f64(), n.ivalue = i64();
      return n;
    });
    list(p.results, [&] { return i32(); });
    return p;
  }
  LoopStage stage() {
    LoopStage s;
    s.inner = flag();
    s.program = program();
    list(s.operands, [&] {
      LoopOperand o;
      o.kind = kind(LoopOperand::size), o.index = i32();
      return o;
    });
    list(s.results, [&] {
      LoopResult r;
      r.kind = kind(LoopResult::reg), r.index = i32(), r.reduce = kind(ReduceKind::min);
      return r;
    });
    return s;
  }
  LoopPart part() {
    LoopPart p;
    list(p.outer, [&] { return i32(); });
    list(p.inner, [&] { return i32(); });
    p.lanes_inner = flag(), p.tile_axis = i32();
    list(p.accesses, [&] { return access(); });
    list(p.registers, [&] { return dtype(); });
    list(p.scratch, [&] { return dtype(); });
    list(p.stages, [&] { return stage(); });
    return p;
  }
};

std::string text(const LoopStride& s) {
  std::string t = s.kind == LoopStride::zero ? "0" : s.kind == LoopStride::one ? "1" : str("v", s.stride);
  if (s.unless_one != -1) t += str("?v", s.unless_one);
  return t;
}

std::string text(const LoopAccess& a) {
  std::string t = str("b", a.buffer, a.offset == -1 ? std::string() : str("+v", a.offset), "[");
  for (size_t i = 0; i < a.strides.size(); ++i) t += (i ? ", " : "") + text(a.strides[i]);
  t += "]";
  for (const LoopIndirect& g : a.indirect) t += str(" + a", g.access, "*", text(g.stride), " below v", g.extent);
  return t;
}

std::string text(const LoopStage& s) {
  static constexpr const char* operand_kind[] = {"a", "r", "s", "v"};
  static constexpr const char* result_kind[] = {"store a", "scratch s", "accumulate r", "set r"};
  static constexpr const char* reduce_kind[] = {" sum", " prod", " max", " min"};
  std::string t = s.inner ? "  inner:" : "  row:";
  for (size_t i = 0; i < s.program.nodes.size(); ++i) {
    const ScalarNode& n = s.program.nodes[i];
    t += str("\n    %", i, ": ", to_string(n.dtype), " = ");
    if (n.op == ScalarOp::input) {
      t += str(operand_kind[s.operands[size_t(n.a)].kind], s.operands[size_t(n.a)].index);
    } else if (n.op == ScalarOp::constant) {
      t += is_float(n.dtype) ? str(n.value) : str(n.ivalue);
    } else {
      t += to_string(n.op);
      const int32_t arg[] = {n.a, n.b, n.c};
      for (int k = 0; k < operand_count(n.op); ++k) t += str(k ? ", %" : " %", arg[k]);
    }
  }
  for (size_t k = 0; k < s.results.size(); ++k) {
    const LoopResult& r = s.results[k];
    t += str("\n    ", result_kind[r.kind], r.index, " %", s.program.results[k]);
    if (r.kind == LoopResult::accumulate) t += reduce_kind[int(r.reduce)];
  }
  return t;
}

}  // namespace

std::string to_bytes(const LoopNest& nest) {
  Writer w;
  w.byte(form_version);
  w.i32(nest.values);
  w.list(nest.buffers,
         [&](const LoopBuffer& b) { w.byte(uint8_t(b.dtype)), w.byte(b.output), w.byte(b.used), w.i32(b.elements); });
  w.list(nest.parts, [&](const LoopPart& p) { w.part(p); });
  return std::move(w.out);
}

LoopNest loop_nest_from_bytes(std::string_view bytes) {
  Reader r{bytes};
  if (r.byte() != form_version) r.bad("another version of the form");
  LoopNest nest;
  nest.values = r.i32();
  r.list(nest.buffers, [&] {
    LoopBuffer b;
    b.dtype = r.dtype(), b.output = r.flag(), b.used = r.flag(), b.elements = r.i32();
    return b;
  });
  r.list(nest.parts, [&] { return r.part(); });
  if (r.at != bytes.size()) r.bad("bytes after the end");
  validate(nest);
  return nest;
}

std::string to_string(const LoopNest& nest) {
  std::string t = str("loop nest over ", nest.values, " values");
  for (size_t i = 0; i < nest.buffers.size(); ++i) {
    const LoopBuffer& b = nest.buffers[i];
    t += str("\nb", i, ": ", to_string(b.dtype), b.output ? " output" : " input",
             b.used ? str(" of v", b.elements) : " unused");
  }
  for (const LoopPart& p : nest.parts) {
    t += "\npart outer";
    for (int32_t e : p.outer) t += str(" v", e);
    t += "; inner";
    for (int32_t e : p.inner) t += str(" v", e);
    t += p.lanes_inner ? "; lanes inner" : "; lanes outer";
    if (p.tile_axis != -1) t += str("; tiled with axis ", p.tile_axis);
    for (size_t i = 0; i < p.accesses.size(); ++i) t += str("\n  a", i, ": ", text(p.accesses[i]));
    for (const LoopStage& s : p.stages) t += "\n" + text(s);
  }
  return t;
}

}  // namespace neve
