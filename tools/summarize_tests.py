"""Prints what the tests of the last run came to: counts per area, what was skipped and what failed, by name."""

import json
import pathlib
import sys
import xml.etree.ElementTree as xml


def read_gtest(path):
    """(name, state) for every test of a GoogleTest JSON file; state is passed, skipped or failed."""
    try:
        report = json.loads(path.read_text())
    except ValueError:  # the program died while it wrote
        return [(f"{path.stem} (no result file)", "failed")]
    tests = []
    for suite in report.get("testsuites", []):
        for test in suite.get("testsuite", []):
            name = f"{suite['name']}.{test['name']}"
            if test.get("failures"):
                tests.append((name, "failed"))
            elif test.get("result") == "SKIPPED" or test.get("status") == "NOTRUN":
                tests.append((name, "skipped"))
            else:
                tests.append((name, "passed"))
    return tests


def read_pytest(path):
    tests = []
    for case in xml.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        kinds = {child.tag for child in case}
        state = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        tests.append((name, state))
    return tests


def main(folder):
    areas = {path.stem: read_gtest(path) for path in sorted(folder.glob("*.json"))}
    areas |= {path.stem: read_pytest(path) for path in sorted(folder.glob("*.xml"))}
    if not areas:
        print("no test results")
        return 0
    total = dict.fromkeys(("passed", "skipped", "failed"), 0)
    for area, tests in areas.items():
        counts = {state: sum(1 for _, s in tests if s == state) for state in total}
        for state, n in counts.items():
            total[state] += n
        print(f"  {area:16} " + ", ".join(f"{n} {state}" for state, n in counts.items() if n or state == "passed"))
    for state in ("skipped", "failed"):
        names = [f"{area}: {name}" for area, tests in areas.items() for name, s in tests if s == state]
        for name in names[:40]:
            print(f"  {state}: {name}")
        if len(names) > 40:
            print(f"  {state}: and {len(names) - 40} more")
    print("  total            " + ", ".join(f"{n} {state}" for state, n in total.items()))
    return 1 if total["failed"] else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
