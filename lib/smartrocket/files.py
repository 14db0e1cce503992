"""Files that are whole or absent: everything is written under a temporary name and then renamed."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Every call of make imports this module, and pandas takes half a second.
    import pandas as pd

# The project's own folder: the package is installed in place, so that notebooks, profiles and chapters lie beside it.
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path beside `path`; when the block succeeds, it takes the place of `path`.

    Works for files and for folders. If the block fails, the temporary file is removed and `path` stays
    as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays, since several writers choose their format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield temporary
        if temporary.is_dir() and path.exists():
            remove(path)
        os.replace(temporary, path)
    finally:
        remove(temporary)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file (UTF-8) atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_if_changed(path: Path | str, text: str) -> bool:
    """Write a text file only where its content differs, so that its time tells make the truth.

    Returns whether it was written.
    """
    path = Path(path)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    write_text(path, text)
    return True


def write_json(path: Path | str, value: object) -> None:
    """Write JSON atomically, with sorted keys, so that equal values give equal bytes.

    Raises ValueError for NaN and infinity, which JSON does not have: use None.
    """
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> dict:
    """Read a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_parquet_frame(path: Path | str, frame: "pd.DataFrame") -> None:
    """Write a pandas frame as Parquet (zstd, without index) atomically."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False, compression="zstd")


def is_utf8(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: a line or a path that was none has halves of letters in it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find_commit() -> str | None:
    """Return the commit the project is at, with "+" where tracked files were changed; None outside git.

    What `make bench` measured is no change: it stands in a tracked file, with a commit of its own.
    """

    def git(*words: str) -> str | None:
        run = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
        return run.stdout.strip() if run.returncode == 0 else None

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":(exclude)bench/results.json")
    except FileNotFoundError:
        return None
    return commit and commit + ("+" if changed else "")
