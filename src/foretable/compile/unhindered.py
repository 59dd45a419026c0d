"""Trees are built without the collector of cycles, which would walk all of them again and again and find nothing to take."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause Python's collector: every node of a tree points to its parent, so half of the time of a compilation went to it."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
