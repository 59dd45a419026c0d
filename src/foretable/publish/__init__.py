"""Publishing: each wave as Parquet files, and one DuckDB file of views that any client can open."""

from foretable.publish.publish import publish

__all__ = ["publish"]
