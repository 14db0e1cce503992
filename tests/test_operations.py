"""The workflows and the container file do what make can do, and nothing else of this project."""

import re

import pytest
import yaml

from smartrocket.files import ROOT
from smartrocket.printing import list_pages

WORKFLOWS = ROOT / ".github" / "workflows"
CONTAINER = ROOT / "Containerfile"


def read_targets() -> set[str]:
    """Return the targets that the Makefile documents."""
    return set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def find_calls(text: str) -> set[str]:
    """Return the targets of all calls of make in some commands."""
    return set(re.findall(r"(?:^|[^\w-])make +([a-z]+)\b", text))


@pytest.fixture(scope="module")
def workflow() -> dict:
    return read_workflow("pages")


def read_workflow(name: str) -> dict:
    """Return what a workflow says."""
    return yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text(encoding="utf-8"))


def list_steps(workflow: dict) -> list[dict]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_the_workflow_calls_targets_that_exist(workflow):
    commands = [step["run"] for step in list_steps(workflow) if "run" in step]
    assert commands == ["make report"]
    assert find_calls("\n".join(commands)) <= read_targets()


def test_the_workflow_installs_quarto_and_publishes_the_site(workflow):
    used = {step["uses"].split("@")[0]: step for step in list_steps(workflow) if "uses" in step}
    assert all(re.search(r"@(v\d+|[0-9a-f]{40})$", step["uses"]) for step in used.values())
    quarto = used["quarto-dev/quarto-actions/setup"]["with"]["version"]
    assert f"quarto-cli=={quarto}" in (ROOT / "Makefile").read_text(encoding="utf-8")
    assert used["actions/upload-pages-artifact"]["with"]["path"] == "_site"
    assert "actions/deploy-pages" in used
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    assert workflow["jobs"]["deploy"]["needs"] == "build"
    order = [step.get("uses", step.get("run")).split("@")[0] for step in workflow["jobs"]["build"]["steps"]]
    assert order.index("quarto-dev/quarto-actions/setup") < order.index("make report")


def test_the_tests_run_at_each_push_in_a_container_that_has_what_they_need():
    tests = read_workflow("tests")
    # YAML takes the word "on" for a truth value.
    assert {"push", "schedule"} <= set(tests[True])
    job = tests["jobs"]["test"]
    commands = "\n".join(step["run"] for step in job["steps"] if "run" in step)
    assert find_calls(commands) == {"test", "nightly", "fuzz"} <= read_targets()
    # Debian's packages, as README names them for the tests.
    assert job["container"].startswith("debian:")
    assert {"chromium", "openjdk-17-jre-headless", "python3-venv", "libgomp1"} <= set(commands.split())


def test_the_container_file_calls_targets_that_exist():
    text = CONTAINER.read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    words = [line.split(maxsplit=1) for line in lines if line.strip()]
    assert {word for word, _ in words} <= {"FROM", "RUN", "WORKDIR", "COPY", "USER", "EXPOSE", "CMD"}
    calls = find_calls("\n".join(rest for word, rest in words if word == "RUN"))
    served = yaml.safe_load(next(rest for word, rest in words if word == "CMD"))
    assert calls | {"serve"} == {"report", "serve"} <= read_targets()
    assert served == ["make", "serve", "HOST=0.0.0.0"]
    image = next(rest for word, rest in words if word == "FROM")
    assert re.search(r":\d+\.\d+", image)
    # What the comment tells to run exists, too.
    assert find_calls(text) <= read_targets()


def test_what_is_generated_does_not_go_into_the_image():
    ignored = (ROOT / ".containerignore").read_text(encoding="utf-8")
    assert ignored == (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for name in re.findall(r"^([\w.]+)/?$", (ROOT / ".gitignore").read_text(encoding="utf-8"), flags=re.MULTILINE):
        if (name.startswith(("_", ".venv")) and name != "__pycache__") or name in ("build", "analysis", "downloads"):
            assert name in ignored.split(), name
    assert "data/raw/*" in ignored


def test_the_chapter_names_commands_that_exist():
    text = (ROOT / "chapters" / "operations.qmd").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`]+`", text, flags=re.DOTALL)).replace("`", "\n")
    assert {"report", "pdf", "serve", "lab"} <= find_calls(code) <= read_targets()


def test_every_page_of_the_sidebar_has_a_source():
    pages = list_pages(ROOT)
    assert pages[0] == "index.html"
    assert len(pages) == len(set(pages))
    for page in pages:
        source = page.removesuffix(".html")
        assert (ROOT / f"{source}.qmd").is_file() or (ROOT / "notebooks" / f"{source.split('/')[-1]}.ipynb").is_file()
