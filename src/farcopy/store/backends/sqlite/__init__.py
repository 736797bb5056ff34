"""SQLite. Django loads `base` by the name of this package."""
