"""Fails when a file includes what its layer may not (layers.toml), or when OpenMP appears outside src/base/threads*."""

import pathlib
import re
import sys

import tomllib

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')
PRAGMA_OMP = re.compile(r"\s*#\s*pragma\s+omp\b")
STANDARD = re.compile(r"[a-z_0-9]+")  # <vector>, <cstdint>: no folder, no suffix


def cpp_files(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in {".h", ".cpp", ".cu"})


def check_file(path, name, layers, third_party):
    """The complaints about one file; `name` is its path from the root with forward slashes."""
    parts = name.split("/")
    layer = parts[1] if parts[0] == "src" else None
    public = name.startswith("include/neve/")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if PRAGMA_OMP.match(line) and not name.startswith("src/base/threads"):
            yield f"{name}:{number}: OpenMP belongs in src/base/threads* (use parallel_for of base/threads.h)"
        m = INCLUDE.match(line)
        if not m:
            continue
        quote, target = m.groups()
        for prefix, places in third_party.items():
            if target.startswith(prefix) and not any(name.startswith(place) for place in places):
                yield f"{name}:{number}: <{target}> may be included in {', '.join(places)} alone"
        top = target.split("/")[0]
        if public and not target.startswith("neve/") and not (quote == "<" and STANDARD.fullmatch(target)):
            yield f"{name}:{number}: a public header may not include {target} (the standard library and neve/*.h alone)"
        if layer is None:
            continue
        if quote == '"' and "/" not in target and not target.endswith(".pb.h"):
            yield f'{name}:{number}: "{target}" is not rooted (write "{layer}/.../{target}")'
        if top in layers and top != layer and top not in layers[layer]:
            allowed = ", ".join(layers[layer]) or "nothing"
            yield f"{name}:{number}: {layer} may not include {top}/ (allowed: {allowed})"


def main(root):
    table = tomllib.loads((root / "layers.toml").read_text())
    third_party = table.pop("third_party")
    bad = [
        f"src/{folder.name}: is no layer of layers.toml"
        for folder in sorted((root / "src").iterdir())
        if folder.is_dir() and folder.name not in table
    ]
    count = 0
    for top in ("include", "src", "cli", "tools", "python/src", "tests", "bench", "examples"):
        for path in cpp_files(root / top):
            name = path.relative_to(root).as_posix()
            if name.startswith("src/") and name.split("/")[1] not in table:
                continue
            count += 1
            bad += check_file(path, name, table, third_party)
    print("\n".join(bad) or f"layers: {count} files are as layers.toml says")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)))
