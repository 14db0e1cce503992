"""Numbers and lists as a reader likes them."""

import re
from collections.abc import Sequence
from datetime import date

# What a renderer would take for an instruction, and the check of the site for one that was not understood.
INSTRUCTION = re.compile(r"\{(?=\{)|@(?=(?:fig|tbl|sec|eq)-)|\[(?=\?)|\?(?=(?:var|meta|include):)")


def number(value: float, digits: int = 0) -> str:
    """Format a number with thousands separators: 12345.6 -> "12,346"."""
    return f"{value:,.{digits}f}"


def percent(share: float, digits: int = 1) -> str:
    """Format a share between 0 and 1: 0.1234 -> "12.3 %"."""
    return f"{100 * share:,.{digits}f} %"


def signed(value: float, digits: int) -> str:
    """Write a difference with its sign: -0.5 -> "−0.5"; what rounds to zero has none."""
    text = f"{value:+,.{digits}f}"
    return text[1:] if float(text.replace(",", "")) == 0 else text.replace("-", "\N{MINUS SIGN}")


def points(share: float, digits: int = 1) -> str:
    """Write a difference of shares in percentage points, without the unit: 0.0123 -> "+1.2"."""
    return signed(100 * share, digits)


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Count a noun: (1, "session") -> "1 session", (3, "category", "categories") -> "3 categories"."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def shield(text: str) -> str:
    """Break up with an invisible sign what stands in a text of the shop's and looks like a renderer's instruction."""
    return INSTRUCTION.sub(lambda sign: f"{sign[0]}\N{WORD JOINER}", text)


def cut(text: str, longest: int = 60) -> str:
    """Cut a text that may be of any length: ("abcdef", 4) -> "abc…"."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def capitalise(text: str) -> str:
    """Begin a text with a capital and leave the rest: "random walk of GRU" -> "Random walk of GRU"."""
    return text[:1].upper() + text[1:]


def joined(words: Sequence[str]) -> str:
    """Join words as in a sentence: ["a", "b", "c"] -> "a, b and c"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def duration(seconds: float) -> str:
    """Say a length of time in its natural unit: 83 -> "83 seconds", 2531 -> "42 minutes"."""
    if seconds < 120:
        return plural(round(seconds), "second")
    if seconds < 120 * 60:
        return plural(round(seconds / 60), "minute")
    if seconds < 48 * 3600:
        return plural(round(seconds / 3600), "hour")
    return plural(round(seconds / 86400), "day")


def read_megabytes(memory: str) -> float:
    """Read an amount of memory: "1.5GB" -> 1500."""
    return float(memory[:-2]) * {"MB": 1, "GB": 1000}[memory[-2:]]


def write_date(day: date) -> str:
    """Write a date in words: 2015-05-03 -> "3 May 2015"."""
    return f"{day.day} {day:%B %Y}"
