"""A shop's raw files: where they lie, and what can be checked before anything runs.

Every call of make imports this module, so it needs nothing but the standard library.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from smartrocket.errors import InputError
from smartrocket.files import ROOT

EVENTS = {"timestamp": "int64", "visitorid": "int64", "event": "string", "itemid": "int64", "transactionid": "int64"}
PROPERTIES = {"timestamp": "int64", "itemid": "int64", "property": "string", "value": "string"}
CATEGORIES = {"categoryid": "int64", "parentid": "int64"}
# A log of a shop that does not number its transactions is still a log.
OPTIONAL = {"transactionid"}


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
        path = self.folder / self.events
        if not path.is_file():
            raise InputError(
                f"{path} is missing: put the shop's click log there "
                "(columns timestamp, visitorid, event, itemid, transactionid)."
            )
        return path

    def properties_paths(self) -> list[Path]:
        """Return the item property files that exist; a shop may have none."""
        return [path for name in self.properties if (path := self.folder / name).is_file()]

    def category_tree_path(self) -> Path | None:
        """Return the path of the category tree, or None where the shop has none."""
        path = self.folder / self.category_tree
        return path if path.is_file() else None

    def present(self) -> list[Path]:
        """Return every file that exists, events first. Raises InputError when the events are missing."""
        tree = self.category_tree_path()
        return [self.events_path(), *self.properties_paths(), *([tree] if tree else [])]


def read_header(path: Path) -> list[str]:
    """Return the column names in the first line of a CSV file. Raises InputError for an empty file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a UTF-8 text file ({error.reason}): save it as CSV in UTF-8.") from error
    if not any(name.strip() for name in header):
        raise InputError(f"{path} is empty: its first line must name the columns.")
    return [name.strip() for name in header]


def find_columns(path: Path, schema: dict[str, str], columns: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return the header of a CSV file, and the file's name for each column of the schema.

    Raises InputError for an empty file, a missing column and one that is named twice.
    """
    header = read_header(path)
    names = {name: columns.get(name, name) for name in schema}
    for name, given in names.items():
        if given not in header and name not in OPTIONAL:
            remedy = (
                f", or map it in the profile with raw: columns: {{{name}: <name in the file>}}"
                if schema is EVENTS
                else ""
            )
            raise InputError(
                f"{path} has no column {given!r} (its first line has: {', '.join(header)}): rename the column{remedy}."
            )
        if header.count(given) > 1:
            raise InputError(f"{path} names the column {given!r} twice in its first line: keep one of them.")
    return header, names


def check_events(files: RawFiles) -> None:
    """Check what can be checked of the events without reading them all.

    Raises InputError when the file is missing or empty, lacks a column, or has a header and nothing else.
    """
    path = files.events_path()
    find_columns(path, EVENTS, files.columns)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        next(file)
        if not any(line.strip() for line in file):
            raise InputError(f"{path} has a header but no event: put at least one day of the shop's log there.")
