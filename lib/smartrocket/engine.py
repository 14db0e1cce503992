"""The embedded engine of the data stages: Ibis expressions on DuckDB."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends.duckdb import Backend

from smartrocket.files import ROOT, replacing


def connect(memory_limit: str = "2GB", threads: int = 2) -> Backend:
    """Open an in-memory DuckDB behind Ibis.

    `memory_limit` (as DuckDB writes it, such as "2GB") bounds what it holds; beyond that it spills to a
    folder under `build/`. Times are UTC.
    """
    # DuckDB makes this folder when it first spills and removes it in the end; one a process, or they would clash.
    # It does not make the folder above.
    spill = ROOT / "build" / f".spill-{os.getpid()}"
    spill.parent.mkdir(exist_ok=True)
    connection = ibis.duckdb.connect(threads=threads, memory_limit=memory_limit, temp_directory=spill)
    # Every query orders what it writes, so the engine is free to work out of order, in less memory.
    connection.raw_sql("SET preserve_insertion_order = false")
    return connection


@contextmanager
def keeping_order(connection: Backend) -> Iterator[None]:
    """Have the engine keep rows in the order of their file for a while, at some cost of memory."""
    connection.raw_sql("SET preserve_insertion_order = true")
    yield
    connection.raw_sql("SET preserve_insertion_order = false")


def read_whole(text: ibis.expr.types.StringColumn) -> ibis.expr.types.IntegerColumn:
    """Read a whole number; what is none is missing.

    `12.0`, as pandas writes whole numbers in a column with gaps, is whole; `12.6`, `1e3` and `0x10` are not.
    """
    # A bare cast would move into DuckDB's CSV reader, which then refuses the whole file for one odd value.
    number = text.nullif("").try_cast("int64")
    # The cast rounds. Most numbers are written just as the engine writes them, and need no look at their letters.
    whole = (number.cast("string") == text) | text.re_search(r"^\s*[+-]?[0-9]+(\.0*)?\s*$")
    return whole.ifelse(number, ibis.null("int64"))


# Rows of a group in a Parquet file: enough to compress well, few enough to skip.
GROUP_ROWS = 100_000


def write_batches(batches: pa.RecordBatchReader, path: Path) -> int:
    """Stream record batches to a Parquet file (zstd), atomically and in their order; returns the rows."""
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, batches.schema, compression="zstd") as writer,
        # Compressing a group takes about as long as making the next one, so the two happen at once.
        ThreadPoolExecutor(max_workers=1) as beside,
    ):
        writing: Future | None = None
        rows = 0
        for group in gather_groups(batches):
            if writing is not None:
                writing.result()
            writing = beside.submit(writer.write_table, group, max(len(group), 1))
            rows += len(group)
        if writing is not None:
            writing.result()
    return rows


def gather_groups(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Gather record batches into tables of at least `GROUP_ROWS` rows; the last one may hold fewer."""
    group, waiting = [], 0
    for batch in batches:
        group.append(batch)
        waiting += len(batch)
        if waiting >= GROUP_ROWS:
            yield pa.Table.from_batches(group)
            group, waiting = [], 0
    if group:
        yield pa.Table.from_batches(group)


def write_parquet(expression: ibis.Table, path: Path) -> int:
    """Stream a table expression to a Parquet file (zstd), atomically; returns its rows.

    Sort the expression first: the order on disk is the order of the expression.
    """
    with replacing(path) as temporary:
        expression.to_parquet(temporary, compression="zstd")
    return expression.get_backend().read_parquet(path).count().execute()
