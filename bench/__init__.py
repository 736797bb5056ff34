"""Measurements beside peers, in one run; ratios, never timed tests."""
