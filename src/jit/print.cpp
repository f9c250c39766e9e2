// Texts of prints, in Python's words.
#include "jit/print.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace neve::jit {
namespace {

constexpr size_t most_prints = 100000, most_parts = 10000;
constexpr int64_t most_width = 10000;

/// [[fill]align][sign][#][0][width][grouping][.precision][type]
struct Spec {
  std::string fill = " ";
  char align = 0, sign = '-', grouping = 0, type = 0;
  bool alternate = false;
  int64_t width = 0, precision = -1;
};

[[noreturn]] void refuse(const std::string& spec) {
  fail(ErrorCode::unsupported, "print: the format '", spec.substr(0, 100),
       "' (numbers: d, b, o, x, X, e, E, f, F, g, G, %)");
}

size_t letter_bytes(const std::string& s, size_t at) {
  const auto c = static_cast<unsigned char>(s[at]);
  const size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  return std::min(n, s.size() - at);
}

size_t letters(const std::string& s) {
  size_t n = 0;
  for (size_t at = 0; at < s.size(); at += letter_bytes(s, at)) ++n;
  return n;
}

Spec spec_of(const std::string& s) {
  Spec p;
  size_t at = 0;
  const auto is_align = [&](size_t i) { return i < s.size() && std::strchr("<>=^", s[i]); };
  const size_t first = s.empty() ? 0 : letter_bytes(s, 0);
  if (first && is_align(first))
    p.fill = s.substr(0, first), p.align = s[first], at = first + 1;
  else if (is_align(0))
    p.align = s[at++];
  const auto take = [&](const char* of) -> char { return at < s.size() && std::strchr(of, s[at]) ? s[at++] : 0; };
  const auto number = [&] {
    int64_t n = 0;
    for (; at < s.size() && s[at] >= '0' && s[at] <= '9'; ++at)
      if ((n = n * 10 + (s[at] - '0')) > most_width) refuse(s);
    return n;
  };
  if (const char c = take("+- ")) p.sign = c;
  p.alternate = take("#") != 0;
  if (take("0") && !p.align) p.fill = "0", p.align = '=';
  p.width = number();
  p.grouping = take(",_");
  if (take(".")) {
    if (at == s.size() || s[at] < '0' || s[at] > '9') refuse(s);
    p.precision = number();
  }
  p.type = take("sdboxXeEfFgG%");
  if (at != s.size()) refuse(s);
  return p;
}

std::string repeat(const std::string& s, int64_t n) {
  std::string r;
  for (; n > 0; --n) r += s;
  return r;
}

// `lead`: sign and prefix, which '=' leaves in front of the fill.
std::string padded(const Spec& p, const std::string& lead, const std::string& body, char align) {
  const int64_t missing = p.width - int64_t(letters(lead) + letters(body));
  if (missing <= 0) return lead + body;
  if (align == '<') return lead + body + repeat(p.fill, missing);
  if (align == '=') return lead + repeat(p.fill, missing) + body;
  const int64_t left = align == '^' ? missing / 2 : missing;
  return repeat(p.fill, left) + lead + body + repeat(p.fill, missing - left);
}

std::string printed(const char* format, int64_t precision, double v) {
  std::string s(size_t(std::snprintf(nullptr, 0, format, int(precision), v)), '\0');
  std::snprintf(s.data(), s.size() + 1, format, int(precision), v);
  return s;
}

// The shortest digits that give this number again: as repr() lays them out.
std::string shortest(double v) {
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::scientific).ptr;
  const std::string s(buffer, end);
  const size_t e = s.find('e');
  std::string digits = s.substr(0, e);
  if (digits.size() > 1) digits.erase(1, 1);
  const int exponent = std::atoi(s.c_str() + e + 1);
  if (exponent < -4 || exponent >= 16) {
    if (digits.size() > 1) digits.insert(1, ".");
    char tail[8];
    std::snprintf(tail, sizeof tail, "e%+03d", exponent);
    return digits + tail;
  }
  if (exponent < 0) return "0." + std::string(size_t(-exponent - 1), '0') + digits;
  const size_t whole = size_t(exponent) + 1;
  if (digits.size() <= whole) return digits + std::string(whole - digits.size(), '0') + ".0";
  return digits.insert(whole, ".");
}

