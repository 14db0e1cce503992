"""The command line, the server and the download: a mistake is one sentence, and nothing leaves this machine."""

import hashlib
import os
import shutil
import subprocess
import threading
import urllib.request
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from smartrocket import __main__ as command
from smartrocket import download, server
from smartrocket.errors import InputError
from smartrocket.files import ROOT


def test_a_mistake_is_one_sentence_and_status_2(capsys):
    assert command.main(["prepare", "--profile", "smaple"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: there is no profile 'smaple'")
    assert "Traceback" not in printed


def test_a_message_does_nothing_to_the_terminal(capsys):
    assert command.main(["prepare", "--profile", "sam\x1b[31mple"]) == 2
    assert r"there is no profile 'sam\x1b[31mple'" in capsys.readouterr().err
    assert command.show_signs("two\nlines\r\x9b \udce9\tü") == "two\nlines\\r\\x9b \\udce9\tü"


def call_make(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    """Run make; the tests themselves may run under another one, whose own settings are not for this one."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *words], cwd=folder, env=inherited, capture_output=True, text=True, check=False)


def test_an_empty_shop_is_refused_in_one_line():
    run = call_make("help", "SHOP=")
    assert run.returncode != 0
    assert len(run.stderr.splitlines()) == 1
    assert "SHOP is empty: give the folder that holds the shop's events.csv, or leave SHOP out." in run.stderr


def test_a_project_in_a_folder_that_path_would_part_is_refused_in_one_line(tmp_path):
    folder = tmp_path / "shop:report"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    run = call_make("help", folder=folder)
    assert run.returncode != 0
    assert len(run.stderr.splitlines()) == 1
    assert f"the project's folder has a colon in its path, {folder}: rename that folder." in run.stderr


def test_serving_needs_a_site(tmp_path, monkeypatch):
    monkeypatch.setattr(server, "ROOT", tmp_path)
    with pytest.raises(InputError, match="make report"):
        server.serve_site(0)


def test_a_taken_port_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "_site").mkdir()
    (tmp_path / "_site" / "index.html").write_text("<p>here</p>")
    monkeypatch.setattr(server, "ROOT", tmp_path)
    with (
        ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as taken,
        pytest.raises(InputError, match="PORT="),
    ):
        server.serve_site(taken.server_port)


def test_the_site_is_served_on_the_loopback_address_only(tmp_path, monkeypatch):
    (tmp_path / "_site").mkdir()
    (tmp_path / "_site" / "index.html").write_text("<p>here</p>")
    monkeypatch.setattr(server, "ROOT", tmp_path)
    made = []

    class Noted(ThreadingHTTPServer):
        def __init__(self, *words):
            super().__init__(*words)
            made.append(self)

    monkeypatch.setattr(server, "ThreadingHTTPServer", Noted)
    thread = threading.Thread(target=partial(server.serve_site, 0), daemon=True)
    thread.start()
    while not made:
        thread.join(0.01)
    try:
        assert made[0].server_address[0] == "127.0.0.1"
        with urllib.request.urlopen(f"http://127.0.0.1:{made[0].server_port}/") as answer:
            assert answer.read() == b"<p>here</p>"
    finally:
        made[0].shutdown()


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder that a download leaves, with the two files that are published here."""
    files = {"events.csv": b"timestamp\n1\n", "category_tree.csv": b"categoryid\n"}
    folder = tmp_path / "fetched"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    published = {name: (len(text), hashlib.sha256(text).hexdigest()) for name, text in files.items()}
    monkeypatch.setattr(download, "PUBLISHED", published)
    monkeypatch.setattr(download, "FOLDER", tmp_path / "raw")
    return folder


def test_fetched_files_are_checked_and_put_in_place(shelf, monkeypatch):
    monkeypatch.setattr("kagglehub.dataset_download", lambda name: str(shelf))
    download.fetch_retailrocket()
    assert (download.FOLDER / "events.csv").read_bytes() == b"timestamp\n1\n"
    monkeypatch.setattr("kagglehub.dataset_download", lambda name: pytest.fail("fetched again"))
    download.fetch_retailrocket()


def test_without_a_network_the_message_says_which_files_to_put_where(shelf, monkeypatch):
    def refuse(name):
        raise ConnectionError("no route")

    monkeypatch.setattr("kagglehub.dataset_download", refuse)
    with pytest.raises(InputError, match=r"no route.*events.csv.*data/raw/retailrocket/"):
        download.fetch_retailrocket()
    assert not download.FOLDER.exists()


@pytest.mark.parametrize(("content", "word"), [(b"timestamp\n2\n", "SHA-256"), (b"time\n", "bytes")])
def test_a_file_that_differs_is_refused(shelf, monkeypatch, content, word):
    (shelf / "events.csv").write_bytes(content)
    monkeypatch.setattr("kagglehub.dataset_download", lambda name: str(shelf))
    with pytest.raises(InputError, match=word):
        download.fetch_retailrocket()
    assert not download.FOLDER.exists()
