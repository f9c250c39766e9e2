// A captured program as Python holds it.
#pragma once
#include <neve/engine.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "capture/capture.h"
#include "convert.h"

namespace neve::python {

struct PyProgram {
  Model model;
  std::vector<std::pair<std::string, std::string>> guards;  ///< relation, place
  std::vector<capture::State> states;
  std::vector<capture::Seen> seen;
  std::vector<size_t> changed_inputs;

  /// Whether the first inputs may have these sizes.
  bool accepts(std::span<const Sizes> shapes) const;
  /// Whether a tensor that it uses from outside was changed since the last note_versions().
  bool is_changed() const;
};

/// Modules as files.
void bind_module_file(nb::module_& m);

}  // namespace neve::python