// A precision without a type: as 'g', and always with a point where there is no exponent.
std::string general(double v, int64_t precision, bool alternate) {
  const int64_t p = std::max<int64_t>(precision, 1);
  const int exponent = v == 0 ? 0 : std::atoi(std::strchr(printed("%.*e", p - 1, v).c_str(), 'e') + 1);
  if (exponent < -4 || exponent >= p - 1) {
    std::string s = printed(alternate ? "%#.*e" : "%.*e", p - 1, v);
    const size_t e = s.find('e'), dot = s.find('.');
    if (!alternate && dot != s.npos) {
      size_t end = e;
      while (s[end - 1] == '0') --end;
      if (s[end - 1] == '.') --end;
      s.erase(end, e - end);
    }
    return s;
  }
  std::string s = printed(alternate ? "%#.*g" : "%.*g", p, v);
  if (s.find('.') == s.npos) s += ".0";
  if (s.back() == '.') s += "0";
  return s;
}

std::string grouped(std::string s, const Spec& p, size_t every) {
  size_t end = s.find_first_of(".e%");
  if (end == s.npos) end = s.size();
  for (size_t at = end; p.grouping && at > every;) s.insert(at -= every, 1, p.grouping);
  return s;
}

std::string integer(double value, const Spec& p, const std::string& spec, std::string& lead) {
  if (p.precision >= 0) refuse(spec);
  auto n = static_cast<unsigned long long>(std::fabs(value));
  const int base = p.type == 'b' ? 2 : p.type == 'o' ? 8 : p.type == 'x' || p.type == 'X' ? 16 : 10;
  std::string s;
  do s.insert(s.begin(), (p.type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[n % unsigned(base)]);
  while (n /= unsigned(base));
  if (p.alternate && base != 10) lead += std::string("0") + p.type;
  return grouped(s, p, base == 10 ? 3 : 4);
}

std::string floating(double v, const Spec& p) {
  if (!std::isfinite(v)) {
    std::string s = std::isnan(v) ? "nan" : "inf";
    if (p.type && std::strchr("EFG", p.type))
      for (char& c : s) c = char(c - 'a' + 'A');
    return s + (p.type == '%' ? "%" : "");
  }
  const int64_t precision = p.precision < 0 ? 6 : p.precision;
  const bool a = p.alternate;
  switch (p.type) {
    case 'e':
      return printed(a ? "%#.*e" : "%.*e", precision, v);
    case 'E':
      return printed(a ? "%#.*E" : "%.*E", precision, v);
    case 'f':
    case 'F':
      return grouped(printed(a ? "%#.*f" : "%.*f", precision, v), p, 3);
    case 'g':
      return grouped(printed(a ? "%#.*g" : "%.*g", precision, v), p, 3);
    case 'G':
      return grouped(printed(a ? "%#.*G" : "%.*G", precision, v), p, 3);
    case '%':
      return grouped(printed("%.*f", precision, v * 100), p, 3) + "%";
    default:
      return grouped(p.precision < 0 ? shortest(v) : general(v, p.precision, a), p, 3);
  }
}

}  // namespace

std::string format_text(const std::string& text, const std::string& spec) {
  if (spec.empty()) return text;
  const Spec p = spec_of(spec);
  if ((p.type && p.type != 's') || p.align == '=' || p.sign != '-' || p.alternate || p.grouping) refuse(spec);
  size_t end = 0;
  for (int64_t n = p.precision; end < text.size() && n != 0; --n) end += letter_bytes(text, end);
  return padded(p, "", text.substr(0, end), p.align ? p.align : '<');
}

std::string format_number(double value, const std::string& form, const std::string& spec) {
  if (form == "bool" && spec.empty()) return value != 0 ? "True" : "False";
  const Spec p = spec_of(spec);
  const bool whole = form != "float" && (!p.type || std::strchr("dboxX", p.type));
  if (p.type == 's' || (form == "float" && p.type && std::strchr("dboxX", p.type))) refuse(spec);
  if (p.grouping && p.fill == "0" && p.align == '=') refuse(spec);
  std::string lead = std::signbit(value) && !std::isnan(value) ? "-" : p.sign == '-' ? "" : std::string(1, p.sign);
  if (whole && value == 0) lead = p.sign == '-' ? "" : std::string(1, p.sign);
  const std::string body = whole ? integer(value, p, spec, lead) : floating(std::fabs(value), p);
  return padded(p, lead, body, p.align ? p.align : '>');
}

