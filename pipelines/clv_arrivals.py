"""Tables of history with what has arrived since, read as one."""

from collections.abc import Callable

import ibis

import foretable as ft
from foretable import _

Read = Callable[[ft.Source], ft.Table]


def known(source: ft.Source) -> ft.Table:
    """What is known at ``as_of()``."""
    return source.rows()


def latest(staging: ft.Source, *keys: str, read: Read = known) -> ft.Table:
    """The rows of a staging table, each key once: of several the one with the latest time."""
    rows = read(staging)
    place = ibis.row_number().over(group_by=[rows[key] for key in keys], order_by=ibis.desc(rows[staging.time]))
    return rows.mutate(place=place).filter(_.place == 0).drop("place")


def arrivals(history: ft.Source, staging: ft.Source, *keys: str, read: Read = known) -> ft.Table:
    """The rows of both, each key once: a row of staging stands for the one with the same key in history, as a correction.

    Parameters
    ----------
    history, staging
        Event sources with the same columns.
    keys
        What names a row. The customer's key is among them, so that changes are followed by customer: a correction cannot
        move a row from one customer to another.
    read
        What is read of each.
    """
    new = latest(staging, *keys, read=read)
    return read(history).anti_join(new, list(keys)).union(new)
