"""Writes include/neve/ops.h and src/eager/ops.cpp from the pages of the ops (docs/ops, which ./dev gen makes of the registry).

python tools/gen_cpp_ops.py [--check]      --check: only says whether the files are current
"""

import re
import sys

from gen_python_ops import ROOT, parse, regions

HEADER, SOURCE = ROOT / "include/neve/ops.h", ROOT / "src/eager/ops.cpp"
TYPES = {"bool": "bool", "int": "int64_t", "float": "double", "string": "std::string", "ints": "std::vector<int64_t>",
         "floats": "std::vector<double>", "strings": "std::vector<std::string>", "dtype": "DType", "tensor": "Tensor"}  # fmt: skip
KEYWORDS = {"and", "or", "not", "xor", "default", "template", "class", "new", "operator", "union", "auto", "register"}
# What neve/functions.h has with NumPy's rules (promotion, plain numbers, sizes), and names that mean something else there.
NOT_IN_NEVE = set(
    """add sub mul div pow mod max min equal not_equal less less_or_equal greater greater_or_equal where reshape transpose
    squeeze unsqueeze expand flatten matmul concat clip cast fail shape size range split slice identity""".split()
)
NOTE = "Made by tools/gen_cpp_ops.py from docs/ops. Do not edit."
LENGTH = "Long because it is read as a list."
HEAD = f"""// Every op of the registry as a function: strict about dtypes, recorded for gradients.
// {NOTE} {LENGTH}
// clang-format off
#pragma once
#include <neve/tensor.h>

#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

namespace neve {{

/// Inputs come first, attributes last: one as a parameter, several as a struct whose members have the op's defaults:
/// `ops::conv(x, w, {{}}, {{.strides = {{2, 2}}, .pads = {{1, 1, 1, 1}}}})`. An optional input that is left out is an undefined
/// Tensor, {{}}. Optional results that were not asked for are undefined. Dtypes must fit: the functions of
/// neve/functions.h promote.
/// @throws Error of the op's type rule: dtypes, shapes, and what would be right
namespace ops {{
"""
SOURCE_HEAD = f"""// The functions of neve/ops.h: each finds its op once, and keeps the attributes of its last call.
// {NOTE} {LENGTH}
// clang-format off
#include <neve/ops.h>

#include "eager/autograd.h"
#include "eager/promote.h"

namespace neve::ops {{
namespace {{

using eager::Operator;

// The attributes of the last call of this thread are kept: calls in a loop make them once.
template <class Key, class List>
Attrs kept(const Operator& o, const Key& key, List list) {{
  thread_local Key last;
  thread_local Attrs attrs = o.attrs;
  if (!(key == last)) {{
    attrs = o.attrs.with(list(key));
    last = key;
  }}
  return attrs;
}}

template <size_t n>
std::vector<Tensor> run(const Operator& o, const Attrs& attrs, const Tensor (&in)[n]) {{
  return eager::call(o.op, attrs, in);
}}
template <size_t n>
Tensor run1(const Operator& o, const Attrs& attrs, const Tensor (&in)[n]) {{
  return eager::call1(o.op, attrs, in);
}}
Tensor result(std::vector<Tensor>& y, size_t k) {{ return k < y.size() ? std::move(y[k]) : Tensor(); }}

}}  // namespace
"""


def cpp_name(name):
    return name + "_" if name in KEYWORDS else name


def default_text(kind, text):
    """The default of an attribute as C++ text."""
    text = text.strip("`").replace("\\|", "|")
    if kind in ("ints", "floats", "strings"):
        return "{" + text.strip("[]") + "}"
    if kind == "dtype":
        return "DType::boolean" if text == "bool" else f"DType::{text}"
    if kind == "tensor":
        return "{}"
    if kind == "int" and abs(int(text)) >= 2**62:
        return f"std::numeric_limits<int64_t>::{'max' if int(text) > 0 else 'min'}()"
    if kind == "float" and text.strip("-") in ("inf", "nan"):
        sign = "-" if text[0] == "-" else ""
        return f"{sign}std::numeric_limits<double>::{'infinity' if 'inf' in text else 'quiet_NaN'}()"
    return text


def struct_name(op):
    return "".join(w.capitalize() for w in op.split("_")) + "Options"


