"""What the notebooks on recommendations show: tables, findings and results of rankings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from optuna.trial import FrozenTrial

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.gru4rec import Settings
from smartrocket.ranking import (
    METRICS,
    NextClicks,
    Ranking,
    Recommender,
    Sessions,
    bootstrap_interval,
    compare_slices,
    top_items,
)
from smartrocket.results import Results
from smartrocket.wording import number, percent, plural

NOTHING_TO_RANK = "The test week holds no click to predict, so there is nothing to compare here."
HEADLINE = ("hit_rate@20", "mrr@20")
LABELS = {"hit_rate@20": "hit rate@20", "mrr@20": "MRR@20", "ndcg@20": "NDCG@20"}


def sizes_frame(parts: Mapping[str, Sessions]) -> pd.DataFrame:
    """Return the size of each part of the data: part, sessions, clicks, next clicks, items."""
    return pd.DataFrame(
        [
            {
                "part": name,
                "sessions": len(sessions),
                "clicks": len(sessions.items),
                "next clicks": len(sessions.items) - len(sessions),
                "items": len(np.unique(sessions.items)),
            }
            for name, sessions in parts.items()
        ]
    )


def caution(clicks: int, least: int) -> str:
    """Return the sentence that warns of too small a test, empty where there are `least` clicks or more."""
    if clicks >= least:
        return ""
    return (
        f" With {plural(clicks, 'click')} to predict, fewer than {number(least)}, this is too little data "
        "for a claim: read it as a check that everything runs."
    )


def describe_losses(curves: Mapping[str, Sequence[float]]) -> Finding:
    """Show the mean training loss after each epoch, one line a training."""
    curves = {name: losses for name, losses in curves.items() if losses and losses[-1]}
    if not curves:
        return Finding(reading="There is no click to learn from, so nothing was trained.")
    figure, axes = figures.canvas(height=3)
    for name, losses in curves.items():
        axes.plot(range(1, len(losses) + 1), losses, marker="o", label=name)
    axes.set(xlabel="epoch (pass over the training sessions)", ylabel="mean loss")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if len(curves) > 1:
        axes.legend()
    name, losses = list(curves.items())[-1]
    change = 1 - losses[-1] / losses[0]
    steps = f"from {losses[0]:.3f} in the first epoch to {losses[-1]:.3f} in epoch {len(losses)}"
    last = 1 - losses[-1] / losses[-2] if len(losses) > 1 else 0.0
    return Finding(
        figure=figure,
        caption="Training loss by epoch; lower is better.",
        alt=f"The training loss of {name} goes {steps}.",
        reading=f"The loss of {name} goes {steps}, a fall of {percent(change)}; the last epoch still "
        f"changed it by {percent(last)}. The loss says how well the network learns its training sessions, "
        "not how well it predicts new ones: that is measured below.",
    )


def metrics_frame(rankings: Mapping[str, Ranking], seed: int) -> pd.DataFrame:
    """Return one row a model, best hit rate@20 first: every metric, two intervals as text, coverage."""
    rows = []
    for model, ranking in rankings.items():
        row: dict = {"model": model, **ranking.metrics(), "coverage@20": ranking.coverage}
        for metric in HEADLINE:
            low, high = ranking.interval(metric, seed)
            row[f"{metric} interval"] = f"{low:.3f} to {high:.3f}"
        rows.append(row)
    columns = ["model", *METRICS, *(f"{metric} interval" for metric in HEADLINE), "coverage@20"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("hit_rate@20", ascending=False, kind="stable", ignore_index=True)


def best_model(rankings: Mapping[str, Ranking], metric: str = "hit_rate@20") -> str | None:
    """Return the name of the model with the highest metric, None where nothing was ranked."""
    if not rankings:
        return None
    return max(rankings, key=lambda name: ranking_value(rankings[name], metric))


def ranking_value(ranking: Ranking, metric: str) -> float:
    """Return a ranking's metric over all events."""
    return float(ranking.gains(metric).mean())


