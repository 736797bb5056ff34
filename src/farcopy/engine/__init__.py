"""Floor 3: scan, plan, transfer, record. Knows ports only: no HTTP, Django or ftplib."""
