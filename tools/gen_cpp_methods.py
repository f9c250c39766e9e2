"""Writes the methods of neve::Tensor: their part of include/neve/tensor.h, and src/eager/methods.cpp.

Which functions are methods is said once, by the lists of python/neve/_methods.py; what they take, by the declarations in C++.
python tools/gen_cpp_methods.py [--check]      --check: only says whether the files are current
"""

import ast
import re
import sys

from gen_python_ops import ROOT

HEADER, SOURCE = ROOT / "include/neve/tensor.h", ROOT / "src/eager/methods.cpp"
BEGIN, END = (
    "  // ---- methods of the functions: made by tools/gen_cpp_methods.py, do not edit ----\n",
    "  // ---- end of what is made\n",
)
# What Python has no method for, as x[index] and x[index] = value are operators there.
MORE = {"index": "index", "set_index": "index_put_", "swap_axes": "swap_axes", "copy_into": "copy_"}
# Written by hand in tensor.h, or a function that means something else in Python: gather.
LEFT_OUT = {"reshape", "transpose", "slice", "gather", "where"}
NOTE = "Made by tools/gen_cpp_methods.py. Do not edit."


def lists():
    """The lists of names of python/neve/_methods.py: (methods, those with a form in place)."""
    known = {}
    for node in ast.parse((ROOT / "python/neve/_methods.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id != "__all__":
            try:
                known[node.targets[0].id] = eval(
                    compile(ast.Expression(node.value), "_methods.py", "eval"), dict(known)
                )
            except NameError:
                continue
    names = [n for k in ("_UNARY", "_BINARY", "_TESTS", "_REDUCE", "_SHAPE", "_INDEX", "_LINALG") for n in known[k]]
    return set(names) | {"neg", "diagonal", "tril", "triu"}, set(known["_IN_PLACE"]) | {"neg", "tril", "triu"}


def depth_split(text):
    """Parameters of a declaration, split at the commas outside of brackets."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c in "(<{[") - (c in ")>}]")
        if c == "," and depth == 0:
            parts.append(part.strip())
            part = ""
        else:
            part += c
    return [p for p in [*parts, part.strip()] if p]


def declarations(text, names):
    """(result, name, parameters) of the functions whose first parameter is the tensor."""
    text = re.sub(r"//[^\n]*", "", text)
    pattern = r"^(?:inline )?([\w:<>, &]+?)\s*\b(\w+)\((const Tensor& \w+[^;]*?)\)(?:;| \{)"
    for m in re.finditer(pattern, text, re.M):
        result, name, parameters = m[1].strip(), m[2], re.sub(r"\s+", " ", m[3])
        if name in names:
            yield result, name, depth_split(parameters)


def functions(wanted):
    """All of them, those of ops.h where neve uses them as they are."""
    ops = (ROOT / "include/neve/ops.h").read_text()
    used = set(re.findall(r"^using ops::(\w+);", ops, re.M))
    found = []
    for text, names in (
        (ops, wanted & used),
        *(((ROOT / f"include/neve/{f}.h").read_text(), wanted) for f in ("functions", "array")),
    ):
        found += [(r, n, [re.sub(r"\b(\w+Options)\b", r"ops::\1", p) for p in ps] if text is ops else ps)
                  for r, n, ps in declarations(text, names)]  # fmt: skip
    return found


def argument(parameter):
    return re.match(r".*?(\w+)(?: = .*)?$", parameter.split(" = ")[0])[1]


def forms(parameters):
    """The lists of parameters: options whose type is not complete in tensor.h are left out in a form of its own."""
    if parameters and "Options&" in parameters[-1]:
        plain = parameters[-1].split(" = ")[0]
        return [parameters[:-1], [*parameters[:-1], plain]] if "=" in parameters[-1] else [[*parameters[:-1], plain]]
    at = next((k for k, p in enumerate(parameters) if p.startswith("Number ") and "=" in p), None)
    if at is not None:
        return [parameters[:at], [p.split(" = ")[0] for p in parameters]]
    return [parameters]


def made():
    methods, in_place = lists()
    wanted = (methods | set(MORE)) - LEFT_OUT
    rows, bodies = {}, []

    def put(result, name, parameters, body):
        line = f"  {result} {name}({', '.join(parameters)}) const;"
        if line in rows:
            return
        rows[line] = name
        plain = ", ".join(p.split(" = ")[0] for p in parameters)
        bodies.append(f"{result} Tensor::{name}({plain}) const {{ {body} }}")

    for result, name, (_, *parameters) in functions(wanted):
        for form in forms(parameters):
            arguments = "".join(f", {argument(p)}" for p in form)
            back = "" if result == "void" else "return "
            put(result, MORE.get(name, name), form, f"{back}neve::{name}(*this{arguments});")
            if name in in_place and result == "Tensor":
                tensors = [argument(p) for p in form if p.startswith("const Tensor&")]
                kept = "const bool r = recorded({" + ", ".join(["*this", *tensors]) + "}); "
                passed = "".join(
                    f", r ? apart(*this, {argument(p)}) : {argument(p)}"
                    if argument(p) in tensors
                    else f", {argument(p)}"
                    for p in form
                )
                body = f'{kept}return over(*this, neve::{name}(r ? clone() : *this{passed}), "{name}_");'
                put("const Tensor&", name + "_", form, body)
    order = sorted(rows, key=lambda line: rows[line])
    return "\n".join(order) + "\n", "\n".join(bodies) + "\n"


SOURCE_HEAD = f"""// The methods of Tensor that are functions: x.sum() is sum(x), x.relu_() writes relu(x) over x.
// {NOTE} Long because it is read as a list.
// clang-format off
#include <neve/array.h>

#include "base/error.h"
#include "eager/autograd.h"
#include "eager/index.h"

namespace neve {{
namespace {{

// What a gradient may keep of the operands must not be written over.
bool recorded(std::initializer_list<Tensor> operands) {{
  if (!is_grad_enabled()) return false;
  for (const Tensor& t : operands)
    if (t.defined() && eager::needs_gradient(t)) return true;
  return false;
}}
Tensor apart(const Tensor& x, const Tensor& t) {{
  if (!t.defined() || t.is_captured() || x.is_captured()) return t;
  return t.storage() == x.storage() ? t.clone() : t;
}}
const Tensor& over(const Tensor& x, const Tensor& made, const char* call) {{
  if (made.dtype() != x.dtype() && !(is_float(x.dtype()) && is_float(made.dtype())))
    fail(ErrorCode::type_mismatch, call, ": the result is ", to_string(made.dtype()), ", which ", type_text(x),
         " cannot hold in place");
  eager::assign(x, made, call);
  return x;
}}

}}  // namespace

"""


def main():
    rows, bodies = made()
    header = HEADER.read_text()
    before, rest = header.split(BEGIN)
    _, after = rest.split(END)
    stale = []
    header = before + BEGIN + "  // clang-format off\n" + rows + "  // clang-format on\n" + END + after
    for path, text in ((HEADER, header), (SOURCE, SOURCE_HEAD + bodies + "\n}  // namespace neve\n")):
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        print(f"out of date: {', '.join(stale)} (python tools/gen_cpp_methods.py)")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
