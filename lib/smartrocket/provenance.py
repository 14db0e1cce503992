"""The parts of the page about provenance: what went in, with which settings, and what can be taken away."""

import csv
import html
import io
import json
from collections.abc import Iterable, Mapping

import pandas as pd

from smartrocket.partials import list_raw_files, raw_html
from smartrocket.profiles import PARAMS, check_profile, resolve
from smartrocket.rendering import DOWNLOADS
from smartrocket.tables import table
from smartrocket.wording import joined, number, plural, shield

NAMED_BY_PROFILE = ("build", "shop")
"""Parameters that every profile has its own of: they say nothing about how it differs from the defaults."""


def write_provenance(run_facts: Mapping[str, Mapping[str, dict]], shop: dict, manifests: list[dict]) -> dict[str, str]:
    """Return the parts of the page: name -> Markdown. `run_facts` are the facts by notebook."""
    return {
        "provenance_again": write_again(shop, manifests),
        "provenance_inputs": write_inputs(run_facts, manifests),
        "provenance_differences": write_differences(manifests),
        "provenance_parameters": write_parameters(manifests),
        "provenance_seeds": write_seeds(manifests),
        "provenance_packages": write_packages(manifests),
        "provenance_downloads": write_downloads(manifests),
        "small_groups": write_small_groups(manifests),
    }


def write_again(shop: dict, manifests: list[dict]) -> str:
    """Return the commands that build this very site again, and what stands in their way, if anything."""
    commit = manifests[0].get("commit") or ""
    commits = {str(manifest.get("commit")).removesuffix("+") for manifest in manifests}
    lines = [f"git checkout {commit.removesuffix('+')}"] if commit else []
    lines.append(shield(shop["command"].replace("`", "")))
    text = "```sh\n" + "\n".join(lines) + "\n```\n"
    if not commit:
        text += "\nThe code was not under version control, so no commit can be named.\n"
    elif len(commits) > 1:
        text += (
            f"\nNot all notebooks ran at this commit ({joined(sorted(each[:10] for each in commits))}): what had "
            "not changed was not run again.\n"
        )
    if commit.endswith("+"):
        text += "\nWhen the report was built, files differed from this commit; they are not in it.\n"
    if not shop["generated"]:
        text += "\nThe raw files must be those whose fingerprints stand below.\n"
    return text


def count_rows(run_facts: Mapping[str, Mapping[str, dict]], raw: dict) -> dict[str, int]:
    """Return how many rows the raw files have: name of a file -> rows; of properties in several files, their sum."""

    def rows(name: str) -> int | None:
        return run_facts.get("01_eda", {}).get(name, {}).get("value")

    counts = {raw["events"]: rows("rows_events"), raw["category_tree"]: rows("rows_categories")}
    counts |= dict.fromkeys(raw["properties"], rows("rows_properties"))
    return {name: count for name, count in counts.items() if count is not None}


def write_inputs(run_facts: Mapping[str, Mapping[str, dict]], manifests: list[dict]) -> str:
    """Return the table of the raw files, their rows and their SHA-256."""
    files = {path.removeprefix("raw/"): digest for path, digest in list_raw_files(manifests).items()}
    raw = next((manifest["parameters"]["raw"] for manifest in manifests if "raw" in manifest["parameters"]), None)
    counts = count_rows(run_facts, raw) if raw else {}
    parts = [name for name in files if raw and name in raw["properties"]]
    rows = []
    for name, digest in files.items():
        count = counts.get(name)
        shown = "–" if count is None else number(count)
        if name in parts and len(parts) > 1:
            shown = f"{shown} in both" if len(parts) == 2 else f"{shown} in all {len(parts)}"
        rows.append((name, shown, digest))
    frame = pd.DataFrame(rows, columns=["File", "Rows", "SHA-256 of its content"])
    return raw_html(table(frame, caption="The raw files; rows as they came, before any cleaning").data)


