"""Other people's spelling of models in SQL: BigQuery's ``ML.PREDICT(MODEL m, …)`` and Snowflake's ``m!PREDICT(…)``.

Calls are found by token and replaced in the text; all else stays byte for byte as its author wrote it. Where what a call
means depends on the query around it, sqlglot says which tables that query reads.
"""

from foretable.faces.facts import Facts, Models, anything, in_catalog
from foretable.faces.rewrite import rewritten

__all__ = ["Facts", "Models", "anything", "in_catalog", "rewritten"]
