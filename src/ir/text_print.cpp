// Printing graphs.
#include <map>
#include <unordered_map>

#include "base/error.h"
#include "ir/text.h"

namespace neve::ir {
namespace {

std::string quoted(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr char hex[] = "0123456789abcdef";
      out += "\\x";
      out += hex[(c >> 4) & 15];
      out += hex[c & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

bool plain_name(std::string_view s) {
  if (s.empty() || (s[0] >= '0' && s[0] <= '9')) return false;
  for (char c : s)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  return s != "min" && s != "max" && s != "floordiv" && s != "ceildiv" && s != "mod" && s != "broadcast";
}

class Printer {
 public:
  std::string print(const Graph& g, std::string_view name) {
    std::string body;
    head(g, str("graph ", plain_name(name) ? std::string(name) : quoted(name)), body);
    std::string symbols;
    block(g, 1, body);
    // Symbols get their names while printing; the head is made last.
    for (const auto& [id, n] : order_) {
      const Symbol& s = *n.second;
      symbols += str(symbols.empty() ? " where " : ", ", n.first, " in ", s.lo, "..",
                     s.hi >= Dim::unbounded ? std::string() : str(s.hi));
      if (s.divisor != 1) symbols += str(" by ", s.divisor);
    }
    const size_t brace = body.find(" {\n");
    return body.substr(0, brace) + symbols + body.substr(brace);
  }

 private:
  std::string symbol(const Symbol& s) {
    const auto it = names_.find(s.id);
    if (it != names_.end()) return it->second;
    std::string base = s.name;
    for (char& c : base)
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
    if (!plain_name(base)) base = "d_" + base;
    std::string name = base;
    for (int i = 1; used_.count(name); ++i) name = str(base, "_", i);
    used_[name] = true;
    names_[s.id] = name;
    order_[order_.size()] = {name, &s};
    return name;
  }
  std::string dim(Dim d) {
    return to_string(d, [&](const Symbol& s) { return symbol(s); });
  }
  std::string type(const TensorType& t) {
    std::string s = to_string(t.dtype) + "[";
    for (size_t i = 0; i < t.shape.size(); ++i) s += (i ? ", " : "") + dim(t.shape[i]);
    return s + "]";
  }
  std::string value(const Graph& g, Value v) {
    if (!v.valid()) return "_";
    auto& names = values_[&g];
    const auto it = names.find(v.id);
    check(it != names.end(), "print: a value is used before it is defined");
    return it->second;
  }
  std::string define(const Graph& g, Value v) {
    std::string n = str("%", counter_++);
    values_[&g][v.id] = n;
    return n;
  }

  void head(const Graph& g, const std::string& title, std::string& out) {
    out += title + "(";
    for (size_t i = 0; i < g.inputs().size(); ++i) {
      const Value v = g.inputs()[i];
      const std::string n = define(g, v);
      out += str(i ? ", " : "", n, ": ", type(g.type(v)));
      if (!g.name(v).empty()) out += " " + quoted(g.name(v));
    }
    out += ") {\n";
  }

  void block(const Graph& g, int depth, std::string& out) {
    const std::string indent(size_t(depth) * 2, ' ');
    for (const Constraint& c : g.constraints) {
      constexpr const char* op[] = {"==", ">=", "by", "~"};
      out += str(indent, "require ", dim(c.a), " ", op[c.kind], " ", dim(c.b), " ", quoted(c.reason), "\n");
    }
    for (Node* n = g.first(); n; n = n->next) node(g, *n, depth, indent, out);
    out += indent + "return";
    for (size_t i = 0; i < g.outputs().size(); ++i) {
      out += str(i ? ", " : " ", value(g, g.outputs()[i]));
      if (!g.output_name(i).empty()) out += " " + quoted(g.output_name(i));
    }
    out += "\n" + indent.substr(2) + "}\n";
  }

  void node(const Graph& g, const Node& n, int depth, const std::string& indent, std::string& out) {
    std::vector<std::string> in;
    for (Value v : n.in) in.push_back(value(g, v));
    out += indent;
    for (size_t k = 0; k < n.out.size(); ++k) {
      out += str(k ? ", " : "", define(g, n.out[k]), ": ", type(g.type(n.out[k])));
      if (!g.name(n.out[k]).empty()) out += " " + quoted(g.name(n.out[k]));
    }
    out += str(n.out.empty() ? "" : " = ", n.op->info.name);
    if (n.op->info.version != 1) out += str("@", n.op->info.version);
    out += "(";
    for (size_t i = 0; i < in.size(); ++i) out += (i ? ", " : "") + in[i];
    out += ")";
    const std::shared_ptr<void> defaults = n.op->clone(nullptr);
    std::string attrs;
    for (const AttrInfo& a : n.op->attrs) {
      const AttrValue v = a.get(n.attrs.object());
      if (neve::detail::attr_equal(v, a.get(defaults.get()))) continue;
      attrs += str(attrs.empty() ? " {" : ", ", a.name, "=", to_string(v));
    }
    if (!attrs.empty()) out += attrs + "}";
    if (n.loc) {
      out += str(" loc(", quoted(n.loc->file), ":", n.loc->line);
      if (!n.loc->name.empty()) out += " " + quoted(n.loc->name);
      out += ")";
    }
    out += "\n";
    for (const auto& r : n.regions) {
      head(*r, indent + "  region", out);
      block(*r, depth + 2, out);
    }
  }

  int64_t counter_ = 0;
  std::unordered_map<const Graph*, std::unordered_map<uint32_t, std::string>> values_;
  std::unordered_map<uint32_t, std::string> names_;
  std::map<size_t, std::pair<std::string, const Symbol*>> order_;
  std::map<std::string, bool> used_;
};

}  // namespace

std::string print(const Graph& g, std::string_view name) { return Printer().print(g, name); }

}  // namespace neve::ir
