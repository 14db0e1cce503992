"""Headless execution of one notebook: whole or not at all, with a manifest of what went in and what came out."""

import os
import platform
import re
import resource
import sys
import time
from importlib import metadata
from pathlib import Path

import papermill
import yaml
from nbclient.exceptions import DeadKernelError
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

from smartrocket.errors import InputError, explain_system_error
from smartrocket.files import ROOT, find_commit, hash_file, read_json, remove, write_json
from smartrocket.profiles import NOTEBOOKS
from smartrocket.rawfiles import RawFiles
from smartrocket.workspace import Workspace


class SavingInTheEnd(NBClientEngine):
    """Papermill's usual engine, which however writes a notebook before and after all its cells, and not each of them.

    A notebook of fifty figures is some megabytes, and takes as long to write as many a cell to run.
    """

    @classmethod
    def execute_managed_notebook(cls, nb_man: NotebookExecutionManager, kernel_name: str, **options) -> None:
        """Execute the cells. Whatever becomes of them, papermill saves the notebook when this is left."""
        path, nb_man.output_path = nb_man.output_path, None
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **options)
        finally:
            nb_man.output_path = path


papermill_engines.register("saving_in_the_end", SavingInTheEnd)

# What torch, LightGBM and the system say where there is no more memory; other libraries have an error of that name.
NO_MEMORY = re.compile(r"can(no|.)t allocate memory|bad[ _]alloc", re.IGNORECASE)


def run_notebook(notebook: str, profile: str, waited: bool = False) -> Path:
    """Execute a notebook with the parameters that `prepare` resolved; returns the executed notebook's path.

    With `waited`, another build was at work just before: what it has done already is not done again.

    The result is moved into `build/<profile>/notebooks/` only when every cell succeeded. Otherwise the partial
    notebook stays beside it as `<notebook>.failed.ipynb`, and InputError says which cell failed and why.
    """
    workspace = Workspace(f"build/{profile}")
    source = ROOT / "notebooks" / f"{notebook}.ipynb"
    executed = workspace.path(f"notebooks/{notebook}.ipynb")
    failed = executed.with_name(f"{notebook}.failed.ipynb")
    partial = executed.with_name(f".{notebook}.partial.ipynb")
    parameters = yaml.safe_load(workspace.existing(f"params/{notebook}.yaml").read_text(encoding="utf-8"))
    executed.parent.mkdir(parents=True, exist_ok=True)
    if waited and is_fresh(notebook, workspace):
        print(f"{profile}: {notebook} was done by the other make", flush=True)
        return executed
    for stale in (executed, failed, partial):
        remove(stale)
    print(f"{profile}: {notebook} ...", flush=True)
    begun = time.time()
    try:
        papermill.execute_notebook(
            source,
            partial,
            parameters=parameters,
            cwd=source.parent,
            kernel_name="python3",
            engine_name="saving_in_the_end",
            progress_bar=sys.stderr.isatty(),
            # Its warning that it talks over TCP on this machine would stand before every notebook.
            extra_arguments=["--log-level=CRITICAL"],
        )
    except papermill.PapermillExecutionError as error:
        os.replace(partial, failed)
        raise InputError(explain_failure(error, notebook, failed, parameters, workspace)) from None
    except DeadKernelError:
        os.replace(partial, failed)
        raise InputError(
            f"notebooks/{notebook}.ipynb was ended from outside, as a system does that runs out of memory: close "
            "other programs, or lower `memory_limit` or `threads` in the profile's `shared:`, then run make again; it "
            "goes on where it stopped."
        ) from None
    seconds = time.time() - begun
    # The largest child so far is the kernel: nothing else that this process starts comes near it.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    write_manifest(notebook, workspace, source, parameters, seconds, peak)
    # Whatever was edited while the notebook ran is newer than its start, and so make runs it again.
    os.utime(partial, (begun, begun))
    os.replace(partial, executed)
    print(f"{profile}: {notebook} done in {seconds:.1f} s, {peak:,.0f} MB at most", flush=True)
    return executed


