"""Our two database backends: Django's own, with errors translated (store/troubles)."""
