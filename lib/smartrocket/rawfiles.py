"""A shop's raw files: found, checked and read as they are, before anything is cleaned."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import duckdb
import ibis
from ibis.backends.duckdb import Backend

from smartrocket.engine import keeping_order, write_parquet
from smartrocket.errors import InputError
from smartrocket.files import ROOT, replacing
from smartrocket.workspace import Workspace

EVENTS = {"timestamp": "int64", "visitorid": "int64", "event": "string", "itemid": "int64", "transactionid": "int64"}
PROPERTIES = {"timestamp": "int64", "itemid": "int64", "property": "string", "value": "string"}
CATEGORIES = {"categoryid": "int64", "parentid": "int64"}
# A log of a shop that does not number its transactions is still a log.
OPTIONAL = {"transactionid"}
# Property values are long hashed texts; a line may hold a whole description.
LONGEST_LINE = 16 * 1024 * 1024


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
            folder=ROOT / raw["folder"],
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


def read_table(
    connection: Backend, path: Path, schema: dict[str, str], columns: dict[str, str] | None = None
) -> ibis.Table:
    """Open a CSV file as a table with the columns of `schema`, in the engine, without loading it.

    `columns` maps a schema's column to the file's name for it, where they differ. A value that is not a number
    where a number belongs becomes missing; cleaning counts it. Raises InputError for an empty file and for a
    missing column, naming it.
    """
    header, names = find_columns(path, schema, columns or {})
    unique = [f"{name}_{place}" if name not in names.values() else name for place, name in enumerate(header)]
    table = connection.read_csv(
        path,
        header=True,
        auto_detect=False,
        delim=",",
        quote='"',
        escape='"',
        columns=dict.fromkeys(unique, "VARCHAR"),
        max_line_size=LONGEST_LINE,
    )
    return table.select(
        **{
            name: (read_value(table[given], kind) if given in header else ibis.null(kind))
            for (name, given), kind in zip(names.items(), schema.values(), strict=True)
        }
    )


def read_value(text: ibis.expr.types.StringColumn, kind: str) -> ibis.Value:
    """Read a column's text as a type; what cannot be read as a number is missing."""
    # A bare cast would move into DuckDB's CSV reader, which then refuses the whole file for one odd value.
    return text if kind == "string" else text.nullif("").try_cast(kind)


def store(table: ibis.Table, path: Path) -> int:
    """Stream a raw table to Parquet; returns its rows.

    Raises InputError that names file and line where a line cannot be read.
    """
    try:
        return write_parquet(table, path)
    except duckdb.Error as error:
        message = str(error)
        line = re.search(r"CSV Error on Line: (\d+)", message)
        file = re.search(r"^ *file = (.+)$", message, re.MULTILINE)
        if line is None or file is None:
            raise
        raise InputError(f"{file[1]}, line {line[1]}: {explain(message)}; mend or remove that line.") from None


def explain(message: str) -> str:
    """Say in a few words what DuckDB found wrong with a line of a CSV file."""
    fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if fields:
        # DuckDB stops counting at the first field too many.
        found = f"{fields[2]} fields, not" if int(fields[2]) < int(fields[1]) else "more fields than"
        return f"it has {found} the {fields[1]} columns that the first line names"
    if "unterminated quote" in message:
        return "a quote is opened in it and never closed"
    if "unicode" in message.lower() or "utf-8" in message.lower():
        return "it is not UTF-8 text"
    return "it cannot be read as comma-separated text"


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


def ingest(raw: dict, workspace: Workspace, connection: Backend) -> dict[str, int]:
    """Copy a shop's raw files to Parquet, row by row as they are.

    Writes interim/raw_events.parquet (timestamp in ms, visitorid, event, itemid, transactionid),
    interim/raw_properties.parquet (timestamp in ms, itemid, property, value) and interim/raw_categories.parquet
    (categoryid, parentid); the last two are empty tables where the shop has no such file. Returns the rows of
    each. Raises InputError for a missing or empty events file, a missing column, and a line that cannot be read.
    """
    files = RawFiles.describe(raw)
    check_events(files)
    events = read_table(connection, files.events_path(), EVENTS, files.columns)
    parts = [read_table(connection, path, PROPERTIES) for path in files.properties_paths()]
    tree = files.category_tree_path()
    properties = ibis.union(*parts) if len(parts) > 1 else parts[0] if parts else empty(PROPERTIES)
    categories = read_table(connection, tree, CATEGORIES) if tree else empty(CATEGORIES)
    rows = {}
    # The profile counts rows that are older than the row before them, so the order of the file is part of the data.
    with keeping_order(connection):
        for name, table, given in (
            ("events", events, True),
            ("properties", properties, bool(parts)),
            ("categories", categories, tree is not None),
        ):
            path = workspace.path(f"interim/raw_{name}.parquet")
            rows[name] = store(table, path) if given else store_empty(connection, table, path)
    return rows


def empty(schema: dict[str, str]) -> ibis.Table:
    """Return a table without rows, in the engine, with the given columns."""
    return ibis.memtable([], schema=ibis.schema(schema))


def store_empty(connection: Backend, table: ibis.Table, path: Path) -> int:
    """Write a table without rows to Parquet; returns 0."""
    with replacing(path) as temporary:
        connection.to_parquet(table, temporary)
    return 0
