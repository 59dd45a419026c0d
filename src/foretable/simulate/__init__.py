"""Reference worlds from a seed, at any scale, with the truth kept aside."""

from foretable.simulate.sample import build_sample
from foretable.simulate.telco import simulate_telco, telco_hazards

__all__ = ["build_sample", "simulate_telco", "telco_hazards"]