class Function:
    """What the header and the source say about one op."""

    def __init__(self, op):
        self.name, self.text = op["name"], op["text"]
        self.inputs, self.outputs, self.attributes = [], [], []
        for row in op["rows"]:
            row += [""] * (4 - len(row))
            if row[0].strip() == "attribute":
                kind, _, default = row[2].partition(", ")
                self.attributes.append((row[1].strip("`"), kind, default, row[3].rstrip(" |")))
            else:
                to = self.inputs if row[0].strip() == "input" else self.outputs
                to.append((row[1].strip("`"), row[2], row[3].rstrip(" |")))
        self.inputs = [(cpp_name(n), how, text) for n, how, text in self.inputs]
        self.variadic = any(how == "any number" for _, how, _ in self.inputs)
        self.struct = struct_name(self.name) if len(self.attributes) > 1 else None
        many = any(how == "any number" for _, how, _ in self.outputs)
        self.result = (
            "std::vector<Tensor>" if many else "Tensor" if len(self.outputs) == 1
            else "std::tuple<" + ", ".join(["Tensor"] * len(self.outputs)) + ">"
        )  # fmt: skip

    def attribute_parameter(self):
        name = cpp_name(self.attributes[0][0])
        return name + "_value" if any(name == n for n, _, _ in self.inputs) else name

    def parameters(self, defaults):
        made = []
        for at, (n, how, _) in enumerate(self.inputs):
            later = all(h == "optional" for _, h, _ in self.inputs[at:])
            kind = "const std::vector<Tensor>&" if how == "any number" else "const Tensor&"
            made.append(f"{kind} {n}" + (" = {}" if later and defaults else ""))
        if self.struct:
            made.append(f"const {self.struct}& options" + (" = {}" if defaults else ""))
        elif self.attributes:
            _, kind, default, _ = self.attributes[0]
            plain = kind in ("bool", "int", "float", "dtype")
            name, text = self.attribute_parameter(), default_text(kind, default)
            made.append(
                f"{TYPES[kind] if plain else f'const {TYPES[kind]}&'} {name}" + (f" = {text}" if defaults else "")
            )
        return ", ".join(made)

    def declaration(self):
        lines = []
        if self.struct:
            lines.append(f"struct {self.struct} {{")
            for n, kind, default, text in self.attributes:
                lines.append(f"  {TYPES[kind]} {cpp_name(n)} = {default_text(kind, default)};  ///< {text}")
            if all(kind != "tensor" for _, kind, _, _ in self.attributes):
                lines.append(f"  bool operator==(const {self.struct}&) const = default;")
            lines.append("};")
        lines += [f"/// {line}".rstrip() for line in self.text]
        for what, ports in (("@param", self.inputs), ("@return", self.outputs)):
            for n, how, text in ports:
                words = ", ".join(t for t in (how, text) if t)
                if words:
                    lines.append(f"/// {what} {n}  {words}")
        if self.attributes and not self.struct:
            lines.append(f"/// @param {self.attribute_parameter()}  {self.attributes[0][3]}")
        return "\n".join([*lines, f"{self.result} {cpp_name(self.name)}({self.parameters(True)});"])

    def attrs(self):
        """The statement that makes the attributes, and what to call with."""
        if not self.attributes:
            return "", "o.attrs"
        if any(kind == "tensor" for _, kind, _, _ in self.attributes):
            ((n, _, _, _),) = self.attributes
            p = self.attribute_parameter()
            return f'  const Attrs attrs = {p}.defined() ? o.attrs.with({{{{"{n}", {p}}}}}) : o.attrs;\n', "attrs"
        if self.struct:
            pairs = ", ".join(f'{{"{n}", k.{cpp_name(n)}}}' for n, _, _, _ in self.attributes)
            key, kind = "options", self.struct
            return (
                f"  const Attrs attrs = kept(o, {key}, [](const {kind}& k) -> AttrList {{ return {{{pairs}}}; }});\n",
                "attrs",
            )
        n, kind, default, _ = self.attributes[0]
        return (
            f"  struct Key {{\n    {TYPES[kind]} value = {default_text(kind, default)};\n"
            f"    bool operator==(const Key&) const = default;\n  }};\n"
            f"  const Attrs attrs = kept(o, Key{{{self.attribute_parameter()}}}, [](const Key& k) -> AttrList "
            f'{{ return {{{{"{n}", k.value}}}}; }});\n',
            "attrs",
        )

    def definition(self):
        lead, attrs = self.attrs()
        names = [n for n, _, _ in self.inputs]
        if self.variadic and len(names) == 1:
            call, call1 = f"eager::call(o.op, {attrs}, {names[0]})", f"eager::call1(o.op, {attrs}, {names[0]})"
        elif self.variadic:
            fixed = ", ".join(names[:-1])
            lead += f"  std::vector<Tensor> in{{{fixed}}};\n  in.insert(in.end(), {names[-1]}.begin(), {names[-1]}.end());\n"
            call, call1 = f"eager::call(o.op, {attrs}, in)", f"eager::call1(o.op, {attrs}, in)"
        else:
            call, call1 = (f"{f}(o, {attrs}, {{{', '.join(names)}}})" for f in ("run", "run1"))
        body = f'{self.result} {cpp_name(self.name)}({self.parameters(False)}) {{\n  static const Operator o("{self.name}");\n{lead}'
        if self.result == "Tensor":
            return body + f"  return {call1};\n}}"
        if self.result.startswith("std::vector"):
            return body + f"  return {call};\n}}"
        parts = ", ".join(f"result(y, {k})" for k in range(len(self.outputs)))
        return body + f"  std::vector<Tensor> y = {call};\n  return {{{parts}}};\n}}"


def main():
    pages = (p for p in sorted((ROOT / "docs/ops").glob("*.md")) if p.name != "README.md")
    ops = sorted((op for page in pages for op in parse(page.read_text())), key=lambda op: op["name"])
    left_out = [op["name"] for op in ops if regions(op) or op["name"] in ("weight", "constant")]
    functions = [Function(op) for op in ops if op["name"] not in left_out]
    known = {f.name for f in functions}
    if NOT_IN_NEVE - known:
        raise SystemExit(f"gen_cpp_ops: {sorted(NOT_IN_NEVE - known)} are no ops (mend NOT_IN_NEVE)")
    using = "".join(f"using ops::{cpp_name(f.name)};\n" for f in functions if f.name not in NOT_IN_NEVE)
    header = (
        HEAD + f"// Not here: ops with regions and those that only a graph has: {', '.join(left_out)}.\n\n"
        + "\n\n".join(f.declaration() for f in functions)
        + "\n\n}  // namespace ops\n\n// Ops whose public meaning is the op's own; the others are in neve/functions.h.\n"
        + using + "\n}  // namespace neve\n"
    )  # fmt: skip
    source = SOURCE_HEAD + "\n" + "\n".join(f.definition() for f in functions) + "\n\n}  // namespace neve::ops\n"
    stale = []
    for path, text in ((HEADER, header), (SOURCE, source)):
        text = re.sub(r"[ \t]+$", "", text, flags=re.M)
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(str(path.relative_to(ROOT)))
    if stale:
        print(f"out of date: {', '.join(stale)} (python tools/gen_cpp_ops.py)")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
