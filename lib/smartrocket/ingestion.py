"""Ingestion: a shop's raw files copied to Parquet, row by row as they are, before anything is cleaned."""

import re
from itertools import groupby
from pathlib import Path

import duckdb
import ibis
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from smartrocket.engine import LONGEST_LINE, keeping_order, read_csv, read_whole, strip, write_parquet
from smartrocket.errors import InputError
from smartrocket.files import replacing
from smartrocket.rawfiles import (
    CATEGORIES,
    EVENTS,
    PROPERTIES,
    RawFiles,
    check_files,
    check_whole,
    find_columns,
    is_compressed,
    read_header,
)
from smartrocket.workspace import Workspace


def read_table(
    connection: BaseBackend, paths: list[Path], schema: dict[str, str], columns: dict[str, str] | None = None
) -> ibis.Table:
    """Open CSV files with one and the same header as a table with the columns of `schema`, without loading them.

    The files are all plain, or all compressed with gzip. `columns` maps a schema's column to the files' name for it,
    where they differ. A value that is not a number where a number belongs becomes missing; cleaning counts it. Raises
    InputError for an empty file and for a missing column, naming it.
    """
    header, names = find_columns(paths[0], schema, columns or {})
    unique = [f"{name}_{place}" if name not in names.values() else name for place, name in enumerate(header)]
    table = read_csv(connection, paths, unique, compressed=is_compressed(paths[0]))
    return table.select(
        **{
            name: read_column(table[given], kind) if given in header else ibis.null(kind)
            for (name, given), kind in zip(names.items(), schema.values(), strict=True)
        }
    )


def read_column(text: ibis.expr.types.StringColumn, kind: str) -> ibis.Value:
    """Read a column's text as a type of a schema."""
    return text if kind == "string" else read_whole(text)


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
        if file is None:
            raise
        if line is None:
            raise InputError(
                f"{file[1]} cannot be read as comma-separated text: some of its lines end in CR LF and others in LF, "
                "or a quote is out of place; save it anew with one kind of line end."
            ) from None
        raise InputError(f"{file[1]}, line {line[1]}: {explain(message)}; mend or remove that line.") from None


def explain(message: str) -> str:
    """Say in a few words what DuckDB found wrong with a line of a CSV file."""
    fields = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if fields:
        # DuckDB stops counting at the first field too many.
        found = f"{fields[2]} fields, not" if int(fields[2]) < int(fields[1]) else "more fields than"
        return f"it has {found} the {fields[1]} columns that the first line names"
    if "Maximum line size" in message:
        return f"it is longer than {LONGEST_LINE // 1024**2} megabytes"
    if "unterminated quote" in message:
        return "a quote is opened in it and never closed"
    if "unicode" in message.lower() or "utf-8" in message.lower():
        return "it is not UTF-8 text"
    return "it cannot be read as comma-separated text"


def ingest(raw: dict, workspace: Workspace, connection: BaseBackend) -> dict[str, int]:
    """Copy a shop's raw files to Parquet, row by row as they are.

    Writes interim/raw_events.parquet (timestamp in ms, visitorid, event, itemid, transactionid),
    interim/raw_properties.parquet (timestamp in ms, itemid, property, value) and interim/raw_categories.parquet
    (categoryid, parentid); the last two are empty tables where the shop has no such file. Returns the rows of
    each. Raises InputError for a missing or empty events file, a missing column, and a line that cannot be read.
    """
    files = RawFiles.describe(raw)
    check_files(files)
    for path in files.present():
        check_whole(path)
    events = read_table(connection, [files.events_path()], EVENTS, files.columns)
    # Parts of the same columns are read in one go, in their order, which takes less time and memory than a union.
    headers = {path: (read_header(path), is_compressed(path)) for path in files.properties_paths()}
    alike = [list(paths) for _, paths in groupby(headers, headers.get)]
    parts = [read_table(connection, paths, PROPERTIES) for paths in alike]
    tree = files.category_tree_path()
    tables = {
        "events": (events, EVENTS),
        "properties": (ibis.union(*parts) if len(parts) > 1 else parts[0] if parts else None, PROPERTIES),
        "categories": (read_table(connection, [tree], CATEGORIES) if tree else None, CATEGORIES),
    }
    rows = {}
    # The profile counts rows that are older than the row before them, so the order of the file is part of the data.
    with keeping_order(connection):
        for name, (table, schema) in tables.items():
            path = workspace.path(f"interim/raw_{name}.parquet")
            rows[name] = store_empty(schema, path) if table is None else store(table, path)
    if tree:
        check_parents(connection, tree)
    return rows


def check_parents(connection: BaseBackend, tree: Path) -> None:
    """Raise InputError for a parent that is no number: taken for missing, it would make its category a root."""
    written = read_table(connection, [tree], dict.fromkeys(CATEGORIES, "string"))
    parent = strip(written.parentid)
    odd = written.filter(parent.length() > 0, read_whole(parent).isnull()).limit(1).to_pandas()
    for row in odd.itertuples():
        raise InputError(
            f"{tree}: category {str(row.categoryid)[:40]!r} has the parent {row.parentid[:40]!r}, which is not a "
            "number: write a categoryid there, or nothing for a root."
        )


def store_empty(schema: dict[str, str], path: Path) -> int:
    """Write a table without rows to Parquet; returns 0."""
    with replacing(path) as temporary:
        pq.write_table(ibis.schema(schema).to_pyarrow().empty_table(), temporary)
    return 0
