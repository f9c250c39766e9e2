"""The commands and the Python of README.md and of the tutorial run as they stand there. Their C++ is built by tests/outside."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TUTORIAL = "docs/tutorial/optimize.md"


def blocks(page, language):
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.S)
    assert found
    return found


@pytest.fixture
def place(tmp_path):
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


def run(command, place, **options):
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_readme_runs(place):
    for block in blocks("README.md", "python"):
        assert "64 right: 6" in run([sys.executable, "-c", block], place)  # of 64 images, 60 or more


def test_tutorial_runs(place):
    for block in blocks(TUTORIAL, "python"):
        output = run([sys.executable, "-c", block], place)
        assert "64 right: 6" in output
        assert "outside every range" in output


@pytest.mark.parametrize("page", ["README.md", TUTORIAL])
def test_commands_run(page, place):
    if not (ROOT / "build/bin/neve").exists():
        pytest.skip("build/bin/neve is not built")
    programs = [ROOT / "build/bin", pathlib.Path(sys.executable).parent]
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    for block in blocks(page, "sh"):
        run(["bash", "-e", "-c", block], place, env={**os.environ, "PATH": path})
    assert (place / "report.html").read_text().startswith("<!")
    assert (place / "digits.neve").stat().st_size > 0


def test_regions_run(place):
    program = place / "regions.py"  # in a file: what is compiled has a source
    program.write_text("\n".join(blocks("docs/tutorial/regions.md", "python")))
    output = run([sys.executable, program], place)
    assert "(70, 10)" in output and "1 forms" in output and "one run:" in output


def test_capture_runs(place):
    program = place / "capture.py"
    program.write_text("\n".join(blocks("docs/tutorial/capture.md", "python")))
    output = run([sys.executable, program], place)
    for text in (
        "(7, 1, 33)",
        "1 specialisations",
        "is read while the program is captured",
        "(3, 5)",
        "loss ",
        "True",
        "(3, 1, 100)",
    ):
        assert text in output, output
