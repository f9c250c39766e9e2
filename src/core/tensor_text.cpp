// Printing tensors as NumPy does.
#include <neve/tensor.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <functional>

#include "base/error.h"
#include "core/convert.h"

namespace neve {
namespace {

constexpr int64_t summarize_above = 1000, edge = 3;
constexpr size_t line_width = 75;
constexpr int precision = 8;

bool is_16_bit(DType t) { return t == DType::f16 || t == DType::bf16; }
bool is_double(DType t) { return t == DType::f64 || t == DType::c128; }

/// From here on numbers of this type print with an exponent: more digits than it tells apart.
double exponent_from(DType t) { return is_double(t) ? 1e8 : is_16_bit(t) ? 1e3 : 1e6; }

/// The fewest digits that tell the value from its neighbours in its own dtype.
std::string shortest_text(double v, DType dtype, std::chars_format format) {
  char buffer[400];
  if (is_double(dtype)) return {buffer, std::to_chars(buffer, std::end(buffer), v, format).ptr};
  if (!is_16_bit(dtype)) return {buffer, std::to_chars(buffer, std::end(buffer), float(v), format).ptr};
  double back = v;
  for (int digits = 0; digits < 8; ++digits) {  // that read back to the same 16 bits
    const auto end = std::to_chars(buffer, std::end(buffer), v, std::chars_format::scientific, digits).ptr;
    std::from_chars(buffer, end, back);
    const float f = float(back);
    if (double(dtype == DType::f16 ? half_to_float(float_to_half(f)) : bf16_to_float(float_to_bf16(f))) == v) break;
  }
  return {buffer, std::to_chars(buffer, std::end(buffer), back, format).ptr};
}

/// A finite number's digits: sign and whole part, fraction, exponent text or "".
struct Digits {
  std::string whole, fraction, exponent;

  explicit Digits(const std::string& text) {
    const size_t mark = std::min(text.find('e'), text.size()), point = std::min(text.find('.'), mark);
    whole = text.substr(0, point);
    if (point < mark) fraction = text.substr(point + 1, mark - point - 1);
    exponent = text.substr(mark);
  }
};

/// With this many digits after the point, of the exact value.
Digits exact_digits(double v, bool scientific, int places) {
  char buffer[400];
  const auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  return Digits({buffer, std::to_chars(buffer, std::end(buffer), v, format, places).ptr});
}

/// Shortest, but at most `precision` digits after the point, without trailing zeros.
Digits digits_of(double v, DType dtype, bool scientific) {
  Digits d(shortest_text(v, dtype, scientific ? std::chars_format::scientific : std::chars_format::fixed));
  if (d.fraction.size() > size_t(precision)) d = exact_digits(v, scientific, precision);
  while (!d.fraction.empty() && d.fraction.back() == '0') d.fraction.pop_back();
  return d;
}

/// One format for all numbers that are shown: padded to a common place of the point.
class FloatFormat {
 public:
  FloatFormat(const std::vector<double>& values, DType dtype, bool signs) : dtype_(dtype), signs_(signs) {
    double largest = 0, smallest = INFINITY;
    for (double v : values) {
      if (!std::isfinite(v) || v == 0) continue;
      largest = std::max(largest, std::fabs(v));
      smallest = std::min(smallest, std::fabs(v));
    }
    scientific_ = largest > 0 && (largest >= exponent_from(dtype) || smallest < 1e-4 || largest / smallest > 1000);
    size_t exponent = 0, special = 0;
    for (double v : values) {
      if (!std::isfinite(v)) {
        special = std::max(special, non_finite(v).size());
        continue;
      }
      const Digits d = digits_of(v, dtype_, scientific_);
      left_ = std::max(left_, d.whole.size() + (signs_ && !std::signbit(v)));
      right_ = std::max(right_, d.fraction.size());
      exponent = std::max(exponent, d.exponent.size());
    }
    const size_t width = left_ + 1 + right_ + exponent;
    width_ = std::max(special, left_ ? width : 0);
    if (left_) left_ += width_ - width;
  }

  std::string operator()(double v) const {
    if (!std::isfinite(v)) {
      const std::string s = non_finite(v);
      return std::string(width_ - std::min(width_, s.size()), ' ') + s;
    }
    Digits d = scientific_ ? exact_digits(v, true, int(right_)) : digits_of(v, dtype_, false);
    if (signs_ && !std::signbit(v)) d.whole.insert(0, "+");
    std::string s(left_ - std::min(left_, d.whole.size()), ' ');
    s += d.whole + "." + d.fraction;
    s.append(right_ - d.fraction.size(), ' ');
    return s + d.exponent;
  }

 private:
  std::string non_finite(double v) const {
    const std::string s = std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf";
    return signs_ && s[0] != '-' ? "+" + s : s;
  }

