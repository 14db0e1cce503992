"""What the notebooks on recommendations show: tables, findings and results of rankings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown
from optuna.trial import FrozenTrial

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.gates import Gate, comparison_gate, plausibility_gates
from smartrocket.gru4rec import Settings
from smartrocket.ranking import (
    LEAST_SESSIONS,
    LIST_LENGTH,
    Interval,
    NextClicks,
    Ranking,
    Recommender,
    Sessions,
    bootstrap_interval,
    top_items,
)
from smartrocket.recommendation_slices import repeat_slices, slice_frame
from smartrocket.recommendation_tuning import METRIC, Finalist
from smartrocket.results import Results
from smartrocket.summary import BLENDED
from smartrocket.tables import table
from smartrocket.wording import capitalise, joined, number, percent, plural, points, signed

HEADLINE = ("hit_rate@20", "mrr@20")
LABELS = {
    "hit_rate@1": "hit rate@1",
    "hit_rate@5": "hit rate@5",
    "hit_rate@10": "hit rate@10",
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

    Columns: model; the headline metrics as text with their 95 % intervals; the others.
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
        rows.append(row)
    return pd.DataFrame(rows, columns=["model", *LABELS.values()])


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
    first, then = (ranking_value(rankings[name], "hit_rate@20") for name in (best, second))
    counted = plural(len(clicks), "click")
    lead = (
        f"{capitalise(best)} and {second} both find the next item in their top 20 in {percent(first)} of {counted}: no "
        "model does so more often"
        if first == then
        else f"{capitalise(best)} finds the next item in its top 20 most often, in {percent(first)} of {counted}; "
        f"{second} follows with {percent(then)}"
    )
    reading = (
        f"{lead}. The difference lies between {points(low)} and {points(high)} percentage points (95 % interval over "
        f"sessions), {clear}."
    )
    return Finding(
        figure=figure,
        caption="Hit rate@20 and MRR@20 of all models on the test sessions, with 95 % intervals from drawing "
        "whole sessions anew; those with GRU4Rec in blue.",
        alt=f"No hit rate@20 is higher than that of {best}, {percent(first)}; {second} has {percent(then)}.",
        reading=reading,
    )


def difference_interval(ours: Ranking, theirs: Ranking, metric: str, seed: int) -> Interval:
    """Return the 95 % interval of the difference of two models on the same clicks."""
    gains = ours.gains(metric) - theirs.gains(metric)
    return bootstrap_interval(gains, ours.clicks.session, seed)


def compare_repeats(rankings: Mapping[str, Ranking], seed: int, least: int) -> Finding:
    """Show each model's hit rate@20 on new and on repeated targets."""
    refusal = refuse_rankings(rankings, least)
    if refusal:
        return Finding(reading=refusal)
    clicks = next(iter(rankings.values())).clicks
    frame = slice_frame(rankings, repeat_slices(clicks), seed)
    names, kinds = list(rankings), list(dict.fromkeys(frame["slice"]))
    wide = frame.pivot(index="model", columns="slice", values="value").reindex(names)
    figure, axes = figures.canvas(height=3.4)
    width = 0.8 / len(kinds)
    for place, kind in enumerate(kinds):
        rows = frame[frame["slice"] == kind].set_index("model").loc[names]
        whiskers = np.abs(rows[["low", "high"]].to_numpy(float).T - rows["value"].to_numpy())
        at = np.arange(len(names)) + place * width
        axes.bar(at, rows["value"], width, label=kind, color=figures.PALETTE[place])
        axes.errorbar(at, rows["value"], yerr=whiskers, fmt="none", ecolor=figures.INK, elinewidth=1)
    axes.set_xticks(np.arange(len(names)) + width * (len(kinds) - 1) / 2, names, rotation=20, ha="right")
    axes.set(ylabel="hit rate@20")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    share = float(clicks.repeat.mean())
    readings = [
        f"{capitalise(wide[name].idxmax())} is best on clicks on {words} ({percent(wide[name].max())})"
        for name, words in (
            ("new target", "items new to the session"),
            ("repeat target", "items seen before"),
        )
        if name in wide
    ]
    return Finding(
        figure=figure,
        caption="Hit rate@20 on targets that are new to the session and on targets seen in it before, with 95 % "
        "intervals.",
        alt=f"{percent(share)} of the clicks go back to an item seen before. {'. '.join(readings)}.",
        reading=f"{percent(share)} of the clicks to predict go back to an item seen earlier in the session. "
        f"{'. '.join(readings)}. A shopper can be shown seen items without any model: the new ones are where "
        "a recommender earns its place.",
    )


