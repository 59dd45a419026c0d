"""Reference worlds from a seed, at any scale, with the truth kept aside."""

from foretable.simulate.clv import clv_chunks, simulate_clv
from foretable.simulate.clv_truth import clv_truth
from foretable.simulate.sample import build_sample
from foretable.simulate.telco import simulate_telco, telco_hazards

__all__ = ["build_sample", "clv_chunks", "clv_truth", "simulate_clv", "simulate_telco", "telco_hazards"]
