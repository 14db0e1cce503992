"""What a command takes: its seconds, its processor seconds and its largest memory, in a process of its own.

What is measured is kept in one file, results.json, which the report's chapter on performance reads.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from smartrocket.files import ROOT, find_commit, read_json, write_json

RESULTS = ROOT / "bench" / "results.json"


@dataclass(frozen=True)
class Measurement:
    """What a command took, and what it printed.

    `seconds` from start to end, `cpu_seconds` of all its threads and children, `peak_megabytes` the most memory that
    any one process of it held, `spilled_megabytes` the most that its engine had written to the disk for want of it.
    """

    seconds: float
    cpu_seconds: float
    peak_megabytes: float
    spilled_megabytes: float
    output: str

    def describe(self) -> dict[str, float]:
        """Return the figures, rounded, as they are printed."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "peak_megabytes": round(self.peak_megabytes, 1),
            "spilled_megabytes": round(self.spilled_megabytes, 1),
        }


def measure(script: Path, *words: str) -> Measurement:
    """Run a Python script to its end; what it prints to the error stream is passed through.

    A process starts with the peak of the one that started it, so that a caller which holds much memory would measure
    its own. Raises SystemExit where the script fails.
    """
    with tempfile.TemporaryFile("w+") as output, ThreadPoolExecutor(max_workers=1) as beside:
        ended = threading.Event()
        begun = time.perf_counter()
        process = subprocess.Popen([sys.executable, str(script), *words], stdout=output)
        # Where `engine.spill_folder` has it; to import the engine would take memory, which the process starts with.
        spilled = beside.submit(watch_folder, ROOT / "build" / f".spill-{process.pid}", ended)
        try:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begun
        finally:
            # Or whoever interrupts this would wait for the watcher for ever.
            ended.set()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"error: {script.name} {' '.join(words)} failed (exit {process.returncode}).")
        output.seek(0)
        cpu_seconds = usage.ru_utime + usage.ru_stime
        return Measurement(seconds, cpu_seconds, usage.ru_maxrss / 1024, spilled.result() / 1e6, output.read())


def watch_folder(folder: Path, ended: threading.Event) -> int:
    """Look at a folder, which may come and go, until `ended` is set; returns the most bytes that it held."""
    most = 0
    while not ended.wait(0.05):
        with suppress(FileNotFoundError):
            most = max(most, sum(path.stat().st_size for path in folder.iterdir()))
    return most


# Of the stage itself and of its whole process, with Python's start and imports.
FIGURES = ("seconds", "process_seconds", "cpu_seconds", "peak_megabytes")


def measure_stage(script: Path, stage: str, folder: Path, runs: int) -> dict:
    """Run a stage of an engine several times: its rows, the number of runs, and the medians of `FIGURES` and of what it
    spilled.
    """
    lines = []
    for _ in range(runs):
        run = measure(script, stage, str(folder))
        took = run.describe()
        took["process_seconds"] = took.pop("seconds")
        # What the stage says itself are its own seconds and its rows.
        lines.append({**json.loads(run.output), **took})
    figures = [{name: line[name] for name in (*FIGURES, "spilled_megabytes")} for line in lines]
    return {"rows": lines[-1]["rows"], "runs": runs, **take_medians(figures)}


def take_medians(lines: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure over several runs, rounded."""
    return {name: round(statistics.median(line[name] for line in lines), 2) for name in lines[0]}


def describe_machine() -> dict[str, str | int | float]:
    """Return what the figures depend on: the processor's kind, the cores, the gigabytes of memory, Python's version."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gigabytes": round(memory, 1),
        "python": platform.python_version(),
    }


def keep_results(section: str, lines: list[dict], path: Path = RESULTS, about: dict | None = None) -> None:
    """Put the lines of a section into the file of results, with the day, the commit and the machine.

    They take the place of the section's former lines; other sections stay as they are. `about` says of what the lines
    tell, where that is not always the same.
    """
    known = read_json(path) if path.exists() else {}
    when = {"day": f"{date.today()}", "commit": find_commit()}
    known[section] = {**when, **describe_machine(), "about": about or {}, "lines": lines}
    write_json(path, known)
