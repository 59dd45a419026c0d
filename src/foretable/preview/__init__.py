"""A look at a change before it is made: changed definitions built beside the warehouse, and compared with what it holds."""

from foretable.preview.preview import preview
from foretable.preview.result import ColumnChange, Example, Preview, TableChange
from foretable.preview.scratch import record_missing, scratch_warehouse

__all__ = ["ColumnChange", "Example", "Preview", "TableChange", "preview", "record_missing", "scratch_warehouse"]
