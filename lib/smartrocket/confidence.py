"""How sure a recommendation is: the calibrated probability that an item comes next, and a test of it."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from scipy.special import expit

from smartrocket import figures
from smartrocket.findings import Finding
from smartrocket.ranking import (
    LEAST_SESSIONS,
    LIST_LENGTH,
    NextClicks,
    Recommender,
    bootstrap_means,
    percentile_interval,
    sample_clicks,
)
from smartrocket.results import Results
from smartrocket.wording import number, percent, plural

MOST_SCORES = 50_000_000
"""How many scores the fit of a calibration holds at once; of more clicks than that allows, some are drawn."""

MOST_CLICKS = 5000
BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Turns scores into probabilities that an item is clicked next.

    The softmax over all items of `scores / temperature` (temperature scaling: Guo et al. 2017) gives a
    probability; its log-odds, times `slope` plus `intercept`, are the log-odds shown (Platt 1999). Neither step
    changes the order of a list. The probabilities of all items need not add up to 1 after the second step: it is
    fitted to the items that are shown.
    """

    temperature: float = 1.0
    slope: float = 1.0
    intercept: float = 0.0

    def probabilities(self, scores: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Return the probability of the chosen items of each row, shape as `items` (rows, chosen)."""
        return expit(self.slope * chosen_log_odds(scores, items, self.temperature) + self.intercept)


def chosen_log_odds(scores: np.ndarray, items: np.ndarray, temperature: float) -> np.ndarray:
    """Return the log-odds of the chosen items' softmax probabilities."""
    scaled = torch.from_numpy(scores).double() / temperature
    logs = (scaled.gather(1, torch.from_numpy(items)) - scaled.logsumexp(dim=1, keepdim=True)).numpy()
    logs = np.minimum(logs, -1e-9)
    return logs - np.log(-np.expm1(logs))


def calibrate(model: Recommender, clicks: NextClicks, item_count: int, seed: int, least: int) -> Calibration:
    """Fit a model's calibration to clicks that it was not trained on.

    The temperature makes the items that were clicked as likely as it can; slope and intercept are a logistic
    regression of being the next item, over the items of the top-20 lists. With fewer than `least` clicks
    nothing is fitted.
    """
    if len(clicks) < least:
        return Calibration()
    fitted = sample_clicks(clicks, max(MOST_SCORES // item_count, 1), seed)
    parts = [(scores, fitted.targets[chosen]) for scores, chosen in score_batches(model, fitted)]
    temperature = fit_temperature(parts)
    odds, hits = [], []
    for scores, targets in parts:
        items = top_places(scores)
        odds.append(chosen_log_odds(scores, items, temperature).ravel())
        hits.append((items == targets[:, None]).ravel())
    slope, intercept = fit_log_odds(np.concatenate(odds), np.concatenate(hits))
    return Calibration(temperature, slope, intercept)


def score_batches(model: Recommender, clicks: NextClicks, batch: int = 256) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield a model's scores of all items for batches of clicks, and which clicks they are."""
    for start in range(0, len(clicks), batch):
        chosen = np.arange(start, min(start + batch, len(clicks)))
        yield model.score(clicks.prefixes.take(chosen)), chosen


def top_places(scores: np.ndarray) -> np.ndarray:
    """Return the items of each row's list, best first, shape (rows, at most 20)."""
    return torch.from_numpy(scores).topk(min(LIST_LENGTH, scores.shape[1]), dim=1).indices.numpy()


def fit_temperature(parts: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the temperature at which the targets are most likely, between 1/50 and 50."""

    def surprise(log_temperature: float) -> float:
        total = 0.0
        for scores, targets in parts:
            scaled = torch.from_numpy(scores) / float(np.exp(log_temperature))
            own = scaled[torch.arange(len(targets)), torch.from_numpy(targets)]
            total += float((scaled.logsumexp(dim=1) - own).double().sum())
        return total

    found = minimize_scalar(surprise, bounds=(-np.log(50), np.log(50)), method="bounded", options={"xatol": 0.01})
    return float(np.exp(found.x))


def fit_log_odds(odds: np.ndarray, hits: np.ndarray, rounds: int = 25) -> tuple[float, float]:
    """Return slope and intercept of the logistic regression of `hits` (True, False) on log-odds, by Newton's method.

    They are 1 and 0 where all or none are hits, and where a falling line would turn the list around. A pull towards
    1 and 0, as weak as a single case, keeps them finite where a line parts hits and misses.
    """
    if not 0 < hits.sum() < len(hits):
        return 1.0, 0.0
    design = np.column_stack([odds, np.ones(len(odds))])
    start = weights = np.array([1.0, 0.0])
    for _ in range(rounds):
        probability = expit(design @ weights)
        slope = design.T @ (hits - probability) - (weights - start)
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design + np.eye(2)
        weights = weights + np.linalg.solve(curvature, slope)
    if not weights[0] > 0:
        return 1.0, 0.0
    return float(weights[0]), float(weights[1])


@dataclass(frozen=True)
class Reliability:
    """What was said and what happened, for every item of every list: `said` (probability), `happened` (True, False).

    `session` is the test session of each.
    """

    said: np.ndarray
    happened: np.ndarray
    session: np.ndarray

    @property
    def bins(self) -> np.ndarray:
        """The bin of each shown item: ten of like size, by what was said."""
        order = np.argsort(np.argsort(self.said, kind="stable"), kind="stable")
        return order * BINS // max(len(order), 1)

    @property
    def expected_error(self) -> float:
        """The expected calibration error: how far what was said is from what happened, averaged over the bins."""
        bins = self.bins
        gaps = np.bincount(bins, self.said - self.happened, minlength=BINS)
        return float(np.abs(gaps).sum() / max(len(self.said), 1))


def judge_confidence(
    model: Recommender, clicks: NextClicks, calibrations: Sequence[Calibration], seed: int
) -> list[Reliability]:
    """Say by each calibration how sure each item of each top-20 list is, and whether it was clicked next.

    Of the clicks at most 5,000 are drawn.
    """
    clicks = sample_clicks(clicks, MOST_CLICKS, seed)
    said: list[list[np.ndarray]] = [[np.empty(0)] for _ in calibrations]
    happened, session = [np.empty(0, dtype=bool)], [np.empty(0, dtype=np.int64)]
    for scores, chosen in score_batches(model, clicks):
        items = top_places(scores)
        for own, calibration in zip(said, calibrations, strict=True):
            own.append(calibration.probabilities(scores, items).ravel())
        happened.append((items == clicks.targets[chosen][:, None]).ravel())
        session.append(np.repeat(clicks.session[chosen], items.shape[1]))
    return [Reliability(np.concatenate(own), np.concatenate(happened), np.concatenate(session)) for own in said]


def reliability_frame(reliability: Reliability, seed: int) -> pd.DataFrame:
    """Return one row a bin: bin, shown (items), said and happened (means), low and high (95 %, sessions drawn anew).

    The frame is empty where nothing was shown.
    """
    columns = ["bin", "shown", "said", "happened", "low", "high"]
    if not len(reliability.said):
        return pd.DataFrame(columns=columns)
    bins = reliability.bins
    inside = bins[:, None] == np.arange(BINS)
    happened = np.repeat(reliability.happened[:, None].astype(float), BINS, axis=1)
    ends = [(None, None)] * BINS
    if len(np.unique(reliability.session)) >= LEAST_SESSIONS:
        means = bootstrap_means(happened, inside, reliability.session, seed)
        ends = [percentile_interval(means[:, number_]) for number_ in range(BINS)]
    rows = [
        [place + 1, int(mask.sum()), reliability.said[mask].mean(), reliability.happened[mask].mean(), *ends[place]]
        for place, mask in enumerate(inside.T)
        if mask.any()
    ]
    return pd.DataFrame(rows, columns=columns)


def describe_confidence(calibrated: Reliability, raw: Reliability, seed: int, refusal: str) -> Finding:
    """Show what was said beside what happened, bin by bin, before and after calibration.

    `refusal` says why nothing is compared, if so.
    """
    if refusal:
        return Finding(refusal)
    frame, before = reliability_frame(calibrated, seed), reliability_frame(raw, seed)
    figure, axes = figures.canvas(5.6, 4.4)
    whiskers = np.abs(frame[["low", "high"]].to_numpy(float).T - frame["happened"].to_numpy())
    longest = float(max(frame["said"].max(), before["said"].max(), frame["high"].max()))
    axes.plot([0, longest], [0, longest], color=figures.MUTED, linestyle="--", linewidth=1, label="said = happened")
    axes.plot(before["said"], before["happened"], "x", color=figures.PALETTE[1], label="before calibration")
    axes.errorbar(
        frame["said"], frame["happened"], yerr=whiskers, fmt="o", color=figures.PALETTE[0], label="calibrated"
    )
    axes.set(xlabel="probability said", ylabel="share that was clicked next")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    first, last = frame.iloc[0], frame.iloc[-1]
    lists = len(calibrated.said) / LIST_LENGTH
    reading = (
        f"Calibration takes the expected calibration error from {percent(raw.expected_error, 2)} to "
        f"{percent(calibrated.expected_error, 2)} on the test. Of the tenth of suggestions that the network is surest "
        f"of it says {percent(last['said'])}, and {percent(last['happened'])} were clicked next; of the tenth it is "
        f"least sure of it says {percent(first['said'])}, and {percent(first['happened'])} were. The probabilities of "
        f"one list add up to {percent(calibrated.said.sum() / lists)} on average; "
        f"{percent(calibrated.happened.sum() / lists)} of the lists hold the item."
    )
    return Finding(
        reading=reading,
        figure=figure,
        caption=f"Said and happened, in {plural(len(frame), 'bin')} of about {number(frame['shown'].mean())} "
        "suggestions each, with 95 % intervals.",
        alt=reading,
    )


def record_confidence(
    results: Results, calibration: Calibration, calibrated: Reliability, raw: Reliability, refusal: str
) -> None:
    """Write the calibration, and the expected calibration error on the test before and after it.

    The errors are None where nothing is compared, for the reason `refusal`.
    """
    for name, value in asdict(calibration).items():
        results.fact(f"confidence_{name}", round(value, 6), unit="setting")
    results.fact("confidence_error", None if refusal else calibrated.expected_error, unit="share")
    results.fact("confidence_error_raw", None if refusal else raw.expected_error, unit="share")