def choose_examples(clicks: NextClicks, count: int, seed: int, shared: np.ndarray | None = None) -> np.ndarray:
    """Draw clicks to show as worked examples: after one to six clicks seen, each from another session.

    `shared` tells which clicks may be shown, see `SharedRuns.tell`. Those after two or more clicks come first.
    """
    fitting = np.flatnonzero((clicks.position <= 6) & (True if shared is None else shared))
    drawn = np.random.default_rng(seed).permutation(fitting)
    drawn = drawn[np.argsort(clicks.position[drawn] < 2, kind="stable")]
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


def describe_example(listed: pd.DataFrame) -> str:
    """Say which models list the item that came next in an example; `listed` is what `example_frame` returns."""
    places = listed.drop(columns="model")
    found = places.apply(lambda column: column.str.endswith("✓", na=False)).any(axis=1)
    names, length = listed.loc[found, "model"].tolist(), plural(len(places.columns), "item")
    if not names:
        return f"No model has the item that was clicked next among its first {length}."
    who = f"All {number(len(names))} models" if 1 < len(names) == len(listed) else capitalise(joined(names))
    return f"{who} {'has' if len(names) == 1 else 'have'} the item that was clicked next among the first {length}."


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
    for metric in (*HEADLINE, "ndcg@20") if rankings else ():
        slices = repeat_slices(next(iter(rankings.values())).clicks)
        for row in slice_frame(rankings, slices, seed, metric).to_dict("records"):
            ends = (None if pd.isna(row[end]) else row[end] for end in ("low", "high"))
            results.score("recommendation", row["model"], row["slice"], metric, row["value"], *ends)


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
    blend = best_model(rankings, [name for name in rankings if BLENDED in name]) if allowed else None
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
    return [*gates, comparison_gate(rankings, network, "items already seen", stops)]


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
    results: Results,
    trials: pd.DataFrame,
    chosen: Finalist,
    searched: Sequence[str],
    judged: int,
    least: int,
    verdict: str,
) -> None:
    """Write what the search tried, what it chose and what that was worth on the test.

    Judged by fewer than `least` validation clicks, the value that the search found is left out.
    """
    pruned = int((trials["state"] == "pruned").sum()) if len(trials) else 0
    results.fact("trials", len(trials), unit="trials")
    results.fact("trials_stopped_early", pruned, unit="trials")
    results.fact("validation_events", judged, unit="clicks")
    results.fact(f"validation_{METRIC}", chosen.value if judged >= least else None, unit="share")
    settings = asdict(chosen.settings)
    for name in searched:
        record_setting(results, f"chosen_{name}", settings[name])
    results.fact("verdict", verdict, unit="sentence")


def record_company(results: Results, stan_settings: Mapping[str, float], partner: str | None, weight: float) -> None:
    """Write the settings of STAN, the blend's partner and the network's part in it, as chosen on validation.

    Without a partner, no blend earned its place.
    """
    for name, value in stan_settings.items():
        record_setting(results, f"stan_{name}", value)
    record_setting(results, "blend_partner", partner)
    record_setting(results, "blend_weight", weight)


