// The text form of attribute values, exact both ways.
#include <bit>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "core/half.h"
#include "op/attrs.h"

namespace neve {
namespace {

// ---- writing ----
template <class F, class Bits>
void put_float(std::string& s, F v, uint64_t bits, Bits quiet_nan) {
  if (v != v) {
    char buffer[24];
    s += "nan";
    if (bits == quiet_nan) return;
    s += ":0x";  // another payload or sign: its bits
    s.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, bits, 16).ptr);
    return;
  }
  if (std::isinf(v)) {
    s += v < 0 ? "-inf" : "inf";
    return;
  }
  char buffer[64];
  const std::string_view text(buffer, size_t(std::to_chars(buffer, buffer + sizeof buffer, v).ptr - buffer));
  s += text;
  if (text.find_first_of(".e") == text.npos) s += ".0";
}
void put_double(std::string& s, double v) { put_float(s, v, std::bit_cast<uint64_t>(v), 0x7ff8000000000000ull); }

void put_element(std::string& s, const Tensor& t, int64_t k) {
  switch (t.dtype()) {
    case DType::f64:
      return put_double(s, t.data_as<double>()[k]);
    case DType::f32:
      return put_float(s, t.data_as<float>()[k], t.data_as<uint32_t>()[k], 0x7fc00000u);
    case DType::bf16:
      return put_float(s, bf16_to_float(t.data_as<uint16_t>()[k]), t.data_as<uint16_t>()[k], 0x7fc0u);
    case DType::f16:
      return put_float(s, half_to_float(t.data_as<uint16_t>()[k]), t.data_as<uint16_t>()[k], 0x7e00u);
    case DType::u64:
      s += str(t.data_as<uint64_t>()[k]);
      return;
    case DType::boolean:
      s += t.data_as<uint8_t>()[k] ? "true" : "false";
      return;
    case DType::c64:
      s += '(';
      put_float(s, t.data_as<float>()[2 * k], t.data_as<uint32_t>()[2 * k], 0x7fc00000u);
      s += ' ';
      put_float(s, t.data_as<float>()[2 * k + 1], t.data_as<uint32_t>()[2 * k + 1], 0x7fc00000u);
      s += ')';
      return;
    case DType::c128:
      s += '(';
      put_double(s, t.data_as<double>()[2 * k]);
      s += ' ';
      put_double(s, t.data_as<double>()[2 * k + 1]);
      s += ')';
      return;
    default:
      s += str(t.item_int(k));
  }
}

void put(std::string& s, bool v) { s += v ? "true" : "false"; }
void put(std::string& s, int64_t v) { s += str(v); }
void put(std::string& s, double v) { put_double(s, v); }
void put(std::string& s, DType v) { s += to_string(v); }
void put(std::string& s, const std::string& v) {
  static constexpr char digits[] = "0123456789abcdef";
  s += '"';
  for (char c : v) {
    if (c == '"' || c == '\\')
      (s += '\\') += c;
    else if (c == '\n')
      s += "\\n";
    else if (c == '\t')
      s += "\\t";
    else if (uint8_t(c) < 32 || uint8_t(c) == 127)
      ((s += "\\x") += digits[uint8_t(c) >> 4]) += digits[c & 15];
    else
      s += c;
  }
  s += '"';
}
template <class T>
void put(std::string& s, const std::vector<T>& v) {
  s += '[';
  for (size_t i = 0; i < v.size(); ++i) {
    if (i) s += ", ";
    put(s, v[i]);
  }
  s += ']';
}
void put(std::string& s, const Tensor& t) {
  if (!t.defined()) {
    s += "none";
    return;
  }
  const Tensor c = t.contiguous();
  s += to_string(t.dtype());
  put(s, std::vector<int64_t>(t.shape()));
  s += '{';
  for (int64_t k = 0; k < c.element_count(); ++k) {
    if (k) s += ", ";
    put_element(s, c, k);
  }
  s += '}';
}

// ---- reading ----
class Reader {
 public:
  Reader(std::string_view text, size_t at) : text_(text), at_(at) {}
  size_t at() const { return at_; }

  void read(bool& v) {
    const std::string_view w = word();
    if (w != "true" && w != "false") wrong("true or false");
    v = w == "true";
  }
  void read(int64_t& v) { number(v, "an integer"); }
  void read(double& v) { real<double, uint64_t>(v); }
  void read(DType& v) {
    if (!parse_dtype(word(), v)) wrong("a dtype");
  }
  void read(std::string& v) {
    expect('"');
    v.clear();
    while (true) {
      if (at_ >= text_.size()) wrong("a closing \"");
      const char c = text_[at_++];
      if (c == '"') return;
      v += c == '\\' ? escape() : c;
    }
  }
  template <class T>
  void read(std::vector<T>& v) {
    v.clear();
    expect('[');
    if (take(']')) return;
    do {
      v.emplace_back();
      read(v.back());
    } while (take(','));
    expect(']');
  }
  void read(Tensor& t) {
    t = {};
    const std::string_view w = word();
    if (w == "none") return;
    DType dtype;
    if (!parse_dtype(w, dtype)) wrong("a tensor such as i64[2]{1, 2}");
    std::vector<int64_t> shape;
    read(shape);
    int64_t count = 1;
    for (int64_t n : shape)
      if (n < 0 || __builtin_mul_overflow(count, n, &count)) wrong("sizes of a tensor");
    // Every element takes a character at least: no allocation that the text cannot fill.
    if (count > int64_t(text_.size() - at_)) wrong(str(count, " elements"));
    t = Tensor::empty(dtype, shape);
    expect('{');
    for (int64_t k = 0; k < count; ++k) {
      if (k) expect(',');
      element(t, k);
    }
    expect('}');
  }

