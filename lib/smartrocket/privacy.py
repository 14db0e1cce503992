"""No group too small: what stands between a table of single visitors and the page that everybody reads.

A result about fewer visitors than the parameter `smallest_group` could be about somebody whom a reader knows. It is
merged into its neighbour or left out (k-anonymity, Sweeney 2002, with k the smallest group). Groups that nobody is in
hide nobody, so a count of zero stays.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from smartrocket.ranking import NextClicks, Sessions


def is_small(counts: pd.Series, least: int) -> pd.Series:
    """Tell which counts of visitors are too small to be shown: at least one and fewer than `least`."""
    return (counts > 0) & (counts < least)


def few(least: int) -> str:
    """Say how many visitors a hidden group has: "fewer than 5 visitors"."""
    return f"fewer than {least} visitors"


def blank_small(frame: pd.DataFrame, counted: str, hidden: Sequence[str], least: int) -> pd.DataFrame:
    """Return a frame with the `hidden` columns missing in rows whose count of visitors, `counted`, is too small."""
    small = is_small(frame[counted], least).to_numpy()
    return frame.assign(**{name: frame[name].where(~small) for name in hidden}) if small.any() else frame


def merge_bins(bins: pd.DataFrame, counted: str, least: int) -> pd.DataFrame:
    """Return bins of numbers (low, high, and counts) in which none has a count of visitors that is too small.

    A bin with too few goes to the one below it, the first to the one above; counts are added up. A single bin stays as
    it is, whatever it holds.
    """
    rows = bins.to_dict("records")
    counts = [name for name in bins if name not in ("low", "high")]
    while len(rows) > 1:
        place = next((at for at in range(len(rows) - 1, -1, -1) if 0 < rows[at][counted] < least), None)
        if place is None:
            break
        lower = max(place - 1, 0)
        below, above = rows[lower], rows[lower + 1]
        merged = {"low": below["low"], "high": above["high"], **{name: below[name] + above[name] for name in counts}}
        rows[lower : lower + 2] = [merged]
    return pd.DataFrame(rows, columns=bins.columns)


def disguise(items: Sequence[int]) -> dict[int, str]:
    """Return stand-ins for the items of a single visit, in order of appearance: A, B, ... Z, AA, AB, ..."""
    names: dict[int, str] = {}
    for item in items:
        if item not in names:
            place, name = len(names), ""
            while place >= 0:
                place, letter = divmod(place, 26)
                name, place = chr(ord("A") + letter) + name, place - 1
            names[item] = name
    return names


class SharedRuns:
    """Which runs of clicks, such as the beginning of a session, occur in so many sessions that they tell on nobody.

    A run is shared when at least `least` sessions hold it, click for click, anywhere.
    """

    def __init__(self, parts: Sequence[Sessions], least: int, longest: int = 7):
        """Look for shared runs of 1 to `longest` clicks in all sessions of all parts."""
        self.least = least
        items = np.concatenate([part.items for part in parts])
        owners = np.concatenate([part.owners + 10**9 * place for place, part in enumerate(parts)])
        # A run is known by a number: that of the run without its last click, and that click.
        self.known: list[dict[int, int]] = []
        self.width = int(items.max(initial=0)) + 1
        runs = np.zeros(len(items), dtype=np.int64)
        for length in range(1, longest + 1):
            starts = np.flatnonzero(runs >= 0)
            starts = starts[starts + length <= len(items)]
            starts = starts[owners[starts] == owners[starts + length - 1]]
            keys = runs[starts] * self.width + items[starts + length - 1]
            names, inverse = np.unique(keys, return_inverse=True)
            held = np.unique(inverse * 10**10 + owners[starts]) // 10**10
            shared = np.bincount(held, minlength=len(names)) >= least
            numbers = np.where(shared, np.cumsum(shared) - 1, -1)
            self.known.append(dict(zip(names[shared].tolist(), numbers[shared].tolist(), strict=True)))
            runs = np.full(len(items), -1, dtype=np.int64)
            runs[starts] = numbers[inverse]

    def length(self, clicks: np.ndarray) -> int:
        """Return how many clicks from the first on form a run that is shared."""
        run = 0
        for place, (item, known) in enumerate(zip(clicks.tolist(), self.known, strict=False)):
            run = known.get(run * self.width + item, -1)
            if run < 0:
                return place
        return min(len(clicks), len(self.known))

    def cut(self, sessions: Sessions) -> Sessions:
        """Return the sessions cut to their shared beginning; those that have not two clicks left are left out.

        Where one session is enough to share, the sessions stay as they are.
        """
        if self.least <= 1:
            return sessions
        lengths = np.array(
            [self.length(part) for part in np.split(sessions.items, sessions.offsets[1:-1])], dtype=np.int64
        )
        kept = np.flatnonzero(lengths[: len(sessions)] >= 2)
        lengths = lengths[kept]
        offsets = np.r_[0, np.cumsum(lengths)].astype(np.int64)
        places = np.arange(offsets[-1]) + np.repeat(sessions.offsets[kept] - offsets[:-1], lengths)
        return Sessions(sessions.items[places], sessions.seconds[places], offsets)

    def tell(self, clicks: NextClicks) -> np.ndarray:
        """Tell which clicks to predict may be shown: what was seen and what came next is a shared run."""
        if self.least <= 1:
            return np.ones(len(clicks), dtype=bool)
        seen = np.split(clicks.prefixes.items, clicks.prefixes.offsets[1:-1])[: len(clicks)]
        return np.array(
            [
                self.length(np.append(part, target)) == len(part) + 1
                for part, target in zip(seen, clicks.targets, strict=True)
            ],
            dtype=bool,
        )
