"""What the notebooks on recommendations show: tables, findings and results of rankings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from optuna.trial import FrozenTrial

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.gru4rec import Settings
from smartrocket.ranking import (
    LEAST_SESSIONS,
    LIST_LENGTH,
    Gate,
    Interval,
    NextClicks,
    Ranking,
    Recommender,
    Sessions,
    bootstrap_interval,
    compare_slices,
    comparison_gate,
    contrast_interval,
    plausibility_gates,
    top_items,
)
from smartrocket.results import Results
from smartrocket.tables import table
from smartrocket.wording import number, percent, plural

HEADLINE = ("hit_rate@20", "mrr@20")
LABELS = {
    "hit_rate@1": "hit rate@1",
    "hit_rate@5": "hit rate@5",
    "hit_rate@20": "hit rate@20",
    "mrr@20": "MRR@20",
    "ndcg@20": "NDCG@20",
}


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


def refuse(clicks: int, sessions: int, item_count: int, least: int) -> str:
    """Return the sentence that says why a test allows no comparison; empty where it allows one.

    It takes `least` clicks to predict, enough sessions for an interval, and a catalogue that does not
    fit into one list of suggestions.
    """
    verdict = "so this report does not compare recommenders."
    if clicks < least:
        return f"The test holds {plural(clicks, 'click')} to predict ({number(least)} are needed), {verdict}"
    if sessions < LEAST_SESSIONS:
        return f"The test holds {plural(sessions, 'session')} ({LEAST_SESSIONS} are needed), {verdict}"
    if item_count <= LIST_LENGTH:
        items = plural(item_count, "item")
        return f"The training sequences hold {items}, no more than fit into a list of {LIST_LENGTH}, {verdict}"
    return ""


def refuse_rankings(rankings: Mapping[str, Ranking], least: int) -> str:
    """Return the sentence that says why these rankings allow no comparison; empty where they allow one."""
    if not rankings:
        return refuse(0, 0, 0, max(least, 1))
    ranking = next(iter(rankings.values()))
    return refuse(len(ranking.clicks), len(np.unique(ranking.clicks.session)), ranking.item_count, least)


def points(share: float, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, without the unit: 0.0123 -> "+1.2"."""
    return signed(100 * share, digits)


def signed(value: float, digits: int) -> str:
    """Write a difference with its sign: -0.5 -> "−0.5"; what rounds to zero has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


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
    steps = f"from {losses[0]:.3f} in the first epoch to {losses[-1]:.3f} in epoch {len(losses)}"
    steps = steps if len(losses) > 1 else f"through one epoch, at {losses[0]:.3f}"
    last = f" The last two epochs had {losses[-2]:.3f} and {losses[-1]:.3f}." if len(losses) > 2 else ""
    return Finding(
        figure=figure,
        caption="Training loss by epoch; lower is better.",
        alt=f"The training loss of {name} goes {steps}.",
        reading=f"The loss of {name} goes {steps}.{last} The loss says how well the network learns its "
        "training sessions, not how well it predicts new ones: that is measured below.",
    )


def metrics_frame(rankings: Mapping[str, Ranking], seed: int) -> pd.DataFrame:
    """Return one row a model, best hit rate@20 first.

    Columns: model; the headline metrics as text with their 95 % intervals; the others and coverage.
    """
    rows = []
    order = sorted(rankings, key=lambda name: -ranking_value(rankings[name], "hit_rate@20"))
    for model in order:
        ranking = rankings[model]
        values = ranking.metrics()
        row: dict = {"model": model}
        for metric, label in LABELS.items():
            if metric in HEADLINE:
                low, high = ranking.interval(metric, seed)
                interval = f" ({low:.3f} to {high:.3f})" if low is not None else ""
                row[label] = f"{values[metric]:.3f}{interval}"
            else:
                row[label] = values[metric]
        rows.append({**row, "coverage@20": ranking.coverage})
    return pd.DataFrame(rows, columns=["model", *LABELS.values(), "coverage@20"])


def metrics_table(
    rankings: Mapping[str, Ranking], seed: int, least: int, caption: str, highlight: str
) -> HTML | Markdown:
    """Return the table of all metrics, or the sentence that says why the test allows no comparison."""
    refusal = refuse_rankings(rankings, least)
    if refusal:
        return Markdown(refusal)
    frame = metrics_frame(rankings, seed)
    formats = {name: ".3f" for name in frame.columns[1:] if pd.api.types.is_numeric_dtype(frame[name])}
    return table(frame, f"{caption} In brackets: 95 % intervals.", formats, highlight)


def best_model(rankings: Mapping[str, Ranking], among: Sequence[str]) -> str | None:
    """Return which of the named models has the highest hit rate@20, None where none was ranked."""
    ranked = [name for name in among if name in rankings]
    return max(ranked, key=lambda name: ranking_value(rankings[name], "hit_rate@20"), default=None)


def simple_names(rankings: Mapping[str, Ranking]) -> list[str]:
    """Return the models without a network in them."""
    return [name for name in rankings if "GRU4Rec" not in name]


def ranking_value(ranking: Ranking, metric: str) -> float:
    """Return a ranking's metric over all events."""
    return float(ranking.gains(metric).mean())


