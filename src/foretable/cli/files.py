"""Files that a command writes where it was told to, and what the file system says when it cannot."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from foretable.errors import ForetableError, UsageError

HINTS = {
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "name a file",
    errno.EACCES: "check the owner and mode of the file and its folder",
    errno.EPERM: "check the owner and mode of the file and its folder",
    errno.EROFS: "choose a folder that can be written to",
    errno.ENOSPC: "free some space and run it again",
    errno.EDQUOT: "free some space and run it again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and run it again",
}


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write to; at the end of the block it takes the target's place, or is gone.

    Raises
    ------
    UsageError
        The target is a folder.
    ForetableError
        It cannot be written.
    """
    if target.is_dir():
        raise UsageError(f"{target} is a folder", hint="name a file in it")
    part = target.with_name(f"{target.name}.tmp")
    try:
        yield part
        part.replace(target)
    except OSError as problem:
        raise failure(problem, str(target)) from problem
    finally:
        with suppress(OSError):
            part.unlink()


def failure(problem: OSError, where: str = "") -> ForetableError:
    """What the file system said: which file, what the matter is, and what to do."""
    number, file = problem.errno, problem.filename
    if problem.args and isinstance(problem.args[0], list):  # shutil.copytree gathers (from, to, why)
        _, file, why = problem.args[0][0]
        found = re.search(r"\[Errno (\d+)\]", str(why))
        number = int(found[1]) if found else None
    message = os.strerror(number) if number else str(problem)
    return ForetableError(message[:1].lower() + message[1:], where=where or str(file or ""), hint=HINTS.get(number or 0, ""))
