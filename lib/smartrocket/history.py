"""What changed since the build before: data, parameters, versions and results, told apart from noise.

Each publishing keeps a summary of its build in `build/<profile>/history/`, numbered, unless it equals the latest one:
the report of unchanged results always compares with the same build. Measured times and the commit are not compared,
since they change from run to run without changing what is found.
"""

import hashlib
import html
import json
import math
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from smartrocket.files import read_json, remove, write_json
from smartrocket.partials import list_raw_files, raw_html
from smartrocket.provenance import count_rows, list_differences
from smartrocket.summary import METRICS, QUESTIONS, Run, Score, judge
from smartrocket.tables import table
from smartrocket.wording import number, plural, signed

KEPT = 50
"""So many builds are remembered; older ones are forgotten."""


def summarise(run: Run, manifests: list[dict]) -> dict:
    """Return what is remembered of a build: files, parameters, versions, facts and scores."""
    raw = next((each["parameters"]["raw"] for each in manifests if "raw" in each["parameters"]), None)
    return {
        "files": {path.removeprefix("raw/"): digest for path, digest in list_raw_files(manifests).items()},
        "rows": count_rows(run.facts, raw) if raw else {},
        "parameters": {manifest["notebook"]: manifest["parameters"] for manifest in manifests},
        "versions": manifests[0]["packages"] | {"Python": manifests[0]["python"]},
        "facts": {
            f"{notebook}.{name}": fact["value"] for notebook, facts in run.facts.items() for name, fact in facts.items()
        },
        "scores": {
            " | ".join(key): [record["value"], record["low"], record["high"]] for key, record in run.records.items()
        },
    }


def digest(summary: Mapping) -> str:
    """Return a fingerprint of what is compared of a summary."""
    return hashlib.sha256(json.dumps(summary, sort_keys=True).encode()).hexdigest()


def remember(folder: Path, summary: dict, commit: str | None) -> tuple[dict, dict | None]:
    """Keep the summary of a build in `folder`, unless the latest one there is equal.

    Returns the entry of this build and that of the one before, None where there is none. An entry has `digest`,
    `commit` and `summary`.
    """
    paths = sorted(folder.glob("[0-9]*.json"))
    current = {"digest": digest(summary), "commit": commit, "summary": summary}
    latest = read_json(paths[-1]) if paths else None
    if latest is not None and latest["digest"] == current["digest"]:
        return current, read_json(paths[-2]) if len(paths) > 1 else None
    place = int(paths[-1].stem) + 1 if paths else 1
    write_json(folder / f"{place:06d}.json", current)
    for old in paths[: len(paths) + 1 - KEPT]:
        remove(old)
    return current, latest


def write_changes(run: Run, current: dict, before: dict | None) -> dict[str, str]:
    """Return the parts of the page "What changed": name -> Markdown."""
    if before is None:
        first = (
            "There is no earlier build with other results to compare with. The next one will be compared with this.\n"
        )
        return dict.fromkeys(("changes_data", "changes_settings", "changes_figures"), "") | {"changes_results": first}
    now, then = current["summary"], before["summary"]
    return {
        "changes_data": write_data(now, then),
        "changes_settings": write_settings(now, then, current["commit"], before["commit"]),
        "changes_results": write_results(run, now, then),
        "changes_figures": write_facts(now, then),
    }


def write_data(now: dict, then: dict) -> str:
    """Say which raw files came, went or changed."""
    rows = []
    for name in dict.fromkeys([*now["files"], *then["files"]]):
        here, there = now["files"].get(name), then["files"].get(name)
        if here != there:
            state = "new" if there is None else "gone" if here is None else "changed"
            rows.append((name, state, then["rows"].get(name), now["rows"].get(name)))
    if not rows:
        return "## Data\n\nThe raw files are the same, byte by byte.\n"
    frame = pd.DataFrame(rows, columns=["File", "What", "Rows before", "Rows now"])
    frame = frame.astype({"Rows before": "Int64", "Rows now": "Int64"})
    formats = {"Rows before": ",.0f", "Rows now": ",.0f"}
    caption = "Raw files that are not the same; properties in several files are counted together"
    return "## Data\n\n" + raw_html(table(frame, caption, formats).data)


def write_settings(now: dict, then: dict, commit: str | None, commit_before: str | None) -> str:
    """Say which parameters and versions changed, and from which commits the two reports are."""
    manifests = [{"notebook": name, "parameters": values} for name, values in now["parameters"].items()]
    changed = list_differences(manifests, then["parameters"])
    text = "## Parameters and versions\n\n"
    if commit != commit_before and commit and commit_before:
        text += f"The code went from commit `{commit_before[:10]}` to `{commit[:10]}`.\n\n"
    if changed:
        frame = pd.DataFrame(changed, columns=["Notebook", "Parameter", "Now", "Before"])
        text += raw_html(table(frame, "Parameters that changed").data) + "\n"
    else:
        text += "No parameter changed.\n\n"
    versions = [
        (name, then["versions"].get(name, "–"), now["versions"].get(name, "–"))
        for name in sorted({*now["versions"], *then["versions"]}, key=str.lower)
        if now["versions"].get(name) != then["versions"].get(name)
    ]
    if versions:
        frame = pd.DataFrame(versions, columns=["Package", "Before", "Now"])
        return text + raw_html(table(frame, "Versions that changed").data)
    return text + "All packages have the same versions.\n"


