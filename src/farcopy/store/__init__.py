"""Floor 3: the Django app that keeps the ledger, the history, users and secrets."""