def compare_models(rankings: Mapping[str, Ranking], seed: int, least: int) -> Finding:
    """Show hit rate@20 and MRR@20 of every model with their 95 % intervals."""
    if not rankings:
        return Finding(reading=NOTHING_TO_RANK)
    figure, axes = figures.canvas(height=0.8 + 0.36 * len(rankings), columns=2)
    names = sorted(rankings, key=lambda name: ranking_value(rankings[name], "hit_rate@20"))
    places = np.arange(len(names))
    for axis, metric in zip(axes, HEADLINE, strict=True):
        values = np.array([ranking_value(rankings[name], metric) for name in names])
        bounds = np.array([rankings[name].interval(metric, seed) for name in names])
        colours = [figures.PALETTE[1] if "GRU4Rec" in name else figures.PALETTE[0] for name in names]
        axis.barh(places, values, color=colours, height=0.65)
        whiskers = np.abs(bounds.T - values)
        axis.errorbar(values, places, xerr=whiskers, fmt="none", ecolor=figures.INK, elinewidth=1, capsize=2)
        axis.set(title=LABELS[metric])
        axis.grid(axis="y", visible=False)
        axis.grid(axis="x", visible=True)
    axes[0].set_yticks(places, names)
    axes[1].set_yticks([])
    best, second = names[-1], names[-2] if len(names) > 1 else names[-1]
    clicks = rankings[best].clicks
    low, high = difference_interval(rankings[best], rankings[second], "hit_rate@20", seed)
    clear = "so the lead is more than chance" if low > 0 else "so the two cannot be told apart on this data"
    first = percent(ranking_value(rankings[best], "hit_rate@20"))
    then = percent(ranking_value(rankings[second], "hit_rate@20"))
    reading = (
        f"{best} finds the next item in its top 20 most often, in {first} of {plural(len(clicks), 'click')}; "
        f"{second} follows with {then}. The difference lies between {percent(low)} and {percent(high)} (95 % "
        f"interval over sessions), {clear}.{caution(len(clicks), least)}"
    )
    return Finding(
        figure=figure,
        caption="Hit rate@20 and MRR@20 of all models on the test sessions, with 95 % intervals from drawing "
        "whole sessions anew; GRU4Rec in orange.",
        alt=f"{best} has the highest hit rate@20, {first}, before {second} with {then}.",
        reading=reading,
    )


