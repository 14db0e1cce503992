"""Ingestion: a shop's raw files copied to Parquet, row by row as they are, before anything is cleaned."""

import csv
import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import TextIO

import duckdb
import ibis
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from smartrocket.engine import (
    LONGEST_LINE,
    keeping_order,
    open_reader,
    read_csv,
    read_parquet,
    read_whole,
    strip,
    write_parquet,
)
from smartrocket.errors import InputError, explain_system_error
from smartrocket.files import remove, replacing
from smartrocket.rawfiles import (
    CATEGORIES,
    EVENTS,
    PROPERTIES,
    RawFiles,
    check_files,
    check_whole,
    find_columns,
    is_compressed,
    open_text,
    read_header,
)
from smartrocket.workspace import Workspace

# What DuckDB raises over the content of a file, and not over memory or an interruption.
READING_ERRORS = (duckdb.IOException, duckdb.InvalidInputException, duckdb.DataError)
# And where several threads cannot read it, of which all that it says is that this is not implemented.
PARALLEL_ERRORS = (*READING_ERRORS, duckdb.NotImplementedException)
# Python's reader of CSV takes no longer value than this.
csv.field_size_limit(LONGEST_LINE)


def read_table(
    connection: BaseBackend,
    paths: list[Path],
    schema: dict[str, str],
    columns: dict[str, str] | None = None,
    parallel: bool = True,
) -> ibis.Table:
    """Open CSV files with one and the same header as a table with the columns of `schema`, without loading them.

    The files are all plain, or all compressed with gzip. `columns` maps a schema's column to the files' name for it,
    where they differ. A value that is not a number where a number belongs becomes missing; cleaning counts it. Raises
    InputError for an empty file and for a missing column, naming it.
    """
    header, names = find_columns(paths[0], schema, columns or {})
    # By their places, since a shop may tell columns apart by what the engine does not: large and small letters.
    places = [f"column_{place}" for place in range(len(header))]
    table = read_csv(connection, paths, places, compressed=is_compressed(paths[0]), parallel=parallel)
    return table.select(
        **{
            name: read_column(table[places[header.index(given)]], kind) if given in header else ibis.null(kind)
            for (name, given), kind in zip(names.items(), schema.values(), strict=True)
        }
    )


def read_column(text: ibis.expr.types.StringColumn, kind: str) -> ibis.Value:
    """Read a column's text as a type of a schema."""
    return text if kind == "string" else read_whole(text)


def read_files(
    connection: BaseBackend, paths: list[Path], schema: dict[str, str], columns: dict[str, str], parallel: bool
) -> ibis.Table:
    """Open the files of one table, in their order and without loading them, as `read_table` does."""
    # Parts of the same columns are read in one go, which takes less time and memory than a union.
    headers = {path: (read_header(path), is_compressed(path)) for path in paths}
    parts = [
        read_table(connection, list(alike), schema, columns, parallel) for _, alike in groupby(headers, headers.get)
    ]
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


@contextmanager
def naming_lines(paths: list[Path]) -> Iterator[None]:
    """Turn what DuckDB finds wrong with raw files into an InputError that names file and line where it knows them."""
    try:
        yield
    except duckdb.Error as error:
        message = str(error)
        line = re.search(r"CSV Error on Line: (\d+)", message)
        file = next((path for path in paths if f"file = {path}\n" in message), None)
        if file is None and isinstance(error, READING_ERRORS) and explain_system_error(message) is None:
            names = ", ".join(map(str, paths))
            said = " ".join(message.split())[:300]
            raise InputError(f"{names} cannot be read ({said}): save or copy it anew, as plain CSV in UTF-8.") from None
        if file is None:
            raise
        if line is None:
            raise InputError(
                f"{file} cannot be read as comma-separated text: some of its lines end in CR LF and others in LF, "
                "or a quote is out of place; save it anew with one kind of line end."
            ) from None
        place = find_line(file, int(line[1]))
        raise InputError(f"{file}, line {place}: {explain(message)}; mend or remove that line.") from None


def find_line(path: Path, row: int) -> int:
    """Return the line in which a row begins, counted from 1 with the header and with empty lines.

    DuckDB calls the number of the row a line, though the value of a row above may have run over several.
    """
    with open_text(path, errors="replace") as file:
        reader = csv.reader(read_lines(file))
        deque(islice(reader, row - 1), maxlen=0)
        return reader.line_num + 1


