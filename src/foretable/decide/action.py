"""What can be done about a customer, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from foretable.declare.origin import Origin, caller
from foretable.errors import DeclarationError

if TYPE_CHECKING:
    import ibis.expr.types as ir

Number = int | float | str | Decimal

MONEY = "decimal(18, 2)"
"""Cents: what is shown is what is decided on."""
PROBABILITY = "decimal(19, 9)"
"""A probability to the billionth: the last bits of a double differ between machines, a decision must not."""
RATE = "decimal(18, 4)"
# One digit more than 18, or DuckDB would multiply in 64 bits and overflow at a thousand dollars.
GAIN = "decimal(19, 6)"


@dataclass(frozen=True)
class Action:
    """Something to do about a customer who may be lost.

    Parameters
    ----------
    name
        What it is called in ``recommended_action``, in words.
    cost
        Money per customer acted on who would have left; this is also what the budget counts.
    success
        Share of those who would have left that stay because of the action, 0 to 1.
    false_alarm_cost
        Money lost on a customer who would have stayed anyway (a discount given for nothing); by
        default ``cost``.
    capacity
        The most customers that can be acted on; by default any number.

    Examples
    --------
    >>> Action("call", cost=50, success=0.3, false_alarm_cost=300, capacity=1000).break_even(value=900)
    Decimal('0.5769')
    """

    name: str
    cost: Number
    success: Number
    false_alarm_cost: Number | None = None
    capacity: int | None = None
    origin: Origin = field(default_factory=caller, compare=False, repr=False)

    def __post_init__(self) -> None:
        given = self.cost if self.false_alarm_cost is None else self.false_alarm_cost
        for name, number, digits in (("cost", self.cost, 2), ("success", self.success, 4), ("false_alarm_cost", given, 2)):
            object.__setattr__(self, name, exact(number, name, self.origin, digits))
        if not 0 <= self._success <= 1:
            raise DeclarationError(f"action {self.name!r}: success {self.success} is no share", where=str(self.origin), hint="give 0 to 1")
        if self._cost < 0 or self._false_alarm_cost < 0:
            raise DeclarationError(
                f"action {self.name!r} has a negative cost", where=str(self.origin), hint="costs are money spent: give 0 or more"
            )
        if self.capacity is not None and self.capacity < 0:
            raise DeclarationError(
                f"action {self.name!r} has a negative capacity", where=str(self.origin), hint="give 0 or more, or leave it out"
            )

    @property
    def _cost(self) -> Decimal:
        return Decimal(self.cost)

    @property
    def _success(self) -> Decimal:
        return Decimal(self.success)

    @property
    def _false_alarm_cost(self) -> Decimal:
        return Decimal(self.false_alarm_cost or 0)

    def break_even(self, value: Number) -> Decimal:
        """The probability from which acting on a customer of that value pays, to four digits; above 1 it never does.

        The root of the expected value: p = C_fp / (success·value − C_tp + C_fp).
        """
        gain = self._success * exact(value, "value", self.origin) - self._cost + self._false_alarm_cost
        return (self._false_alarm_cost / gain).quantize(Decimal("0.0001")) if gain > 0 else Decimal("Infinity")

    def expected_value(self, probability: ir.Value, value: ir.Value) -> ir.DecimalValue:
        """Money that acting on one customer is expected to bring, in cents, exact.

        EV = p·(success·value − C_tp) − (1 − p)·C_fp, with C_tp the ``cost`` and C_fp the
        ``false_alarm_cost``: the expected-value framework of Provost and Fawcett, *Data Science for
        Business* (2013), chapter 7, with the customer's own value in the place of one average benefit.

        Parameters
        ----------
        probability
            That the customer leaves without the action, 0 to 1; rounded to the billionth.
        value
            What keeping the customer is worth, in money; rounded to the cent.
        """
        # p·(success·value − C_tp) − (1 − p)·C_fp with p taken out: one product, which 38 digits hold exactly.
        false_alarm = literal(self._false_alarm_cost, MONEY)
        gain = (value.cast(MONEY) * literal(self._success, RATE) - literal(self._cost, MONEY) + false_alarm).cast(GAIN)
        expected: ir.DecimalValue = (probability.cast(PROBABILITY) * gain - false_alarm).cast(MONEY)
        return expected


def exact(number: Number, name: str, origin: Origin, digits: int | None = None) -> Decimal:
    """A number as written: 0.1 is a tenth; with at most so many digits after the point."""
    try:
        value = Decimal(str(number))
    except InvalidOperation:
        raise DeclarationError(
            f"{name} is {number!r}, a number is expected", where=str(origin), hint="write it as 15, 0.25 or Decimal('9.90')"
        ) from None
    if not value.is_finite():
        raise DeclarationError(
            f"{name} is {number!r}, a finite number is expected", where=str(origin), hint="leave it out where there is no limit"
        )
    if digits is not None and value != round(value, digits):
        raise DeclarationError(f"{name} is {number!r}, at most {digits} digits after the point count", where=str(origin), hint="round it")
    return value


def literal(value: Decimal, kind: str) -> ir.DecimalValue:
    """A number of that DECIMAL type."""
    import ibis

    made: ir.DecimalValue = ibis.literal(value, type=kind)
    return made