def compare_models(rankings: Mapping[str, Ranking], seed: int, least: int) -> Finding:
    """Show hit rate@20 and MRR@20 of every model with their 95 % intervals."""
    refusal = refuse_rankings(rankings, least)
    if refusal:
        return Finding(reading=refusal)
    figure, axes = figures.canvas(height=0.8 + 0.36 * len(rankings), columns=2)
    names = sorted(rankings, key=lambda name: ranking_value(rankings[name], "hit_rate@20"))
    places = np.arange(len(names))
    for axis, metric in zip(axes, HEADLINE, strict=True):
        values = np.array([ranking_value(rankings[name], metric) for name in names])
        bounds = np.array([rankings[name].interval(metric, seed) for name in names])
        colours = [figures.PALETTE[0] if "GRU4Rec" in name else figures.MUTED for name in names]
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
        f"{second} follows with {then}. The difference lies between {points(low)} and {points(high)} "
        f"percentage points (95 % interval over sessions), {clear}."
    )
    return Finding(
        figure=figure,
        caption="Hit rate@20 and MRR@20 of all models on the test sessions, with 95 % intervals from drawing "
        "whole sessions anew; those with GRU4Rec in blue.",
        alt=f"{best} has the highest hit rate@20, {first}, before {second} with {then}.",
        reading=reading,
    )


def difference_interval(ours: Ranking, theirs: Ranking, metric: str, seed: int) -> Interval:
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
    refusal = refuse_rankings(rankings, least)
    if refusal:
        return Finding(reading=refusal)
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
        "a recommender earns its place.",
    )


def compare_positions(rankings: Mapping[str, Ranking], models: Sequence[str], seed: int, least: int) -> Finding:
    """Show the hit rate@20 of the named models by the number of clicks seen, and whether it rises.

    Numbers of clicks that too few sessions have for an interval are left out.
    """
    refusal = refuse_rankings(rankings, least)
    if refusal:
        return Finding(reading=refusal)
    clicks = next(iter(rankings.values())).clicks
    slices = {
        name: mask
        for name, mask in position_slices(clicks).items()
        if len(np.unique(clicks.session[mask])) >= LEAST_SESSIONS
    }
    if len(slices) < 2:
        return Finding(reading="Too few sessions are long enough to say whether more clicks help.")
    shown = {name: rankings[name] for name in models if name in rankings}
    frame = compare_slices(shown, "hit_rate@20", slices)
    figure, axes = figures.canvas(height=3.2)
    for number_, (name, part) in enumerate(frame.groupby("model", sort=False)):
        axes.plot(part["slice"], part["value"], marker="o", label=name, color=figures.PALETTE[number_])
    axes.set(xlabel="clicks of the session seen", ylabel="hit rate@20")
    axes.set_ylim(bottom=0)
    axes.legend(ncols=4, loc="lower right", bbox_to_anchor=(1, 1))
    reading = describe_rise(shown[models[0]], models[0], frame[frame["model"] == models[0]], slices, seed)
    return Finding(
        figure=figure,
        caption="Hit rate@20 by the number of clicks seen before the prediction.",
        alt=reading,
        reading=reading,
    )


