"""Bad input, tried: seeded mutations of a shop's raw files and of the profiles, each judged by an oracle of its own.

Every mutation must end in a report whose ledger is just what the oracle (plain Python over the mutated bytes) finds, or
in one clear error that names the file. A traceback, another number, an error where a report was due, a report where an
error was due, text of the shop that reaches HTML as markup, and a run that does not end are failures.

    python bench/mutations.py --tries 500          # notebooks 01 to 03 over every mutated shop, and every profile
"""

import argparse
import ast
import contextlib
import csv
import gzip
import io
import re
import signal
import sys
import tempfile
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import yaml

import library_stages
from measurement import RESULTS, keep_results
from smartrocket import profiles
from smartrocket.errors import InputError
from smartrocket.files import write_json
from smartrocket.preparation import read_code

EVENTS, PROPERTIES, TREE = "events.csv", "item_properties.csv", "category_tree.csv"
COLUMNS = {
    EVENTS: ["timestamp", "visitorid", "event", "itemid", "transactionid"],
    PROPERTIES: ["timestamp", "itemid", "property", "value"],
    TREE: ["categoryid", "parentid"],
}
LEDGER = {EVENTS: "events", PROPERTIES: "item properties", TREE: "category tree"}
START, DAY = 1_430_622_004_384, 86_400_000
MARKUP = "<script>alert(1)</script><b>&\"' {{< var x >}} @fig-a"
SECONDS_TO_END = 120
# A tally of fewer tries is not kept: it would take the place of one that says more.
ENOUGH = 500
# What an error tells the reader to do.
REMEDY = re.compile(
    r"\b(copy|compress|keep|map|mend|must|name|put|remove|rename|save|take|unpack|write)\b", re.IGNORECASE
)
# How often whoever waits is told how far it is.
TOLD_AFTER = 50
NOTEBOOKS = ("01_eda", "02_cleaning", "03_features")


# ---- the shop --------------------------------------------------------------------------------------------


@dataclass
class Sheet:
    """A raw file before it is written: its columns, its rows of text, and the bytes when these were mutated."""

    header: list[str]
    rows: list[list[str]]
    content: bytes | None = None

    def column(self, name: str) -> int:
        """Return the place of a column."""
        return self.header.index(name)

    def write(self, delimiter: str = ",", end: str = "\n", quoting: int = csv.QUOTE_MINIMAL) -> bytes:
        """Return the file's bytes."""
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows([self.header, *self.rows])
        return text.getvalue().encode()


Shop = dict[str, Sheet]


def make_shop(random: Random, visitors: int = 30, items: int = 12, days: int = 40, rows: int = 300) -> Shop:
    """Draw a small shop whose every row is good."""
    moments = sorted(random.randrange(days * DAY) for _ in range(rows))
    events = []
    for number, moment in enumerate(moments):
        kind = random.choices(["view", "addtocart", "transaction", "removefromcart"], [8, 2, 2, 1])[0]
        order = str(number) if kind == "transaction" else ""
        events.append([str(START + moment), str(random.randrange(visitors)), kind, str(random.randrange(items)), order])
    categories = range(1, 9)
    properties = []
    for item in range(items):
        for week in range(0, days, 14):
            moment = str(START + week * DAY)
            properties.append([moment, str(item), "790", f"n{random.randrange(1, 90)}.000"])
            properties.append([moment, str(item), "categoryid", str(random.choice(categories))])
            properties.append([moment, str(item), "available", random.choice("01")])
            properties.append([moment, str(item), "name", f"Lamp {item}"])
            properties.append([moment, str(item), "888", f"{random.randrange(999)} n5.000"])
    tree = [[str(category), "" if category < 3 else str(random.randrange(1, category))] for category in categories]
    sheets = zip(COLUMNS, (events, properties, tree), strict=True)
    return {name: Sheet(list(COLUMNS[name]), rows) for name, rows in sheets}


# ---- mutations of raw files ------------------------------------------------------------------------------

Mutation = Callable[[Random, Shop, str], object]
SHEET_MUTATIONS: dict[str, Mutation] = {}
EVENT_MUTATIONS: dict[str, Mutation] = {}
PROPERTY_MUTATIONS: dict[str, Mutation] = {}
TREE_MUTATIONS: dict[str, Mutation] = {}


def rewrite(change: Callable[[Random, Sheet], bytes]) -> Mutation:
    """Make a mutation of a way to write the file."""

    def mutate(random: Random, shop: Shop, name: str) -> None:
        shop[name].content = change(random, shop[name])

    return mutate


def splice(random: Random, sheet: Sheet, piece: bytes) -> bytes:
    """Put some bytes at a random place below the first line."""
    content = sheet.write()
    place = random.randrange(content.index(b"\n") + 1, len(content))
    return content[:place] + piece + content[place:]


def change_values(column: str | None, *values: str | Callable[[str], str], share: float = 0.1) -> Mutation:
    """Make a mutation that gives some rows (all where `share` is 1) another value, in a column or in any one."""

    def mutate(random: Random, shop: Shop, name: str) -> None:
        sheet = shop[name]
        chosen = random.sample(sheet.rows, max(1, round(share * len(sheet.rows))))
        for row in chosen:
            place = sheet.column(column) if column else random.randrange(len(row))
            value = random.choice(values)
            row[place] = value(row[place]) if callable(value) else value

    return mutate