def noise_band(now: Score, before: Score) -> float | None:
    """Return how far two scores may lie apart by chance: the half widths of their 95 % intervals, added as squares.

    None where one has no interval. Where both builds have the same test, their chance is shared, and the band is wider
    than it need be: what is called noise may be more, what is called a change is one.
    """
    if not (now.has_interval and before.has_interval):
        return None
    return math.hypot((now.high - now.low) / 2, (before.high - before.low) / 2)


def compare_scores(now: dict, then: dict) -> pd.DataFrame:
    """Compare the scores that both builds have: task, level, metric, model, before, now, band, state.

    The state is "same", "noise", "better", "worse", "moved" (a metric without a good end) or "no interval".
    """
    rows = []
    for key, values in now["scores"].items():
        if key not in then["scores"] or None in (values[0], then["scores"][key][0]):
            continue
        task, level, metric, model = key.split(" | ")
        here, there = Score(model, *values), Score(model, *then["scores"][key])
        band = noise_band(here, there)
        rows.append(
            (task, level, metric, model, there.value, here.value, band, judge_change(metric, here, there, band))
        )
    return pd.DataFrame(rows, columns=["task", "level", "metric", "model", "before", "now", "band", "state"])


def judge_change(metric: str, now: Score, before: Score, band: float | None) -> str:
    """Say what became of a score, see `compare_scores`."""
    difference = now.value - before.value
    if difference == 0:
        return "same"
    if band is None:
        return "no interval"
    if abs(difference) <= band:
        return "noise"
    known = METRICS.get(metric)
    if known is None or known.lower_is_better is None:
        return "moved"
    return "better" if (difference < 0) == known.lower_is_better else "worse"


def write_results(run: Run, now: dict, then: dict) -> str:
    """Say which scores changed by more than noise, and show those that the report is judged by."""
    compared = compare_scores(now, then)
    text = "## Results\n\n"
    if compared.empty:
        return text + "The two builds have no score in common.\n"
    counts = compared["state"].value_counts()
    beyond = compared[compared["state"].isin(["better", "worse", "moved"])]
    text += f"Of {plural(len(compared), 'score')} that both builds have, {number(counts.get('same', 0))} are equal, "
    text += f"{number(counts.get('noise', 0))} moved within the noise and {number(len(beyond))} beyond it"
    if counts.get("no interval"):
        text += f"; {number(counts['no interval'])} moved but have no interval to judge by"
    text += ".\n\n"
    missing = len(set(then["scores"]) - set(now["scores"]))
    new = len(set(now["scores"]) - set(then["scores"]))
    if new or missing:
        text += f"{plural(new, 'score')} came new, {number(missing)} went.\n\n"
    main = compared[[is_main(run, row) for row in compared.itertuples()]]
    if len(main):
        text += raw_html(changes_table(main, "The scores that the report is judged by").data) + "\n"
    if len(beyond):
        body = changes_table(beyond, "All scores that moved by more than noise").data
        text += raw_html(f'<details class="more"><summary>All that moved beyond the noise</summary>{body}</details>')
    return text


def is_main(run: Run, row: object) -> bool:
    """Whether a compared score is the deciding metric of our model or of its strongest rival."""
    question = QUESTIONS.get(row.task)
    if question is None or (row.level, row.metric) != (question.level, question.metric):
        return False
    verdict = judge(run, row.task)
    return row.model in [score.model for score in (verdict.ours, verdict.baseline) if score is not None]


def changes_table(compared: pd.DataFrame, caption: str) -> object:
    """Show compared scores for readers."""
    rows = [
        (
            row.model,
            f"{METRICS[row.metric].heading if row.metric in METRICS else row.metric}, {row.level}",
            row.before,
            row.now,
            signed(row.now - row.before, 4),
            None if row.band is None or math.isnan(row.band) else f"± {row.band:.4f}",
            row.state,
        )
        for row in compared.itertuples()
    ]
    columns = ["Model", "Score", "Before", "Now", "Difference", "Noise", "Verdict"]
    formats = {"Before": ".4f", "Now": ".4f"}
    return table(pd.DataFrame(rows, columns=columns), caption, formats)


def write_facts(now: dict, then: dict) -> str:
    """List the facts that changed, folded; a sentence where none did."""
    names = dict.fromkeys([*now["facts"], *then["facts"]])
    changed = [name for name in names if now["facts"].get(name) != then["facts"].get(name)]
    if not changed:
        return "All facts that the notebooks wrote down are the same.\n"
    rows = [(name, show(then["facts"].get(name)), show(now["facts"].get(name))) for name in changed]
    frame = pd.DataFrame(rows, columns=["Fact", "Before", "Now"])
    summary = f"{plural(len(changed), 'fact')} of the {number(len(names))} that the notebooks wrote down changed"
    body = table(frame, "Facts that changed").data
    return raw_html(f'<details class="more"><summary>{html.escape(summary)}</summary>{body}</details>')


def show(value: object) -> str:
    """Write a fact's value for a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else number(value)
    return "–" if value is None else number(value) if isinstance(value, int) else str(value)
