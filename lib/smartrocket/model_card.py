"""The card of a forecasting model: what it learned from, what it is worth and what it cannot do."""

from collections.abc import Mapping, Sequence
from typing import Any

import lightgbm as lgb
import pandas as pd
from IPython.display import HTML

from smartrocket.demand_ensemble import Mix
from smartrocket.demand_scores import score_of
from smartrocket.forecasting import Chosen, Panel, Training, save_model
from smartrocket.tables import table
from smartrocket.wording import number, percent
from smartrocket.workspace import Workspace

SCORES = {
    "poisson_deviance": "Poisson deviance",
    "poisson_deviance_skill": "advantage over the best baseline in it",
    "rmsse": "RMSSE",
    "rmsse_skill": "advantage over the best baseline in it",
    "scaled_crps": "scaled CRPS",
    "bias": "bias",
    "coverage_80": "coverage of the 80 % intervals",
}
SHARES = ("poisson_deviance_skill", "rmsse_skill", "bias", "coverage_80")

LIMITS = (
    "It knows a shop's log and nothing else: no campaign, no holiday and no stock that ran out.",
    "It forecasts items that are in the panel. What items yet to come will sell is only expected in sum.",
    "The bands of sums over a whole horizon rest on the few weeks before the test: they are rough.",
    "It saw no second year, so it knows no season of the year.",
    "Sales that did not happen because an item was not available look like missing demand.",
    "After a sudden change of traffic its forecasts follow only as its features, means of past days, do.",
)


def save_models(
    workspace: Workspace, stem: str, whole: Training | None, days: Sequence[lgb.Booster | None]
) -> list[str]:
    """Write the models of the whole horizon and of each day as LightGBM's text; returns their names in the build."""
    boosters = {f"{stem}.txt": whole.booster} if whole else {}
    boosters |= {f"{stem}_day_{lead}.txt": booster for lead, booster in enumerate(days, start=1) if booster}
    for name, booster in boosters.items():
        save_model(booster, workspace, name)
    return list(boosters)


def describe_model(
    name: str,
    learned: tuple[pd.Timestamp, pd.Timestamp],
    training: Training,
    panel: Panel,
    chosen: Chosen,
    mix: Mix,
    files: Sequence[str],
    tested: str,
    scores: pd.DataFrame,
) -> dict[str, Any]:
    """Return the card's content as plain data.

    `learned` are the first and the last origin that the models in `files` learned from; `tested` says which days the
    scores, those of items, belong to.
    """
    return {
        "model": name,
        "task": f"units that an item sells over the next {panel.horizon} days, and on each of them",
        "learned_from": {
            "first_origin": f"{learned[0]:%Y-%m-%d}",
            "last_origin": f"{learned[1]:%Y-%m-%d}",
            "item_days": training.rows,
        },
        "features": list(panel.features),
        "parameters": {**chosen.parameters, "trees": chosen.trees},
        "mixed_with": {"baseline": mix.partner, "weight_of_model": mix.weight},
        "files": list(files),
        "tested_on": tested,
        "scores": {metric: score_of(scores, name, metric) for metric in SCORES},
        "limits": list(LIMITS),
    }


def list_card(card: Mapping[str, Any]) -> dict[str, str]:
    """Return what the card says: heading -> text."""
    learned, mixed = card["learned_from"], card["mixed_with"]
    partner = f"{mixed['baseline']}, the model's weight being {percent(mixed['weight_of_model'], 0)}"
    return {
        "Model": card["model"],
        "Forecasts": card["task"],
        "Learned from": f"{number(learned['item_days'])} item-days with origins from {learned['first_origin']} to "
        f"{learned['last_origin']}",
        "Features": f"{len(card['features'])}: {', '.join(card['features'])}",
        "Parameters": ", ".join(f"{name} {_short(value)}" for name, value in card["parameters"].items()),
        "Mixed with": partner if mixed["weight_of_model"] < 1 else f"nothing; {mixed['baseline']} earned no part",
        "Files": ", ".join(card["files"]),
        "Scores": f"for single items in the test, {card['tested_on']}: {_write_scores(card['scores'])}",
        "Limits": " ".join(card["limits"]),
    }


def write_card(card: Mapping[str, Any]) -> str:
    """Return the card as a page of Markdown."""
    return "# Model card\n\n" + "\n".join(f"- **{name}**: {text}" for name, text in list_card(card).items()) + "\n"


def show_card(card: Mapping[str, Any] | None) -> HTML:
    """Return the card as HTML, or that there is none."""
    if card is None:
        return HTML('<p class="finding-absent">No model was kept here.</p>')
    rows = pd.DataFrame(list_card(card).items(), columns=["what", "of this model"])
    return table(rows, caption="The card of the model that makes the forecasts of the days to come.")


def _write_scores(scores: Mapping[str, Mapping[str, float | None]]) -> str:
    parts = []
    for metric, score in scores.items():
        if score["value"] is None:
            continue
        form = percent if metric in SHARES else lambda value: number(value, 3)
        ends = "" if score["low"] is None else f" ({form(score['low'])} to {form(score['high'])})"
        parts.append(f"{SCORES[metric]} {form(score['value'])}{ends}".replace("-", "−"))
    return "; ".join(parts) or "none, as the test holds too few units"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
