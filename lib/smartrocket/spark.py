"""Apache Spark as the engine of the data stages: the same Ibis expressions, for a shop that outgrows one machine.

An optional extra, `pip install "smartrocket[spark]"`, which needs Java 17. Without further settings Spark runs on this
machine. Where SPARK_CONF_DIR names a folder with a `spark-defaults.conf`, as Spark itself has it, that file says on
which cluster; the build folder must then be one that the cluster's machines can reach.
"""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends import BaseBackend

from smartrocket.errors import InputError
from smartrocket.files import remove
from smartrocket.wording import read_megabytes

REMEDY = "set `engine: duckdb` in the profile's `shared:`, or install it as README says"


def connect(memory_limit: str, threads: int, spill: Path) -> BaseBackend:
    """Start Spark behind Ibis, or return to the session that runs already.

    `memory_limit` bounds what its process keeps of the data on this machine; beyond that it spills to the folder
    `spill`. Raises InputError where PySpark or Java is missing or too old.
    """
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError(f"the engine spark needs the package pyspark: {REMEDY}.") from None
    if find_java() is None:
        raise InputError(f"the engine spark needs Java 17, and no `java` was found: {REMEDY}.")
    builder = SparkSession.builder.appName("smartrocket")
    for name, value in list_settings(memory_limit, threads, spill).items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except PySparkException as error:
        message = str(error).splitlines()[0]
        raise InputError(f"Spark did not start ({message}); it needs Java 17 or newer: {REMEDY}.") from None
    # What is wrong is raised; Java's own account of it would stand above that.
    session.sparkContext.setLogLevel("OFF")
    atexit.register(remove, spill)
    return ibis.pyspark.connect(session)


def find_java() -> str | None:
    """Return the path of Java, from JAVA_HOME or from where commands lie; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")


def list_settings(memory_limit: str, threads: int, spill: Path) -> dict[str, str]:
    """Return Spark's settings: those on which the results depend, and those of this machine where no file has them."""
    results = {
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.ui.showConsoleProgress": "false",
    }
    if "SPARK_CONF_DIR" in os.environ:
        return results
    return results | {
        "spark.master": f"local[{threads}]",
        "spark.driver.memory": f"{max(512, round(read_megabytes(memory_limit)))}m",
        "spark.driver.host": "localhost",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.local.dir": str(spill),
        "spark.sql.warehouse.dir": str(spill / "warehouse"),
        # Spark's own 200 are meant for a cluster; each costs some milliseconds in every step.
        "spark.sql.shuffle.partitions": str(2 * threads),
        "spark.ui.enabled": "false",
    }


def escape(path: Path) -> str:
    """Write a path so that nothing in it is a pattern to Spark."""
    return re.sub(r"([\\*?{}\[\]])", r"\\\1", str(path))


def keep(expression: ibis.Table, folder: Path) -> ibis.Table:
    """Work a table out and keep it in a folder until the process ends.

    Spark's own cache remembers the way to each table: a loop would make that way longer with every round.
    """
    path = folder / ibis.util.gen_name("kept")
    expression.to_parquet(path, compression="zstd")
    return expression.get_backend().read_parquet(escape(path))


def read_csv(connection: BaseBackend, paths: list[Path], columns: list[str], compressed: bool) -> ibis.Table:
    """Open CSV files with one and the same header as a table of text, in their order; an empty field is missing.

    Spark makes something of every line, such as one value of all that follows a quote without an end, so DuckDB must
    have read the files as well.
    """
    from pyspark.sql.types import StringType, StructField, StructType

    # The files are read one by one, since Spark takes several in the order of their size.
    tables = []
    for path in paths:
        if compressed != (path.suffix == ".gz"):
            raise InputError(f"{path}: Spark tells by the ending .gz whether a file is compressed; rename the file.")
        tables.append(
            connection.read_csv(
                escape(path),
                header=True,
                inferSchema=False,
                schema=StructType([StructField(name, StringType()) for name in columns]),
                # A quoted text may run over several lines; one task then reads the whole file.
                multiLine=True,
                quote='"',
                escape='"',
            )
        )
    table = ibis.union(*tables) if len(tables) > 1 else tables[0]
    return table.mutate(**{name: table[name].nullif("") for name in columns})


def read_batches(expression: ibis.Table, folder: Path) -> pa.RecordBatchReader:
    """Have Spark write a table as many Parquet files, each by a task of its own, and read them once, in their order.

    They lie in a folder inside `folder`, which is removed in the end. What comes back has the types of the expression,
    which Spark writes down in its own way.
    """
    # What may be missing in a column is said by the data; Spark is surer of it than DuckDB.
    schema = pa.schema([field.with_nullable(True) for field in expression.schema().to_pyarrow()])
    return pa.RecordBatchReader.from_batches(schema, read_parts(expression, schema, folder))


def read_parts(expression: ibis.Table, schema: pa.Schema, folder: Path) -> Iterator[pa.RecordBatch]:
    """Write a table in parts and yield the rows of each."""
    with tempfile.TemporaryDirectory(prefix=".parts-", dir=folder) as place:
        parts = Path(place) / "parts"
        expression.to_parquet(parts, compression="zstd")
        for path in sorted(parts.glob("part-*.parquet")):
            for batch in pq.ParquetFile(path).iter_batches():
                yield from pa.Table.from_batches([batch]).cast(schema).to_batches()
