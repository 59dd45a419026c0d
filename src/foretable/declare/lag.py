"""How stale a table may get: a length of time, the times of a cron expression, or what its readers need."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from foretable.declare.clock import duration
from foretable.errors import UsageError

DOWNSTREAM = "DOWNSTREAM"
HINT = "write '5 minutes', 'DOWNSTREAM', or a cron expression such as '0 6 * * *' or 'USING CRON 0 6 * * MON-FRI Europe/Berlin'"
_FIELDS = 5
_USING = re.compile(r"\s*USING\s+CRON\b", re.IGNORECASE)
_FIRST_FIELD = re.compile(r"[\d*][\d*/,-]*\Z")
_LONGEST = timedelta(days=100 * 365)
_ANY_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Lag:
    """A target lag: ``every`` or ``cron`` is given; neither means DOWNSTREAM, as fresh as its readers need it.

    ``zone`` is the time zone of ``cron``; empty means the project's.
    """

    every: timedelta | None = None
    cron: str = ""
    zone: str = ""

    @property
    def downstream(self) -> bool:
        """Whether the table has no pace of its own."""
        return self.every is None and not self.cron

    def next_due(self, refreshed_at: datetime, time_zone: str) -> datetime | None:
        """When a table that was refreshed at a moment is due again, both in UTC; None for DOWNSTREAM.

        Cron times are those of the clock on the wall in ``zone``, else in ``time_zone``: a time that the clocks
        skip in spring comes with the first minute after the gap, one that they repeat in autumn comes once.
        """
        if self.every is not None:
            return refreshed_at + self.every
        if not self.cron:
            return None
        after = refreshed_at.replace(tzinfo=UTC)
        local = after.astimezone(ZoneInfo(self.zone or time_zone))
        # In the hour that autumn repeats, CronSim's first answer may be a time that has passed already.
        times = (moment.astimezone(UTC) for moment in CronSim(self.cron, local))
        return next(moment for moment in times if moment > after).replace(tzinfo=None)


def parse_lag(text: str) -> Lag:
    """Parse a target lag.

    Parameters
    ----------
    text
        ``"5 minutes"``; ``"DOWNSTREAM"``; or five cron fields, with ``USING CRON`` before and a time zone after
        them if you like: ``"0 6 * * *"``, ``"USING CRON 0 6 * * * Europe/Berlin"``.

    Raises
    ------
    UsageError
        It is none of these.
    """
    words = text.split()
    if text.strip().upper() == DOWNSTREAM:
        return Lag()
    if _USING.match(text):
        return _cron(text, words[2:])
    if words and len(words) >= _FIELDS and _FIRST_FIELD.match(words[0]):
        return _cron(text, words)
    try:
        every = duration(text)
    except UsageError:
        raise UsageError(f"{text!r} is no target lag", hint=HINT) from None
    except OverflowError:
        every = timedelta.max
    if not timedelta() < every <= _LONGEST:
        what = "a target lag of nothing can never be kept" if not every else "a target lag is 100 years at most"
        raise UsageError(f"{text!r}: {what}", hint=HINT)
    return Lag(every=every)


def _cron(text: str, words: list[str]) -> Lag:
    if not _FIELDS <= len(words) <= _FIELDS + 1:
        raise UsageError(
            f"{text!r}: a cron expression has five fields: minute, hour, day, month, day of week; then a time zone, if any", hint=HINT
        )
    cron, zone = " ".join(words[:_FIELDS]), "".join(words[_FIELDS:])
    try:
        next(CronSim(cron, _ANY_MOMENT))
    except CronSimError as error:
        raise UsageError(f"{text!r}: {str(error)[:1].lower()}{str(error)[1:]} in the cron expression", hint=HINT) from None
    except StopIteration:
        raise UsageError(f"{text!r}: that time never comes", hint=HINT) from None
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"{text!r}: the time zone {zone!r} is unknown", hint='an IANA name such as "Europe/Berlin"') from None
    return Lag(cron=cron, zone=zone)
