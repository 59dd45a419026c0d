"""The feature store: views and their versions, look-ups now and at a date, training sets for any spine, statistics."""
