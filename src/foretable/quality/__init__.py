"""What crosses from layer to layer is checked here: rules, quarantine, ingest."""
