"""A data notebook of the report, executed headless on the benchmark's shop, as `make report` executes it."""

import sys
from pathlib import Path

from smartrocket.execution import run_notebook
from smartrocket.files import ROOT

if __name__ == "__main__":
    build = Path(sys.argv[2]) / "notebooks"
    run_notebook(sys.argv[1], str(build.relative_to(ROOT / "build")))
