"""What tests ask of an open page of the dashboard."""

import csv
import io
from pathlib import Path

from playwright.sync_api import Page

READY = "#dashboard:not([aria-busy])"


def read_cards(page: Page) -> dict[str, float | None]:
    """Return the exact values of the cards."""
    script = "(cards) => cards.map((card) => [card.dataset.card, card.querySelector('.value').dataset.value])"
    found = page.locator(".card:visible").evaluate_all(script)
    return {name: float(value) if value else None for name, value in found}


def ask_network(page: Page, sessions: list[list[int]], diversity: float = 0) -> list[list[int]]:
    """Return the lists of numbers that the page's network gives after some sessions."""
    script = """async ([sessions, diversity]) => {
        const network = await smartrocket.openNetwork();
        return sessions.map((session) => network.recommend(session, 20, diversity).map((row) => row.number));
    }"""
    return page.evaluate(script, [sessions, diversity])


def save(page: Page, label: str) -> bytes:
    """Click the button of this name and return the file that it offers."""
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    return Path(download.value.path()).read_bytes()


def read_csv(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8"))))
