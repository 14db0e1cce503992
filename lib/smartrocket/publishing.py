"""From a finished build to the pages of the report: cleaned notebooks, variables and parts, then the site."""

import json
import os
import re
import shutil
import time
from pathlib import Path

import nbformat
import yaml

from smartrocket import dashboard
from smartrocket.benchmarks import read_results
from smartrocket.costs import measure_sizes
from smartrocket.errors import InputError
from smartrocket.files import replacing, write_if_changed, write_json, write_text
from smartrocket.findings import escape_markdown
from smartrocket.history import remember, summarise, write_changes
from smartrocket.partials import raw_html, write_banner, write_benchmarks, write_parts
from smartrocket.profiles import NOTEBOOKS
from smartrocket.provenance import make_tables, write_provenance
from smartrocket.rendering import DOWNLOADS, render
from smartrocket.summary import (
    Run,
    describe_best,
    describe_forecast,
    describe_recommendation,
    describe_tuning,
)
from smartrocket.wording import number, percent, shield
from smartrocket.workspace import Workspace

USED_VARIABLE = re.compile(r"\{\{<\s*var\s+([\w.-]+)\s*>\}\}")
USED_PART = re.compile(r"\{\{<\s*include\s+(?:\.\./|/)*_parts/([\w-]+)\.qmd\s*>\}\}")
SYMBOLS = {"megabytes": " MB", "seconds": " s"}


def publish(profile: str, root: Path) -> None:
    """Publish the report of the build `build/<profile>/` of the project in `root` as `root/_site/`.

    `_site/built.json` is written last: where it is, the site is whole.

    Raises InputError when a notebook was not executed, when a page asks for what the run has not found, or
    when the site cannot be rendered without mistakes.
    """
    begun = time.time()
    write_sources(profile, root)
    workspace = Workspace(root / "build" / profile)
    renderer = render(root, root / "_site", lambda site: dashboard.install(workspace, site))
    built = root / "_site" / "built.json"
    write_json(built, {"profile": profile, "renderer": renderer})
    # Whatever was edited while the site was rendered is newer than its start, and so make renders it again.
    os.utime(built, (begun, begun))
    print(f"_site/index.html is the report of {profile}, rendered with {renderer}", flush=True)


def write_sources(profile: str, root: Path) -> None:
    """Write what pages are made of beside what is written by hand: analysis/, downloads/, _parts/ and _variables.yml.

    Raises InputError as `publish` does.
    """
    workspace = Workspace(root / "build" / profile)
    shop = workspace.read_json("shop.json")
    banner = write_banner(shop)
    for notebook in NOTEBOOKS:
        path = workspace.existing(f"notebooks/{notebook}.ipynb")
        cleaned = clean_notebook(nbformat.read(path, as_version=4), banner)
        write_if_changed(root / "analysis" / f"{notebook}.ipynb", nbformat.writes(cleaned) + "\n")
    write_downloads(root, workspace)
    run = Run(workspace.read_json(f"results/{notebook}.json") for notebook in NOTEBOOKS)
    manifests = [workspace.read_json(f"manifests/{notebook}.json") for notebook in NOTEBOOKS]
    pages = {path: path.read_text(encoding="utf-8") for path in list_pages(root)}
    variables = choose_variables(pages, list_variables(run, shop))
    write_text(root / "_variables.yml", yaml.safe_dump(variables, allow_unicode=True, width=1_000_000))
    current, before = remember(workspace.path("history"), summarise(run, manifests), manifests[0].get("commit"))
    parts = write_parts(run, shop, manifests, measure_sizes(workspace)) | read_figures(workspace)
    parts |= write_provenance(run.facts, shop, manifests) | write_changes(run, current, before)
    parts |= write_benchmarks(read_results(root / "bench" / "results.json"))
    for missing in sorted(find_parts(pages) - set(parts)):
        if not missing.startswith("figure_"):
            raise InputError(f"a page includes _parts/{missing}.qmd, which publishing does not write: mend the name.")
        parts[missing] = "This figure is left out: the log of this shop does not hold what it would show.\n"
    with replacing(root / "_parts") as folder:
        folder.mkdir()
        for name, text in parts.items():
            (folder / f"{name}.qmd").write_text(text, encoding="utf-8")


def write_downloads(root: Path, workspace: Workspace) -> None:
    """Write `root/downloads/`: the executed notebooks as they are published, and their results as CSV."""
    with replacing(root / DOWNLOADS) as folder:
        folder.mkdir()
        for notebook in NOTEBOOKS:
            shutil.copyfile(root / "analysis" / f"{notebook}.ipynb", folder / f"{notebook}.ipynb")
            for name, text in make_tables(workspace.read_json(f"results/{notebook}.json")).items():
                (folder / name).write_text(text, encoding="utf-8")


def list_pages(root: Path) -> list[Path]:
    """List the sources of the report's pages."""
    patterns = ("index.qmd", "chapters/*.qmd", "dashboard/*.qmd", "analysis/*.ipynb")
    return [path for pattern in patterns for path in sorted(root.glob(pattern))]


