"""What the slow tests share: copies of the project in which make builds real reports."""

import gc
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from smartrocket.files import ROOT

# Whatever this machine says, the dozens of processes that tests start keep the bytecode of what they import, as most
# users' processes do. Each would compile the whole library anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Threads of models that wait for each other must not keep the cores from the other process of tests meanwhile.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Looking for garbage among the million objects that the libraries leave for good takes a tenth of the tests' time.
gc.disable()

# No test is timed: machines are shared, and `make bench` measures.
settings.register_profile("tests", deadline=None, max_examples=50)
settings.register_profile("nightly", deadline=None, max_examples=500)
# A mistake made on purpose only has to be noticed: nobody reads its simplest example, which takes long to find.
settings.register_profile("mutants", deadline=None, phases=[Phase.explicit, Phase.generate], database=None)
settings.load_profile("tests")

VISITORS_FROM = 7_700_000_000_000
REAL_DATA = ROOT.parent / "shared" / "data"
# Stands in the environment of every build, and nowhere in a report.
SECRET = "a-token-that-nobody-may-read"
GENERATED = (
    ".git",
    ".venv",
    "build",
    "_site",
    "analysis",
    "downloads",
    "_parts",
    "_variables.yml",
    ".*cache",
    "__pycache__",
    "*.csv",
)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """Have no figure of a test left open; tests that draw none need not load the library for it."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


class Project:
    """A copy of the project in a folder of its own, built with the packages of the running Python."""

    def __init__(self, folder: Path):
        """Copy what the project consists of; nothing that was generated."""
        self.folder = folder / "project"
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*GENERATED))
        packages = Path(sys.executable).parent
        self.command = ["make", f"BIN={packages}", "READY="]
        # The tests themselves may run under make, whose own settings are not for the projects they build.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        self.environment = {**inherited, "PYTHONPATH": str(self.folder / "lib"), "ACCESS_TOKEN": SECRET}

    def start(self, *words: str) -> subprocess.Popen:
        """Start make in a process group of its own."""
        return subprocess.Popen(
            [*self.command, *words],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def make(self, *words: str) -> subprocess.CompletedProcess:
        """Run make to its end."""
        process = self.start(*words)
        output, errors = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def build(self, *words: str) -> "Project":
        """Run make, which must succeed."""
        run = self.make(*words)
        assert run.returncode == 0, run.stdout + run.stderr
        return self

    @contextmanager
    def changed(self, relative: str, old: str, new: str) -> Iterator[None]:
        """Have one text in a file replaced for a while."""
        path = self.path(relative)
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        yield
        path.write_text(text, encoding="utf-8")

    def path(self, relative: str) -> Path:
        """Return the path of a file of the project."""
        return self.folder / relative


def pytest_collection_modifyitems(items):
    """Start with the builds, which take longest, then browsers and Spark: the short tests fill up both processes."""
    slow = ("chain", "browser", "spark")
    items.sort(key=lambda item: next((place for place, name in enumerate(slow) if item.get_closest_marker(name)), 3))


def pytest_collection_finish():
    """Look for garbage again, among what the tests themselves make, and not after every few hundred objects."""
    gc.freeze()
    gc.set_threshold(100_000)
    gc.enable()


def pytest_unconfigure():
    """Let Python take everything down in the end; some libraries count what is left then."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def copy_project(tmp_path_factory):
    """Return a function that makes a fresh copy of the project."""
    return lambda name: Project(tmp_path_factory.mktemp(name))


@pytest.fixture(scope="session")
def real_data():
    """The folder with real rows of RetailRocket, where there is one."""
    if not (REAL_DATA / "events_sample5000visitors.csv").is_file():
        pytest.skip("the real RetailRocket rows are not here")
    return REAL_DATA


@pytest.fixture(scope="session")
def real_shop(real_data, tmp_path_factory):
    """A shop's folder with the real rows as its events.csv, and the real category tree.

    The visitors' numbers are raised by `VISITORS_FROM`, so that they can be told from every other number.
    """
    folder = tmp_path_factory.mktemp("shops") / "real rows"
    folder.mkdir()
    header, *rows = (real_data / "events_sample5000visitors.csv").read_text().splitlines()
    place = header.split(",").index("visitorid")
    for number, row in enumerate(rows):
        values = row.split(",")
        values[place] = str(VISITORS_FROM + int(values[place]))
        rows[number] = ",".join(values)
    (folder / "events.csv").write_text("\n".join([header, *rows]) + "\n")
    shutil.copyfile(real_data / "category_tree.csv", folder / "category_tree.csv")
    return folder


@pytest.fixture(scope="session")
def real_report(copy_project, real_shop):
    """The project with the finished report of the shop with the real rows."""
    return copy_project("real").build("report", f"SHOP={real_shop}")
