"""Starting is quick, and the slow libraries come only when they are needed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[2] / "core"
SLOW = ("torch", "numba", "PyQt6", "cv2", "scipy")
MAX_SECONDS = 0.3


def fresh(code: str) -> dict[str, object]:
    """Run `code` in a new interpreter; return what it prints as JSON."""
    start = f"import json, sys, time; sys.path.insert(0, {str(SOURCES)!r}); "
    end = f"; print(json.dumps([seconds, [m for m in {SLOW!r} if m in sys.modules]]))"
    output = subprocess.run(
        [sys.executable, "-c", start + code + end], check=True, capture_output=True, text=True
    ).stdout
    seconds, modules = json.loads(output.splitlines()[-1])
    return {"seconds": seconds, "modules": modules}


TIMED = "t = time.process_time(); {}; seconds = time.process_time() - t"


def test_import_is_quick_and_loads_nothing_slow() -> None:
    runs = [fresh(TIMED.format("import cellmend")) for _ in range(3)]
    assert runs[0]["modules"] == []
    assert min(run["seconds"] for run in runs) < MAX_SECONDS


@pytest.mark.parametrize("arguments", [["--help"], ["segment", "--help"], ["--version"]])
def test_help_loads_nothing_slow(arguments: list[str]) -> None:
    run = fresh(TIMED.format(f"from cellmend.cli import main; assert main({arguments!r}) == 0"))
    assert run["modules"] == []


def test_the_columns_of_no_cells_load_nothing_slow() -> None:
    code = "import numpy as np; from cellmend.measure import table; table(np.ones((9, 9)), z)"
    run = fresh(TIMED.format(code.replace("z)", "np.zeros((9, 9), int))")))
    assert "numba" not in run["modules"]
