"""Writes python/neve/ops.py from the pages of the ops (docs/ops, which ./dev gen makes of the registry).

python tools/gen_python_ops.py [--check]      --check: only says whether the file is current
"""

import keyword
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGET = ROOT / "python" / "neve" / "ops.py"
TYPES = {"bool": "bool", "int": "int", "float": "float", "string": "str", "ints": "Sequence[int]",
         "floats": "Sequence[float]", "strings": "Sequence[str]", "dtype": "str", "tensor": "TensorLike | None"}  # fmt: skip
HEAD = '''"""Every op of the registry as a function: strict about dtypes, no promotion (the functions of neve itself promote).

Made by tools/gen_python_ops.py from docs/ops. Do not edit. Long because it is one list.
Inputs are tensors, arrays, None where they are optional, or lists of integers (i64 vectors); attributes are keywords.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import _neve

Tensor = _neve.Tensor
TensorLike = Any

'''
TAIL = '''

def _op(name: str) -> Any:
    """The op, found once."""
    op = _OPS.get(name)
    if op is None:
        op = _OPS[name] = _neve.Op(name)
    return op


_OPS: dict[str, Any] = {}


def _tuple(made: Any) -> tuple[Any, ...]:
    return made if isinstance(made, tuple) else (made,)
'''


def parse(text):
    """The ops of a page: dicts of name, summary, facts and rows."""
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        lines = part.splitlines()
        body = [line for line in lines[1:] if line and not line.startswith("|")]
        rows = [
            [c.strip() for c in line.strip("|").split(" | ")]
            for line in lines
            if re.match(r"\| (input|output|attr)", line)
        ]
        yield {"name": lines[0].strip(), "text": body, "rows": rows}


def python_name(name):
    return name + "_" if keyword.iskeyword(name) or name in ("self",) else name


def default_text(kind, text):
    """The default of an attribute as Python text."""
    text = text.strip("`")
    if kind == "bool":
        return text.capitalize()
    if kind in ("ints", "floats", "strings"):
        inner = text.strip("[]")
        return f"({inner}{',' if inner and ',' not in inner else ''})"
    if kind == "dtype":
        return f'"{text}"'
    if kind == "tensor":
        return "None"
    if kind == "float" and text in ("inf", "-inf", "nan"):
        return f'float("{text}")'
    return text


def function(op):
    name, inputs, outputs, attributes = op["name"], [], [], []
    for row in op["rows"]:
        row += [""] * (4 - len(row))
        if row[0].strip() == "attribute":
            kind, _, default = row[2].partition(", ")
            attributes.append((row[1].strip("`"), kind, default, row[3].rstrip(" |")))
        else:
            (inputs if row[0].strip() == "input" else outputs).append((row[1].strip("`"), row[2], row[3].rstrip(" |")))
    taken, positional, call, variadic = set(), [], [], any(how == "any number" for _, how, _ in inputs)
    for at, (i, how, _) in enumerate(inputs):
        p = python_name(i)
        taken.add(p)
        if how == "any number":
            positional.append(f"*{p}: TensorLike | None")
            call.append(f"*{p}")
        else:
            later = all(h == "optional" for _, h, _ in inputs[at:]) and not variadic
            positional.append(
                f"{p}: TensorLike" + (" | None = None" if later else " | None" if how == "optional" else "")
            )
            call.append(p)
    keywords = []
    for a, kind, default, _ in attributes:
        p = python_name(a)
        p = p + "_" if p in taken else p
        keywords.append(
            f"{p}: {TYPES[kind]}" + (f" = {default_text(kind, default)}" if default or kind == "tensor" else "")
        )
        if kind != "tensor":
            call.append(f"{a}={p}" if not keyword.iskeyword(a) else f'**{{"{a}": {p}}}')
        else:
            call.append(f'**({{}} if {p} is None else {{"{a}": {p}}})')
    if keywords and not variadic:
        positional.append("*")
    several = len(outputs) != 1 or outputs[0][1] == "any number"
    doc = [f'    """{op["text"][0]}', ""]
    doc += [f"    {line}" for line in op["text"][1:]]
    for title, what in (("Inputs", inputs), ("Outputs", outputs)):
        doc += ["", f"    {title}:"] + [
            f"        {n}" + (f": {', '.join(t for t in (how, text) if t)}" if how or text else "")
            for n, how, text in what
        ]
    if attributes:
        doc += ["", "    Attributes:"] + [f"        {n} ({k}): {text}" for n, k, _, text in attributes]
    doc = [line.replace("\\", "\\\\") for line in doc] + ['    """']
    body = f'_op("{name}")({", ".join(call)})'
    return "\n".join(
        [
            f"def {python_name(name)}({', '.join(positional + keywords)}) -> {'tuple[Any, ...]' if several else 'Tensor'}:",
            *doc,
            f"    return {'_tuple(' + body + ')' if several else body}",
        ]
    )


def regions(op):
    return any("Regions:" in line for line in op["text"])


def main():
    ops = sorted(
        (
            op
            for page in sorted((ROOT / "docs/ops").glob("*.md"))
            if page.name != "README.md"
            for op in parse(page.read_text())
        ),
        key=lambda op: op["name"],
    )
    left_out = [op["name"] for op in ops if regions(op) or op["name"] in ("weight", "constant")]
    kept = [op for op in ops if op["name"] not in left_out]
    note = "# Not here: ops with regions and those that only a graph has: " + ", ".join(left_out) + ".\n"
    names = "".join(f'    "{python_name(op["name"])}",\n' for op in kept)
    text = HEAD + note + f"__all__ = [\n{names}]\n" + TAIL + "".join("\n\n" + function(op) + "\n" for op in kept)
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    if "--check" in sys.argv[1:]:
        if TARGET.read_text() != text:
            print(f"{TARGET.relative_to(ROOT)} is out of date (python tools/gen_python_ops.py)")
            return 1
        return 0
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
