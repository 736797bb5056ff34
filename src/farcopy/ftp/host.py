"""What was learnt of a host, shared by the sessions of a run and kept between runs.

All of it can be found out again, at the price of a few round trips. So a distrust
is believed for seven days only, and a run whose data connections failed keeps
nothing. Filled by remote, publish, hashes and the service; stored by the service.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from farcopy.ftp.features import Features
from farcopy.planning.remote_names import NameRules

DISTRUSTED_FOR = timedelta(days=7)
"""A server that refused something may be replaced or mended; then it is asked again."""


@dataclass
class HostProfile:
    """answers_in_order: several commands may be sent at once; None: not asked yet.

    refuses_mlsd: it offers MLSD and does not have it. dates_have_years: in LIST, behind the
    time; None: not seen yet. refuses_epsv: PASV works, and EPSV did not; tries_pasv: EPSV did
    not, and PASV has yet to show. refuses_to_replace: to rename over an existing file.
    refuses_hashes: it offers MD5s and would not tell one. refuses_restart: to go on with a
    file it has a part of. refuses_deleting: so it is meant, against ransomware.
    lets_go: a file that was held there was let go in time; None: none was held so far in this run.
    connection_limit: sessions it had let in when it refused one more; None: it never did.
    most_connections: sessions it let in at once, in the last run that had a use for them.
    features: what it said after the first login; None: not asked yet in this run.
    names: what it does to them; None: not known here. For good: files have their names by it.
    """

    answers_in_order: bool | None = None
    refuses_mlsd: bool = False
    dates_have_years: bool | None = None
    refuses_epsv: bool = False
    tries_pasv: bool = False
    refuses_to_replace: bool = False
    refuses_hashes: bool = False
    refuses_restart: bool = False
    refuses_deleting: bool = False
    connection_limit: int | None = None
    most_connections: int = 0
    has_told_hashes: bool = False
    lets_go: bool | None = None
    features: Features | None = None
    names: NameRules | None = None
    _learnt: set[str] = field(default_factory=set)

    @classmethod
    def from_stored(cls, stored: Mapping[str, object], now: datetime) -> "HostProfile":
        """stored: what `to_store` gave; anything else is a host nobody knows."""
        fresh = _fresh(stored, now)
        limit = fresh.get("connection_limit")
        most = fresh.get("most_connections")
        in_order = fresh.get("answers_in_order") is True
        return cls(
            answers_in_order=False if "answers_out_of_order_at" in fresh else in_order or None,
            connection_limit=limit if type(limit) is int and limit > 0 else None,
            most_connections=most if type(most) is int and most > 0 else 0,
            refuses_epsv="refuses_epsv_at" in fresh,
            names=NameRules.from_stored(fresh.get("names")),
            refuses_mlsd="refuses_mlsd_at" in fresh,
            refuses_to_replace="refuses_to_replace_at" in fresh,
            refuses_hashes="refuses_hashes_at" in fresh,
            refuses_restart="refuses_restart_at" in fresh,
            refuses_deleting="refuses_deleting_at" in fresh,
        )

    def to_store(self, before: Mapping[str, object], now: datetime) -> dict[str, object]:
        """What to keep, beside what was kept before: its dates stay, so that it ends."""
        kept = _fresh(before, now)
        for name in self._learnt:
            kept[f"{name}_at"] = now.isoformat()
        if "answers_out_of_order" in self._learnt:
            kept.pop("answers_in_order", None)  # or nobody would ask again
        elif self.answers_in_order:
            kept["answers_in_order"] = True
        if self.names is not None:
            kept["names"] = self.names.to_store()
        if self.most_connections:
            kept["most_connections"] = self.most_connections
        if self.connection_limit is None:
            kept = {name: kept[name] for name in kept if not name.startswith("connection_limit")}
        elif "connection_limit" in self._learnt:
            kept["connection_limit"] = self.connection_limit
        return kept

    def note_order(self, *, is_in_order: bool) -> None:
        self.answers_in_order = is_in_order
        if not is_in_order:
            self._learnt.add("answers_out_of_order")

    def note_lost_step(self) -> None:
        """It was believed to answer in order, and was not up to it."""
        self.note_order(is_in_order=False)

    def note_silence(self) -> None:
        """A reply never came: the line, or too many commands. No more of them in this run."""
        self.answers_in_order = False

    def note_epsv_refused(self) -> None:
        if not self.refuses_epsv:
            self.refuses_epsv = True
            self._learnt.add("refuses_epsv")

    def note_mlsd_refused(self) -> None:
        if not self.refuses_mlsd:
            self.refuses_mlsd = True
            self._learnt.add("refuses_mlsd")

    def note_replacing_refused(self) -> None:
        if not self.refuses_to_replace:
            self.refuses_to_replace = True
            self._learnt.add("refuses_to_replace")

    def note_hash_refused(self) -> None:
        """One refusal among answers is that file's matter: proofs are worth asking again."""
        if not self.has_told_hashes:
            self.refuses_hashes = True
            self._learnt.add("refuses_hashes")

    def note_restart_refused(self) -> None:
        self.refuses_restart = True
        self._learnt.add("refuses_restart")

    def note_deleting_refused(self) -> None:
        if not self.refuses_deleting:
            self.refuses_deleting = True
            self._learnt.add("refuses_deleting")

    def note_connections(self, most: int, refused_beyond: int | None) -> None:
        """most: sessions open at once in this run; refused_beyond: then one more was refused."""
        if refused_beyond is not None:
            self.connection_limit = self.most_connections = refused_beyond
            self._learnt.add("connection_limit")
            return
        self.most_connections = max(self.most_connections, most)
        if self.connection_limit is not None and most > self.connection_limit:
            self.connection_limit = None


def _fresh(stored: Mapping[str, object], now: datetime) -> dict[str, object]:
    """Without the distrusts that are to be asked again, and without what is none of ours."""
    if not isinstance(stored, Mapping):
        return {}
    kept = dict(stored)
    for name in stored:
        if not name.endswith("_at"):
            continue
        at = _time(stored[name])
        # A clock that was set back must not keep a distrust for ever.
        if at is None or abs(now - at) >= DISTRUSTED_FOR:
            del kept[name]
    if "connection_limit_at" not in kept:
        kept.pop("connection_limit", None)
    return kept


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and at.tzinfo is not None else None