def record_setting(results: Results, name: str, value: object) -> None:
    """Write a setting as a fact. Steps of 0.05 do not add up exactly in binary: meant is the rounded number."""
    results.fact(name, round(value, 6) if isinstance(value, float) else value, unit="setting")


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
        return Finding(reading="Nothing could be searched, so the first network's settings stay.")
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
        f"{best['trial']}: its {LABELS[metric]} on validation is {best['value']:.4f}, that of trial {first['trial']}, "
        f"which has the settings of the first network, {first['value']:.4f}."
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
    importance = importance.assign(parameter=importance["parameter"].str.replace("_", " "))
    figure, axes = figures.canvas(height=0.8 + 0.3 * len(importance))
    axes.barh(importance["parameter"][::-1], importance["importance"][::-1], height=0.65)
    axes.set(xlabel="share of importance")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", visible=True)
    first = importance.iloc[0]
    reading = (
        f"{capitalise(first['parameter'])} sets the better trials apart most ({percent(first['importance'])} of the "
        "importance). With few trials this is a hint, not a law."
    )
    return Finding(figure=figure, caption="Importance of each parameter in the search.", alt=reading, reading=reading)


def describe_weights(weighed: pd.DataFrame, partner: str | None, weight: float, judged: int, least: int) -> Finding:
    """Show what blends find on validation, by partner and the network's part, and which one was chosen, if any.

    `judged` is how many validation clicks they were judged by: below `least`, nothing is shown.
    """
    if judged < least:
        return Finding(
            f"The blends were judged by {plural(judged, 'validation click')} ({number(least)} are needed), so this "
            "report does not compare them."
        )
    figure, axes = figures.canvas(height=3.2, columns=2)
    for axis, metric in zip(axes, ("hit_rate@20", METRIC), strict=True):
        for place, (name, rows) in enumerate(weighed.groupby("partner", sort=False)):
            axis.plot(rows["weight"], rows[metric], marker="o", color=figures.PALETTE[place], label=f"with {name}")
        axis.axvline(weight, color=figures.MUTED, linestyle="--", linewidth=1.2)
        axis.set(xlabel="the network's part", title=LABELS[metric])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    values = weighed.set_index(["partner", "weight"])[METRIC]
    network = values.xs(1.0, level="weight").iloc[0]
    alone = [f"{values[name, 0.0]:.4f} with {name} alone" for name in values.index.unique("partner")]
    reading = f"On validation the {LABELS[METRIC]} is {joined([*alone, f'{network:.4f} with the network alone'])}. "
    if partner:
        reading += (
            f"Of the blends, the one with {partner} and {percent(weight, 0)} for the network has the highest, "
            f"{values[partner, weight]:.4f}, and is chosen."
        )
    else:
        reading += "No blend does better than the best of these, so none earned its place, and none is tested below."
    return Finding(
        reading=reading,
        figure=figure,
        caption=f"Hit rate@20 and {LABELS[METRIC]} of the blends on validation, by the network's part in them. "
        "Dashed: the part chosen; at an end, no blend is.",
        alt=reading,
    )


def company_frame(untuned: Mapping[str, float], tuned: Mapping[str, float]) -> pd.DataFrame:
    """Return the settings of STAN: setting, untuned, tuned."""
    rows = [
        {"setting": name.replace("_", " "), "untuned": setting_text(untuned[name]), "tuned": setting_text(tuned[name])}
        for name in untuned
    ]
    return pd.DataFrame(rows)


def describe_company(
    untuned: Mapping[str, float], tuned: Mapping[str, float], trials: Sequence[FrozenTrial], judged: int, least: int
) -> str:
    """Say what the search for STAN's settings changed, and what that is worth on the validation clicks.

    The first of the `trials` has the untuned settings. `judged` is how many clicks they were judged by: below `least`,
    no value is told.
    """
    if not trials:
        return "Nothing could be searched, so STAN keeps its settings."
    changed = [name.replace("_", " ") for name in untuned if setting_text(untuned[name]) != setting_text(tuned[name])]
    ran = plural(len(trials), "trial")
    if not changed:
        return f"None of the {ran} did better than the untuned settings, so they stay."
    text = f"The search, of {ran}, changed {joined(changed)}."
    if judged < least:
        return f"{text} It was judged by {plural(judged, 'validation click')}, too few to say what that is worth."
    first, best = trials[0].value, max(trial.value for trial in trials if trial.value is not None)
    return f"{text} {LABELS[METRIC]} on validation went from {first:.4f} to {best:.4f}."


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
    return f"{' '.join(sentences)} The search looked for a high {LABELS[METRIC]}."
