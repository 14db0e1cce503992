"""What axe-core, the usual checker of accessibility, finds on a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe()
# Figures and charts are pictures with a text alternative, which other tests ask for; their thousands of strokes need
# not be looked at one by one.
LOOKED_AT = {"exclude": [["figure.finding svg"], [".plot"]]}
COLOURS = {"runOnly": ["color-contrast"]}
# Colours take twice as long as all other rules.
ALL_BUT_COLOURS = {"rules": {"color-contrast": {"enabled": False}}}
# It would fetch the style sheets once more, which a page from the disk may not, for rules on sounds and turned screens.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
# For what lies over what, axe-core measures those strokes all the same, which takes a quarter of its time.
EMPTY_THE_FIGURES = "document.querySelectorAll('figure.finding svg').forEach(drawing => drawing.replaceChildren())"


def find_barriers(page: Page, rules: dict | None = None) -> list[str]:
    """Return what stands in a reader's way on an open page, one line each, by all rules unless some are named."""
    options = OPTIONS | (rules or {})
    page.evaluate(EMPTY_THE_FIGURES)
    found = AXE.run(page, context=LOOKED_AT, options=options).response["violations"]
    return [f"{page.url}: {rule['help']}: {node['html'][:150]}" for rule in found for node in rule["nodes"]]
