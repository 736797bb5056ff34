"""Which uploads that were cut off are worth being continued. Pure.

Continuing costs questions, and reads the part that is there on both sides; a small
file is sent again sooner. Asked by the engine and by ftp/storing.
"""

CONTINUE_ABOVE_BYTES = 16 * 1024 * 1024


def is_worth_continuing(size_bytes: int) -> bool:
    return size_bytes > CONTINUE_ABOVE_BYTES
