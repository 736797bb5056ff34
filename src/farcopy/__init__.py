"""farcopy carries a hospital's DICOM archive to a second place and can prove it."""

__version__ = "0.1.0"
