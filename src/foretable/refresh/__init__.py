"""Keeping tables fresh: a pure plan from observed state, then one wave."""

from foretable.refresh.observe import observe
from foretable.refresh.plan import Build, Drop, Plan, Train, plan
from foretable.refresh.state import State
from foretable.refresh.step import Built
from foretable.refresh.wave import WaveReport, run_wave

__all__ = ["Build", "Built", "Drop", "Plan", "State", "Train", "WaveReport", "observe", "plan", "run_wave"]
