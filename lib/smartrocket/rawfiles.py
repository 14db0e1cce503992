"""A shop's raw files: where they lie, and what can be checked before anything runs.

Every call of make imports this module, so it needs nothing but the standard library.
"""

import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from smartrocket.errors import InputError
from smartrocket.files import ROOT, is_utf8
from smartrocket.wording import cut, joined

EVENTS = {"timestamp": "int64", "visitorid": "int64", "event": "string", "itemid": "int64", "transactionid": "int64"}
PROPERTIES = {"timestamp": "int64", "itemid": "int64", "property": "string", "value": "string"}
CATEGORIES = {"categoryid": "int64", "parentid": "int64"}
# A log of a shop that does not number its transactions is still a log.
OPTIONAL = {"transactionid"}
GZIP = b"\x1f\x8b"
# How files begin that are often taken for CSV, and what to call them.
NOT_TEXT = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"PAR1": "a Parquet file",
    b"\xff\xfe\0\0": "UTF-32 text",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
# How the names of files end that are packed in other ways than gzip.
PACKED = (".zip", ".zst", ".bz2", ".xz", ".7z")
# A file of item properties, whichever part it is and however it is packed.
PART = re.compile(rf"item_properties.*\.csv({'|'.join(map(re.escape, ('.gz', *PACKED)))})?", re.IGNORECASE | re.DOTALL)
# A first line that is longer names no columns: it is some other kind of file.
LONGEST_HEADER = 64 * 1024
# Bytes in gzip that are read at once: unpacked they may be a thousand times as many.
CHUNK = 1 << 16


@dataclass(frozen=True)
class RawFiles:
    """Where a shop's files lie: the folder, the file names, and how the shop names the columns of its events."""

    folder: Path
    events: str
    properties: tuple[str, ...]
    category_tree: str
    columns: dict[str, str]

    @classmethod
    def describe(cls, raw: dict) -> "RawFiles":
        """Make it from the `raw` parameter of notebook 01; a relative folder starts at the project's root."""
        return cls(
            # Resolved, so that a message names the folder that the user knows, not a link to it.
            folder=(ROOT / raw["folder"]).resolve(),
            events=raw["events"],
            properties=tuple(raw["properties"]),
            category_tree=raw["category_tree"],
            columns=dict(raw["columns"]),
        )

    def events_path(self) -> Path:
        """Return the path of the events. Raises InputError when the file is missing."""
        path = self.find(self.events)
        if path is None:
            raise InputError(
                f"{self.folder / self.events} is missing: put the shop's click log there "
                "(columns timestamp, visitorid, event, itemid, transactionid)."
            )
        return path

    def properties_paths(self) -> list[Path]:
        """Return the item property files that exist; a shop may have none.

        Raises InputError where a file lies beside its own parts: its rows would be read twice; and where a further
        part is not read, whose rows would be missing without a word.
        """
        paths = [path for name in self.properties if (path := self.find(name))]
        # The archive of what is read may lie beside it.
        packed = {f"{path.name}{ending}" for path in paths for ending in PACKED}
        others = sorted(path for path in self.folder.glob("*") if PART.fullmatch(path.name) and path.name not in packed)
        # Whoever has named files of his own has chosen.
        usual = any(name.startswith("item_properties") for name in self.properties)
        if usual and (unread := [path for path in others if not (path.exists() and any(map(path.samefile, paths)))]):
            raise InputError(
                f"{unread[0]} is not among the files that the profile reads: name it there, as one of raw: properties "
                f"({', '.join(self.properties)}), or take it out of the folder."
            )
        for path in paths:
            start = f"{path.name.partition('.')[0]}_part"
            if parts := [other.name for other in paths if other.name.startswith(start)]:
                raise InputError(f"{path} and {joined(parts)} lie side by side: keep the whole, or its parts.")
        return paths

    def category_tree_path(self) -> Path | None:
        """Return the path of the category tree, or None where the shop has none."""
        return self.find(self.category_tree)

    def find(self, name: str) -> Path | None:
        """Return the path of a file under its name or, compressed, under `<name>.gz`; None where it is absent.

        Raises InputError where both are there, since they may differ; where one is a folder, or a link that leads
        nowhere; and where neither is there, but a file of almost that name is.
        """
        both = [self.folder / name, self.folder / f"{name}.gz"]
        for path in both:
            if path.is_symlink() and not path.exists():
                raise InputError(f"{path} is a link to what is not there: put a CSV file of that name in its place.")
            if path.exists() and not path.is_file():
                kind = "a folder" if path.is_dir() else "no file"
                raise InputError(f"{path} is {kind}: put a CSV file of that name in its place.")
        paths = [path for path in both if path.is_file()]
        if len(paths) > 1:
            raise InputError(f"{paths[0]} and {paths[1].name} lie side by side: keep the one that is to be read.")
        if not paths:
            self.check_similar(name)
        return paths[0] if paths else None

    def check_similar(self, name: str) -> None:
        """Raise InputError where a file has almost the name of one that is absent: it was meant to be read."""
        endings = {f"{name}{ending}".lower(): ending for ending in ("", ".gz", *PACKED)}
        # Whoever lists several names for a file may list some that differ in capitals only.
        read = {self.events, *self.properties, self.category_tree}
        for path in sorted(self.folder.glob("*")):
            ending = endings.get(path.name.lower())
            if ending is None or path.name.removesuffix(".gz") in read or not path.is_file():
                continue
            if ending in PACKED:
                raise InputError(
                    f"{path} is packed in a way that is not read: unpack it, compress it with gzip as {name}.gz, or "
                    "take it out of the folder."
                )
            raise InputError(f"{path} is not named as the report reads it: rename it to {name}{ending}.")

    def present(self) -> list[Path]:
        """Return every file that exists, events first. Raises InputError when the events are missing."""
        tree = self.category_tree_path()
        return [self.events_path(), *self.properties_paths(), *([tree] if tree else [])]


