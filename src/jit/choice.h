// Which captured form of a method takes a call: its guards, as a file has them.
#pragma once
#include <neve/jit.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "jit/function.h"

namespace neve::jit {

/// One form with what it was saved for, read once.
class Form {
 public:
  explicit Form(std::shared_ptr<CapturedFunction> function);
  const std::shared_ptr<CapturedFunction>& function() const { return function_; }
  bool serves(bool training) const { return mode_.empty() || (mode_ == "train") == training; }
  bool is_for(std::span<const Constant> values) const;
  bool is_for(std::optional<DType> autocast) const { return autocast_ == autocast; }
  bool has_the_values_of(const Form& other) const;
  /// "x: f32[batch, 4]; values (0.5, null); eval".
  std::string text() const;

 private:
  friend class Choice;
  std::shared_ptr<CapturedFunction> function_;
  std::string mode_;
  std::optional<DType> autocast_;
  std::vector<std::optional<Constant>> values_;  ///< nullopt: a number that C++ has no type for
};

/// All forms of a method, in the order in which they are tried; one at least where it is called.
class Choice {
 public:
  void add(std::shared_ptr<CapturedFunction> function) { forms_.emplace_back(std::move(function)); }
  const std::vector<Form>& forms() const { return forms_; }
  /// Calls the first form whose mode, values, dtypes, ranks and sizes fit; one that was captured under the autocast in
  /// force goes before others.
  /// @throws Error naming, for each form, the first of its guards that the call does not keep
  std::vector<Tensor> call(std::span<const Tensor> in, std::span<const Constant> values, bool training) const;

 private:
  struct Refusal;
  std::vector<const Form*> candidates(std::span<const Constant> values, bool training) const;
  Refusal refusal_of(const Form& f, std::span<const Tensor> in, std::span<const Constant> values, bool training) const;
  [[noreturn]] void refuse(std::span<const Tensor> in, std::span<const Constant> values, bool training) const;
  bool may_leave_out_values(bool training) const;

  std::vector<Form> forms_;
};

/// Why the sizes of these tensors do not fit the first inputs of a graph, in words; "" where they do. `guards`:
/// relations and their places.
std::string difference_of_sizes(const ir::Graph& g, std::span<const std::pair<std::string, std::string>> guards,
                                std::span<const Tensor> in);
/// Such a value as a structure has it: {"c": 3}.
std::string structure_of(const Constant& c);

}  // namespace neve::jit
