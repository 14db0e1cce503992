"""Gates: checks of an evaluation's good faith. A failed one may end the run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from smartrocket.errors import InputError
from smartrocket.ranking import Ranking, Sessions, bootstrap_interval
from smartrocket.wording import plural

LOOK_CLOSER = (
    "Find out why; where it is the shop's nature, `stop_when_implausible: false` in the profile gives the report, "
    "with a warning."
)
# In a smaller catalogue a list of 20 is a large part of it, and high hit rates are no surprise.
LEAST_CATALOGUE = 1000


@dataclass(frozen=True)
class Gate:
    """One check. A failed gate that `stops` ends the run; `remedy` says what to do then."""

    name: str
    passed: bool
    detail: str
    stops: bool = True
    remedy: str = "Check the sequences' split."


def leak_gates(train: pd.DataFrame, test: pd.DataFrame) -> list[Gate]:
    """Check that no test session is in training and that every test click is later than training.

    Training that ends before the test begins holds none of its events, whatever their sessions are called.
    """
    shared = np.intersect1d(train["sessionid"].unique(), test["sessionid"].unique())
    gates = [Gate("no session in both training and test", len(shared) == 0, f"{len(shared):,} shared sessions")]
    if len(train) and len(test):
        last, first = train["timestamp"].max(), test["timestamp"].min()
        gates.append(
            Gate(
                "training ends before the test begins",
                bool(last < first),
                f"training ends {last:%Y-%m-%d %H:%M}, the test begins {first:%Y-%m-%d %H:%M}",
            )
        )
    return gates


def plausibility_gates(
    rankings: Mapping[str, Ranking], hit_rate_ceiling: float, ratio_ceiling: float, stops: bool
) -> list[Gate]:
    """Check that no model is too good to be true.

    Under this protocol a hit rate@20 above the ceiling, or an NDCG@20 that is nearly as large as the
    hit rate@20 (nearly every hit in first place), is worth suspicion. Rankings of fewer than
    `LEAST_CATALOGUE` items are not checked: there, a high hit rate is easily come by.
    """
    gates = []
    for model, ranking in rankings.items():
        if ranking.item_count < LEAST_CATALOGUE:
            continue
        values = ranking.metrics()
        hit_rate, ndcg = values["hit_rate@20"], values["ndcg@20"]
        ratio = ndcg / hit_rate if hit_rate else 0.0
        gates.append(
            Gate(
                f"{model}: results are plausible",
                hit_rate <= hit_rate_ceiling and ratio <= ratio_ceiling,
                f"hit rate@20 {hit_rate:.3f} (ceiling {hit_rate_ceiling:.2f}), "
                f"NDCG@20 / hit rate@20 {ratio:.2f} (ceiling {ratio_ceiling:.2f})",
                stops,
                LOOK_CLOSER,
            )
        )
    return gates


def comparison_gate(rankings: Mapping[str, Ranking], model: str, rule: str, stops: bool) -> Gate:
    """Check that a model beats a rule that needs no learning."""
    ours, theirs = (rankings[name].metrics()["hit_rate@20"] for name in (model, rule))
    detail = f"hit rate@20 {ours:.3f} against {theirs:.3f}"
    return Gate(f"{model} beats {rule}", ours > theirs, detail, stops, LOOK_CLOSER)


def shuffle_clicks(sessions: Sessions, seed: int) -> Sessions:
    """Deal the clicks out anew: each session keeps its length and each item its number of clicks, and nothing else."""
    return replace(sessions, items=np.random.default_rng(seed).permutation(sessions.items))


def shuffle_gate(shuffled: Ranking, popularity: Ranking, seed: int, stops: bool = True) -> Gate:
    """Check that a model trained on shuffled clicks finds items new to the session no better than popularity.

    Shuffled clicks say which items are popular and nothing else. A model that still predicts well knows the
    answers from elsewhere than its training sessions. It fails where it is beyond chance (95 %) more than
    twice as good as popularity; with too few sessions for an interval it passes.
    """
    new = ~shuffled.clicks.repeat
    hits, chance = (ranking.gains("hit_rate@20")[new] for ranking in (shuffled, popularity))
    low, _ = bootstrap_interval(hits - chance, shuffled.clicks.session[new], seed)
    detail = "no click to judge by"
    if len(hits):
        detail = f"hit rate@20 on new items {hits.mean():.3f} against {chance.mean():.3f} of popularity"
    passed = low is None or low <= chance.mean()
    return Gate("trained on shuffled clicks, the network knows nothing", passed, detail, stops)


def enforce(gates: Sequence[Gate]) -> None:
    """Raise InputError naming every failed gate that stops the run."""
    failed = [gate for gate in gates if gate.stops and not gate.passed]
    if failed:
        named = "; ".join(f"{gate.name} ({gate.detail})" for gate in failed)
        remedies = " ".join(dict.fromkeys(gate.remedy for gate in failed))
        raise InputError(f"the evaluation cannot be trusted, these gates failed: {named}. {remedies}")


def describe_gates(gates: Sequence[Gate]) -> str:
    """Say in Markdown whether the gates passed; where one failed, that the figures are not to be trusted yet."""
    failed = [gate.name for gate in gates if not gate.passed]
    if not failed:
        return f"None of the {plural(len(gates), 'gate')} failed."
    return (
        f"**Warning: {len(failed)} of {len(gates)} gates failed.** {'; '.join(failed)}. Until the reason is known, "
        "the figures of this page are not to be trusted."
    )


def gates_frame(gates: Sequence[Gate]) -> pd.DataFrame:
    """Return the gates as a table: gate, result, detail."""
    rows = [
        {"gate": gate.name, "result": "passed" if gate.passed else "FAILED", "detail": gate.detail} for gate in gates
    ]
    return pd.DataFrame(rows, columns=["gate", "result", "detail"])
