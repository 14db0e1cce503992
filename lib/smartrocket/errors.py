"""The one error a user is meant to read."""

import re

# What the system says when nothing can be written, in whichever library's words.
UNWRITABLE = re.compile(
    r"No space left on device|Disk quota exceeded|File too large|Read-only file system|Permission denied|Errno 28\b",
    re.IGNORECASE,
)


class InputError(Exception):
    """A mistake in what the user gave: one sentence that names the file, row or key, and the remedy.

    The command line prints the sentence without a traceback and exits with status 2.
    """


class RowsError(InputError):
    """A mistake in the rows of the shop's files, found where these are tables: whoever knows the files names them."""


def explain_system_error(message: str) -> str | None:
    """Say in one sentence what to do about an error of the system; None where it is not one that a user can mend."""
    found = UNWRITABLE.search(message)
    if found is None:
        return None
    what = " ".join(message.split())[:300]
    return (
        f"the report cannot be written ({what}): free some space or give the folder write permission, then run make "
        "again; it goes on where it stopped."
    )