def is_fresh(notebook: str, workspace: Workspace) -> bool:
    """Tell whether an executed notebook is newer than itself as written, its inputs and all notebooks before it."""
    executed = workspace.path(f"notebooks/{notebook}.ipynb")
    names = list(NOTEBOOKS)
    before = [workspace.path(f"notebooks/{name}.ipynb") for name in names[: names.index(notebook)]]
    older = [ROOT / "notebooks" / f"{notebook}.ipynb", workspace.path(f"inputs/{notebook}.json"), *before]
    if not executed.exists() or not all(path.exists() for path in older):
        return False
    return executed.stat().st_mtime_ns > max(path.stat().st_mtime_ns for path in older)


def explain_failure(
    error: papermill.PapermillExecutionError, notebook: str, failed: Path, parameters: dict, workspace: Workspace
) -> str:
    """Say which cell failed and why, and where the partial notebook lies."""
    if error.ename == "InputError":
        return error.evalue
    if error.ename == "RowsError":
        return f"{error.evalue} The shop's files lie in {find_raw_folder(parameters, workspace)}."
    if error.ename == "OutOfMemoryException":
        return (
            f"notebooks/{notebook}.ipynb needs more memory than `memory_limit` in the profile's `shared:` allows (it "
            f"is {parameters.get('memory_limit')}): raise it, then run make again; it goes on where it stopped."
        )
    if error.ename.endswith("MemoryError") or NO_MEMORY.search(error.evalue):
        said = " ".join(error.evalue.split())[:200]
        return (
            f"notebooks/{notebook}.ipynb asks for more memory than this machine has ({said}): "
            f"lower the sizes in the profile's `{notebook}:`, then run make again; it goes on where it stopped."
        )
    said = explain_system_error(error.evalue) if error.ename in ("OSError", "PermissionError", "IOException") else None
    if said is not None:
        return said
    traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback[-3:])).strip()
    shown = os.path.relpath(failed, ROOT)
    first = error.source.strip().splitlines()[0] if error.source.strip() else ""
    return (
        f"notebooks/{notebook}.ipynb failed in the cell that begins {first!r}: {error.ename}: {error.evalue}\n"
        f"{traceback}\nThe notebook up to there is {shown}; mend the cell and run make again."
    )


def find_raw_folder(parameters: dict, workspace: Workspace) -> Path:
    """Return the folder of the shop's files, which among the notebooks only the first one is told."""
    if "raw" not in parameters:
        parameters = yaml.safe_load(workspace.existing("params/01_eda.yaml").read_text(encoding="utf-8"))
    return RawFiles.describe(parameters["raw"]).folder


def write_manifest(
    notebook: str, workspace: Workspace, source: Path, parameters: dict, seconds: float, peak: float
) -> None:
    """Write `manifests/<notebook>.json`: inputs (SHA-256), parameters, packages, commit, time, memory, metrics."""
    results = workspace.read_json(f"results/{notebook}.json")
    measured = workspace.read_json(f"measures/{notebook}.json")
    inputs = {f"notebooks/{notebook}.ipynb": hash_file(source)}
    for opened in map(workspace.path, measured["opened"]):
        files = sorted(opened.iterdir()) if opened.is_dir() else [opened]
        inputs |= {str(path.relative_to(workspace.folder)): hash_file(path) for path in files if path.is_file()}
    if "raw" in parameters:
        inputs |= {f"raw/{path.name}": hash_file(path) for path in RawFiles.describe(parameters["raw"]).present()}
    modules = read_json(workspace.path(f"inputs/{notebook}.json"))["modules"]
    write_json(
        workspace.path(f"manifests/{notebook}.json"),
        {
            "notebook": notebook,
            "inputs": inputs | {f"lib/smartrocket/{name}.py": digest for name, digest in modules.items()},
            "parameters": parameters,
            "python": platform.python_version(),
            "packages": list_packages(),
            "commit": find_commit(),
            "seconds": round(seconds, 2),
            "peak_megabytes": round(peak, 1),
            "measures": measured["measures"],
            "metrics": {"facts": results["facts"], "scores": results["scores"]},
        },
    )


def list_packages() -> dict[str, str]:
    """Return the installed version of each direct dependency; an optional one may be missing, and is then left out."""
    names = []
    for line in metadata.requires("smartrocket") or []:
        name = re.match(r"[\w.-]+", line)[0]
        if "extra ==" not in line or any(metadata.distributions(name=name)):
            names.append(name)
    return {name: metadata.version(name) for name in sorted(names, key=str.lower)}
