"""Decisions: what an action is worth, whom to act on within a budget, and where more of it stops paying."""

from foretable.decide.action import Action
from foretable.decide.curve import profit_curve
from foretable.decide.plan import Decision, decision

__all__ = ["Action", "Decision", "decision", "profit_curve"]
