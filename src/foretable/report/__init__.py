"""A report of a model version: one HTML file that needs nothing else, made from what the warehouse knows."""

from foretable.report.page import report_page, require_libraries

__all__ = ["report_page", "require_libraries"]
