// Text of Dims, shapes and constraints, and its parser.
#include <charconv>

#include "base/error.h"
#include "core/dim.h"
#include "core/dim_internal.h"
#include "core/tensor_type.h"

namespace neve {
namespace {

using Namer = std::function<std::string(const Symbol&)>;

const char* name_of(DimKind kind) {
  switch (kind) {
    case DimKind::floordiv:
      return "floordiv";
    case DimKind::mod:
      return "mod";
    case DimKind::min:
      return "min";
    case DimKind::max:
      return "max";
    case DimKind::broadcast:
      return "broadcast";
    case DimKind::symbol:
    case DimKind::poly:
      break;
  }
  return "";
}

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool in_name(char c) { return starts_name(c) || (c >= '0' && c <= '9') || c == '.'; }

void print_name(std::string& out, const std::string& name) {
  bool plain = !name.empty() && starts_name(name[0]);
  for (char c : name) plain &= in_name(c);
  if (plain) {
    out += name;
    return;
  }
  out += '"';
  for (char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void print(std::string& out, Dim d, const Namer* namer);

void print_product(std::string& out, const Term& t, const Namer* namer) {
  const int64_t k = t.coefficient < 0 ? -t.coefficient : t.coefficient;
  const bool number = k != 1 || t.atoms.empty();
  if (number) out += str(k);
  for (size_t i = 0; i < t.atoms.size(); ++i) {
    if (i || number) out += '*';
    print(out, t.atoms[i], namer);
  }
}

void print(std::string& out, Dim d, const Namer* namer) {
  if (d.is_constant()) {
    out += str(d.value());
    return;
  }
  const DimNode& n = node_of(d);
  if (n.kind == DimKind::symbol) {
    print_name(out, namer ? (*namer)(*n.symbol) : n.symbol->name);
    return;
  }
  if (n.kind == DimKind::poly) {
    for (size_t i = 0; i < n.terms.size(); ++i) {
      const bool minus = n.terms[i].coefficient < 0;
      if (i)
        out += minus ? " - " : " + ";
      else if (minus)
        out += '-';
      print_product(out, n.terms[i], namer);
    }
    return;
  }
  out += name_of(n.kind);
  for (size_t i = 0; i < n.args.size(); ++i) {
    out += i ? ", " : "(";
    print(out, n.args[i], namer);
  }
  out += ')';
}

/// sum = product {(+|-) product}; product = {-} factor {* factor}; factor = number | name | function(sum, ...) | (sum)
/// | -factor.
class Parser {
 public:
  Parser(std::string_view text, const std::function<Dim(std::string_view)>& lookup) : text_(text), lookup_(lookup) {}

  Dim parse() {
    const Dim d = sum();
    if (at_ < text_.size()) error(str("unexpected '", text_[at_], "'"), "an operator or the end");
    return d;
  }

 private:
  static constexpr int max_nesting = 200;

  [[noreturn]] void error(const std::string& what, const char* expected) const {
    fail(ErrorCode::invalid_argument, "dim: column ", at_ + 1, " of '", text_.substr(0, 200), "': ", what,
         " (expected ", expected, ")");
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool take(char c) {
    skip();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    skip();
    return true;
  }

  Dim sum() {
    if (++nesting_ > max_nesting) error("nested too deep", "at most 200 levels");
    Dim d = product();
    for (;;) {
      if (take('+'))
        d = d + product();
      else if (take('-'))
        d = d - product();
      else
        break;
    }
    --nesting_;
    return d;
  }

  Dim product() {
    bool negative = false;
    while (take('-')) negative = !negative;
    Dim d = factor();
    while (take('*')) d = d * factor();
    return negative ? -1 * d : d;
  }

  Dim factor() {
    bool negative = false;
    while (take('-')) negative = !negative;
    const Dim d = primary();
    return negative ? -1 * d : d;
  }

  Dim primary() {
    skip();
    if (at_ == text_.size()) error("the text ends", "a number, a name or '('");
    const char c = text_[at_];
    if (c >= '0' && c <= '9') return number();
    if (c == '"') return lookup_(quoted());
    if (starts_name(c)) return named();
    if (!take('(')) error(str("unexpected '", c, "'"), "a number, a name or '('");
    const Dim d = sum();
    if (!take(')')) error("the parenthesis is open", "')'");
    return d;
  }

  Dim number() {
    int64_t v = 0;
    const char* begin = text_.data() + at_;
    const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), v);
    if (status != std::errc()) error("the number does not fit 64 bits", "at most 9223372036854775807");
    at_ += size_t(end - begin);
    skip();
    return v;
  }

  std::string quoted() {
    std::string name;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      name += text_[at_];
    }
    if (at_ == text_.size()) error("the quoted name is open", "'\"'");
    ++at_;
    skip();
    return name;
  }

  Dim named() {
    const size_t begin = at_;
    while (at_ < text_.size() && in_name(text_[at_])) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (!take('(')) return lookup_(name);
    using Function = Dim (*)(Dim, Dim);
    static constexpr struct {
      std::string_view name;
      Function function;
      bool many;
    } functions[] = {{"floordiv", floordiv, false},
                     {"ceildiv", ceildiv, false},
                     {"mod", mod, false},
                     {"min", min, true},
                     {"max", max, true},
                     {"broadcast", broadcast, true}};
    for (const auto& f : functions) {
      if (f.name != name) continue;
      Dim d = sum();
      if (!take(',')) error("one operand", "','");
      d = f.function(d, sum());
      while (f.many && take(',')) d = f.function(d, sum());
      if (!take(')')) error("the call is open", f.many ? "',' or ')'" : "')'");
      return d;
    }
    at_ = begin;
    error(str("no function '", name, "'"), "floordiv, ceildiv, mod, min, max or broadcast");
  }

  std::string_view text_;
  const std::function<Dim(std::string_view)>& lookup_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace

std::string to_string(Dim d) {
  std::string out;
  print(out, d, nullptr);
  return out;
}

std::string to_string(Dim d, const Namer& name) {
  std::string out;
  print(out, d, &name);
  return out;
}

Dim parse_dim(std::string_view text, const std::function<Dim(std::string_view)>& lookup) {
  return Parser(text, lookup).parse();
}

std::string to_string(const Shape& s) {
  std::string out = "[";
  for (size_t i = 0; i < s.size(); ++i) {
    if (i) out += ", ";
    print(out, s[i], nullptr);
  }
  return out + "]";
}

std::string to_string(const Constraint& c) {
  switch (c.kind) {
    case Constraint::equal:
      return str(c.a, " == ", c.b);
    case Constraint::at_least:
      return str(c.a, " >= ", c.b);
    case Constraint::divides:
      return str(c.a, " is a multiple of ", c.b);
    case Constraint::broadcastable:
      return str(c.a, " and ", c.b, " broadcast");
  }
  return "";
}

std::string to_string(const TensorType& t) { return to_string(t.dtype) + to_string(t.shape); }

}  // namespace neve
