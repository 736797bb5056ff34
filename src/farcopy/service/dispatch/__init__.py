"""Ways to hand batches to workers: threads now, a cluster later."""