def is_compressed(path: Path) -> bool:
    """Tell from its first bytes whether a file is compressed with gzip. Raises InputError where it cannot be read."""
    return read_start(path).startswith(GZIP)


def read_start(path: Path) -> bytes:
    """Return the first bytes of a file. Raises InputError where it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(8)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check its permissions.") from None


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turn what gzip finds wrong with a file into an InputError that names it."""
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file ({error}): compress or copy it again.") from None


@contextmanager
def open_text(path: Path, errors: str = "strict") -> Iterator[TextIO]:
    """Open a raw file, plain or compressed with gzip, as UTF-8 text.

    Raises InputError where its first bytes say that it is something else, or what is read of it is not UTF-8 or not
    whole.
    """
    start = read_start(path)
    for mark, kind in NOT_TEXT.items():
        if start.startswith(mark):
            raise InputError(f"{path} is {kind}, not CSV: save it as comma-separated UTF-8 text, plain or in gzip.")
    opened = gzip.open if start.startswith(GZIP) else open
    try:
        with naming_damage(path), opened(path, "rt", encoding="utf-8-sig", errors=errors, newline="") as file:
            yield file
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a UTF-8 text file ({error.reason}): save it as CSV in UTF-8.") from None


def check_whole(path: Path) -> None:
    """Raise InputError where a file in gzip is damaged. The engine reads on over a wrong byte, to a wrong number."""
    if not is_compressed(path):
        return
    # Python's gzip skips zeros behind the end, at which the engine fails.
    with naming_damage(path), path.open("rb") as file:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while packed := unpacker.unused_data or file.read(CHUNK):
            if unpacker.eof:
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            unpacker.decompress(packed)
        if not unpacker.eof:
            raise EOFError("it ends too early")


