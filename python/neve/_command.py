"""The `neve` command of an installed package: runs the program that lies beside this file."""

import os
import pathlib
import sys


def main():
    program = pathlib.Path(__file__).resolve().parent / "bin" / "neve"
    if not program.exists():
        sys.exit(f"neve: {program} is missing (in a build folder the command is build/bin/neve)")
    os.execv(program, ["neve", *sys.argv[1:]])
