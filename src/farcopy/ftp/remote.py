"""The Remote port over one FTP session: log in, store, settle, sweep, read back.

Knows where our names lie below ftp_path. How files get there is storing's matter.
Called by the engine.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from farcopy.core.errors import (
    ConnectionLost,
    ListingUnreadable,
    LocalName,
    RemotePathMissing,
    RemoteReadOnly,
)
from farcopy.core.model import RemoteEntry, RootLabel, StoreResult, Upload
from farcopy.ftp import keeping, listing, names, reading
from farcopy.ftp.folders import KnownFolders, ensure_folder
from farcopy.ftp.hashes import ServerHash
from farcopy.ftp.host import HostProfile
from farcopy.ftp.login import log_in
from farcopy.ftp.order import HEAD_START_S, list_in_order
from farcopy.ftp.removing import rename, tidy_away
from farcopy.ftp.session import Session
from farcopy.ftp.settings import SessionSettings
from farcopy.ftp.sizing import size_of
from farcopy.ftp.sockets import Guard
from farcopy.ftp.storing import Storing
from farcopy.ftp.together import ask_together
from farcopy.ftp.wire import encode_command
from farcopy.planning.remote_names import PLAIN, NameRules
from farcopy.planning.remote_path import parse_temporary


class FtpRemote:
    """A destination. For one thread; `abort` may come from any, and is for good.

    home_id: names our temporary folder, so that two installations never sweep
    each other's. known_folders, host: shared between the sessions of one run.
    """

    def __init__(
        self,
        settings: SessionSettings,
        home_id: str,
        known_folders: KnownFolders | None = None,
        host: HostProfile | None = None,
    ) -> None:
        self._settings = settings
        self._folder_name = f"farcopy-tmp-{home_id}"
        self._known = known_folders or KnownFolders()
        self._host = host or HostProfile()
        self._hash = ServerHash(self._host, may_ask=settings.asks_hashes)
        self._guard = Guard()
        self._session: Session | None = None
        self._rules_read: NameRules | None = None
        self._base = self._folder = PurePosixPath("/")
        self._storing = Storing(
            self._usable, self._locate, self._known, self._hash, self._host,
            is_passive=settings.is_passive,
        )

    @property
    def is_tls(self) -> bool:
        """Whether the session is encrypted: worth remembering as `is_tls_known`."""
        return self._session is not None and self._session.is_tls

    def open(
        self,
        before_login: Callable[[], None] = lambda: None,
        on_login: Callable[[], None] = lambda: None,
    ) -> None:
        self.close()
        session = log_in(
            self._settings, self._guard, host=self._host, before_login=before_login,
            on_login=on_login,
        )
        try:
            is_absolute = self._settings.path.startswith("/")
            self._base = self._settings.base("/" if is_absolute else session.login_directory)
            self._folder = self._base / self._folder_name
        except BaseException:
            session.close()
            raise
        self._session = session

    def prepare(self) -> Sequence[str]:
        session = self._usable()
        home = session.login_directory or ("/" if self._base.is_absolute() else None)
        is_single = not self._settings.is_passive or self._host.answers_in_order is False
        if is_single or home is None:
            return self._prepare_singly(session)
        is_known = self._host.answers_in_order is True
        wait_s = 0.0 if is_known else HEAD_START_S
        is_there, names = list_in_order(session, self._folder, home, wait_s)
        if not is_known:
            self._host.note_order(is_in_order=names is not None)
        if is_there:
            self._known.add(self._folder)
        else:
            self._make_folder(session)
        return self.temporaries() if names is None or not is_there else tuple(names)

    def _prepare_singly(self, session: Session) -> Sequence[str]:
        _, entered = ask_together(session, [f"MKD {self._folder}", f"CWD {self._folder}"])
        if entered.is_positive:
            self._known.add(self._folder)
            session.leave(self._folder)  # others may want to remove our folder
        else:
            self._make_folder(session)
        return self.temporaries()

    def _make_folder(self, session: Session) -> None:
        if not session.is_directory(self._base):
            ensure_folder(session, self._known, self._base, path_error=RemotePathMissing)
        self._known.add(self._base)
        ensure_folder(session, self._known, self._folder, path_error=RemoteReadOnly)

    def learn_names(self) -> None:
        """Before the first file of a destination, after prepare(): what the server does to names.

        Where files of ours lie already they have their names, by what is kept beside them.
        Raises: RunError, SessionError, FileError.
        """
        if self._host.names is not None:
            return
        session = self._usable()
        self._host.names = self._names_kept(session)
        if self._host.names is not None:
            return
        if any(self._has_files(session, self._base / label) for label in RootLabel):
            self._host.names = PLAIN
            return
        rules = names.learn(session, self._folder)
        if not rules.is_plain:
            self.keep(names.KEPT_AS, names.as_kept(rules))
        self._host.names = rules

    def _names_kept(self, session: Session) -> NameRules | None:
        content = keeping.read(session, self._own(names.KEPT_AS))
        return None if content is None else names.from_kept(content)

    def _has_files(self, session: Session, folder: PurePosixPath) -> bool:
        if not session.is_directory(folder):
            return False
        try:
            return sum(1 for _ in listing.entries(session, folder)) > 0
        except ListingUnreadable:
            return True

    def _rules(self) -> NameRules:
        """Who only reads, or has forgotten, goes by what is kept there."""
        if self._host.names is not None:
            return self._host.names
        if self._rules_read is None:
            self._rules_read = self._names_kept(self._usable()) or PLAIN
        return self._rules_read

    def store(self, uploads: Iterable[Upload]) -> Iterator[StoreResult]:
        return self._storing.store(uploads)

    def settle(self, upload: Upload) -> StoreResult | None:
        return self._storing.settle(upload)

    def was_renamed(self, temporary_name: str, final_path: str, size_bytes: int) -> bool:
        session = self._usable()
        if size_of(session, self._path_of(temporary_name)) is not None:
            return False
        return size_of(session, self._final(PurePosixPath(final_path))) == size_bytes

    def temporaries(self) -> Sequence[str]:
        """What lies in our folder, as far as the server tells: nothing is concluded from what
        is not in the listing, and without one a later run sweeps."""
        try:
            return tuple(listing.names(
                self._usable(), self._folder, lambda name: parse_temporary(name) is not None
            ))
        except (RemotePathMissing, ListingUnreadable):
            return ()

    def restore_displaced(self, name: str, final_path: str) -> None:
        session, displaced = self._usable(), self._path_of(name)
        final = self._final(PurePosixPath(final_path))
        if size_of(session, displaced) is None:
            return
        if size_of(session, final) is not None:
            tidy_away(session, displaced)
            return
        ensure_folder(session, self._known, final.parent)
        rename(session, displaced, final)

    def discard_temporary(self, name: str) -> bool:
        return tidy_away(self._usable(), self._path_of(name))

    def size(self, final_path: PurePosixPath) -> int | None:
        return size_of(self._usable(), self._final(final_path))

    def content_md5(self, final_path: PurePosixPath, size_bytes: int) -> str | None:
        return self._hash.md5(self._usable(), self._final(final_path), size_bytes)

    def read(self, final_path: PurePosixPath, size_bytes: int) -> Iterator[bytes]:
        return reading.blocks(self._usable(), self._final(final_path), size_bytes)

    def listing(self, folder: PurePosixPath) -> Iterator[RemoteEntry]:
        session, rules, found = self._usable(), self._rules(), self._final(folder)
        for entry in listing.entries(session, found):
            yield entry._replace(name=rules.decode(entry.name))

    def keep(self, name: str, content: bytes) -> None:
        path = self._own(name).relative_to(self._base)
        (result,) = self._storing.store([keeping.as_upload(content, path)])
        if result.error is not None:
            raise result.error

    def kept(self, name: str) -> bytes | None:
        return keeping.read(self._usable(), self._own(name))

    def abort(self) -> None:
        self._guard.abort()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
        self._session = None

    # -- where things lie

    def _own(self, name: str) -> PurePosixPath:
        return self._base / "farcopy" / name

    def _path_of(self, name: str) -> PurePosixPath:
        if parse_temporary(name) is None:
            raise ValueError("not a temporary name of ours")
        return self._folder / name

    def _final(self, path: PurePosixPath, rules: NameRules | None = None) -> PurePosixPath:
        if path.is_absolute() or ".." in path.parts:
            raise LocalName("outside ftp_path")
        is_ours = path.parts[:1] == ("farcopy",)
        found = path if is_ours else (rules or self._rules()).encode_path(path)
        encode_command(str(found))  # raises now, not between RNFR and RNTO
        return self._base / found

    def _locate(self, upload: Upload) -> tuple[PurePosixPath, PurePosixPath]:
        """Its temporary and its final name. Raises: LocalName."""
        # A run knows them before its first file.
        rules = self._host.names or PLAIN
        return self._path_of(upload.temporary_name), self._final(upload.final_path, rules)

    # -- the session

    def _usable(self) -> Session:
        self._guard.check()
        if self._session is None or not self._session.is_usable:
            lost = ConnectionLost("no session")
            lost.uses_attempt = False
            raise lost
        return self._session