 private:
  [[noreturn]] void wrong(const std::string& wanted) const {
    const std::string_view rest = text_.substr(std::min(at_, text_.size()), 20);
    fail(ErrorCode::invalid_argument, "attribute: column ", at_ + 1, ": found '", rest, "' (expected ", wanted, ")");
  }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) wrong(str("'", c, "'"));
  }
  std::string_view word() {
    space();
    size_t end = at_;
    while (end < text_.size() && (std::isalnum(uint8_t(text_[end])) || text_[end] == '_')) ++end;
    const std::string_view w = text_.substr(at_, end - at_);
    at_ = end;
    return w;
  }
  char escape() {
    const char c = at_ < text_.size() ? text_[at_++] : '\0';
    if (c == 'n') return '\n';
    if (c == 't') return '\t';
    if (c == '"' || c == '\\') return c;
    unsigned v = 0;
    if (c == 'x' && at_ + 2 <= text_.size() &&
        std::from_chars(text_.data() + at_, text_.data() + at_ + 2, v, 16).ptr == text_.data() + at_ + 2) {
      at_ += 2;
      return char(v);
    }
    wrong("an escape: \\n \\t \\\" \\\\ \\xNN");
  }
  template <class T>
  void number(T& v, const char* what) {
    space();
    const auto r = std::from_chars(text_.data() + at_, text_.data() + text_.size(), v);
    if (r.ec != std::errc()) wrong(what);
    at_ = size_t(r.ptr - text_.data());
  }
  // Decimal, hexadecimal ("0x1.8p+1"), inf, nan, or nan with its bits ("nan:0x7fc00001").
  template <class F, class Bits>
  void real(F& v) {
    space();
    const char* end = text_.data() + text_.size();
    const bool negative = at_ < text_.size() && text_[at_] == '-';
    const size_t digits = at_ + negative;
    if (text_.substr(digits, 2) == "0x") {
      const auto r = std::from_chars(text_.data() + digits + 2, end, v, std::chars_format::hex);
      if (r.ec != std::errc()) wrong("a number");
      if (negative) v = -v;
      at_ = size_t(r.ptr - text_.data());
      return;
    }
    if (text_.substr(at_, 6) == "nan:0x") {
      Bits bits = 0;
      const auto r = std::from_chars(text_.data() + at_ + 6, end, bits, 16);
      if (r.ec != std::errc()) wrong("the bits of a NaN");
      if constexpr (sizeof(Bits) == sizeof(F)) v = std::bit_cast<F>(bits);
      at_ = size_t(r.ptr - text_.data());
      return;
    }
    number(v, "a number");
  }
  template <class Convert>
  uint16_t small_real(Convert convert) {
    space();
    if (text_.substr(at_, 6) == "nan:0x") {
      uint16_t bits = 0;
      at_ += 6;
      const auto r = std::from_chars(text_.data() + at_, text_.data() + text_.size(), bits, 16);
      if (r.ec != std::errc()) wrong("the bits of a NaN");
      at_ = size_t(r.ptr - text_.data());
      return bits;
    }
    float v = 0;
    real<float, uint32_t>(v);
    return convert(v);
  }
  template <class T>
  void integer(Tensor& t, int64_t k) {
    T v{};
    number(v, str("a value of ", t.dtype()).c_str());
    t.data_as<T>()[k] = v;
  }
  template <class F, class Bits>
  void complex(Tensor& t, int64_t k) {
    expect('(');
    real<F, Bits>(t.data_as<F>()[2 * k]);
    real<F, Bits>(t.data_as<F>()[2 * k + 1]);
    expect(')');
  }
  void element(Tensor& t, int64_t k) {
    switch (t.dtype()) {
      case DType::f64:
        return real<double, uint64_t>(t.data_as<double>()[k]);
      case DType::f32:
        return real<float, uint32_t>(t.data_as<float>()[k]);
      case DType::bf16:
        t.data_as<uint16_t>()[k] = small_real(float_to_bf16);
        return;
      case DType::f16:
        t.data_as<uint16_t>()[k] = small_real(float_to_half);
        return;
      case DType::i64:
        return integer<int64_t>(t, k);
      case DType::i32:
        return integer<int32_t>(t, k);
      case DType::i16:
        return integer<int16_t>(t, k);
      case DType::i8:
        return integer<int8_t>(t, k);
      case DType::u8:
        return integer<uint8_t>(t, k);
      case DType::u16:
        return integer<uint16_t>(t, k);
      case DType::u32:
        return integer<uint32_t>(t, k);
      case DType::u64:
        return integer<uint64_t>(t, k);
      case DType::boolean: {
        bool v;
        read(v);
        t.data_as<uint8_t>()[k] = v;
        return;
      }
      case DType::c64:
        return complex<float, uint32_t>(t, k);
      case DType::c128:
        return complex<double, uint64_t>(t, k);
    }
  }

  std::string_view text_;
  size_t at_;
};

}  // namespace

std::string to_string(const AttrValue& v) {
  std::string s;
  std::visit([&](const auto& x) { put(s, x); }, v);
  return s;
}

AttrValue parse_attr(std::string_view text, size_t& at, const AttrValue& kind) {
  AttrValue v = kind;
  Reader reader(text, at);
  std::visit([&](auto& x) { reader.read(x); }, v);
  at = reader.at();
  return v;
}

}  // namespace neve
