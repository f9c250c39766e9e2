"""Fails when a page links to a file of the repository that is not there."""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def main():
    pages = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    bad = []
    for page in pages:
        for number, line in enumerate((ROOT / page).read_text().splitlines(), 1):
            for target in LINK.findall(line):
                path = target.split("#")[0]
                if path and "://" not in path and not ((ROOT / page).parent / path).exists():
                    bad.append(f"{page}:{number}: {target} is not there")
    print("\n".join(bad) or f"links: {len(pages)} pages are well")
    return 1 if bad else 0


sys.exit(main())
