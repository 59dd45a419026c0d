"""Change feeds: which values of a table's columns changed, wave by wave, logged in schema ``foretable_feeds``."""
