"""The Examination port: one FTP server, step by step, with what was seen of it.

It goes the way a run goes, with the run's own parts. A small file of its own, under
a temporary name in our temporary folder, is all it writes, and it is removed again.
Called by engine/doctor through the service.
"""

import contextlib
import secrets
from collections.abc import Sequence
from pathlib import PurePosixPath

from farcopy.core.errors import (
    ConnectionLost,
    FarcopyError,
    HashMismatch,
    RemotePathMissing,
    RemoteReadOnly,
    SizeMismatch,
    TlsFailed,
    TooManyConnections,
)
from farcopy.core.examination import Sign, Step
from farcopy.ftp import certificates, login, reading, tls, transfer
from farcopy.ftp.folders import KnownFolders, ensure_folder
from farcopy.ftp.host import HostProfile
from farcopy.ftp.listing import count_files
from farcopy.ftp.order import HEAD_START_S, list_in_order
from farcopy.ftp.removing import rename, tidy_away
from farcopy.ftp.replies import FOREIGN
from farcopy.ftp.session import Session
from farcopy.ftp.settings import Budget, SessionSettings
from farcopy.ftp.signs import sign_of
from farcopy.ftp.sockets import Guard
from farcopy.planning.remote_path import NOBODY, displaced_name, temporary_name

PROBE_BYTES = 64 * 1024
"""More than one packet, less than anybody waits for."""
Seen = Sequence[tuple[str, str]]


