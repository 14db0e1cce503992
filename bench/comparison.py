"""Whether two engines made the same tables: the same columns, rows, order and values."""

import json
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import stages

# What the library works out in double precision and keeps in single precision.
RELATIVE, ABSOLUTE = 1e-6, 1e-9
# The library estimates how many different items and values a property has; the other engine counts them.
ESTIMATES = {"interim/property_counts": {"items", "values"}}
ESTIMATE_RELATIVE, ESTIMATE_ABSOLUTE = 0.25, 2
SLICE_ROWS = 50_000


def compare_stage(folder: Path, stage: str, engines: tuple[str, str]) -> str | None:
    """Return in words the first difference between the tables that two engines made in a stage, or None."""
    for table in stages.TABLES[stage]:
        left, right = (stages.find_table(folder / engine, table) for engine in engines)
        difference = compare_tables(left, right, engines, ESTIMATES.get(table, set()))
        if difference:
            return f"{Path(table).name}: {difference}"
    return None


def compare_tables(left: Path, right: Path, names: tuple[str, str], estimates: Collection[str] = ()) -> str | None:
    """Return in words the first difference between two Parquet files, or None.

    The columns may stand in any order and have any numeric type; rows must stand in the same order. Where the left
    file has fractions in single precision, the right one may deviate by a millionth or by 1e-9, and in columns that
    are `estimates` by a quarter or by 2; everything else must be equal.
    """
    files = [pq.ParquetFile(path) for path in (left, right)]
    columns = [file.schema_arrow.names for file in files]
    if set(columns[0]) != set(columns[1]):
        only = [sorted(set(own) - set(other)) for own, other in (columns, columns[::-1])]
        return f"the columns differ: only {names[0]} has {only[0]}, only {names[1]} has {only[1]}"
    rows = [file.metadata.num_rows for file in files]
    if rows[0] != rows[1]:
        return f"{names[0]} has {rows[0]:,} rows, {names[1]} has {rows[1]:,}"
    start = 0
    for one, other in zip(*(read_slices(file, columns[0]) for file in files), strict=True):
        for name in columns[0]:
            row = find_difference(one[name], other[name], name in estimates)
            if row is not None:
                values = [part[name][row].as_py() for part in (one, other)]
                return f"row {start + row:,}, {name}: {names[0]} has {values[0]!r}, {names[1]} has {values[1]!r}"
        start += one.num_rows
    return None


def read_slices(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Read a file in slices of equal length, whatever the groups of rows in it."""
    return file.iter_batches(SLICE_ROWS, columns=columns)


def find_difference(left: pa.Array, right: pa.Array, estimated: bool = False) -> int | None:
    """Return the first place at which two arrays differ, or None; two missing values are the same."""
    if is_number(left.type) and is_number(right.type):
        relative, absolute = (RELATIVE, ABSOLUTE) if pa.types.is_float32(left.type) else (0, 0)
        if estimated:
            relative, absolute = ESTIMATE_RELATIVE, ESTIMATE_ABSOLUTE
        same = np.isclose(to_float(left), to_float(right), relative, absolute, equal_nan=True)
        return None if same.all() else int(same.argmin())
    if left.type != right.type:
        right = right.cast(left.type)
    if left.equals(right):
        return None
    return next(row for row in range(len(left)) if left[row].as_py() != right[row].as_py())


def is_number(kind: pa.DataType) -> bool:
    """Tell whether a type is one of whole or fractional numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind)


def to_float(numbers: pa.Array) -> np.ndarray:
    """Return numbers in double precision, NaN where they are missing; whole ones are exact up to 2**53."""
    return numbers.cast(pa.float64()).to_numpy(zero_copy_only=False)


if __name__ == "__main__":
    print(json.dumps(compare_stage(Path(sys.argv[1]), sys.argv[2], (sys.argv[3], sys.argv[4]))))
