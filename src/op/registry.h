// All ops by name. Filled from src/ops by a file that CMake writes; nothing registers itself.
#pragma once
#include <string_view>
#include <vector>

#include "op/def.h"

namespace neve {

/// Calls `add` for every op, with the stem of its file in src/ops. Defined by the generated registry.
void for_each_op(void (*add)(std::string_view family, const OpDef*));

/// @throws Error{not_found}, with the nearest names.
const OpDef& find_op(std::string_view name);
const OpDef* find_op_or_null(std::string_view name);
/// All ops, sorted by name.
const std::vector<const OpDef*>& all_ops();
/// Adds an op that lives outside of Neve (extensions). @throws Error{invalid_argument} if the name is taken.
/// Thread-safe.
void register_op(const OpDef* op);

}  // namespace neve
