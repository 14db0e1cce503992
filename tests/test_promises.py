"""The promises of the tuned forecast: each is kept or broken by its own number."""

import pandas as pd
import pytest

from smartrocket import promises
from smartrocket.errors import InputError

CLASSES = ["all", "weekly"]


def make_scores(deviance=0.1, rmsse=0.02):
    rows = [
        ("A", f"{metric}_skill", None if low is None else low + 0.05, low, None if low is None else low + 0.1)
        for metric, low in (("poisson_deviance", deviance), ("rmsse", rmsse))
    ]
    return pd.DataFrame(rows, columns=["model", "metric", "value", "low", "high"], dtype=object)


def make_coverage(everything=0.8, weekly=0.8):
    rows = [("all", 0.8, everything), ("weekly", 0.8, weekly), ("all", 0.5, 0.1), ("weekly", 0.95, 0.1)]
    return pd.DataFrame(rows, columns=["class", "nominal", "ranked"])


def check(scores, coverage, stops=True):
    return promises.check_promises(scores, ["A"], coverage, CLASSES, stops)


def test_kept_promises_stop_nothing():
    gates = check(make_scores(), make_coverage(0.75, 0.85))
    assert len(gates) == 4
    reading = promises.judge_promises(gates).reading
    assert reading.startswith("All 4 promises are kept: A beats every baseline in Poisson deviance (advantage 15.0")
    promises.hold_to_promises(gates)


@pytest.mark.parametrize(
    ("scores", "coverage", "words"),
    [
        (make_scores(deviance=-0.01), make_coverage(), "beats every baseline in Poisson deviance"),
        (make_scores(rmsse=0.0), make_coverage(), "beats every baseline in RMSSE"),
        (make_scores(rmsse=None), make_coverage(), "no interval"),
        (make_scores(), make_coverage(everything=0.749), "hold for items: all"),
        (make_scores(), make_coverage(weekly=0.86), "hold for items: weekly"),
        (make_scores(), make_coverage().iloc[:1], "none such"),
    ],
)
def test_each_number_breaks_its_promise(scores, coverage, words):
    gates = check(scores, coverage)
    assert sum(not gate.passed for gate in gates) == 1
    reading = promises.judge_promises(gates).reading
    assert words in reading
    assert "1 of 4" in reading
    with pytest.raises(InputError, match="does not keep what this profile promises"):
        promises.hold_to_promises(gates)
    promises.hold_to_promises(check(scores, coverage, stops=False))


def test_without_a_test_nothing_is_promised():
    assert "Nothing is promised" in promises.judge_promises([]).reading
