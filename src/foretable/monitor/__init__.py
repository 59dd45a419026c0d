"""How models do in production: what was predicted against what came."""

from foretable.monitor.compare import Comparison, compare_versions, update_comparisons
from foretable.monitor.moved import Change, Moved, histories_of, moved

__all__ = ["Change", "Comparison", "Moved", "compare_versions", "histories_of", "moved", "update_comparisons"]