namespace {

std::string form_of(DType t) { return t == DType::boolean ? "bool" : is_float(t) ? "float" : "int"; }

std::string tensor_text(const Tensor& t) {
  const bool usual = t.dtype() == DType::f32 || t.dtype() == DType::i64 || t.dtype() == DType::boolean;
  return "tensor(" + to_string(t) + (usual ? "" : ", dtype=" + to_string(t.dtype())) + ")";
}

std::string text_of(const PrintPart& p, const Tensor& t) {
  const bool number = p.rank < 0;
  const auto plain = [&] { return number ? format_number(t.item(), p.form, "") : tensor_text(t); };
  if (!p.conversion.empty()) return format_text(plain(), p.spec);
  if (number) return format_number(t.item(), p.form, p.spec);
  if (p.spec.empty() || t.element_count() != 1) return format_text(plain(), p.spec);
  return format_number(t.item(), form_of(t.dtype()), p.spec);
}

}  // namespace

void write_log(const std::vector<Print>& prints, const Tensor& log, const std::function<void(std::string_view)>& out) {
  const auto bad = [](bool ok) {
    if (!ok) fail(ErrorCode::invalid_argument, "print: the log of the program does not fit its prints");
  };
  const int64_t length = log.element_count();
  int64_t at = 0;
  const auto next = [&](int64_t least, int64_t most) {
    bad(at < length);
    const double v = log.item(at++);
    bad(v >= double(least) && v <= double(most));
    return int64_t(v);
  };
  while (at < length) {
    const Print& p = prints[size_t(next(0, int64_t(prints.size()) - 1))];
    std::string text;
    for (const PrintPart& part : p.parts) {
      if (!part.is_value) {
        text += part.text;
        continue;
      }
      Sizes shape;
      int64_t count = 1;
      for (int64_t a = 0; a < part.rank; ++a) {
        shape.push_back(next(0, length));
        count *= shape.back();
        bad(count <= length);
      }
      bad(at + count <= length);
      DType dtype = DType::f64;
      if (part.rank >= 0) parse_dtype(part.form, dtype);
      text += text_of(part, log.slice(0, at, at + count).reshape(shape).to(dtype));
      at += count;
    }
    out(text + p.end);
  }
}

std::vector<Print> prints_of(const std::string& text, const std::string& where) {
  const auto require = [&](bool ok, const char* what) {
    if (!ok) fail(ErrorCode::corrupt_file, where, ": its prints ", what);
  };
  const auto j = nlohmann::json::parse(text, nullptr, false);
  require(j.is_array() && j.size() <= most_prints, "are no list");
  std::vector<Print> all;
  for (const auto& e : j) {
    require(e.is_object() && e.contains("parts") && e["parts"].is_array() && e["parts"].size() <= most_parts &&
                e.contains("end") && e["end"].is_string(),
            "hold something that is none");
    Print& p = all.emplace_back();
    p.end = e["end"];
    for (const auto& part : e["parts"]) {
      if (part.is_string()) {
        p.parts.push_back({part, false, "", "", "", 0});
        continue;
      }
      require(part.is_object() && part.contains("form") && part["form"].is_string() && part.contains("conversion") &&
                  part["conversion"].is_string() && part.contains("spec") && part["spec"].is_string() &&
                  part.contains("rank") && part["rank"].is_number_integer(),
              "hold a value that is none");
      PrintPart v{"", true, part["form"], part["conversion"], part["spec"], part["rank"].get<int64_t>()};
      DType dtype;
      const bool number = v.form == "int" || v.form == "float" || v.form == "bool";
      require(v.rank < 0 ? number : parse_dtype(v.form, dtype), "hold a value of an unknown kind");
      require(v.rank >= -1 && v.rank <= 64 && v.conversion.size() <= 1 && v.spec.size() <= 100 &&
                  std::string("sra").find(v.conversion) != std::string::npos,
              "hold a value with an unknown format");
      p.parts.push_back(std::move(v));
    }
  }
  return all;
}

}  // namespace neve::jit