def difference_interval(ours: Ranking, theirs: Ranking, metric: str, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two models on the same clicks."""
    gains = ours.gains(metric) - theirs.gains(metric)
    return bootstrap_interval(gains, ours.clicks.session, seed)


def repeat_slices(clicks: NextClicks) -> dict[str, np.ndarray]:
    """Return the masks of clicks on items new to their session and on items seen in it before."""
    return {"new target": ~clicks.repeat, "repeat target": clicks.repeat}


def position_slices(clicks: NextClicks, last: int = 8) -> dict[str, np.ndarray]:
    """Return the masks of clicks by the number of clicks seen before them, the last one open-ended."""
    slices = {f"after {place}": clicks.position == place for place in range(1, last)}
    return {**slices, f"after {last}+": clicks.position >= last}


def compare_repeats(rankings: Mapping[str, Ranking], least: int) -> Finding:
    """Show each model's hit rate@20 on new and on repeated targets."""
    if not rankings:
        return Finding(reading=NOTHING_TO_RANK)
    clicks = next(iter(rankings.values())).clicks
    frame = compare_slices(rankings, "hit_rate@20", repeat_slices(clicks))
    wide = frame.pivot(index="model", columns="slice", values="value").reindex(list(rankings))
    figure, axes = figures.canvas(height=3.4)
    places = np.arange(len(wide))
    width = 0.8 / len(wide.columns)
    for number_, name in enumerate(wide.columns):
        axes.bar(places + number_ * width, wide[name], width, label=name, color=figures.PALETTE[number_])
    axes.set_xticks(places + width * (len(wide.columns) - 1) / 2, wide.index, rotation=20, ha="right")
    axes.set(ylabel="hit rate@20")
    axes.legend(ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    share = float(clicks.repeat.mean())
    readings = [
        f"{wide[name].idxmax()} is best on clicks on {words} ({percent(wide[name].max())})"
        for name, words in (
            ("new target", "items new to the session"),
            ("repeat target", "items seen before"),
        )
        if name in wide
    ]
    return Finding(
        figure=figure,
        caption="Hit rate@20 on targets that are new to the session and on targets seen in it before.",
        alt=f"{percent(share)} of the clicks go back to an item seen before; {'; '.join(readings)}.",
        reading=f"{percent(share)} of the clicks to predict go back to an item seen earlier in the session. "
        f"{'; '.join(readings)}. A shopper can be shown seen items without any model: the new ones are where "
        f"a recommender earns its place.{caution(len(clicks), least)}",
    )


def compare_positions(rankings: Mapping[str, Ranking], models: Sequence[str], least: int) -> Finding:
    """Show the hit rate@20 of the named models by the number of clicks seen."""
    if not rankings:
        return Finding(reading=NOTHING_TO_RANK)
    clicks = next(iter(rankings.values())).clicks
    shown = {name: rankings[name] for name in models if name in rankings}
    frame = compare_slices(shown, "hit_rate@20", position_slices(clicks))
    figure, axes = figures.canvas(height=3.2)
    for number_, (name, part) in enumerate(frame.groupby("model", sort=False)):
        axes.plot(part["slice"], part["value"], marker="o", label=name, color=figures.PALETTE[number_])
    axes.set(xlabel="clicks of the session seen", ylabel="hit rate@20")
    axes.set_ylim(bottom=0)
    axes.legend(ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    ours = frame[frame["model"] == models[0]]
    first, last = ours.iloc[0], ours.iloc[-1]
    described = [f"{percent(row['value'])} {row['slice']} ({plural(row['events'], 'case')})" for row in (first, last)]
    reading = f"By the number of clicks seen, {models[0]} hits {described[0]} and {described[1]}."
    return Finding(
        figure=figure,
        caption="Hit rate@20 by the number of clicks seen before the prediction.",
        alt=reading,
        reading=reading + caution(len(clicks), least),
    )


def choose_examples(clicks: NextClicks, count: int, seed: int) -> np.ndarray:
    """Draw clicks to show as worked examples: after two to six clicks seen, each from another session."""
    fitting = np.flatnonzero((clicks.position >= 2) & (clicks.position <= 6))
    drawn = np.random.default_rng(seed).permutation(fitting)
    _, first = np.unique(clicks.session[drawn], return_index=True)
    return drawn[np.sort(first)][:count]


def example_frame(
    models: Mapping[str, Recommender], clicks: NextClicks, example: int, item_ids: np.ndarray, length: int = 5
) -> pd.DataFrame:
    """Return the list each model gives for one prefix; the item that came next is marked with a tick.

    Columns: model, 1 .. `length` (item ids as text).
    """
    prefix, target = clicks.prefixes.take(np.array([example])), clicks.targets[example]
    rows = []
    for name, model in models.items():
        listed = top_items(model.score(prefix), length)[0]
        texts = [f"{item_ids[item]} ✓" if item == target else str(item_ids[item]) for item in listed]
        rows.append([name, *texts, *[None] * (length - len(texts))])
    return pd.DataFrame(rows, columns=["model", *(str(place) for place in range(1, length + 1))])


def example_title(clicks: NextClicks, example: int, item_ids: np.ndarray) -> str:
    """Say what was seen and what came next in an example."""
    seen = item_ids[clicks.prefixes.take(np.array([example])).items]
    return f"Seen: {', '.join(map(str, seen))}. Clicked next: {item_ids[clicks.targets[example]]}."


def record_rankings(results: Results, rankings: Mapping[str, Ranking], seed: int) -> None:
    """Write every model's metrics to the results: over all events, and by kind of target."""
    for model, ranking in rankings.items():
        for metric, value in ranking.metrics().items():
            low, high = ranking.interval(metric, seed)
            results.score("recommendation", model, "event", metric, value, low, high)
        results.score("recommendation", model, "event", "coverage@20", ranking.coverage)
        for name, mask in repeat_slices(ranking.clicks).items():
            if mask.any():
                for metric in (*HEADLINE, "ndcg@20"):
                    value = float(ranking.gains(metric)[mask].mean())
                    results.score("recommendation", model, name, metric, value)


def record_skill(results: Results, rankings: Mapping[str, Ranking], seed: int) -> None:
    """Write what each trained model gains over the strongest simple one in hit rate@20 (0.03: 3 % more hits).

    The interval is of the paired difference on the same clicks, sessions drawn anew.
    """
    simple = [name for name in rankings if "GRU4Rec" not in name]
    if not simple:
        return
    best = max(simple, key=lambda name: ranking_value(rankings[name], "hit_rate@20"))
    hits = ranking_value(rankings[best], "hit_rate@20")
    for name in rankings:
        if name not in simple and hits:
            gain = ranking_value(rankings[name], "hit_rate@20") / hits - 1
            ends = [end / hits for end in difference_interval(rankings[name], rankings[best], "hit_rate@20", seed)]
            results.score("recommendation", name, "event", "hit_rate@20_skill", gain, *ends)


def record_sizes(
    results: Results, train: Sessions, test: Sessions, clicks: NextClicks, item_count: int, least: int
) -> None:
    """Write the sizes of training and test, and whether the test is large enough for a claim."""
    results.fact("train_sessions", len(train), unit="sessions")
    results.fact("train_clicks", len(train.items), unit="clicks")
    results.fact("items", item_count, unit="items")
    results.fact("test_sessions", len(test), unit="sessions")
    results.fact("test_events", len(clicks), unit="clicks")
    results.fact("repeat_share", float(clicks.repeat.mean()) if len(clicks) else None, unit="share")
    results.fact("enough_test_events", len(clicks) >= least, unit="yes or no")


def record_search(
    results: Results, trials: pd.DataFrame, best: FrozenTrial | None, judged: NextClicks, verdict: str
) -> None:
    """Write what the search tried, what it found and what that was worth on the test."""
    pruned = int((trials["state"] == "pruned").sum()) if len(trials) else 0
    results.fact("trials", len(trials), unit="trials")
    results.fact("trials_stopped_early", pruned, unit="trials")
    results.fact("validation_events", len(judged), unit="clicks")
    results.fact("validation_mrr@20", best.value if best else None, unit="share")
    for name, value in (best.params if best else {}).items():
        # Steps of 0.05 do not add up exactly in binary: what was meant is the rounded number.
        rounded = round(value, 6) if isinstance(value, float) else value
        results.fact(f"chosen_{name}", rounded, unit="setting")
    results.fact("verdict", verdict, unit="sentence")


def record_gain(results: Results, tuned: Ranking, baseline: Ranking, seed: int) -> None:
    """Write the paired 95 % interval of what tuning added to the hit rate@20."""
    low, high = difference_interval(tuned, baseline, "hit_rate@20", seed)
    results.fact("tuning_gain_low", low, unit="share")
    results.fact("tuning_gain_high", high, unit="share")


def settings_frame(baseline: Settings, tuned: Settings, searched: Sequence[str]) -> pd.DataFrame:
    """Return both networks' settings: setting, baseline, tuned, searched (yes or no)."""
    before, after = asdict(baseline), asdict(tuned)
    rows = [
        {
            "setting": name.replace("_", " "),
            "baseline": setting_text(before[name]),
            "tuned": setting_text(after[name]),
            "searched": "yes" if name in searched else "no",
        }
        for name in before
    ]
    return pd.DataFrame(rows)


def setting_text(value: object) -> str:
    """Write a setting's value as text: floats with up to four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def describe_trials(trials: pd.DataFrame, metric: str) -> Finding:
    """Show the value of every trial in order, and the best so far."""
    complete = trials[trials["state"] == "complete"] if len(trials) else trials
    if complete.empty:
        return Finding(reading="Nothing could be searched: there is no validation click to judge a setting by.")
    figure, axes = figures.canvas(height=3)
    pruned = trials[trials["state"] == "pruned"]
    axes.plot(complete["trial"], complete["value"], "o", color=figures.PALETTE[0], label="complete")
    axes.plot(pruned["trial"], pruned["value"], "x", color=figures.MUTED, label="stopped early")
    axes.step(complete["trial"], complete["value"].cummax(), where="post", color=figures.PALETTE[1], label="best")
    axes.set(xlabel="trial", ylabel=f"{LABELS[metric]} on validation")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend()
    best = complete.loc[complete["value"].idxmax()]
    first = complete.iloc[0]
    reading = (
        f"{plural(len(trials), 'trial')} ran, {number(len(pruned))} of them stopped early. The best is trial "
        f"{best['trial']} with a {LABELS[metric]} of {best['value']:.4f} on validation, against "
        f"{first['value']:.4f} of trial {first['trial']}, which is the baseline's setting."
    )
    return Finding(
        figure=figure,
        caption=f"{LABELS[metric]} on the validation sessions, trial by trial, and the best so far.",
        alt=reading,
        reading=reading,
    )


def describe_importance(importance: pd.DataFrame) -> Finding:
    """Show how much each parameter sets good trials apart."""
    if importance.empty:
        return Finding(reading="Too few complete trials to say which parameter matters most.")
    figure, axes = figures.canvas(height=0.8 + 0.3 * len(importance))
    axes.barh(importance["parameter"][::-1], importance["importance"][::-1], height=0.65)
    axes.set(xlabel="share of importance")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    first = importance.iloc[0]
    reading = (
        f"{first['parameter']} sets the better trials apart most ({percent(first['importance'])} of the "
        "importance). With few trials this is a hint, not a law."
    )
    return Finding(figure=figure, caption="Importance of each parameter in the search.", alt=reading, reading=reading)


def judge_tuning(rankings: Mapping[str, Ranking], tuned: str, baseline: str, seed: int, least: int) -> str:
    """Say in words whether the tuned model is better than the baseline on the test sessions."""
    if not rankings:
        return NOTHING_TO_RANK
    sentences = []
    for metric in HEADLINE:
        before, after = (ranking_value(rankings[name], metric) for name in (baseline, tuned))
        low, high = difference_interval(rankings[tuned], rankings[baseline], metric, seed)
        if low > 0:
            verdict = "an improvement beyond chance"
        elif high < 0:
            verdict = "a loss beyond chance"
        else:
            verdict = "no difference that could not be chance"
        sentences.append(
            f"{LABELS[metric]} went from {before:.4f} to {after:.4f} (difference {after - before:+.4f}, 95 % "
            f"interval {low:+.4f} to {high:+.4f}): {verdict}."
        )
    return " ".join(sentences) + caution(len(rankings[tuned].clicks), least)