class FtpExamination:
    """connections: how many at once are wanted. within_s: for all steps together."""

    def __init__(
        self, settings: SessionSettings, home_id: str, connections: int, within_s: float
    ) -> None:
        self._settings = settings
        self._folder_name = f"farcopy-tmp-{home_id}"
        self._connections = connections
        self._budget = Budget(within_s)
        self._guard = Guard()
        self._known = KnownFolders()
        # One command at a time: what more can be done, a step of its own finds out.
        self._host = HostProfile(answers_in_order=False)
        self._addresses: list[str] = []
        self._open: Session | None = None
        self._base = PurePosixPath("/")

    def perform(self, step: Step) -> Seen:
        match step:
            case Step.NAME:
                return self._find()
            case Step.CONNECTION:
                return self._connect()
            case Step.TLS:
                return self._secure()
            case Step.LOGIN:
                return self._log_in()
            case Step.DIRECTORY:
                return self._enter()
            case Step.PROBE:
                return self._write_and_read()
            case Step.ABILITIES:
                return self._ask_abilities()
            case Step.CONNECTIONS:
                return self._count_connections()

    def sign_of(self, error: FarcopyError) -> Sign:
        return sign_of(error, self._settings.tls)

    def seen_despite(self, error: FarcopyError) -> Seen:
        if not isinstance(error, TlsFailed) or self.sign_of(error) in (
            Sign.NOT_OFFERED, Sign.CA_UNREADABLE, Sign.NEEDS_TLS
        ):
            return ()
        with contextlib.suppress(FarcopyError, *FOREIGN):
            return self._peek()
        return ()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
        self._guard.close_all()

    # --- the steps ---

    def _find(self) -> Seen:
        self._addresses = login.find(self._settings, self._budget, self._guard)
        return [("addresses", ", ".join(self._addresses))]

    def _connect(self) -> Seen:
        # The context that verifies is made in the next step: its trouble is that step's.
        context = certificates.trusting_context()
        self._open = login.greet(
            self._settings, context, self._addresses, self._budget, self._guard, self._host
        )
        peer = self._session.wire.connection.getpeername()
        return [("address", f"{peer[0]}, port {peer[1]}")]

    def _secure(self) -> Seen:
        if self._settings.tls == "off":
            return [("encryption", "none: ftp_tls is off")]
        self._session.context = tls.make_context(self._settings, is_p256_only=True)
        try:
            login.secure(self._session, may_retry=True)
        except login.OtherCurvesNeeded:
            self._guard.close_all()
            self._connect()
            self._session.context = tls.make_context(self._settings, is_p256_only=False)
            login.secure(self._session, may_retry=False)
        if not self._session.is_tls:
            return [("encryption", "none: the server offers no TLS")]
        return certificates.seen_of(self._session.wire.connection)

    def _peek(self) -> Seen:
        """The certificate nobody trusts, over a connection that carries nothing else."""
        guard = Guard()
        try:
            session = login.greet(
                self._settings, certificates.trusting_context(), self._addresses,
                self._budget, guard, self._host,
            )
            if not session.ask("AUTH TLS").is_positive:
                return ()
            secured = tls.handshake(
                session.wire.connection, session.context, session.server_name,
                self._budget.cut(self._settings.deadlines.reply_s), guard,
            )
            return certificates.seen_of(secured)
        finally:
            guard.close_all()

    def _log_in(self) -> Seen:
        login.authenticate(self._session)
        login.settle_in(self._session)
        return [("login directory", self._session.login_directory or "not told as RFC 959 has it")]

    def _enter(self) -> Seen:
        session = self._session
        self._base = self._settings.base(session.login_directory)
        seen = [("directory", str(self._base))]
        if not session.is_directory(self._base):
            ensure_folder(session, self._known, self._base, path_error=RemotePathMissing)
            seen.append(("made", "it was not there, and was made as a sync would"))
        self._known.add(self._base)
        seen.append(("files directly in it", str(count_files(session, self._base))))
        how = "passive" if self._settings.is_passive else "active"
        seen.append(("data connection", how + (", encrypted" if session.is_tls else "")))
        return seen

    def _write_and_read(self) -> Seen:
        session, folder = self._session, self._base / self._folder_name
        ensure_folder(session, self._known, folder, path_error=RemoteReadOnly)
        name = temporary_name(NOBODY, secrets.randbelow(10**17) + 1)
        written, renamed = folder / name, folder / displaced_name(name)
        try:
            is_gone = self._try_file(written, renamed, secrets.token_bytes(PROBE_BYTES))
        except BaseException:
            with contextlib.suppress(FarcopyError, *FOREIGN):
                tidy_away(session, written)
                tidy_away(session, renamed)
            raise
        seen = [("file", f"{PROBE_BYTES // 1024} KiB, the same when read back")]
        if is_gone:
            return [*seen, ("left of it", "nothing")]
        return [*seen, ("left of it", "the file: this account may not delete, which is good "
                        f"practice against ransomware. What is left over stays in {folder}")]

    def _try_file(self, written: PurePosixPath, renamed: PurePosixPath, content: bytes) -> bool:
        """Whether it could be removed."""
        session = self._session
        data = transfer.begin(session, f"STOR {written}", path_error=RemoteReadOnly)
        with data:
            try:
                data.send(content)
            except FOREIGN as error:
                meant = transfer.broken(session, data, error)
                raise meant from meant.__cause__
            transfer.finish(session, data, len(content))
        if session.size(written) != len(content):
            raise SizeMismatch
        if b"".join(reading.blocks(session, written, len(content))) != content:
            raise HashMismatch
        rename(session, written, renamed)
        if session.size(renamed) != len(content):
            raise SizeMismatch
        return tidy_away(session, renamed)

    def _ask_abilities(self) -> Seen:
        session = self._session
        offered = session.features
        names = {
            "SIZE": offered.size, "MLSD": offered.mlsd, "EPSV": offered.epsv,
            "UTF8": offered.utf8, "REST": offered.rest_stream,
        }
        seen = [
            ("features", ", ".join(name for name, is_there in names.items() if is_there) or "none"),
            ("hashes", ", ".join(offered.hashes) or "none: content is proven by reading back"),
        ]
        if self._settings.is_passive:
            ours, home = None, session.login_directory
            if home is not None or self._base.is_absolute():
                folder = self._base / self._folder_name
                _, ours = list_in_order(session, folder, home or "/", HEAD_START_S)
            answer = "no, one at a time" if ours is None else "yes"
            seen.append(("several commands at once", answer))
        return seen

    def _count_connections(self) -> Seen:
        others: list[Session] = []
        is_refused = False
        try:
            while len(others) + 1 < self._connections and not is_refused:
                try:
                    others.append(login.log_in(self._settings, Guard(), self._budget))
                except (TooManyConnections, ConnectionLost):
                    is_refused = True
        finally:
            for session in others:
                session.close()
        count = len(others) + 1
        if is_refused:
            return [("at the same time", f"{count} of {self._connections}; the next was refused, "
                     "and a sync makes do with as many")]
        return [("at the same time", f"{count}, as many as ftp_connections allows")]

    @property
    def _session(self) -> Session:
        if self._open is None:
            raise ConnectionLost("no session")
        return self._open
