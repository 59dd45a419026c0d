"""How models do in production: what was predicted against what came."""

from foretable.monitor.compare import Comparison, compare_versions, update_comparisons

__all__ = ["Comparison", "compare_versions", "update_comparisons"]
