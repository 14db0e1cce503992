"""What axe-core, the usual checker of accessibility, finds on a page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe()
# Figures and charts are pictures with a text alternative, which other tests ask for; their thousands of strokes need
# not be looked at one by one.
LOOKED_AT = {"exclude": [["figure.finding svg"], [".plot"]]}
COLOURS = ["color-contrast"]
# It would fetch the style sheets once more, which a page from the disk may not, for rules on sounds and turned screens.
OPTIONS = {"resultTypes": ["violations"], "preload": False}
BUT_COLOURS = {"rules": {rule: {"enabled": False} for rule in COLOURS}}
# For what lies over what, axe-core measures those strokes all the same, which takes a quarter of its time.
EMPTY_THE_FIGURES = "document.querySelectorAll('figure.finding svg').forEach(drawing => drawing.replaceChildren())"
# Most of the rest it takes for the contrast of thousands of cells, of which those that are alike in all that contrast
# depends on, up to the page itself, need to be looked at once.
LEAVE_ONE_OF_ALIKE = """() => {
    const looks = new Map([[null, ""]]);
    const describe = (element) => {
        if (!looks.has(element)) {
            const { color, backgroundColor, backgroundImage, opacity, fontSize, fontWeight, position, textShadow } =
                getComputedStyle(element);
            looks.set(element, [describe(element.parentElement), element.tagName, color, backgroundColor,
                backgroundImage, opacity, fontSize, fontWeight, position, textShadow].join());
        }
        return looks.get(element);
    };
    // Axe-core asks no contrast of what cannot be seen or used, which must not stand for what can.
    const texts = [...document.body.querySelectorAll("*")].filter((element) =>
        !element.childElementCount && element.textContent.trim()
            && element.checkVisibility({ visibilityProperty: true })
            && !element.closest("svg, .plot, label, :disabled, [aria-disabled=true], [aria-hidden=true]"));
    const known = new Set();
    const alike = texts.filter((element) => known.size === known.add(describe(element)).size);
    alike.forEach((element) => element.remove());
}"""


def find_barriers(page: Page, only_colours: bool = False) -> list[str]:
    """Return what stands in a reader's way on an open page, one line each; only its colours, if they are asked for.

    Afterwards the page holds no more than what was needed for that.
    """
    page.evaluate(EMPTY_THE_FIGURES)
    found = [] if only_colours else run_axe(page, BUT_COLOURS)
    page.evaluate(LEAVE_ONE_OF_ALIKE)
    found += run_axe(page, {"runOnly": COLOURS})
    return [f"{page.url}: {rule['help']}: {node['html'][:150]}" for rule in found for node in rule["nodes"]]


def run_axe(page: Page, options: dict) -> list[dict]:
    """Return the rules of axe-core that a page breaks, with the places where it does."""
    return AXE.run(page, context=LOOKED_AT, options=OPTIONS | options).response["violations"]