def read_lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file, one that is far too long in pieces: a damaged disk leaves lines of gigabytes."""
    return iter(partial(file.readline, LONGEST_LINE + 1), "")


def check_last_line(path: Path) -> None:
    """Raise InputError where a plain file ends in a line of megabytes. Of hundreds, DuckDB leaves it out."""
    size = path.stat().st_size
    if size <= LONGEST_LINE or is_compressed(path):
        return
    with path.open("rb") as file:
        file.seek(max(0, size - LONGEST_LINE - 2))
        if re.search(rb"[\r\n]", file.read().rstrip(b"\r\n")):
            return
        file.seek(0)
        line = 1 + sum(chunk.count(b"\n") for chunk in iter(partial(file.read, LONGEST_LINE), b""))
        file.seek(size - 1)
        line -= file.read() == b"\n"
    raise InputError(f"{path}, line {line}: {explain('Maximum line size')}; mend or remove that line.")


def count_rows(path: Path, strict: bool = False) -> int:
    """Count the rows below a file's header with Python's reader.

    Raises InputError for a value of megabytes, most of which are a quote that is never closed, and where it is `strict`
    for any quote that is out of place.
    """
    rows, line = -1, 0
    with open_text(path, errors="replace") as file:
        reader = csv.reader(read_lines(file), strict=strict)
        try:
            for row in reader:
                rows += bool(row)
                line = reader.line_num
        except csv.Error:
            said = "a quote is opened in it and never closed, or text follows one that is closed"
            raise InputError(f"{path}, line {line + 1}: {said}; mend or remove that line.") from None
    return rows


def read_twice(paths: list[Path], read: Callable[[bool], dict[str, int]]) -> dict[str, int]:
    """Have DuckDB read files by several threads and, where those find a mistake, once more by one.

    Only one thread can read every text in quotes that runs over many lines, and knows in which row a mistake stands. It
    leaves out what follows a quote without an end, so Python's reader has to count as many rows. `read` takes whether
    several threads may read, and returns figures with the number of `rows`. Raises InputError that names the line.
    """
    try:
        return read(True)
    except PARALLEL_ERRORS as error:
        if explain_system_error(str(error)) is not None:
            raise
        with naming_lines(paths):
            found = read(False)
        if found["rows"] != sum(map(count_rows, paths)):
            for path in paths:
                count_rows(path, strict=True)
            names = ", ".join(map(str, paths))
            raise InputError(f"{names} cannot be read as comma-separated text: save it anew, in UTF-8.") from None
        return found


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
        return "a quote is opened in it and never closed, or text follows one that is closed"
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
        check_last_line(path)
    tree = files.category_tree_path()
    tables = {
        "events": ([files.events_path()], EVENTS, files.columns),
        "properties": (files.properties_paths(), PROPERTIES, {}),
        "categories": ([tree] if tree else [], CATEGORIES, {}),
    }
    rows = {}
    # The profile counts rows that are older than the row before them, so the order of the file is part of the data.
    with keeping_order(connection):
        for name, (paths, schema, columns) in tables.items():
            path = workspace.path(f"interim/raw_{name}.parquet")
            rows[name] = store(connection, paths, schema, columns, path) if paths else store_empty(schema, path)
    if tree:
        check_parents(connection, tree)
    return rows


def store(
    connection: BaseBackend, paths: list[Path], schema: dict[str, str], columns: dict[str, str], path: Path
) -> int:
    """Stream the raw files of one table to Parquet; returns its rows.

    Raises InputError that names file and line where a line cannot be read, on every engine in the same words.
    """

    def read(parallel: bool) -> ibis.Table:
        return read_files(reader, paths, schema, columns, parallel)

    reader = open_reader(connection)
    if reader is connection:
        try:
            return read_twice(paths, lambda parallel: {"rows": write_parquet(read(parallel), path)})["rows"]
        except InputError:
            # What one thread could read is not all.
            remove(path)
            raise
    # Spark makes something of every line. So DuckDB reads the files first, and both must have found the same.
    expected = read_twice(paths, lambda parallel: measure(read(parallel)))
    rows = write_parquet(read_files(connection, paths, schema, columns, parallel=False), path)
    if measure(read_parquet(reader, path)) != expected:
        remove(path)
        names = ", ".join(map(str, paths))
        raise InputError(
            f"{names}: Spark does not read the same there as DuckDB does; save it anew as comma-separated UTF-8 text, "
            "or set `engine: duckdb` in the profile's `shared:`."
        )
    return rows


def measure(table: ibis.Table) -> dict[str, int]:
    """Return the rows of a table, and for each column how long its values are together, as text."""
    lengths = {name: table[name].cast("string").length().sum().fill_null(0) for name in table.columns}
    return table.aggregate(rows=table.count(), **lengths).to_pandas().astype("int64").iloc[0].to_dict()


def check_parents(connection: BaseBackend, tree: Path) -> None:
    """Raise InputError for a parent that is no number: taken for missing, it would make its category a root."""
    written = read_table(connection, [tree], dict.fromkeys(CATEGORIES, "string"), parallel=False)
    parent = strip(written.parentid)
    with naming_lines([tree]):
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
