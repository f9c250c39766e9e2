// Parsing graphs. Every byte is hostile: depth, counts and numbers are bounded.
#include <charconv>
#include <map>

#include "base/error.h"
#include "ir/text.h"
#include "op/regions.h"
#include "op/registry.h"

namespace neve::ir {
namespace {

constexpr int most_depth = 32;
constexpr size_t most_values = size_t(1) << 22;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Graph parse(std::string* name) {
    word("graph");
    std::string title = peek() == '"' ? quoted() : identifier("a name");
    if (name) *name = title;
    Graph g;
    find_symbols();
    graph_rest(g, 0);
    space();
    if (at_ != text_.size()) bad("text after the graph", "the end");
    return g;
  }

 private:
  using Names = std::map<std::string, Value, std::less<>>;

  // ---- characters ----
  std::string place(size_t at) const {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < text_.size(); ++i) {
      ++column;
      if (text_[i] == '\n') ++line, column = 1;
    }
    return str("line ", line, " column ", column);
  }
  [[noreturn]] void bad(std::string_view found, std::string_view wanted) const {
    fail(ErrorCode::corrupt_file, "parse: ", place(at_), ": ", found, " (expected ", wanted, ")");
  }
  void space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
        ++at_;
      } else {
        break;
      }
    }
  }
  char peek() {
    space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  std::string found() const {
    if (at_ >= text_.size()) return "the text ends";
    return str("'", text_.substr(at_, 12).substr(0, text_.substr(at_, 12).find('\n')), "'");
  }
  bool take(std::string_view s) {
    space();
    if (text_.substr(at_, s.size()) != s) return false;
    at_ += s.size();
    return true;
  }
  void need(std::string_view s) {
    if (!take(s)) bad(found(), str("'", s, "'"));
  }
  static bool name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  std::string identifier(std::string_view what) {
    space();
    const size_t begin = at_;
    while (at_ < text_.size() && name_char(text_[at_])) ++at_;
    if (at_ == begin) bad(found(), what);
    return std::string(text_.substr(begin, at_ - begin));
  }
  bool take_word(std::string_view s) {
    space();
    const size_t before = at_;
    if (!take(s)) return false;
    if (at_ < text_.size() && name_char(text_[at_])) {
      at_ = before;
      return false;
    }
    return true;
  }
  void word(std::string_view s) {
    if (!take_word(s)) bad(found(), str("'", s, "'"));
  }
  int64_t number() {
    space();
    int64_t v = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), v);
    if (error != std::errc()) bad(found(), "a number");
    at_ = size_t(end - text_.data());
    return v;
  }
  std::string quoted() {
    need("\"");
    std::string s;
    while (true) {
      if (at_ >= text_.size()) bad("the text ends", "'\"'");
      const char c = text_[at_++];
      if (c == '"') return s;
      if (c != '\\') {
        s += c;
        continue;
      }
      if (at_ >= text_.size()) bad("the text ends", "an escape");
      const char e = text_[at_++];
      if (e == 'n') {
        s += '\n';
      } else if (e == 'x') {
        int v = 0;
        if (at_ + 2 > text_.size()) bad("the text ends", "two hexadecimal digits");
        const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + at_ + 2, v, 16);
        if (error != std::errc() || end != text_.data() + at_ + 2) bad(found(), "two hexadecimal digits");
        at_ += 2;
        s += char(v);
      } else {
        s += e;
      }
    }
  }

  // ---- symbols: the where clause stands after the head, so it is read ahead ----
  void find_symbols() {
    const size_t before = at_;
    need("(");
    for (int depth = 1; depth > 0;) {
      if (at_ >= text_.size()) bad("the text ends", "')'");
      const char c = text_[at_];
      if (c == '"') {
        quoted();
        continue;
      }
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      ++at_;
    }
    if (take_word("where")) do {
        const std::string name = identifier("a symbol");
        word("in");
        const int64_t lo = number();
        need("..");
        int64_t hi = Dim::unbounded, divisor = 1;
        if (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') hi = number();
        if (take_word("by")) divisor = number();
        if (lo < 0 || hi < lo || hi > Dim::unbounded || divisor < 1)
          bad(str("bounds ", lo, "..", hi, " by ", divisor), "0 <= lo <= hi and a divisor of 1 or more");
        if (!symbols_.emplace(name, Dim::symbol(name, lo, hi, divisor)).second)
          bad(str("'", name, "' a second time"), "another name");
      } while (take(","));
    where_end_ = at_;
    at_ = before;
  }
  Dim symbol(std::string_view name) {
    const auto it = symbols_.find(name);
    if (it != symbols_.end()) return it->second;
    return symbols_.emplace(std::string(name), Dim::symbol(std::string(name))).first->second;
  }
  /// Up to one of the characters of `stop`, or to the word, outside of parentheses.
  Dim dim(std::string_view stop, std::string_view word = {}) {
    space();
    const size_t begin = at_;
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (depth == 0 && stop.find(c) != std::string_view::npos) break;
      if (depth == 0 && !word.empty() && c == ' ' && text_.substr(at_ + 1).starts_with(word)) break;
      if (c == '(') ++depth;
      if (c == ')') --depth;
      if (depth < 0 || c == '\n' || at_ - begin > 4096) bad(found(), "a size");
      ++at_;
    }
    std::string_view s = text_.substr(begin, at_ - begin);
    while (!s.empty() && s.back() == ' ') s.remove_suffix(1);
    try {
      return parse_dim(s, [&](std::string_view n) { return symbol(n); });
    } catch (const Error& e) {
      at_ = begin;
      bad(e.message(), "a size");
    }
  }
  TensorType type() {
    TensorType t;
    const std::string name = identifier("a dtype");
    if (!parse_dtype(name, t.dtype)) bad(str("'", name, "'"), "a dtype");
    need("[");
    if (take("]")) return t;
    do {
      t.shape.push_back(dim(",]"));
      if (t.shape.size() > 64) bad("more than 64 axes", "fewer");
    } while (take(","));
    need("]");
    return t;
  }
  std::string value_name() {
    need("%");
    return identifier("a value name");
  }

  // ---- graphs ----
  /// `known`: facts of the parameters, where the node around the region has them.
  void graph_rest(Graph& g, int depth, const std::vector<Facts>& known = {}) {
    if (depth > most_depth) bad("regions too deep", str("at most ", most_depth));
    Names names;
    need("(");
    if (!take(")")) {
      do {
        const std::string n = value_name();
        need(":");
        const TensorType t = type();
        const std::string source = peek() == '"' ? quoted() : n;
        const bool numbered = source == n && n[0] >= '0' && n[0] <= '9';
        const size_t i = g.inputs().size();
        define(names, n, g.add_input(numbered ? "" : source, t, i < known.size() ? known[i] : Facts{}));
      } while (take(","));
      need(")");
    }
    if (depth == 0) at_ = where_end_;
    need("{");
    while (!take_word("return")) statement(g, names, depth);
    if (peek() != '}') do {
        const Value v = use(names, value_name());
        g.add_output(peek() == '"' ? quoted() : std::string(), v);
      } while (take(","));
    need("}");
  }
  void define(Names& names, const std::string& n, Value v) {
    if (!names.emplace(n, v).second) bad(str("%", n, " a second time"), "another name");
    if (++count_ > most_values) bad("too many values", "fewer");
  }
  Value use(const Names& names, const std::string& n) {
    const auto it = names.find(n);
    if (it == names.end()) bad(str("%", n), "a value that is defined before");
    return it->second;
  }

  void statement(Graph& g, Names& names, int depth) {
    if (take_word("require")) return require(g);
    struct Result {
      std::string name, source;
      TensorType type;
    };
    std::vector<Result> results;
    if (peek() == '%') {
      do {
        Result r;
        r.name = value_name();
        need(":");
        r.type = type();
        if (peek() == '"') r.source = quoted();
        results.push_back(std::move(r));
      } while (take(","));
      need("=");
    }
    space();
    const size_t op_at = at_;
    const std::string op_name = identifier("an op");
    const OpDef* op = find_op_or_null(op_name);
    if (!op) {
      at_ = op_at;
      bad(str("no op is named '", op_name, "'"), "an op of the registry");
    }
    if (take("@")) {
      const int64_t version = number();
      if (version > op->info.version)
        fail(ErrorCode::unsupported, "parse: ", op_name, " of version ", version, " (this Neve has version ",
             op->info.version, "; a newer one wrote this file)");
      if (version != op->info.version)
        fail(ErrorCode::unsupported, "parse: ", op_name, " of version ", version, " cannot be upgraded to version ",
             op->info.version);
    } else if (op->info.version != 1) {
      fail(ErrorCode::unsupported, "parse: ", op_name, " of version 1 cannot be upgraded to version ",
           op->info.version);
    }
    Values in;
    need("(");
    if (!take(")")) {
      do {
        if (peek() == '_') {
          ++at_;
          in.push_back({});
        } else {
          in.push_back(use(names, value_name()));
        }
      } while (take(","));
      need(")");
    }
    const Attrs attrs = attributes(*op);
    g.location = location();
    std::vector<std::unique_ptr<Graph>> regions;
    while (take_word("region")) {
      auto r = std::make_unique<Graph>();
      std::vector<const TensorType*> types;
      std::vector<Facts> facts;
      for (Value v : in) {
        types.push_back(v.valid() ? &g.type(v) : nullptr);
        facts.push_back(v.valid() ? g.facts(v) : Facts{});
      }
      graph_rest(*r, depth + 1, region_signature(*op, attrs, regions.size(), types, facts).facts);
      regions.push_back(std::move(r));
    }
    if (int(regions.size()) != op->info.regions && !(op->info.regions < 0))
      bad(str(regions.size(), " regions"), str(op->info.regions));
    check_body(*op, g, in, regions);
    Node* n = nullptr;
    try {
      n = g.emit_node(*op, attrs, in, std::move(regions));
    } catch (const Error& e) {
      throw e.with(str("  in the text: ", place(op_at)));
    }
    if (n->out.size() != results.size()) bad(str(results.size(), " results for ", op_name), str(n->out.size()));
    for (size_t k = 0; k < results.size(); ++k) {
      settle(g, n->out[k], results[k].type);
      if (!results[k].source.empty()) g.set_name(n->out[k], results[k].source);
      define(names, results[k].name, n->out[k]);
    }
  }

  // The parameters of a fused body are the inputs of its node.
  void check_body(const OpDef& op, const Graph& g, const Values& in,
                  const std::vector<std::unique_ptr<Graph>>& regions) {
    if (op.info.name != "fused") return;
    for (const auto& r : regions) {
      if (r->inputs().size() != in.size())
        bad(str("a body with ", r->inputs().size(), " parameters"), str(in.size(), " parameters"));
      for (size_t i = 0; i < in.size(); ++i) {
        if (!in[i].valid() || !(r->type(r->inputs()[i]) == g.type(in[i])))
          bad(str("parameter ", i, " of another type than the input"), "equal types");
      }
    }
  }

  // The stated type replaces the inferred one where they can be equal: a fresh symbol gets its name in the text.
  void settle(Graph& g, Value v, const TensorType& t) {
    const TensorType& i = g.type(v);
    bool fits = i.dtype == t.dtype && i.rank() == t.rank();
    for (size_t a = 0; fits && a < t.shape.size(); ++a) fits = equal(i.shape[a], t.shape[a]) != Proof::no;
    if (!fits) bad(str("type ", t), str("the inferred type ", i));
    g.refine(v, t);
    const Facts f = g.facts(v);
    if (f.known && !(int64_t(f.content.size()) == 1 && t.rank() == 0) && !(t.rank() == 1)) g.set_facts(v, {});
  }

  void require(Graph& g) {
    Constraint c;
    c.a = dim("=>~", "by ");
    if (take("=="))
      c.kind = Constraint::equal;
    else if (take(">="))
      c.kind = Constraint::at_least;
    else if (take("~"))
      c.kind = Constraint::broadcastable;
    else if (take_word("by"))
      c.kind = Constraint::divides;
    else
      bad(found(), "'==', '>=', 'by' or '~'");
    c.b = dim("\"");
    c.reason = quoted();
    g.constraints.push_back(std::move(c));
  }

  Attrs attributes(const OpDef& op) {
    Attrs defaults = op.defaults();
    if (!take("{")) return defaults;
    const std::shared_ptr<void> object = op.clone(nullptr);
    if (take("}")) return defaults;
    do {
      const std::string name = identifier("an attribute");
      const AttrInfo* info = nullptr;
      for (const AttrInfo& a : op.attrs)
        if (a.name == name) info = &a;
      if (!info) bad(str(op.info.name, " has no attribute '", name, "'"), "one of its attributes");
      need("=");
      space();
      try {
        info->set(object.get(), parse_attr(text_, at_, info->get(object.get())));
      } catch (const Error& e) {
        bad(e.message(), "a value of the attribute's kind");
      }
    } while (take(","));
    need("}");
    return {&op, object};
  }

  LocationRef location() {
    if (!take_word("loc")) return nullptr;
    auto l = std::make_shared<Location>();
    need("(");
    l->file = quoted();
    need(":");
    l->line = int(number());
    if (peek() == '"') l->name = quoted();
    need(")");
    return l;
  }

  std::string_view text_;
  size_t at_ = 0, where_end_ = 0, count_ = 0;
  std::map<std::string, Dim, std::less<>> symbols_;
};

}  // namespace

Graph parse(std::string_view text, std::string* name) { return Parser(text).parse(name); }

}  // namespace neve::ir
