"""Data as classic scripts, which a page can load from a server and from a folder alike.

A page opened from a folder may not fetch files, but it may load scripts. So each file of data is a script that hands
one value to the page: `smartrocket.data("name", {...})`. Long columns of numbers travel as bytes: each column is
written as differences where that is shorter, its bytes are put in order of significance, all columns are deflated
together, and the result is base64. What is small or is text stays JSON.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping

import numpy as np

from smartrocket.files import write_text
from smartrocket.workspace import Workspace

FOLDER = "dashboard"
KINDS = {
    "u1": np.uint8,
    "u2": np.uint16,
    "u4": np.uint32,
    "i1": np.int8,
    "i8": np.int64,
    "f4": np.float32,
    "f8": np.float64,
}
# Up to this everything is exact in the browser's numbers; columns of larger ones become texts there where they must.
LARGEST = 2**53
CALL = re.compile(r"\Awindow\.smartrocket\.data\((.*)\);\n\Z", re.DOTALL)


def write_script(workspace: Workspace, name: str, value: dict, columns: Mapping[str, np.ndarray] | None = None) -> int:
    """Write `dashboard/<name>.js`, which hands `value` and its `columns` to the page; returns its bytes.

    Raises ValueError for NaN in `value`.
    """
    if columns:
        value = value | pack(columns)
    text = write_call(name, value)
    write_text(workspace.path(f"{FOLDER}/{name}.js"), text)
    return len(text.encode())


def write_call(name: str, value: dict) -> str:
    """Return the script that hands a value to the page."""
    return f"window.smartrocket.data({escape(name)}, {escape(value)});\n"


def escape(value: object) -> str:
    """Return JSON that is harmless inside a script, whatever texts it holds.

    `<` could end the script element or open a comment, and two separators end a line in old JavaScript.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def pack(columns: Mapping[str, np.ndarray]) -> dict:
    """Return `columns` (list of name, kind, length, whether differences) and their `bytes` as text."""
    described, parts = [], []
    for name, values in columns.items():
        values = fit(values)
        differences = np.diff(values, prepend=values.dtype.type(0)) if values.dtype.kind == "u" else values
        # Differences wrap around: adding them up again wraps around as well, and gives the values back.
        is_shorter = values.dtype.kind == "u" and weigh(differences) < weigh(values)
        kind = f"{values.dtype.kind}{values.dtype.itemsize}"
        described.append([name, kind, len(values), is_shorter])
        parts.append(shuffle(differences if is_shorter else values))
    packed = zlib.compress(b"".join(parts), 9)
    return {"columns": described, "bytes": base64.b64encode(packed).decode()}


def fit(values: np.ndarray) -> np.ndarray:
    """Return a column in the smallest of the kinds that holds it exactly."""
    values = np.asarray(values)
    if values.dtype.kind == "f":
        return values.astype(np.float32 if values.dtype.itemsize <= 4 else np.float64)
    if values.dtype == np.int8:
        return values
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    if low >= 0:
        for kind in ("u1", "u2", "u4"):
            if high <= np.iinfo(KINDS[kind]).max:
                return values.astype(KINDS[kind])
    return values.astype(np.int64 if max(-low, high) > LARGEST else np.float64)


def weigh(values: np.ndarray) -> int:
    """Return the deflated size of a column's first rows."""
    return len(zlib.compress(shuffle(values[:50_000]), 1))


def shuffle(values: np.ndarray) -> bytes:
    """Return the bytes of a column, first the lowest byte of every value, then the next, and so on."""
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    return little.view(np.uint8).reshape(len(values), values.dtype.itemsize).T.tobytes()


def read_script(workspace: Workspace, name: str) -> dict:
    """Read back what `write_script` wrote: the value, and each packed column as an array under its name."""
    text = CALL.match(workspace.path(f"{FOLDER}/{name}.js").read_text(encoding="utf-8"))[1]
    _, value = json.loads(f"[{text}]")
    described = value.pop("columns", [])
    packed = zlib.decompress(base64.b64decode(value.pop("bytes"))) if described else b""
    at = 0
    for column, kind, length, is_differences in described:
        width = np.dtype(KINDS[kind]).itemsize
        size = length * width
        planes = np.frombuffer(packed[at : at + size], np.uint8).reshape(width, length)
        values = np.ascontiguousarray(planes.T).view(KINDS[kind]).reshape(length)
        value[column] = np.cumsum(values, dtype=values.dtype) if is_differences else values
        at += size
    return value