def change_rows(change: Callable[[Random, Sheet], None]) -> Mutation:
    """Make a mutation of the rows of a file."""
    return lambda random, shop, name: change(random, shop[name])


def keep_only(column: str, value: str | None = None) -> Mutation:
    """Make a mutation that gives all rows one and the same value: that of the first row, or the one given."""

    def mutate(random: Random, shop: Shop, name: str) -> None:
        sheet = shop[name]
        place = sheet.column(column)
        for row in sheet.rows:
            row[place] = value if value is not None else sheet.rows[0][place]

    return mutate


def drop_column(random: Random, sheet: Sheet) -> None:
    """Take a column out."""
    place = random.randrange(len(sheet.header))
    for row in [sheet.header, *sheet.rows]:
        del row[place]


def add_column(random: Random, sheet: Sheet, name: str = "extra", value: str = "x") -> None:
    """Put a column in, with one value in all rows."""
    place = random.randrange(len(sheet.header) + 1)
    sheet.header.insert(place, name)
    for row in sheet.rows:
        row.insert(place, value)


def reorder_columns(random: Random, sheet: Sheet) -> None:
    """Put the columns into another order."""
    places = random.sample(range(len(sheet.header)), len(sheet.header))
    sheet.header[:], *rest = ([row[place] for place in places] for row in [sheet.header, *sheet.rows])
    sheet.rows[:] = rest


