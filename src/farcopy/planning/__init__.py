"""Floor 2: pure decisions. No I/O, no clock, no threads."""
