"""The prose is spelt right: every word is in the dictionary or in tests/words.txt, the project's own list."""

import ast
import json
import re

import pytest
from spellchecker import SpellChecker

from smartrocket.files import ROOT

OWN_WORDS = ROOT / "tests" / "words.txt"
WORD = re.compile(r"[A-Za-zÀ-ÿ]+(?:['’][a-z]+)?")
# What is no prose: code, addresses, shortcodes, front matter, tags of HTML, formulas with underscores.
NO_PROSE = re.compile(
    r"```.*?```|~~~.*?~~~|`[^`]*`|\{\{<.*?>\}\}|\{[.#][^}]*\}|\]\([^)]*\)|https?://\S+|<[^>]+>|\S*[_/=]\S*|^---$|&#?\w+;",
    re.DOTALL | re.MULTILINE,
)
FEWEST_WORDS = 4


@pytest.fixture(scope="module")
def dictionary() -> SpellChecker:
    """English with the project's own words."""
    checker = SpellChecker(language="en")
    checker.word_frequency.load_words(OWN_WORDS.read_text(encoding="utf-8").split())
    return checker


def read_pages() -> dict[str, str]:
    """Return the text of every page written by hand, the notebooks' included: place -> text."""
    pages = [ROOT / "README.md", ROOT / "index.qmd", *sorted(ROOT.glob("chapters/*.qmd"))]
    texts = {path.name: path.read_text(encoding="utf-8") for path in pages}
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        texts[path.name] = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] != "code")
    return texts


def read_sentences() -> dict[str, str]:
    """Return the sentences that the library writes and its docstrings: module -> text."""
    texts = {}
    for path in sorted(ROOT.glob("lib/smartrocket/*.py")):
        constants = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)]
        # What a docstring quotes is an example, not prose.
        strings = [re.sub(r'"[^"\n]*"', " ", node.value) for node in constants if isinstance(node.value, str)]
        texts[path.name] = "\n\n".join(text for text in strings if len(text.split()) >= FEWEST_WORDS)
    return texts


def find_mistakes(text: str, dictionary: SpellChecker) -> set[str]:
    """Return the words of a text that nobody knows; names with a capital inside, and all capitals, are no words."""
    words = WORD.findall(NO_PROSE.sub(" ", text))
    plain = {word.replace("’", "'").removesuffix("'s") for word in words if word[1:].islower() or len(word) == 1}
    return {word for word in plain if len(word) > 2 and not dictionary.known([word.lower()])}


@pytest.mark.parametrize("read_texts", [read_pages, read_sentences])
def test_every_word_is_known(read_texts, dictionary):
    texts = read_texts()
    mistakes = {place: sorted(found) for place, text in texts.items() if (found := find_mistakes(text, dictionary))}
    assert mistakes == {}, "mend the spelling, or add a right word to tests/words.txt"


def test_a_misspelt_word_is_found_and_code_is_left_alone(dictionary):
    assert find_mistakes("The forcast of an item's sales, `forcast_table` and [a link](forcast.qmd).", dictionary) == {
        "forcast"
    }


def test_the_own_words_are_in_order_and_needed(dictionary):
    words = OWN_WORDS.read_text(encoding="utf-8").split()
    assert words == sorted(set(words))
    plain = SpellChecker(language="en")
    assert [word for word in words if plain.known([word])] == []