  DType dtype_;
  bool signs_, scientific_ = false;
  size_t left_ = 0, right_ = 0, width_ = 0;
};

/// A number alone prints all its digits: 0.1, 1e-07; `point` asks for 1.0 instead of 1.
std::string scalar_text(double v, DType dtype, bool point) {
  if (!std::isfinite(v)) return std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf";
  const double size = std::fabs(v), large = is_double(dtype) ? 1e16 : exponent_from(dtype);
  const bool scientific = v != 0 && (size < 1e-4 || size >= large);
  std::string s = shortest_text(v, dtype, scientific ? std::chars_format::scientific : std::chars_format::fixed);
  if (point && !scientific && s.find('.') == std::string::npos) s += ".0";
  return s;
}

std::string complex_scalar_text(double re, double im, DType dtype) {
  const std::string imaginary = scalar_text(im, dtype, false) + "j";
  if (re == 0 && !std::signbit(re)) return imaginary;
  return "(" + scalar_text(re, dtype, false) + (imaginary[0] == '-' ? "" : "+") + imaginary + ")";
}

/// Complex numbers print real and imaginary parts in formats of their own, `j` right after the digits.
std::string complex_text(const FloatFormat& real, const FloatFormat& imaginary, double re, double im) {
  std::string s = imaginary(im);
  const size_t end = s.find_last_not_of(' ') + 1;
  s.insert(end, "j");
  return real(re) + s;
}

/// The values that are shown, in order, and the text of each.
class Printer {
 public:
  explicit Printer(const Tensor& t) : t_(t), summarize_(t.element_count() > summarize_above) {
    collect(0, 0);
    make_texts();
  }

  std::string run() {
    if (t_.rank() == 0) return texts_[0];
    std::string out;
    print(out, 0, "");
    return out;
  }

 private:
  bool cut(int64_t axis) const { return summarize_ && t_.shape()[size_t(axis)] > 2 * edge; }

  void collect(int64_t axis, int64_t offset) {
    if (axis == t_.rank()) {
      offsets_.push_back(offset);
      return;
    }
    const int64_t n = t_.shape()[size_t(axis)], stride = t_.strides()[size_t(axis)];
    for (int64_t i = 0; i < n; ++i) {
      if (cut(axis) && i == edge) i = n - edge;
      collect(axis + 1, offset + i * stride);
    }
  }

  template <class T>
  T read(int64_t offset, int64_t part = 0) const {
    T v;
    std::memcpy(&v, t_.data() + offset * size_of(t_.dtype()) + part * int64_t(sizeof(T)), sizeof v);
    return v;
  }

  void make_texts() {
    const DType dtype = t_.dtype();
    if (is_complex(dtype)) return make_complex_texts();
    if (is_float(dtype)) return make_float_texts();
    with_storage_type(dtype, [&]<class T>(T) {
      for (int64_t offset : offsets_) {
        const T v = read<T>(offset);
        if constexpr (std::is_same_v<T, Bool>)
          texts_.push_back(v.byte ? "True" : "False");
        else if constexpr (std::is_integral_v<T>)
          texts_.push_back(str(v));
      }
    });
    size_t width = dtype == DType::boolean ? 5 : 0;
    for (const std::string& s : texts_) width = std::max(width, s.size());
    for (std::string& s : texts_) s.insert(0, t_.rank() ? width - s.size() : 0, ' ');
  }

  void make_float_texts() {
    std::vector<double> values;
    with_storage_type(t_.dtype(), [&]<class T>(T) {
      for (int64_t offset : offsets_) values.push_back(convert_element<double>(read<T>(offset)));
    });
    if (t_.rank() == 0) {
      texts_.push_back(scalar_text(values[0], t_.dtype(), true));
      return;
    }
    const FloatFormat format(values, t_.dtype(), false);
    for (double v : values) texts_.push_back(format(v));
  }

  void make_complex_texts() {
    std::vector<double> re, im;
    for (int64_t offset : offsets_) {
      const bool small = t_.dtype() == DType::c64;
      re.push_back(small ? double(read<float>(offset)) : read<double>(offset));
      im.push_back(small ? double(read<float>(offset, 1)) : read<double>(offset, 1));
    }
    if (t_.rank() == 0) {
      texts_.push_back(complex_scalar_text(re[0], im[0], t_.dtype()));
      return;
    }
    const FloatFormat real(re, t_.dtype(), false), imaginary(im, t_.dtype(), true);
    for (size_t i = 0; i < re.size(); ++i) texts_.push_back(complex_text(real, imaginary, re[i], im[i]));
  }

  /// Appends an element to a line, breaking it where it would grow too long.
  void extend(std::string& out, std::string& line, const std::string& word, size_t width,
              const std::string& indent) const {
    if (line.size() + word.size() > width && line.size() > indent.size()) {
      while (!line.empty() && line.back() == ' ') line.pop_back();
      out += line + "\n";
      line = indent;
    }
    line += word;
  }

  void print(std::string& out, int64_t axis, const std::string& indent) {
    const int64_t n = t_.shape()[size_t(axis)], left = t_.rank() - axis;
    const std::string next = indent + " ";
    out += '[';
    if (left == 1) {
      const size_t width = line_width - size_t(t_.rank());
      std::string line = next, text;
      for (int64_t i = 0; i < n; ++i) {
        if (cut(axis) && i == edge) {
          extend(text, line, "...", width, next);
          line += ' ';
          i = n - edge;
        }
        extend(text, line, texts_[at_++], width, next);
        if (i + 1 < n) line += ' ';
      }
      text += line;
      out += text.substr(next.size());
    } else {
      for (int64_t i = 0; i < n; ++i) {
        if (cut(axis) && i == edge) {
          out += "..." + std::string(size_t(left) - 1, '\n') + next;
          i = n - edge;
        }
        print(out, axis + 1, next);
        if (i + 1 < n) out += std::string(size_t(left) - 1, '\n') + next;
      }
    }
    out += ']';
  }

  const Tensor& t_;
  bool summarize_;
  std::vector<int64_t> offsets_;
  std::vector<std::string> texts_;
  size_t at_ = 0;
};

}  // namespace

std::string to_string(const Tensor& t) {
  if (!t.defined()) return type_text(t);
  if (t.element_count() == 0) return str("[] (", type_text(t), ")");
  return Printer(t).run();
}

}  // namespace neve
