"""The engine of the data stages: Ibis expressions on DuckDB, which is built in, or on Spark.

The stages are written once, as Ibis expressions. What truly differs between engines stands here: opening one, reading
CSV, the order of rows, writing Parquet.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from glob import escape
from pathlib import Path

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from smartrocket import spark
from smartrocket.files import ROOT, replacing
from smartrocket.identifiers import LARGEST

# A raw file's line may hold a whole description.
LONGEST_LINE = 4 * 1024 * 1024
# What may stand around a number or a name. What \s takes for blank, and $ for the end, is not the same in each engine.
BLANKS = r"[ \t\n\r\f]"


def connect(memory_limit: str = "2GB", threads: int = 2, engine: str = "duckdb") -> BaseBackend:
    """Open an engine behind Ibis: an in-memory "duckdb", or "spark" (see `smartrocket.spark`).

    `memory_limit` (such as "2GB") bounds what it holds; beyond that it spills to a folder under `build/`. Times are
    UTC. Raises InputError where the engine is not installed.
    """
    spill = spill_folder()
    # DuckDB makes its folder when it first spills and removes it in the end. It does not make the folder above.
    spill.parent.mkdir(exist_ok=True)
    if engine == "spark":
        return spark.connect(memory_limit, threads, spill)
    connection = ibis.duckdb.connect(threads=threads, memory_limit=memory_limit, temp_directory=spill)
    # Every query orders what it writes, so the engine is free to work out of order, in less memory.
    connection.raw_sql("SET preserve_insertion_order = false")
    return connection


def open_reader(connection: BaseBackend, memory_limit: str = "2GB", threads: int = 2) -> BaseBackend:
    """Open the engine that figures and checks ask, which only read finished tables: always DuckDB.

    That is `connection` itself where it is one, so that both share its memory.
    """
    return connection if connection.name == "duckdb" else connect(memory_limit, threads)


def spill_folder() -> Path:
    """Return the folder for what does not fit into memory: one a process, or they would clash."""
    return ROOT / "build" / f".spill-{os.getpid()}"


@contextmanager
def keeping_order(connection: BaseBackend) -> Iterator[None]:
    """Have the engine keep rows in the order of their file for a while, at some cost of memory."""
    if connection.name != "duckdb":
        # Spark keeps the order of what it only reads and writes.
        yield
        return
    connection.raw_sql("SET preserve_insertion_order = true")
    yield
    connection.raw_sql("SET preserve_insertion_order = false")


def keep(expression: ibis.Table) -> ibis.Table:
    """Have the engine work a table out now and keep it while it is in use, for what is asked several times."""
    if expression.get_backend().name == "pyspark":
        return spark.keep(expression, spill_folder())
    return expression.cache()


def read_parquet(connection: BaseBackend, path: Path) -> ibis.Table:
    """Open a Parquet file as a table, without loading it.

    To an engine a path is a pattern, `[1]` in it one of several signs, and a folder `itemid=7` a column. Here a path is
    a path.
    """
    if connection.name == "pyspark":
        return connection.read_parquet(spark.escape(path))
    return connection.read_parquet(escape(str(path)), hive_partitioning=False)


def read_csv(
    connection: BaseBackend, paths: list[Path], columns: list[str], compressed: bool = False, parallel: bool = True
) -> ibis.Table:
    """Open CSV files with one and the same header as a table of text, without loading them.

    `columns` are the names to give to the files' columns; `compressed` files are gzip's. An empty field is missing.
    Several threads read a file in DuckDB where it is `parallel`: sooner and in less memory, but they cannot read every
    file, and do not know the lines.
    """
    if connection.name == "pyspark":
        return spark.read_csv(connection, paths, columns, compressed)
    return connection.read_csv(
        [escape(str(path)) for path in paths],
        hive_partitioning=False,
        parallel=parallel,
        header=True,
        auto_detect=False,
        delim=",",
        quote='"',
        escape='"',
        columns=dict.fromkeys(columns, "VARCHAR"),
        max_line_size=LONGEST_LINE,
        compression="gzip" if compressed else "none",
    )


def read_whole(text: ibis.expr.types.StringColumn) -> ibis.expr.types.IntegerColumn:
    """Read a whole number; what is none is missing.

    `12.0`, as pandas writes whole numbers in a column with gaps, is whole; `12.6`, `1e3` and `0x10` are not, and
    nothing beyond `LARGEST` is.
    """
    # A bare cast would move into DuckDB's CSV reader, which then refuses the whole file for one odd value.
    number = text.nullif("").try_cast("int64")
    # Most numbers are written just as the engine writes them, and need no look at their letters. Engines differ in
    # what they make of others.
    digits = text.re_extract(rf"^{BLANKS}*([+-]?[0-9]+)(\.0*)?{BLANKS}*\z", 1).nullif("")
    whole = (number.cast("string") == text).ifelse(number, digits.try_cast("int64"))
    return whole.between(-LARGEST, LARGEST).ifelse(whole, None)


def read_ids(table: ibis.Table) -> pd.DataFrame:
    """Read a table with its ids exact: as floats, for the sake of missing ones, long ids would run into each other."""
    return table.to_pyarrow().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


@ibis.udf.scalar.builtin(signature=(("int64",), "timestamp"))
def timestamp_millis(milliseconds):
    """Turn milliseconds since 1970 into a time, in Spark."""


def to_timestamp(milliseconds: ibis.expr.types.IntegerColumn) -> ibis.expr.types.TimestampColumn:
    """Turn milliseconds since 1970 into a naive UTC TIMESTAMP."""
    if milliseconds.get_backend().name == "pyspark":
        return timestamp_millis(milliseconds)
    return milliseconds.as_timestamp("ms")


def strip(text: ibis.expr.types.StringColumn) -> ibis.expr.types.StringColumn:
    """Take the blanks off both ends of a text."""
    # Ibis' own strip takes the letter v off as well, in Spark, which knows no vertical tab.
    return text.re_replace(rf"^{BLANKS}+|{BLANKS}+\z", "")


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
    connection = expression.get_backend()
    if connection.name == "pyspark":
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_batches(spark.read_batches(expression, path.parent), path)
    with replacing(path) as temporary:
        # Ibis writes paths as Python does, and SQL reads others from a backslash, a tab or both kinds of quotes.
        # Seen from here, nothing of the folder that the project lies in is in the path.
        here = os.path.relpath(temporary)
        # Nearly as small as at a higher level, in a sixth less time; no reader here looks for single values.
        expression.to_parquet(here, compression="zstd", compression_level=1, write_bloom_filter=False)
    return read_parquet(connection, path).count().execute()