def read_header(path: Path) -> list[str]:
    """Return the column names in the first line of a CSV file, plain or compressed with gzip.

    Raises InputError for an empty file and for one whose first line cannot be read. What is no UTF-8 in a later line is
    for the engine to find, which knows the line.
    """
    with open_text(path, errors="surrogateescape") as file:
        line = file.readline(LONGEST_HEADER)
    if not line:
        raise InputError(f"{path} is empty: its first line must name the columns.")
    if line.startswith("\x1f\udc8b"):
        raise InputError(f"{path} was compressed with gzip twice: unpack it once.")
    # In UTF-16 every other byte of such a line is zero.
    if 3 * line.count("\0") > len(line) or not is_utf8(line):
        raise InputError(f"{path}, line 1 is not UTF-8 text: save the file as CSV in UTF-8.")
    if len(line) == LONGEST_HEADER:
        raise InputError(f"{path} has a first line without an end: it must name the columns.")
    try:
        header = next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        separator = find_separator([line])
        remedy = f"its fields are separated by {separator!r}; save it with commas" if separator else "mend that line"
        raise InputError(f"{path}, line 1: the names of the columns cannot be read ({error}): {remedy}.") from None
    if not any(name.strip() for name in header):
        raise InputError(f"{path}, line 1 is empty: it must name the columns; remove what stands above them.")
    return [name.strip() for name in header]


def find_separator(header: list[str]) -> str | None:
    """Return what separates the fields of a first line in which no comma does; None where nothing known does."""
    return next((sign for sign in ";\t|" if len(header) == 1 and sign in header[0] and "," not in header[0]), None)


def quote_header(header: list[str], longest: int = 200) -> str:
    """Write the first line of a file for a message, cut where it is long, and nothing in it that is not printable."""
    names = ", ".join(name if name.isprintable() else repr(name) for name in header)
    return cut(names, longest)


def find_columns(path: Path, schema: dict[str, str], columns: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the header of a CSV file, and the file's name for each column of the schema.

    Raises InputError for an empty file, a missing column, one that is named twice and one that is mapped twice.
    """
    header = read_header(path)
    names = {name: columns.get(name, name) for name in schema}
    for given, times in Counter(names.values()).items():
        if times > 1 and given in header:
            both = " and ".join(name for name in names if names[name] == given)
            raise InputError(
                f"{path}: the profile's raw: columns take {given!r} for {both}: map each to its own column."
            )
    for name, given in names.items():
        if given not in header and name not in OPTIONAL:
            raise InputError(
                f"{path} has no column {given!r} (its first line has: {quote_header(header)}): "
                + say_remedy(header, schema, name)
            )
        if header.count(given) > 1:
            raise InputError(f"{path} names the column {given!r} twice in its first line: keep one of them.")
    return header, names


def say_remedy(header: list[str], schema: dict[str, str], name: str) -> str:
    """Say what to do about a file without a column that it must have."""
    separator = find_separator(header)
    if separator is not None:
        return f"its fields are separated by {separator!r}; save it with commas."
    if header[0].startswith("sep="):
        return "its first line tells spreadsheets how fields are separated; remove that line."
    if all(value.lstrip("-").isdigit() for value in header[:2]):
        return f"it begins with a row; write the names of the columns above it: {','.join(schema)}."
    remedy = f", or map it in the profile with raw: columns: {{{name}: <name in the file>}}" if schema is EVENTS else ""
    return f"rename the column{remedy}."


def check_path(path: Path) -> None:
    """Raise InputError where an engine could not open a file, or would open another one, for the signs in its path."""
    name = str(path)
    if not is_utf8(name):
        raise InputError(f"{name!a} is no path in UTF-8: rename the file or the folder it lies in.")
    if "\\" in name and any(sign in name for sign in "*?["):
        raise InputError(
            f"{name} has a backslash beside one of * ? [ in its path, where the engine would look for other files: "
            "rename the file or the folder it lies in."
        )


def check_files(files: RawFiles) -> None:
    """Check what can be checked of a shop's files without reading them all.

    Raises InputError when the events are missing, a file has a path that no engine can open, is empty or lacks a
    column, or the events have a header and nothing else.
    """
    for present in files.present():
        check_path(present)
    path = files.events_path()
    find_columns(path, EVENTS, files.columns)
    for properties in files.properties_paths():
        find_columns(properties, PROPERTIES, {})
    if tree := files.category_tree_path():
        find_columns(tree, CATEGORIES, {})
    with open_text(path, errors="replace") as file:
        next(file)
        if not any(line.strip() for line in file):
            raise InputError(f"{path} has a header but no event: put at least one day of the shop's log there.")