def flatten(values: Mapping, before: str = "") -> dict[str, object]:
    """Return nested settings by their path: {"network": {"units": 96}} -> {"network.units": 96}."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        path = f"{before}{name}"
        flat |= flatten(value, f"{path}.") if isinstance(value, Mapping) and value else {path: value}
    return flat


def list_differences(manifests: Iterable[dict], usual: Mapping[str, dict]) -> list[tuple[str, str, str, str]]:
    """Return what differs from the usual parameters: notebook, parameter, value here, usual value (JSON)."""
    rows = []
    for manifest in manifests:
        here, there = flatten(manifest["parameters"]), flatten(usual.get(manifest["notebook"], {}))
        for name in dict.fromkeys([*here, *there]):
            if name.split(".")[0] in NAMED_BY_PROFILE or name == "raw.folder":
                continue
            values = [json.dumps(side[name]) if name in side else "not set" for side in (here, there)]
            if values[0] != values[1]:
                rows.append((manifest["notebook"], name, *values))
    return rows


def write_differences(manifests: list[dict]) -> str:
    """Return the table of the parameters that differ from the defaults; a sentence where none does."""
    usual = resolve(check_profile(PARAMS / "defaults.yaml"), "default", "")
    rows = list_differences(manifests, usual)
    if not rows:
        return "Every parameter has its default value.\n"
    frame = pd.DataFrame(rows, columns=["Notebook", "Parameter", "Here", "Default"])
    text = f"{plural(len(rows), 'parameter')} {'differs' if len(rows) == 1 else 'differ'} from the default.\n\n"
    return text + raw_html(table(frame, caption="Parameters that differ from params/defaults.yaml").data)


def write_parameters(manifests: list[dict]) -> str:
    """Return the parameters of each notebook, folded."""
    folds = []
    for manifest in manifests:
        values = {name: json.dumps(value, ensure_ascii=False) for name, value in manifest["parameters"].items()}
        frame = pd.DataFrame({"Parameter": list(values), "Value": list(values.values())})
        name = html.escape(manifest["notebook"])
        body = table(frame, caption=f"Parameters of {manifest['notebook']}").data
        folds.append(f'<details class="more"><summary>{name}</summary>{body}</details>')
    return raw_html("".join(folds))


def write_seeds(manifests: list[dict]) -> str:
    """Return the sentence that says from which seeds the random choices follow."""
    seeds: dict[int, list[str]] = {}
    for manifest in manifests:
        if "seed" in manifest["parameters"]:
            seeds.setdefault(manifest["parameters"]["seed"], []).append(manifest["notebook"][:2])
    if not seeds:
        return "No notebook makes random choices.\n"
    parts = [f"{seed} (notebooks {joined(names)})" for seed, names in seeds.items()]
    return (
        f"All random choices follow from the [seed](/chapters/glossary.qmd#seed) {joined(parts)}; "
        "the other notebooks make none.\n"
    )


def write_small_groups(manifests: list[dict]) -> str:
    """Say how small a group of visitors the report may show, from the parameter `smallest_group`."""
    least = max((manifest["parameters"].get("smallest_group", 1) for manifest in manifests), default=1)
    if least == 1:
        return (
            "Groups of any size are shown, single visitors among them, since the parameter `smallest_group` is 1. "
            "Such a report is for eyes that may see the log itself.\n"
        )
    return (
        f"No group of visitors is smaller than {least} ([k-anonymity](/chapters/glossary.qmd#k-anonymity)): where a "
        "table or figure would show what fewer did, they are merged into the next group, or left out. Of the example "
        f"sessions in the notebooks and in the dashboard only so much is shown as at least {least} sessions have in "
        "common, click for click. Where a single visit is needed to show how it is prepared, or why a suggestion "
        "failed, its items go by letters and its day is left out. Totals of the whole shop are shown however small "
        "they are. The parameter `smallest_group` sets the limit.\n"
    )


def write_packages(manifests: list[dict]) -> str:
    """Return the table of the packages and their versions."""
    versions = {name: version for manifest in manifests for name, version in manifest["packages"].items()}
    rows = [("Python", manifests[0]["python"]), *sorted(versions.items(), key=lambda row: row[0].lower())]
    frame = pd.DataFrame(rows, columns=["Package", "Version"])
    return raw_html(table(frame, caption="What computed this report").data)


# ---------------------------------------------------------------- downloads


def list_downloads(notebook: str) -> dict[str, str]:
    """Return what can be taken away of a notebook: name of the file -> what it is."""
    return {
        f"{notebook}.ipynb": "notebook",
        f"{notebook}_facts.csv": "facts",
        f"{notebook}_scores.csv": "scores",
    }


def write_downloads(manifests: list[dict]) -> str:
    """Return the table of links to the executed notebooks and the tables of their results."""
    rows = []
    for manifest in manifests:
        notebook, metrics = manifest["notebook"], manifest["metrics"]
        counts = ("", plural(len(metrics["facts"]), "row"), plural(len(metrics["scores"]), "row"))
        links = [
            f'<td><a href="../{DOWNLOADS}/{name}" title="{name}" download>{what}</a> {count}</td>'
            for (name, what), count in zip(list_downloads(notebook).items(), counts, strict=True)
        ]
        rows.append(f'<tr><th scope="row" class="short">{html.escape(notebook)}</th>{"".join(links)}</tr>')
    headings = "".join(f'<th scope="col">{name}</th>' for name in ("Notebook", "Executed", "Facts", "Scores"))
    return raw_html(
        '<div class="table-responsive"><table class="table table-sm report-table">'
        "<caption>What can be taken away</caption>"
        f"<thead><tr>{headings}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def make_tables(results: dict) -> dict[str, str]:
    """Return a notebook's results as CSV texts: name of the file -> text."""
    facts = [[name, fact["value"], fact["unit"]] for name, fact in results["facts"].items()]
    columns = ["task", "model", "level", "metric", "value", "low", "high"]
    scores = [[score[name] for name in columns] for score in results["scores"]]
    _, facts_name, scores_name = list_downloads(results["notebook"])
    return {
        facts_name: write_csv(["fact", "value", "unit"], facts),
        scores_name: write_csv(columns, scores),
    }


def write_csv(header: list[str], rows: list[list]) -> str:
    """Return rows as CSV; what is missing is an empty field."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerows([header, *rows])
    return buffer.getvalue()
