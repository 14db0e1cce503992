"""How much of the library the tests reach: keeps what coverage.py counted, and fails where too few lines are reached.

python bench/line_coverage.py build/coverage/report.json
"""

import argparse
import sys
from pathlib import Path

from measurement import RESULTS, keep_results
from smartrocket.files import read_json

LEAST_LINES = 0.95


def main(words: list[str] | None = None) -> int:
    """Read a report of coverage.py (JSON), print and keep its totals; returns 1 where they are too low."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="what `coverage json` wrote")
    parser.add_argument("--output", type=Path, default=RESULTS, help="file of results that takes the totals")
    options = parser.parse_args(words)
    totals = read_json(options.report)["totals"]
    lines = totals["covered_lines"] / totals["num_statements"]
    branches = totals["covered_branches"] / totals["num_branches"]
    found = {"lines": round(lines, 4), "branches": round(branches, 4), "statements": totals["num_statements"]}
    print(f"{100 * lines:.1f} % of the lines and {100 * branches:.1f} % of the branches are reached")
    keep_results("coverage", [found], options.output)
    return int(lines < LEAST_LINES)


if __name__ == "__main__":
    sys.exit(main())