def choose_variables(pages: dict[Path, str], variables: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Return the variables that pages show, and no others: a renderer may read them anew for each that it meets.

    Raises InputError when a page shows a variable that the run did not write.
    """
    chosen: dict[str, dict[str, str]] = {}
    for path, text in pages.items():
        for name in USED_VARIABLE.findall(text):
            group, _, rest = name.partition(".")
            if rest not in variables.get(group, {}):
                raise InputError(f"{path.name} shows the variable {name}, which this run's results do not have.")
            chosen.setdefault(group, {})[rest] = variables[group][rest]
    return chosen


def find_parts(pages: dict[Path, str]) -> set[str]:
    """Return the names of the parts that pages include."""
    return {name for text in pages.values() for name in USED_PART.findall(text)}


def read_figures(workspace: Workspace) -> dict[str, str]:
    """Return what the notebooks kept for chapters, as parts `figure_<name>`: the drawing if any, then its reading."""
    figures = {}
    for name in sorted({path.stem for path in workspace.figures.glob("*.*")}):
        drawing, reading = (workspace.figures / f"{name}.{kind}" for kind in ("html", "md"))
        text = f"\n{reading.read_text(encoding='utf-8').strip()}\n" if reading.exists() else ""
        drawn = raw_html(drawing.read_text(encoding="utf-8")) if drawing.exists() else ""
        figures[f"figure_{name}"] = drawn + text
    return figures


# ---------------------------------------------------------------- notebooks


def clean_notebook(executed: nbformat.NotebookNode, banner: str) -> nbformat.NotebookNode:
    """Return a copy of an executed notebook as the report shows it, the same for equal content.

    Metadata of the execution, counters and warnings go; the cells of parameters are hidden; code is folded;
    `banner` (Markdown) stands below the title. Raises InputError where a cell ended in an error.
    """
    kernel = executed.metadata.get("kernelspec", {})
    cells = [clean_cell(cell) for cell in executed.cells]
    place = 1 if cells and cells[0].cell_type == "raw" else 0
    cells.insert(place, nbformat.v4.new_markdown_cell(banner, id="banner"))
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def clean_cell(cell: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy of a cell as the report shows it. Raises InputError for an error among its outputs."""
    tags = list(cell.metadata.get("tags", []))
    if {"parameters", "injected-parameters"}.intersection(tags) and "remove-cell" not in tags:
        tags.append("remove-cell")
    metadata = {"tags": tags} if tags else {}
    # Papermill draws a new id for the cell that it adds.
    cell_id = "injected-parameters" if "injected-parameters" in tags else cell.id
    if cell.cell_type == "markdown":
        return nbformat.v4.new_markdown_cell(cell.source, id=cell.id, metadata=metadata)
    if cell.cell_type == "raw":
        return nbformat.v4.new_raw_cell(cell.source, id=cell.id, metadata=metadata)
    # The mark that has nbval compare a cell's output is for the tests, not for readers.
    source = cell.source.replace("# NBVAL_CHECK_OUTPUT\n", "")
    if "injected-parameters" in tags:
        # No reader sees it, but a renderer looks for instructions there, too, and the shop's name may hold one.
        source = shield(source)
    source = source if "#| code-fold" in source else f"#| code-fold: true\n{source}"
    outputs = [clean_output(output) for output in cell.outputs if output.get("name") != "stderr"]
    return nbformat.v4.new_code_cell(source, id=cell_id, metadata=metadata, outputs=outputs)


def clean_output(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy of an output without counters and plain stand-ins. Raises InputError for an error."""
    if output.output_type == "error":
        raise InputError(f"a notebook with an error cannot be published ({output.ename}: {output.evalue}).")
    if output.output_type == "stream":
        return nbformat.v4.new_output("stream", name=output.name, text=output.text)
    data = dict(output.data)
    if len(data) > 1:
        # Where there is something better to show, the plain text only says at which address an object lay.
        data.pop("text/plain", None)
    return nbformat.v4.new_output("display_data", data=data)


# ---------------------------------------------------------------- variables


def list_variables(run: Run, shop: dict) -> dict[str, dict[str, str]]:
    """Return the variables of the pages as group -> name -> text, all harmless in Markdown.

    Facts go by notebook and name (`eda.rows_events`), sentences by `report`, the shop by `shop`.
    """
    variables = {
        notebook.split("_", 1)[1]: {name: escape_markdown(write_fact(fact)) for name, fact in facts.items()}
        for notebook, facts in run.facts.items()
    }
    sentences = {
        "forecast": describe_forecast(run),
        "recommendation": describe_recommendation(run),
        "best_forecast": describe_best(run, "forecast"),
        "best_recommendation": describe_best(run, "recommendation"),
        "tuning_forecast": describe_tuning(run, "forecast"),
        "tuning_recommendation": describe_tuning(run, "recommendation"),
    }
    variables["report"] = {name: escape_markdown(sentence) for name, sentence in sentences.items()}
    variables["shop"] = {name: escape_markdown(shop[name]) for name in ("title", "profile", "command")}
    return variables


def write_fact(fact: dict) -> str:
    """Write a fact for a reader: thousands separators, shares as per cent; what is missing is "not known"."""
    value, unit = fact["value"], fact["unit"]
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    if unit == "share":
        return percent(value)
    digits = 0 if isinstance(value, int) or abs(value) >= 100 else 2
    return number(value, digits) + SYMBOLS.get(unit, "")
