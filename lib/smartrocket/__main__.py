"""The commands that make calls: `python -m smartrocket <command>`; each imports only what it needs."""

import argparse
import re
import sys

from smartrocket.errors import InputError, explain_system_error
from smartrocket.files import ROOT
from smartrocket.lock import hold_build


def read_arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="smartrocket", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="check a profile, its raw files, and what is stale")
    prepare.add_argument("--profile", required=True)
    prepare.add_argument("--shop", help="folder of a shop's files, for profile own_shop")
    run = commands.add_parser("run", help="execute one notebook")
    run.add_argument("notebook")
    run.add_argument("--profile", required=True)
    publish = commands.add_parser("publish", help="render the site from executed notebooks and chapters")
    publish.add_argument("--profile", required=True)
    lab = commands.add_parser("copy-lab", help="copy a build for notebooks opened by hand")
    lab.add_argument("--profile", required=True)
    commands.add_parser("fetch", help="download the RetailRocket files and check them")
    commands.add_parser("picture", help="draw the picture in README from the built site")
    commands.add_parser("print", help="print the built site as one PDF")
    serve = commands.add_parser("serve", help="serve the site over http, on this machine only unless told otherwise")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    return parser.parse_args(words)


# Control signs but tabs and ends of lines, and halves of letters.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
# What a shell gives for a program that was interrupted.
INTERRUPTED = 130


def main(words: list[str] | None = None) -> int:
    """Run one command; returns the exit status. A user's mistake is one sentence and status 2."""
    arguments = read_arguments(words)
    try:
        if arguments.command in ("prepare", "run", "publish", "copy-lab"):
            with hold_build(ROOT) as waited:
                run_command(arguments, waited)
        else:
            run_command(arguments)
    except InputError as error:
        print(f"error: {show_signs(str(error))}", file=sys.stderr)
        return 2
    except OSError as error:
        said = explain_system_error(str(error))
        if said is None:
            raise
        print(f"error: {show_signs(said)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run make again, and it goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    return 0


def show_signs(message: str) -> str:
    """Write the signs of a message that would do something to a terminal, or cannot be printed, as Python does."""
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), message)


def run_command(arguments: argparse.Namespace, waited: bool = False) -> None:
    """Import what a command needs, and run it; `waited` says that another build was at work just before."""
    if arguments.command == "prepare":
        from smartrocket.preparation import prepare

        prepare(arguments.profile, arguments.shop)
    elif arguments.command == "run":
        from smartrocket.execution import run_notebook

        run_notebook(arguments.notebook, arguments.profile, waited)
    elif arguments.command == "publish":
        from smartrocket.publishing import publish

        publish(arguments.profile, ROOT)
    elif arguments.command == "copy-lab":
        from smartrocket.preparation import copy_lab

        copy_lab(arguments.profile)
    elif arguments.command == "fetch":
        from smartrocket.download import fetch_retailrocket

        fetch_retailrocket()
    elif arguments.command == "picture":
        from smartrocket.picture import draw_picture

        draw_picture()
    elif arguments.command == "print":
        from smartrocket.printing import print_report

        print(f"{print_report(ROOT).relative_to(ROOT)} is the report to print")
    else:
        from smartrocket.server import serve_site

        serve_site(arguments.port, arguments.host)


if __name__ == "__main__":
    sys.exit(main())
