// Lines of the user's Python code as small numbers, cheap enough to be kept for every recorded operation.
#include <nanobind/stl/string.h>
#include <neve/autograd.h>

#include <unordered_map>

#include "convert.h"

namespace neve::python {
namespace {

/// What is known of a code object, which is held so that its address stays its own.
struct Code {
  bool internal = false;                      ///< of this package: not where the user is
  std::unordered_map<int, uint32_t> numbers;  ///< by instruction
};

// All of it is touched with the interpreter held only, and lives as long as the process.
struct Places {
  std::string package;  ///< the folder whose code is internal
  std::unordered_map<PyCodeObject*, Code> codes;
  std::vector<std::string> texts{""};
};
Places& places() {
  static auto* p = new Places;
  return *p;
}
constexpr size_t most_places = 1 << 16;
thread_local uint32_t last_place = 0;

Code& code_of(PyCodeObject* code) {
  Places& all = places();
  const auto it = all.codes.find(code);
  if (it != all.codes.end()) return it->second;
  Py_INCREF(reinterpret_cast<PyObject*>(code));
  Code& made = all.codes[code];
  const char* name = PyUnicode_AsUTF8(code->co_filename);
  if (!name) PyErr_Clear();
  made.internal = name && !all.package.empty() && std::string_view(name).substr(0, all.package.size()) == all.package;
  return made;
}

int instruction_of(PyFrameObject* frame) {
#if PY_VERSION_HEX >= 0x030B0000
  return PyFrame_GetLasti(frame);
#else
  return PyFrame_GetLineNumber(frame);
#endif
}

uint32_t number_of(PyFrameObject* frame, PyCodeObject* code, Code& known) {
  const int at = instruction_of(frame);
  const auto it = known.numbers.find(at);
  if (it != known.numbers.end()) return it->second;
  std::vector<std::string>& texts = places().texts;
  if (texts.size() >= most_places) return 0;
  const char* name = PyUnicode_AsUTF8(code->co_filename);
  if (!name) PyErr_Clear();
  texts.push_back(std::string(name ? name : "?") + ":" + std::to_string(PyFrame_GetLineNumber(frame)));
  return known.numbers[at] = uint32_t(texts.size() - 1);
}

// A thread that does not hold the interpreter is where it was when it let go.
uint32_t here() {
  if (!PyGILState_Check() || places().codes.size() > most_places) return last_place;
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
  uint32_t place = 0;
  while (frame) {
    PyCodeObject* code = PyFrame_GetCode(frame);
    Code& known = code_of(code);
    if (!known.internal) place = number_of(frame, code, known);
    Py_DECREF(code);
    PyFrameObject* back = known.internal ? PyFrame_GetBack(frame) : nullptr;
    Py_DECREF(frame);
    frame = back;
  }
  return last_place = place;
}

}  // namespace

void remember_place(bool always) {
  if (always || is_grad_enabled()) here();
}

void bind_places(nb::module_& m) {
  m.def("set_package_folder", [](const std::string& folder) {
    places().package = folder;
    autograd::set_place_provider({here, [](uint32_t place) {
                                    const nb::gil_scoped_acquire hold;
                                    const auto& texts = places().texts;
                                    return place < texts.size() ? texts[place] : std::string();
                                  }});
  });
}

}  // namespace neve::python
