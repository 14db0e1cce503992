"""What a full disk leaves of compiled modules is not read again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import smartrocket

IMPORT = "from smartrocket import errors; print(errors.InputError.__name__)"


@pytest.fixture
def package(tmp_path):
    """A copy of the package's beginning, with one module, both compiled; returns its folder."""
    folder = tmp_path / "smartrocket"
    folder.mkdir()
    for name in ("__init__.py", "errors.py"):
        shutil.copyfile(Path(smartrocket.__file__).with_name(name), folder / name)
    assert import_it(folder).stdout == "InputError\n"
    return folder


def import_it(folder: Path) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(folder.parent)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, env=environment)


def find_bytecode(folder: Path, module: str) -> Path:
    (path,) = folder.glob(f"__pycache__/{module}.*.pyc")
    return path


@pytest.mark.parametrize("length", [0, 10, 16, 17, 500])
def test_a_module_cut_short_is_compiled_anew(package, length):
    path = find_bytecode(package, "errors")
    whole, other = path.read_bytes(), find_bytecode(package, "__init__").stat().st_mtime_ns
    path.write_bytes(whole[:length])
    run = import_it(package)
    assert (run.stdout, run.stderr) == ("InputError\n", "")
    assert find_bytecode(package, "errors").read_bytes() == whole
    assert find_bytecode(package, "__init__").stat().st_mtime_ns == other


def test_what_is_whole_stays(package):
    before = {path.name: path.stat().st_mtime_ns for path in package.glob("__pycache__/*.pyc")}
    assert len(before) == 2
    smartrocket.drop_torn_bytecode(str(package / "__pycache__"))
    smartrocket.drop_torn_bytecode(str(package / "nowhere"))
    assert {path.name: path.stat().st_mtime_ns for path in package.glob("__pycache__/*.pyc")} == before