def describe_rise(
    ranking: Ranking, model: str, frame: pd.DataFrame, slices: Mapping[str, np.ndarray], seed: int
) -> str:
    """Say whether a model's hit rate@20 rises from the first to the last slice (rows of the frame)."""
    first, last = frame.iloc[0], frame.iloc[-1]
    gains = ranking.gains("hit_rate@20")
    masks = slices[first["slice"]], slices[last["slice"]]
    low, high = contrast_interval(gains, ranking.clicks.session, *masks, seed)
    if low > 0:
        verdict = "It rises"
    elif high < 0:
        verdict = "It falls"
    else:
        verdict = "No clear change"
    ends = [
        f"{percent(row['value'])} {row['slice'].replace('+', ' or more')} ({plural(row['events'], 'case')})"
        for row in (first, last)
    ]
    return (
        f"{verdict}: {model} goes from {ends[0]} to {ends[1]}, a difference of "
        f"{points(last['value'] - first['value'])} percentage points (95 % interval {points(low)} to {points(high)})."
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
    simple = simple_names(rankings)
    for name in rankings:
        gain = relative_gain(rankings, name, seed) if name not in simple else None
        if gain is not None:
            results.score("recommendation", name, "event", "hit_rate@20_skill", *gain)


def relative_gain(rankings: Mapping[str, Ranking], name: str, seed: int) -> tuple[float, float, float] | None:
    """Return a model's gain in hit rate@20 over the strongest simple one, relative, and its paired interval.

    None where no simple model ever hits.
    """
    best = best_model(rankings, simple_names(rankings))
    hits = ranking_value(rankings[best], "hit_rate@20") if best else 0.0
    if not hits:
        return None
    low, high = difference_interval(rankings[name], rankings[best], "hit_rate@20", seed)
    return ranking_value(rankings[name], "hit_rate@20") / hits - 1, low / hits, high / hits


def record_lead(results: Results, rankings: Mapping[str, Ranking], network: str, seed: int, least: int) -> None:
    """Write how the network alone and the best blend compare with the strongest simple model, in hit rate@20.

    Facts: `strongest_simple`; `network_gain_value`, `_low`, `_high` (relative); `lead_model`, and
    `lead_value`, `_low`, `_high` (a difference of shares). All are None where the test allows no comparison.
    """
    allowed = not refuse_rankings(rankings, least)
    simple = best_model(rankings, simple_names(rankings)) if allowed else None
    blend = best_model(rankings, [name for name in rankings if name.endswith("with STAN")]) if allowed else None
    gain: tuple = (relative_gain(rankings, network, seed) if allowed else None) or (None, None, None)
    lead: tuple = (None, None, None)
    if simple and blend:
        ours, theirs = rankings[blend], rankings[simple]
        value = ranking_value(ours, "hit_rate@20") - ranking_value(theirs, "hit_rate@20")
        lead = (value, *difference_interval(ours, theirs, "hit_rate@20", seed))
    results.fact("strongest_simple", simple, unit="model")
    results.fact("lead_model", blend, unit="model")
    for end, gained, led in zip(("value", "low", "high"), gain, lead, strict=True):
        results.fact(f"network_gain_{end}", gained, unit="share")
        results.fact(f"lead_{end}", led, unit="share")


def judge_gates(
    rankings: Mapping[str, Ranking], network: str, least: int, ceilings: tuple[float, float], stops: bool
) -> list[Gate]:
    """Return the gates that the figures must pass; none where the test allows no comparison.

    `ceilings` are those of the hit rate@20 and of NDCG@20 / hit rate@20.
    """
    if refuse_rankings(rankings, least):
        return []
    checked = {name: rankings[name] for name in rankings if name != "items already seen"}
    gates = plausibility_gates(checked, *ceilings, stops)
    return [*gates, comparison_gate(rankings, network, "items already seen")]


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
    refusal = refuse(len(clicks), len(np.unique(clicks.session)), item_count, least)
    results.fact("no_comparison", refusal or None, unit="sentence")


def record_search(
    results: Results, trials: pd.DataFrame, best: FrozenTrial | None, judged: int, least: int, verdict: str
) -> None:
    """Write what the search tried, what it found and what that was worth on the test.

    Judged by fewer than `least` validation clicks, the value that the search found is left out.
    """
    pruned = int((trials["state"] == "pruned").sum()) if len(trials) else 0
    results.fact("trials", len(trials), unit="trials")
    results.fact("trials_stopped_early", pruned, unit="trials")
    results.fact("validation_events", judged, unit="clicks")
    results.fact("validation_mrr@20", best.value if best and judged >= least else None, unit="share")
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


def describe_trials(trials: pd.DataFrame, metric: str, judged: int, least: int) -> Finding:
    """Show the value of every trial in order, and the best so far.

    `judged` is how many validation clicks a trial was judged by: below `least`, no value is shown.
    """
    complete = trials[trials["state"] == "complete"] if len(trials) else trials
    if complete.empty:
        return Finding(reading="Nothing could be searched; what follows is the first network again.")
    if judged < least:
        return Finding(
            reading=f"{plural(len(trials), 'trial')} ran, judged by {plural(judged, 'validation click')} "
            f"({number(least)} are needed), so this report does not compare their settings."
        )
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
        f"{first['value']:.4f} of trial {first['trial']}, which has the settings of the first network."
    )
    return Finding(
        figure=figure,
        caption=f"{LABELS[metric]} on the validation sessions, trial by trial, and the best so far.",
        alt=reading,
        reading=reading,
    )


def describe_importance(importance: pd.DataFrame, judged: int, least: int) -> Finding:
    """Show how much each parameter sets good trials apart, judged by at least `least` validation clicks."""
    if judged < least:
        return Finding(reading="Too few validation clicks judged the trials to say which parameter matters most.")
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
    refusal = refuse_rankings(rankings, least)
    if refusal:
        return refusal
    sentences = []
    for metric, write, write_difference, unit in (
        ("hit_rate@20", percent, points, " percentage points"),
        ("mrr@20", lambda value: number(value, 4), lambda value: signed(value, 4), ""),
    ):
        before, after = (ranking_value(rankings[name], metric) for name in (baseline, tuned))
        low, high = difference_interval(rankings[tuned], rankings[baseline], metric, seed)
        if low > 0:
            verdict = "an improvement beyond chance"
        elif high < 0:
            verdict = "a loss beyond chance"
        else:
            verdict = "no difference that could not be chance"
        sentences.append(
            f"{LABELS[metric]} went from {write(before)} to {write(after)} (difference "
            f"{write_difference(after - before)}{unit}, 95 % interval {write_difference(low)} to "
            f"{write_difference(high)}): {verdict}."
        )
    return f"{' '.join(sentences)} The search looked for a high MRR@20."
