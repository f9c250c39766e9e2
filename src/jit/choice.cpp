// The guards of saved forms: compared with a call, and told where none fits.
#include "jit/choice.h"

#include <neve/amp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "capture/capture.h"
#include "jit/model.h"

namespace neve::jit {
namespace {

// What constants_of gives for one value.
std::optional<Constant> value_of(const std::string& text) {
  if (text == "nan") return Constant(std::nan(""));
  if (text == "inf" || text == "-inf") return Constant(text[0] == '-' ? -HUGE_VAL : HUGE_VAL);
  const auto j = nlohmann::json::parse(text);
  if (j.is_null()) return Constant(std::monostate());
  if (j.is_boolean()) return Constant(j.get<bool>());
  if (j.is_number_float()) return Constant(j.get<double>());
  if (j.is_string()) return Constant(j.get<std::string>());
  if (j.is_number_unsigned() && j.get<uint64_t>() > uint64_t(INT64_MAX)) return {};
  return Constant(j.get<int64_t>());
}

std::string text_of(const Constant& c) {
  if (std::holds_alternative<std::monostate>(c)) return "null";
  if (const bool* b = std::get_if<bool>(&c)) return *b ? "true" : "false";
  if (const int64_t* n = std::get_if<int64_t>(&c)) return std::to_string(*n);
  if (const double* d = std::get_if<double>(&c)) return number_text(*d);
  return string_text(std::get<std::string>(c));
}

// 0.0 and -0.0 differ, one nan is as good as another.
bool is_same(const Constant& a, const Constant& b) {
  const double *x = std::get_if<double>(&a), *y = std::get_if<double>(&b);
  if (x && y) return std::memcmp(x, y, sizeof *x) == 0 || (*x != *x && *y != *y);
  return a == b;
}

std::string list_of(const std::vector<std::optional<Constant>>& values) {
  std::string s;
  for (const auto& v : values) s += (s.empty() ? "" : ", ") + (v ? text_of(*v) : std::string("a number over 64 bits"));
  return "(" + s + ")";
}
std::string list_of(std::span<const Constant> values) {
  return list_of(std::vector<std::optional<Constant>>(values.begin(), values.end()));
}

}  // namespace

std::string difference_of_sizes(const ir::Graph& g, std::span<const std::pair<std::string, std::string>> guards,
                                std::span<const Tensor> in) {
  std::map<uint32_t, std::pair<int64_t, std::string>> seen;
  for (size_t i = 0; i < in.size(); ++i) {
    const Shape& shape = g.type(g.inputs()[i]).shape;
    for (size_t a = 0; a < shape.size(); ++a) {
      const int64_t n = in[i].size(int64_t(a));
      const std::string place = str("input '", g.name(g.inputs()[i]), "' axis ", a);
      if (shape[a].is_constant() && shape[a].value() != n) return str(place, " is ", n, ", not ", shape[a].value());
      if (!shape[a].is_symbol()) continue;
      const Symbol& s = shape[a].as_symbol();
      if (n < s.lo || n > s.hi)
        return s.hi == Dim::unbounded ? str(place, " is ", n, ", below ", s.lo)
                                      : str(place, " is ", n, ", outside of ", s.lo, " to ", s.hi);
      if (n % s.divisor != 0) return str(place, " is ", n, ", no multiple of ", s.divisor);
      const auto [at, first] = seen.try_emplace(s.id, n, place);
      if (!first && at->second.first != n)
        return str(place, " is ", n, ", not ", at->second.first, " as ", at->second.second);
    }
  }
  const auto value = [&](const Symbol& s) -> std::optional<int64_t> {
    const auto at = seen.find(s.id);
    return at == seen.end() ? std::nullopt : std::optional<int64_t>(at->second.first);
  };
  for (const Constraint& c : g.constraints) {
    if (!is_broken(c, value)) continue;
    const std::string relation = to_string(c);
    for (const auto& [text, location] : guards)
      if (text == relation && !location.empty()) return str(relation, ", decided at ", location, ", does not hold");
    return relation + " does not hold";
  }
  return "";
}

std::string structure_of(const Constant& c) {
  const double* d = std::get_if<double>(&c);
  return d && !std::isfinite(*d) ? str("{\"f\": \"", text_of(c), "\"}") : str("{\"c\": ", text_of(c), "}");
}

Form::Form(std::shared_ptr<CapturedFunction> function) : function_(std::move(function)), mode_(function_->form.mode) {
  for (const std::string& text : constants_of(function_->form.arguments)) values_.push_back(value_of(text));
  const std::string& autocast = function_->form.autocast;
  if (autocast.empty()) return;
  DType d;
  if (!parse_dtype(autocast, d))
    fail(ErrorCode::corrupt_file, "load: ", function_->name, ": its autocast is '", autocast.substr(0, 100),
         "', no dtype");
  autocast_ = d;
}

bool Form::is_for(std::span<const Constant> values) const {
  return std::equal(values.begin(), values.end(), values_.begin(), values_.end(),
                    [](const Constant& a, const std::optional<Constant>& b) { return b && is_same(a, *b); });
}

bool Form::has_the_values_of(const Form& other) const {
  return std::equal(values_.begin(), values_.end(), other.values_.begin(), other.values_.end(),
                    [](const auto& a, const auto& b) { return a && b ? is_same(*a, *b) : !a && !b; });
}

std::string Form::text() const {
  const ir::Graph& g = function_->form.program.graph;
  std::string s;
  for (size_t i = 0; i < function_->arguments(); ++i)
    s += str(i ? ", " : "", g.name(g.inputs()[i]), ": ", to_string(g.type(g.inputs()[i])));
  if (!values_.empty()) s += "; values " + list_of(values_);
  if (!mode_.empty()) s += "; " + mode_;
  if (autocast_) s += "; autocast " + to_string(*autocast_);
  return s;
}

/// Why a form does not take a call. `depth`: how many of its guards held before.
struct Choice::Refusal {
  int depth;
  ErrorCode code;
  std::string words;
};

/// Values may be left out where all forms of the mode were saved for the same ones.
bool Choice::may_leave_out_values(bool training) const {
  const Form* first = nullptr;
  for (const Form& f : forms_) {
    if (!f.serves(training)) continue;
    if (first && !f.has_the_values_of(*first)) return false;
    first = first ? first : &f;
  }
  return true;
}

std::vector<const Form*> Choice::candidates(std::span<const Constant> values, bool training) const {
  std::vector<const Form*> found;
  for (const Form& f : forms_)
    if (f.serves(training) && f.is_for(values)) found.push_back(&f);
  if (found.empty() && values.empty() && may_leave_out_values(training))
    for (const Form& f : forms_)
      if (f.serves(training)) found.push_back(&f);
  if (found.size() > 1) {
    const std::optional<DType> now = amp::autocast_dtype();
    std::stable_partition(found.begin(), found.end(), [&](const Form* f) { return f->is_for(now); });
  }
  return found;
}

std::vector<Tensor> Choice::call(std::span<const Tensor> in, std::span<const Constant> values, bool training) const {
  const std::vector<const Form*> found = candidates(values, training);
  if (found.empty()) refuse(in, values, training);
  if (capture::current_or_null()) {  // sizes are symbols: a form that does not fit says so before it does anything
    for (size_t k = 0; k + 1 < found.size(); ++k) try {
        return found[k]->function()->call(in);
      } catch (const Error& e) {
        if (e.code() != ErrorCode::shape_mismatch && e.code() != ErrorCode::type_mismatch) throw;
      }
    return found.back()->function()->call(in);
  }
  for (const Form* f : found)
    if (f->function()->accepts(in)) return f->function()->call(in);
  refuse(in, values, training);
}

Choice::Refusal Choice::refusal_of(const Form& f, std::span<const Tensor> in, std::span<const Constant> values,
                                   bool training) const {
  if (!f.serves(training)) return {0, ErrorCode::unsupported, training ? "the mode is train" : "the mode is eval"};
  if (!f.is_for(values) && (!values.empty() || !may_leave_out_values(training)))
    return {1, ErrorCode::invalid_argument, "the values are " + list_of(values)};
  const ir::Graph& g = f.function()->form.program.graph;
  if (in.size() != f.function()->arguments())
    return {2, ErrorCode::invalid_argument, str(in.size(), in.size() == 1 ? " tensor is" : " tensors are", " given")};
  for (size_t i = 0; i < in.size(); ++i) {
    const TensorType& t = g.type(g.inputs()[i]);
    const std::string place = str("input '", g.name(g.inputs()[i]), "' is ");
    if (!in[i].defined()) return {3, ErrorCode::invalid_argument, place + "undefined"};
    if (in[i].dtype() != t.dtype) return {3, ErrorCode::type_mismatch, place + to_string(in[i].dtype())};
    if (in[i].rank() != t.rank())
      return {4, ErrorCode::shape_mismatch, str(place, "of ", in[i].rank(), in[i].rank() == 1 ? " axis" : " axes")};
  }
  return {5, ErrorCode::shape_mismatch, difference_of_sizes(g, f.function()->form.program.guards, in)};
}

void Choice::refuse(std::span<const Tensor> in, std::span<const Constant> values, bool training) const {
  std::string given, list;
  for (const Tensor& t : in) given += (given.empty() ? "" : ", ") + (t.defined() ? type_text(t) : "undefined");
  Refusal best{-1, ErrorCode::internal, ""};
  constexpr size_t most = 16;
  for (size_t k = 0; k < forms_.size(); ++k) {
    Refusal r = refusal_of(forms_[k], in, values, training);
    if (k < most) list += str("\n  (", forms_[k].text(), "): ", r.words);
    if (r.depth > best.depth) best = std::move(r);
  }
  if (forms_.size() > most) list += str("\n  and ", forms_.size() - most, " more");
  fail(best.code, forms_[0].function()->name, ": no form of it takes (", given,
       values.empty() ? "" : "; values " + list_of(values), ") in ", training ? "train" : "eval",
       " mode; it was saved for", list);
}

}  // namespace neve::jit
