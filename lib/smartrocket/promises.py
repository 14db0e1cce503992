"""What the tuned forecast is held to where a shop's sales follow patterns that can be learned."""

from collections.abc import Sequence

import pandas as pd

from smartrocket.demand_scores import SKILLS, score_of
from smartrocket.errors import InputError
from smartrocket.findings import Finding
from smartrocket.forecast_figures import COLUMNS, percent
from smartrocket.gates import Gate
from smartrocket.wording import joined

NOMINAL, LEAST_COVERAGE, MOST_COVERAGE = 0.8, 0.75, 0.85


def check_promises(
    scores: pd.DataFrame, models: Sequence[str], measured: pd.DataFrame, classes: Sequence[str], stops: bool
) -> list[Gate]:
    """Return a gate for each promise: skill in each of `SKILLS`, and honest intervals in each of `classes`.

    `scores` are those of items, whose skill is the advantage over the best baseline: whoever beats that beyond chance
    beats every one. `measured` is the coverage by class and nominal share. A promise without a number is not kept.
    """
    gates = []
    for model in models:
        for metric in SKILLS:
            skill = score_of(scores, model, f"{metric}_skill")
            detail = "no interval"
            if skill["low"] is not None:
                detail = f"advantage {percent(skill['value'])} ({percent(skill['low'])} to {percent(skill['high'])})"
            passed = skill["low"] is not None and skill["low"] > 0
            gates.append(Gate(f"{model} beats every baseline in {COLUMNS[metric]}", passed, detail, stops))
    for name in classes:
        rows = measured[(measured["class"] == name) & (measured["nominal"] == NOMINAL)]
        share = float(rows["ranked"].iloc[0]) if len(rows) else None
        passed = share is not None and LEAST_COVERAGE <= share <= MOST_COVERAGE
        detail = "none such" if share is None else f"{percent(share)} lie inside"
        gates.append(Gate(f"intervals of {percent(NOMINAL, 0)} hold for items: {name}", passed, detail, stops))
    return gates


def judge_promises(gates: Sequence[Gate]) -> Finding:
    """Say which promises are kept and which are not."""
    if not gates:
        return Finding("Nothing is promised here: there is no test of the tuned forecast.")
    broken = [f"{gate.name} ({gate.detail})" for gate in gates if not gate.passed]
    if not broken:
        kept = [f"{gate.name} ({gate.detail})" for gate in gates]
        return Finding(f"All {len(gates)} promises are kept: {joined(kept)}.")
    return Finding(f"**Not kept**, {len(broken)} of {len(gates)}: {joined(broken)}.")


def hold_to_promises(gates: Sequence[Gate]) -> None:
    """Raise InputError naming every broken promise that stops the run."""
    broken = [f"{gate.name} ({gate.detail})" for gate in gates if gate.stops and not gate.passed]
    if broken:
        raise InputError(
            f"the forecast does not keep what this profile promises: {'; '.join(broken)}. Look at notebook 05 for what "
            "changed, or set must_keep_promises to false under 05_forecast_tuning."
        )