def repeat_rows(random: Random, sheet: Sheet) -> None:
    """Write some rows again, anywhere."""
    for row in random.sample(sheet.rows, max(1, len(sheet.rows) // 10)):
        sheet.rows.insert(random.randrange(len(sheet.rows)), list(row))


def spread_times(sheet: Sheet, days: int) -> None:
    """Put so many days between the times of any two rows that follow each other, from 1990 on."""
    for number, row in enumerate(sheet.rows):
        row[0] = str(631_152_000_000 + number * days * DAY)


def flip_bytes(random: Random, sheet: Sheet) -> bytes:
    """Return the file with some bytes changed to any other."""
    content = bytearray(sheet.write())
    for _ in range(5):
        content[random.randrange(len(content))] = random.randrange(256)
    return bytes(content)


def cut(random: Random, content: bytes, least: int = 1) -> bytes:
    """Return the beginning of some bytes."""
    return content[: random.randrange(least, len(content))]


def damage_gzip(random: Random, sheet: Sheet) -> bytes:
    """Return the file in gzip, with one byte changed."""
    content = bytearray(gzip.compress(sheet.write(), mtime=0))
    content[random.randrange(12, len(content) - 8)] ^= 0xFF
    return bytes(content)


def mix_ends(random: Random, sheet: Sheet) -> bytes:
    """Return the file with line ends of two kinds."""
    return b"".join(line + random.choice([b"\n", b"\r\n"]) for line in sheet.write().splitlines())


def insert_line(line: str) -> Mutation:
    """Make a mutation that puts a line in anywhere below the first one."""

    def change(random: Random, sheet: Sheet) -> bytes:
        lines = sheet.write().decode().splitlines()
        lines.insert(random.randrange(1, len(lines) + 1), line)
        return ("\n".join(lines) + "\n").encode()

    return rewrite(change)


SHEET_MUTATIONS |= {
    "cut anywhere": rewrite(lambda random, sheet: cut(random, sheet.write())),
    "semicolons": rewrite(lambda random, sheet: sheet.write(";")),
    "tabs": rewrite(lambda random, sheet: sheet.write("\t")),
    "pipes": rewrite(lambda random, sheet: sheet.write("|")),
    "BOM": rewrite(lambda random, sheet: b"\xef\xbb\xbf" + sheet.write()),
    "CRLF": rewrite(lambda random, sheet: sheet.write(end="\r\n")),
    "CR": rewrite(lambda random, sheet: sheet.write(end="\r")),
    "mixed line ends": rewrite(mix_ends),
    "all quoted": rewrite(lambda random, sheet: sheet.write(quoting=csv.QUOTE_ALL)),
    "no last line end": rewrite(lambda random, sheet: sheet.write().rstrip(b"\n")),
    "blank lines": insert_line(""),
    "header again": rewrite(lambda random, sheet: sheet.write() * 2),
    "short row": insert_line("1"),
    "long row": insert_line("1,2,3,4,5,6,7,8"),
    "open quote": insert_line('"1,2'),
    "text after a quote": insert_line('"1"x,2'),
    "comment": insert_line("# a comment"),
    "a row of nothing": insert_line(" "),
    "NUL in a line": rewrite(lambda random, sheet: splice(random, sheet, b"\0")),
    "NUL at the end": rewrite(lambda random, sheet: sheet.write() + b"\0" * 4096),
    "no UTF-8": rewrite(lambda random, sheet: splice(random, sheet, b"\xff\xfe\xe9")),
    "UTF-16": rewrite(lambda random, sheet: sheet.write().decode().encode("utf-16")),
    "gzip": rewrite(lambda random, sheet: gzip.compress(sheet.write(), mtime=0)),
    "gzip cut": rewrite(lambda random, sheet: cut(random, gzip.compress(sheet.write(), mtime=0), 20)),
    "gzip damaged": rewrite(damage_gzip),
    "gzip and zeros": rewrite(lambda random, sheet: gzip.compress(sheet.write(), mtime=0) + b"\0" * 100),
    "ZIP": rewrite(lambda random, sheet: b"PK\x03\x04" + random.randbytes(500)),
    "noise": rewrite(lambda random, sheet: random.randbytes(2000)),
    "flipped bytes": rewrite(flip_bytes),
    "empty": rewrite(lambda random, sheet: b""),
    "line ends only": rewrite(lambda random, sheet: b"\n\n\n"),
    "header only": rewrite(lambda random, sheet: sheet.write().splitlines()[0] + random.choice([b"", b"\n", b"\n\n"])),
    "no header": rewrite(lambda random, sheet: sheet.write().split(b"\n", 1)[1]),
    "endless first line": rewrite(lambda random, sheet: b"x" * 300_000),
    "missing column": change_rows(drop_column),
    "extra column": change_rows(add_column),
    "nameless column": change_rows(lambda random, sheet: add_column(random, sheet, "", "")),
    "megabyte in an extra column": change_rows(lambda random, sheet: add_column(random, sheet, "text", "y" * 10_000)),
    "column twice": change_rows(lambda random, sheet: add_column(random, sheet, random.choice(sheet.header), "1")),
    "other column order": change_rows(reorder_columns),
    "header in capitals": change_rows(lambda random, sheet: sheet.header.__setitem__(0, sheet.header[0].title())),
    "blanks in the header": change_rows(lambda random, sheet: sheet.header.__setitem__(0, f" {sheet.header[0]} ")),
    "line break in the header": change_rows(lambda random, sheet: add_column(random, sheet, "two\nlines")),
    "repeated rows": change_rows(repeat_rows),
    "shuffled rows": change_rows(lambda random, sheet: random.shuffle(sheet.rows)),
    "one row": change_rows(lambda random, sheet: sheet.rows.__setitem__(slice(1, None), [])),
    "words anywhere": change_values(None, "abc", "NULL", "NaN", "-", "None", "\\N", "true"),
    "nothing anywhere": change_values(None, ""),
    "line breaks anywhere": change_values(None, "a\nb", "a\r\nb", "\n"),
    "quotes anywhere": change_values(None, '"', 'a "quoted" word', "it's", ","),
    "markup anywhere": change_values(None, MARKUP),
    "strange letters anywhere": change_values(None, "\U0001f680", "\u202eabc", "１２", "é", "\u00a0", "\u2028"),
}
ID_VALUES = {
    "negative": lambda text: f"-{text}1",
    "largest": str(2**62 - 1),
    "smallest": str(1 - 2**62),
    "too large": str(2**62),
    "too small": str(-(2**63)),
    "endless": "9" * 400,
    "fractions": lambda text: f"{text}.6",
    "whole fractions": lambda text: f"{text}.0",
    "exponents": "1e3",
    "hexadecimal": "0x10",
    "underscored": "1_000",
    "with thousands separators": "1,000",
    "with blanks and signs": lambda text: f" +{text} ",
    "with a vertical tab": lambda text: f"\v{text}",
}
TIME_VALUES = {
    "in seconds": lambda text: str(int(text) // 1000),
    "in microseconds": lambda text: f"{text}000",
    "in nanoseconds": lambda text: f"{text}000000",
    "as dates": "2015-05-03 03:00:04",
    "negative": lambda text: f"-{text}",
    "zero": "0",
    "far in the past": "700000000000",
    "far in the future": "4000000000000",
    "out of range": lambda text: f"{text}0",
    "largest": "9223372036854775807",
    "smallest": "-9223372036854775808",
    "fractions": lambda text: f"{text}.5",
}
for values, columns in ((ID_VALUES, ("visitorid", "itemid", "transactionid")), (TIME_VALUES, ("timestamp",))):
    for what, value in values.items():
        for column in columns:
            EVENT_MUTATIONS[f"{column}s {what}"] = change_values(column, value)
            if column in COLUMNS[PROPERTIES]:
                PROPERTY_MUTATIONS[f"{column}s {what}"] = change_values(column, value)
EVENT_MUTATIONS |= {
    "all times in seconds": change_values("timestamp", TIME_VALUES["in seconds"], share=1),
    "all times in microseconds": change_values("timestamp", TIME_VALUES["in microseconds"], share=1),
    "half the times two years later": change_values("timestamp", lambda text: str(int(text) + 731 * DAY), share=0.5),
    "a third of a year from each time to the next": lambda random, shop, name: spread_times(shop[name], 120),
    "times all over a century": lambda random, shop, name: (
        [row.__setitem__(0, str(random.randrange(631_152_000_000, 4_102_444_800_000))) for row in shop[name].rows]
        and None
    ),
    "one time decades away": change_values("timestamp", "946684800000", share=0),
    "unknown events": change_values("event", "purchase", "click", "remove", "views"),
    "all events unknown": keep_only("event", "click"),
    "events in mixed case": change_values("event", str.upper, str.title, lambda text: f" {text} ", share=0.5),
    "events in Turkish capitals": change_values("event", lambda text: text.replace("i", "İ").upper(), share=0.5),
    "a different event in each row": lambda random, shop, name: (
        [row.__setitem__(2, f"page {number}") for number, row in enumerate(shop[name].rows) if number % 2] and None
    ),
    "events of a megabyte": change_values("event", "x" * 1_000_000, share=0),
    "events of five megabytes": change_values("event", "x" * 5_000_000, share=0),
    "transactions without id": keep_only("transactionid", ""),
    "ids without transaction": keep_only("transactionid", "7"),
    "one visitor": keep_only("visitorid"),
    "one item": keep_only("itemid"),
    "one moment": keep_only("timestamp"),
    "one day": change_values("timestamp", lambda text: str(START + int(text) % (DAY // 2)), share=1),
    "no sale": change_values("event", "view", share=1),
    "only sales": change_values("event", "transaction", share=1),
    "only removals": keep_only("event", "removefromcart"),
    "no properties": lambda random, shop, name: shop.pop(PROPERTIES),
    "no tree": lambda random, shop, name: shop.pop(TREE),
    "events alone": lambda random, shop, name: (shop.pop(TREE), shop.pop(PROPERTIES)),
}
PROPERTY_MUTATIONS |= {
    "odd prices": change_values("value", "n-5.000", "nNaN", "ninf", "n1e300", "-1", "1e13", "n", "n0x10", " 5 "),
    "prices that some read": change_values(
        "value", "n1_0", "n5d", "n5f", "5D", "Infinity", "1e400", "\v5", "5\u2028", "5."
    ),
    "values of a megabyte": change_values("value", "z" * 1_000_000, share=0.01),
    "values of five megabytes": change_values("value", "z" * 5_000_000, share=0),
    "names of a megabyte": change_values("property", "p" * 1_000_000, share=0.01),
    "fractions as values": change_values("value", "1.5", "2.0", "1e2", "9223372036854775808", "-3"),
    "unknown names": keep_only("property", "colour"),
    "names in capitals": change_values("property", str.upper, share=0.5),
    "contradictions": change_values("timestamp", str(START), share=1),
    "all times in seconds": change_values("timestamp", TIME_VALUES["in seconds"], share=1),
    "items without events": change_values("itemid", lambda text: f"77{text}", share=1),
}


def chain_tree(length: int, close: bool = False) -> Mutation:
    """Make a mutation that hangs each category below the one before; closed, the first below the last."""

    def mutate(random: Random, shop: Shop, name: str) -> None:
        parents = [str(length) if close else "", *map(str, range(1, length))]
        shop[name].rows[:] = [[str(place), parent] for place, parent in enumerate(parents, 1)]

    return mutate


TREE_MUTATIONS |= {
    "a circle of two": lambda random, shop, name: shop[name].rows.extend([["50", "51"], ["51", "50"], ["52", "50"]]),
    "a circle of all": chain_tree(40, close=True),
    "own parents": change_values("parentid", "1", share=1),
    "all their own parents": lambda random, shop, name: (
        [row.__setitem__(1, row[0]) for row in shop[name].rows] and None
    ),
    "orphans": change_values("parentid", "999", share=0.5),
    "categories again": lambda random, shop, name: shop[name].rows.extend([["1", "2"], ["2", "1"]]),
    "ninety levels": chain_tree(90),
    "five thousand levels": chain_tree(5000),
    "a huge circle": chain_tree(5000, close=True),
    "words as parents": change_values("parentid", "none", "NULL", "x1"),
    "fractions as parents": change_values("parentid", "1.5", "1.0"),
    "ids too large": change_values("categoryid", "9223372036854775808", "9223372036854775807", "-4"),
}


def list_mutations() -> list[tuple[str, str, Mutation]]:
    """List every mutation with every raw file that it applies to: file, name, mutation."""
    own = {EVENTS: EVENT_MUTATIONS, PROPERTIES: PROPERTY_MUTATIONS, TREE: TREE_MUTATIONS}
    return [(file, name, mutation) for file in COLUMNS for name, mutation in (SHEET_MUTATIONS | own[file]).items()]


# ---- the oracle ------------------------------------------------------------------------------------------


@dataclass
class Verdict:
    """What must come of a mutated shop: the ledger (file -> outcome -> rows) and the events it keeps, or an error.

    `either` where the bytes are not CSV that two readers would surely take for the same rows: an error is as good. A
    file in which the oracle finds no rows at all is not in the ledger then.
    """

    ledger: dict[str, Counter] = field(default_factory=dict)
    events: Counter = field(default_factory=Counter)
    error: bool = False
    either: bool = False


class UnreadableError(Exception):
    """A file that must end in an error."""


# The values of a shop may be long; what is too long for it the oracle says itself.
csv.field_size_limit(10**9)


def judge_shop(folder: Path) -> Verdict:
    """Say what must come of a shop's files, by plain Python."""
    verdict = Verdict()
    try:
        for name in COLUMNS:
            path = folder / name
            rows, odd = read_rows(path.read_bytes(), name) if path.exists() else ([], False)
            verdict.either |= odd
            if rows is not None:
                judged = list(JUDGES[name](rows))
                verdict.ledger[LEDGER[name]] = Counter(outcome for outcome, _ in judged)
                if name == EVENTS:
                    verdict.events = Counter(event for outcome, event in judged if outcome == "kept")
    except UnreadableError:
        verdict.error = True
    if not verdict.ledger.get("events", {"kept": 1})["kept"]:
        verdict.error = True
    return verdict


def read_rows(content: bytes, name: str) -> tuple[list[dict[str, str]] | None, bool]:
    """Return the rows of a file, column by column, and whether the reading of them is a matter of taste.

    The rows are None where it is, and this reader finds none.
    """
    try:
        if content.startswith(b"\x1f\x8b"):
            unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
            content = unpacker.decompress(content)
            if unpacker.unused_data or not unpacker.eof:
                raise UnreadableError
        text = content.decode("utf-8-sig")
    except Exception:
        raise UnreadableError from None
    # A quote inside of a field, a NUL byte or different line ends are read by some and refused by others.
    unquoted = re.sub(r'(?:^|(?<=[,\n\r]))"(?:[^"]|"")*"(?=[,\n\r]|$)', "", text)
    odd = '"' in unquoted or "\0" in text or {"\r", "\n"} <= set(unquoted.replace("\r\n", ""))
    odd |= "\r\n" in unquoted and {"\r", "\n"} & set(unquoted.replace("\r\n", "")) != set()
    if not text.split("\n", 1)[0].strip("\r ") or len(text.split("\n", 1)[0]) > 65_000:
        raise UnreadableError
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        if odd or '"' in text:
            return None, True
        raise UnreadableError from None
    header, *rows = records
    header = [column.strip() for column in header]
    needed = [column for column in COLUMNS[name] if column != "transactionid"]
    if any(header.count(column) != 1 for column in needed) or header.count("transactionid") > 1:
        raise UnreadableError
    if any("\n" in column for column in header):
        raise UnreadableError
    rows = [row for row in rows if row]
    if any(len(field.encode()) > 4 * 1024**2 for row in rows for field in row):
        raise UnreadableError
    if name == EVENTS and not any("".join(row).strip() for row in rows):
        raise UnreadableError
    trailing = [row for row in rows if len(row) == len(header) + 1 and row[-1] == ""]
    odd |= bool(trailing)
    if any(len(row) != len(header) and row not in trailing for row in rows):
        if odd or '"' in text:
            return None, True
        raise UnreadableError
    return [dict(zip(header, row, strict=False)) for row in rows], odd


def read_whole(text: str | None) -> int | None:
    """Read a whole number of less than 2^62, below zero as well; None for anything else."""
    if text is None or not re.fullmatch(r"[ \t\n\r\f]*[+-]?[0-9]+(\.0*)?[ \t\n\r\f]*", text):
        return None
    number = int(text.strip().split(".")[0])
    return number if abs(number) < 2**62 else None


def judge_time(milliseconds: int | None) -> str | None:
    """Return what is wrong with a time."""
    first, last = 631_152_000, 4_102_444_800
    if milliseconds is None:
        return "no readable timestamp"
    for name, unit in {"seconds": 1, "microseconds": 10**6, "nanoseconds": 10**9}.items():
        if first * unit <= milliseconds <= last * unit:
            return f"timestamp in {name}"
    return None if first * 1000 <= milliseconds <= last * 1000 else "timestamp out of range"


def judge_events(rows: list[dict[str, str]]) -> Iterator[tuple[str, tuple]]:
    """Yield the outcome of each event, and the event: time, visitor, type, item, transaction."""
    outcomes, days = [], Counter()
    for row in rows:
        moment, visitor, item, order = (
            read_whole(row.get(name)) for name in ("timestamp", "visitorid", "itemid", "transactionid")
        )
        kind = row["event"].strip(" \t\n\r\f")
        # What is in capitals, in English or in Turkish; letters of other alphabets have their own.
        kind = "".join(
            letter.lower() if letter.isascii() else {"İ": "i", "ı": "i"}.get(letter, letter) for letter in kind
        )
        known = kind in ("view", "addtocart", "transaction", "removefromcart")
        reason = (
            judge_time(moment)
            or (visitor is None and "no readable visitor id")
            or (item is None and "no readable item id")
            or (not known and "unknown event type")
        )
        # Of what is no transaction an id says nothing.
        outcomes.append((reason or None, (moment, visitor, kind, item, order if kind == "transaction" else None)))
        if not reason:
            days[moment // DAY] += 1
    first, last = find_busiest(days)
    if last - first > 11_000:
        raise UnreadableError
    seen = set()
    for reason, event in outcomes:
        if reason is None and not first <= event[0] // DAY <= last:
            yield "beyond a silence of more than a year", event
        elif reason is None and event in seen:
            yield "exact duplicate", event
        else:
            yield reason or "kept", event
        if reason is None:
            seen.add(event)


def find_busiest(days: Counter) -> tuple[int, int]:
    """Return the first and last day of the stretch with most events that no pause of more than 366 days cuts."""
    stretches: list[list[int]] = []
    for day in sorted(days):
        if stretches and day - stretches[-1][-1] <= 366:
            stretches[-1].append(day)
        else:
            stretches.append([day])
    best = max(stretches, key=lambda stretch: sum(days[day] for day in stretch), default=[0])
    return best[0], best[-1]


def judge_properties(rows: list[dict[str, str]]) -> Iterator[tuple[str, dict]]:
    """Yield the outcome of each property row, and the row."""
    for row in rows:
        role, value = row["property"], row["value"]
        if role not in ("categoryid", "790", "available", "name"):
            yield "other property", row
            continue
        price = read_price(value)
        outcome = (
            judge_time(read_whole(row["timestamp"]))
            or (read_whole(row["itemid"]) is None and "no readable item id")
            or (role == "categoryid" and read_whole(value) is None and "category is not a number")
            or (role == "790" and price is None and "price is not a number")
            or (role == "790" and price < 0 and "price is negative")
            or (role == "790" and price > 1e12 and "price out of range")
            or (role == "available" and value not in ("0", "1") and "neither 0 nor 1")
            or (role == "name" and not value.strip(" \t\n\r\f") and "name is empty")
            or "kept"
        )
        yield outcome, row


def read_price(text: str) -> float | None:
    """Read a price as RetailRocket writes it, or plainly; None where it is no finite number."""
    text = text.removeprefix("n").strip(" \t\n\r\f")
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        return None
    price = float(text)
    return price if abs(price) < float("inf") else None


def judge_tree(rows: list[dict[str, str]]) -> Iterator[tuple[str, dict]]:
    """Yield the outcome of each row of the category tree, and the row.

    Raises UnreadableError where the tree cannot be taken.
    """
    parents: dict[int, int | None] = {}
    for row in rows:
        category, parent = read_whole(row["categoryid"]), read_whole(row["parentid"])
        if row["parentid"].strip(" \t\n\r\f") and parent is None:
            raise UnreadableError
        if category is None:
            yield "no readable category id", row
        elif category in parents:
            yield "category listed again", row
        else:
            parents[category] = parent
            yield "kept", row
    # A circle is cut at its smallest member, so that one of more than a hundred is as deep as a chain.
    for category in parents:
        path = [category]
        while (parent := parents.get(path[-1])) is not None and parent in parents and parent not in path:
            path.append(parent)
            if len(path) > 100:
                raise UnreadableError


JUDGES = {EVENTS: judge_events, PROPERTIES: judge_properties, TREE: judge_tree}


# ---- running ---------------------------------------------------------------------------------------------


class EndlessError(Exception):
    """A run that did not end in time."""


@contextlib.contextmanager
def ending(seconds: int) -> Iterator[None]:
    """Raise EndlessError in a block that does not end in time."""

    def stop(*_) -> None:
        raise EndlessError(f"it did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def resolve_parameters(folder: Path) -> dict[str, dict]:
    """Return the parameters of the notebooks for the shop in a folder's raw/, with the build in the folder itself."""
    parameters = profiles.resolve(profiles.load_profile("own_shop"), "own_shop", MARKUP)
    for values in parameters.values():
        values["build"] = str(folder)
    parameters["01_eda"]["raw"]["folder"] = str(folder / "raw")
    return parameters


def run_stages(folder: Path) -> str:
    """Take a shop through ingestion and cleaning, as the notebooks do; returns what a reader would see: nothing."""
    for stage in ("ingest", "clean"):
        library_stages.STAGES[stage](folder, resolve_parameters(folder))
    return ""


def run_notebooks(folder: Path) -> str:
    """Run the cells of the data notebooks in this process; returns all HTML and Markdown that they show."""
    import IPython.display

    from smartrocket import findings

    shown: list[str] = []

    def display(value: object) -> None:
        shown.append(str(getattr(value, "data", value)))

    IPython.display.display = findings.display = display
    parameters = resolve_parameters(folder)
    for notebook in NOTEBOOKS:
        names: dict = {}
        for source, tags in read_code(notebook):
            if "parameters" in tags:
                names |= parameters[notebook]
                continue
            *body, last = ast.parse(source).body
            shows = isinstance(last, ast.Expr)
            exec(compile(ast.Module(body if shows else [*body, last], []), notebook, "exec"), names)
            if shows:
                display(eval(compile(ast.Expression(last.value), notebook, "eval"), names))
    return "\n".join(shown)


def try_shop(seed: int, file: str, name: str, mutation: Mutation, run: Callable[[Path], str]) -> str | None:
    """Mutate a shop, run it and judge what came of it; returns what is wrong, or None."""
    random = Random(f"{seed} {file} {name}")
    shop = make_shop(random)
    mutation(random, shop, file)
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        build = Path(folder)
        (build / "raw").mkdir()
        for each, sheet in shop.items():
            (build / "raw" / each).write_bytes(sheet.write() if sheet.content is None else sheet.content)
        write_json(build / "shop.json", {"generated": False, "profile": "own_shop", "title": MARKUP})
        verdict = judge_shop(build / "raw")
        try:
            with ending(SECONDS_TO_END):
                shown = run(build)
        except InputError as error:
            return judge_error(str(error), file, verdict)
        except EndlessError as error:
            return str(error)
        except Exception:
            return f"a traceback:\n{traceback.format_exc(limit=-6)}"
        return judge_report(build, shown, verdict)


def judge_error(message: str, file: str, verdict: Verdict) -> str | None:
    """Return what is wrong with an error about a file, or None: it must name the file and end in what to do."""
    names_file = any(name in message for name in (file, LEDGER[file]))
    if not names_file or not REMEDY.search(message) or "\n" in message or len(message) > 900:
        return f"an error that does not say what to do: {message[:900]}"
    return None if verdict.error or verdict.either else f"an error where a report was due: {message}"


def judge_report(build: Path, shown: str, verdict: Verdict) -> str | None:
    """Return what is wrong with a report, or None."""
    from pyarrow import parquet

    ledger: dict[str, Counter] = {name: Counter() for name in LEDGER.values()}
    for row in parquet.read_table(build / "interim/ledger.parquet").to_pylist():
        ledger[row["file"]][row["outcome"]] += row["rows"]
    events = read_events(build)
    if events.total() != ledger["events"]["kept"]:
        return f"the ledger keeps {ledger['events']['kept']} events, the table has {events.total()}"
    if verdict.error and not verdict.either:
        return f"a report where an error was due: {ledger}"
    if verdict.ledger != {name: ledger[name] for name in verdict.ledger}:
        return f"the ledger says {ledger}, the oracle {verdict.ledger}"
    if "events" in verdict.ledger and events != verdict.events:
        return f"events {events - verdict.events} are kept, where the oracle keeps {verdict.events - events}"
    if re.search(r"<script>alert|<b>&\"|\{\{< var x", shown.replace("&#123;", "")):
        return "markup of the shop's texts is shown as it is"
    return None


def read_events(build: Path) -> Counter:
    """Return how often each event is kept, written as the oracle writes it."""
    from pyarrow import compute, parquet

    columns = ["timestamp", "visitorid", "event", "itemid", "transactionid"]
    times, *others = parquet.read_table(build / "interim/events.parquet", columns=columns).columns
    milliseconds = compute.cast(compute.cast(times, "timestamp[ms]"), "int64")
    return Counter(zip(*(column.to_pylist() for column in (milliseconds, *others)), strict=True))


# ---- profiles --------------------------------------------------------------------------------------------

# What a profile's text may become without another meaning.
HARMLESS: dict[str, Callable[[Random, str], bytes]] = {
    "BOM": lambda random, text: b"\xef\xbb\xbf" + text.encode(),
    "CRLF": lambda random, text: text.replace("\n", "\r\n").encode(),
    "comments": lambda random, text: "".join(f"{line}\n# a comment\n" for line in text.splitlines()).encode(),
    "no last line end": lambda random, text: text.rstrip().encode(),
    "start of a document": lambda random, text: f"---\n{text}".encode(),
}
# What can never be a profile.
BROKEN: dict[str, Callable[[Random, str], bytes]] = {
    "unknown section": lambda random, text: f"{text}\nsharde:\n  seed: 1\n".encode(),
    "no sections": lambda random, text: b"- 1\n- 2\n",
    "a word": lambda random, text: b"sample\n",
    "open bracket": lambda random, text: f"{text}\nx: [1, 2\n".encode(),
    "tab": lambda random, text: f"{text}\nx:\n\ty: 1\n".encode(),
    "no UTF-8": lambda random, text: text.encode() + b"# \xff\xfe\n",
    "NUL": lambda random, text: text.encode() + b"x: \0\n",
    "section twice": lambda random, text: f"shared: {{seed: 1}}\n{text}\nshared: {{seed: 2}}\n".encode(),
    "an object": lambda random, text: f"{text}\nx: !!python/object/apply:os.getcwd []\n".encode(),
    "an endless alias": lambda random, text: f"{text}\nx: &x [*x]\n".encode(),
    "a date that is none": lambda random, text: f"{text}\nx: 2015-13-45\n".encode(),
    "a bomb": lambda random, text: (
        text + "\na0: &a0 [1,1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" for n in range(1, 40))
    ).encode(),
    "a bomb as a value": lambda random, text: (
        "x: &a0 [1,1]\n"
        + "".join(f"y{n}: &a{n} [*a{n - 1},*a{n - 1}]\n" for n in range(1, 40))
        + "raw: {events: *a39}\n"
    ).encode(),
    "deep": lambda random, text: f"{text}\nx: {'[' * 3000}{']' * 3000}\n".encode(),
    "a key that is a list": lambda random, text: f"{text}\n? [1, 2]\n: 3\n".encode(),
    "numbers as keys": lambda random, text: f"{text}\n1: 2\n".encode(),
}
# Values that no key of the section `shared` and no threshold may have.
WRONG_VALUES = [[], {}, -1, float("nan"), float("inf"), True, MARKUP, "1; rm", 1e400, "\0", [1], {"a": 1}, None, -1e-9]
WRONG_VALUES += [2**63, 10**300]
SCALARS = {
    "shared": ["seed", "threads", "memory_limit", "time_zone", "session_gap_minutes", "horizon_days"],
    "03_features": ["min_session_length", "min_item_support", "related_half_life_days", "related_items"],
    "04_forecast_lightgbm": ["trees", "resamples", "test_weeks", "average_days"],
    "05_forecast_tuning": ["trials", "folds", "fold_days"],
    "06_gru4rec_baseline": ["recent_days", "examples"],
    "07_gru4rec_tuning": ["trials", "search_epochs", "finalists"],
}


def mutate_profile(random: Random, text: str) -> tuple[str, bytes, str]:
    """Return the name of a mutation, the mutated text, and what its error must name."""
    section = random.choice(list(SCALARS))
    key = random.choice(SCALARS[section])
    content = yaml.safe_load(text) or {}
    values = dict(content.get(section) or {})
    if random.random() < 0.3:
        place = random.randrange(1, len(key))
        wrong, value = key[:place] + key[place + 1 :] + "q", 1
    else:
        wrong, value = key, random.choice(WRONG_VALUES)
    content[section] = values | {wrong: value}
    return f"{section}.{wrong} = {str(value)[:20]}", yaml.safe_dump(content).encode(), wrong


def try_profile(seed: int, profile: str, kind: str) -> tuple[str, str | None]:
    """Mutate a profile and check it; returns the mutation's name and what is wrong, or None."""
    random = Random(f"{seed} {profile} {kind}")
    original = profiles.PARAMS / f"{profile}.yaml"
    text = original.read_text(encoding="utf-8")
    name, content, named = kind, b"", f"{profile}.yaml"
    if kind in HARMLESS or kind in BROKEN:
        content = (HARMLESS | BROKEN)[kind](random, text)
    else:
        name, content, named = mutate_profile(random, text)
    with tempfile.TemporaryDirectory(prefix="mutations-") as folder:
        path = Path(folder) / f"{profile}.yaml"
        path.write_bytes(content)
        try:
            with ending(SECONDS_TO_END):
                checked = profiles.check_profile(path)
        except InputError as error:
            if kind in HARMLESS:
                return name, f"an error where a profile was due: {error}"
            message = str(error)
            clear = (named in message or kind in BROKEN) and f"{profile}.yaml" in message and len(message) < 4000
            return name, None if clear else f"an error that does not name {named}: {message[:2000]}"
        except Exception:
            return name, f"a traceback:\n{traceback.format_exc(limit=-4)}"
    if kind not in HARMLESS:
        return name, "a profile where an error was due"
    same = checked == profiles.check_profile(original)
    return name, None if same else "another profile than the one that was written"


# ---- the whole -------------------------------------------------------------------------------------------


def plan(tries: int, seed: int) -> tuple[list[tuple], list[tuple]]:
    """Return at least so many trials: (seed, file, name, mutation) of shops, and (seed, profile, kind) of profiles.

    A quarter are of profiles. They differ, and every mutation comes before any comes twice.
    """
    random = Random(seed)
    shops = [(file, name, mutation) for file, name, mutation in list_mutations()]
    kinds = [
        (profile, kind)
        for profile in [*profiles.list_profiles(), "defaults"]
        for kind in (*HARMLESS, *BROKEN, "value", "value again", "value once more")
    ]
    planned: tuple[list[tuple], list[tuple]] = ([], [])
    for trials, wanted, into in ((shops, tries - tries // 4, planned[0]), (kinds, tries // 4, planned[1])):
        turn = 0
        while len(into) < wanted:
            order = random.sample(trials, len(trials))
            into.extend((seed + turn, *trial) for trial in order[: wanted - len(into)])
            turn += 1
    return planned


def try_trial(trial: tuple[int, str, str]) -> tuple[str, str | None]:
    """Try what `plan` has planned, by its names; returns what was tried, and what is wrong with what came of it."""
    seed, file, name = trial
    mutation = {each[:2]: each[2] for each in list_mutations()}.get((file, name))
    if mutation is not None:
        return f"{file}: {name} (seed {seed})", try_shop(seed, file, name, mutation, run_notebooks)
    name, wrong = try_profile(seed, file, name)
    return f"{file}.yaml: {name} (seed {seed})", wrong


def main() -> int:
    """Try mutations and print those that fail; returns how many did, at most 1."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=500, help="how many mutations")
    parser.add_argument("--seed", type=int, default=1, help="another seed tries others")
    parser.add_argument("--only", help="only mutations whose name holds this")
    parser.add_argument(
        "--output", type=Path, default=RESULTS, help=f"file of results that takes the tally of {ENOUGH} tries or more"
    )
    options = parser.parse_args()
    shops, kinds = plan(options.tries, options.seed)
    failures: list[str] = []
    tally: Counter = Counter()

    def note(what: str, wrong: str | None) -> None:
        tally["wrong" if wrong else "right"] += 1
        if wrong:
            failures.append(what)
            print(f"WRONG  {what}: {wrong}", flush=True)
        if not tally.total() % TOLD_AFTER:
            print(f"{tally.total()} mutations tried so far", flush=True)

    chosen = [trial[:3] for trial in shops if not options.only or options.only in f"{trial[1]}: {trial[2]}"]
    chosen += [trial for trial in kinds if not options.only or options.only in f"{trial[1]}.yaml: {trial[2]}"]
    with ProcessPoolExecutor() as processes:
        for what, wrong in processes.map(try_trial, chosen):
            note(what, wrong)
    total = tally.total()
    if not total:
        parser.error("no mutation was tried: give more tries, or the name of one that there is.")
    if not options.only and total >= ENOUGH:
        found = {"tried": total, "shops": len(shops), "profiles": len(kinds), "seed": options.seed, "wrong": failures}
        keep_results("mutations", [found], options.output)
    print(f"{total} mutations tried, {tally['wrong']} of them wrong")
    return min(1, len(failures))


if __name__ == "__main__":
    sys.exit(main())
