"""Checks habits that no compiler sees: paths of one machine, left-over conflict marks, files without a first sentence, large files."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEXT = {".h", ".cpp", ".cu", ".py", ".md", ".toml", ".cmake", ".txt", ".json", ".sh", ".nir", ""}
CODE = {".h", ".cpp", ".cu", ".py", ".cmake"}
# A path that exists on one machine only, or a reference to a tracker: the text must stand by itself.
FORBIDDEN = [
    (re.compile(r"(?<![\w.$}/<>-])/(work|home|root|Users|mnt)/\w"), "a path of one machine"),
    (re.compile(r"(?<![\w.$}/<>-])/opt/(peers|wheels)\b"), "a path of one machine"),
    (re.compile(r"\b[Ii]ssues? #?\d+\b"), "a reference to a tracker"),
    (re.compile(r"^(<{7}|>{7}) "), "a conflict mark"),
]
MAX_BYTES = 1 << 20
MAX_LINES = 600


def tracked():
    out = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [name for name in out.decode().split("\0") if name and (ROOT / name).is_file()]


def opens_with_words(lines):
    """True when the file starts with a comment or a docstring (after #! and #pragma once)."""
    for line in lines:
        if line.startswith(("#!", "#pragma once")) or not line.strip():
            continue
        return line.lstrip().startswith(("//", "#", '"""', "/*", 'r"""'))
    return True  # an empty file, such as a package's __init__


def main():
    bad, notes = [], []
    for name in tracked():
        path = ROOT / name
        if path.stat().st_size > MAX_BYTES and not name.startswith("tests/"):
            bad.append(f"{name}: {path.stat().st_size} bytes (at most {MAX_BYTES}; make it by a script)")
        if path.suffix not in TEXT or name == "LICENSE":
            continue
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            bad += [f"{name}:{number}: {why}: {line.strip()[:100]}" for rule, why in FORBIDDEN if rule.search(line)]
        if path.suffix in CODE:
            if not opens_with_words(lines):
                bad.append(f"{name}:1: the file does not open with a sentence that says what it is")
            if len(lines) > MAX_LINES and not any("Long because" in line for line in lines[:12]):
                notes.append(f"{name}: {len(lines)} lines (about {MAX_LINES}; say 'Long because ...' at its top)")
    print("\n".join(notes + bad) or "text: all well")
    return 1 if bad else 0


sys.exit(main())
