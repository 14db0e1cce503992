"""One build at a time: the second waits, a dead one holds nothing, and what it left half written goes."""

import subprocess
import sys

import pytest

from smartrocket import __main__ as commands
from smartrocket import execution
from smartrocket.errors import explain_system_error
from smartrocket.files import replacing, write_text
from smartrocket.lock import hold_build, remove_unfinished
from smartrocket.workspace import Workspace

HOLD = """
import sys
from pathlib import Path
from smartrocket.lock import hold_build
with hold_build(Path(sys.argv[1])) as waited:
    print(waited, flush=True)
    {then}
"""


def start(folder, then: str) -> subprocess.Popen:
    """Hold the build of a folder in another process."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD.format(then=then), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_the_second_build_waits_for_the_first(tmp_path, capsys):
    with hold_build(tmp_path) as waited:
        assert not waited
        second = start(tmp_path, "pass")
        assert second.stdout.readline() == "another make is at work in this folder: waiting for it\n"
        assert second.poll() is None
    assert second.communicate(timeout=60)[0] == "True\n"
    assert capsys.readouterr().out == ""


def test_a_killed_build_holds_nothing(tmp_path):
    first = start(tmp_path, "sys.stdin.read()")
    assert first.stdout.readline() == "False\n"
    first.kill()
    first.communicate()
    with hold_build(tmp_path) as waited:
        assert not waited


def test_what_was_half_written_goes_and_nothing_else(tmp_path):
    build = tmp_path / "build" / "ci"
    kept = [tmp_path / "index.qmd", build / "interim/events.parquet", build / "notebooks/01_eda.ipynb"]
    for path in kept:
        write_text(path, "whole")
    with replacing(build / "interim/events.parquet") as temporary:
        write_text(temporary, "whole")
    halves = [
        build / "interim" / temporary.name,
        build / "notebooks/.01_eda.partial.ipynb",
        tmp_path / "._site.12.partial/index.html",
    ]
    for path in halves:
        write_text(path, "half")
    (tmp_path / "build" / ".spill-12").mkdir()
    remove_unfinished(tmp_path, build)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(kept)
    assert not (tmp_path / "build" / ".spill-12").exists()


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A build in which 01 and 02 were executed, in this order, after everything was written."""
    monkeypatch.setattr(execution, "ROOT", tmp_path)
    workspace = Workspace(tmp_path / "build/ci")
    for name in ("01_eda", "02_cleaning"):
        write_text(tmp_path / f"notebooks/{name}.ipynb", "")
        write_text(workspace.path(f"inputs/{name}.json"), "")
    for name in ("01_eda", "02_cleaning"):
        write_text(workspace.path(f"notebooks/{name}.ipynb"), "")
    return workspace


def test_what_the_other_build_has_done_is_fresh(workspace):
    assert execution.is_fresh("01_eda", workspace)
    assert execution.is_fresh("02_cleaning", workspace)
    assert not execution.is_fresh("03_features", workspace)


@pytest.mark.parametrize(
    "changed", ["notebooks/02_cleaning.ipynb", "build/ci/inputs/02_cleaning.json", "build/ci/notebooks/01_eda.ipynb"]
)
def test_what_has_changed_since_is_stale(workspace, tmp_path, changed):
    write_text(tmp_path / changed, "new")
    assert not execution.is_fresh("02_cleaning", workspace)


def test_a_full_disk_is_said_in_a_sentence(monkeypatch, capsys):
    def fail(arguments, waited=False):
        raise OSError(28, "No space left on device", "build/ci/results/01_eda.json")

    monkeypatch.setattr(commands, "run_command", fail)
    assert commands.main(["prepare", "--profile", "ci"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: the report cannot be written (")
    assert "01_eda.json" in said
    assert explain_system_error("IO Error: Could not write file: No space left on device") is not None
    assert explain_system_error("division by zero") is None


def test_any_other_error_of_the_system_is_not_hidden(monkeypatch):
    def fail(arguments, waited=False):
        raise OSError("surprise")

    monkeypatch.setattr(commands, "run_command", fail)
    with pytest.raises(OSError, match="surprise"):
        commands.main(["prepare", "--profile", "ci"])


def test_an_interruption_is_said_in_a_sentence(monkeypatch, capsys):
    def interrupt(arguments, waited=False):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_command", interrupt)
    assert commands.main(["prepare", "--profile", "ci"]) == 130
    assert capsys.readouterr().err == "interrupted; run make again, and it goes on where it stopped\n"
