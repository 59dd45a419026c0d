"""What crosses from layer to layer is checked here: rules, quarantine, ingest."""

from foretable.quality.check import Violation, check_table, require
from foretable.quality.ingest import IngestReport, LoadedFile, ingest
from foretable.quality.quarantine import Keys, quarantine_of, split_clean
from foretable.quality.redrive import RedriveReport, quarantined, redrive
from foretable.quality.rules import Rule, row_rules

__all__ = [
    "IngestReport",
    "Keys",
    "LoadedFile",
    "RedriveReport",
    "Rule",
    "Violation",
    "check_table",
    "ingest",
    "quarantine_of",
    "quarantined",
    "redrive",
    "require",
    "row_rules",
    "split_clean",
]
