"""How far a verb has come: files and bytes done, of how many. Counts; draws nothing.

Filled by verify, fetch and rebuild; the command line's bar is one that draws.
"""


class Meter:
    """files, bytes: those there are, as far as is known. is_growing: more are being found.

    A byte is done when it has moved, or when its file is settled, however that came about.
    Totals may be told from another thread than the rest.
    """

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        self.files_done = 0
        self.is_growing = False
        self._settled_bytes = 0
        self._moved_bytes = 0

    @property
    def bytes_done(self) -> int:
        # What moved twice, over a connection that was lost, is not done twice.
        return min(self._settled_bytes + self._moved_bytes, max(self.bytes, self._settled_bytes))

    @property
    def is_shown(self) -> bool:
        """Whether anybody sees it: then it is worth counting what there is."""
        return False

    def expect(self, files: int, size_bytes: int) -> None:
        """So many more there are."""
        self.files += files
        self.bytes += size_bytes

    def moved(self, size_bytes: int) -> None:
        """Bytes of a file in hand."""
        self._moved_bytes += size_bytes
        self.changed()

    def settled(self, size_bytes: int) -> None:
        """A file is done, whatever became of it; what had moved for it is in its size."""
        self.files_done += 1
        self._settled_bytes += size_bytes
        self._moved_bytes = 0
        self.changed()

    def changed(self) -> None:
        """For who draws it; called for every block, from the thread that works."""

    def words(self) -> str:
        """`120 of 400 files`, for a line at the end."""
        if not self.files:
            return f"{self.files_done} files"
        total = f"at least {self.files}" if self.is_growing else str(self.files)
        return f"{self.files_done} of {total} files"
