"""Floor 3: what is read. Directories of files at rest; sources are never written."""
