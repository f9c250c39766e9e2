# The op registry: src/ops/<stem>.cpp defines `OpList neve::ops::<stem>()`; this writes the function that calls them all.
file(GLOB neve_op_files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/ops/*.cpp)
set(decls "")
set(calls "")
foreach(file ${neve_op_files})
  get_filename_component(stem ${file} NAME_WE)
  string(APPEND decls "OpList ${stem}();\n")
  string(APPEND calls "  for (const OpDef* d : ops::${stem}()) add(\"${stem}\", d);\n")
endforeach()
set(NEVE_REGISTRY ${NEVE_GENERATED}/registry.cpp)
file(CONFIGURE OUTPUT ${NEVE_REGISTRY} CONTENT "// The list of all ops; made by CMake from the files in src/ops. Do not edit.
#include \"op/registry.h\"

namespace neve::ops {
@decls@}  // namespace neve::ops

namespace neve {
void for_each_op([[maybe_unused]] void (*add)(std::string_view family, const OpDef*)) {
@calls@}
}  // namespace neve
" @ONLY)
