"""The audit trail's chain: what is sealed, how, and in what bytes. Pure.

Every entry's MAC covers its fields and the MAC of the entry before, so one
cannot be changed, left out, put in or moved without the key. The head names the
last one and has a seal of its own, or the newest entries could be cut off.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

_VERSION: Final = "1"


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it is sealed. sequence: its number in the chain, 1 more than the one before."""

    sequence: int | None
    key_id: str
    user_id: int | None
    username: str
    action: str
    created_at: datetime
    ip_address: str
    user_agent: str
    details: Mapping[str, Any]
    response_status: int | None

    def mac(self, key: bytes, previous_mac: str) -> str:
        return _mac(key, "entry", previous_mac, *self._values())

    def digest(self, before: str, mac: str) -> str:
        """For entries older than a chain, which have no MAC or one of a key that is gone."""
        return sha256(_bytes(before, mac, *self._values())).hexdigest()

    def _values(self) -> tuple[object, ...]:
        return (
            self.sequence, self.key_id, self.user_id, self.username, self.action,
            self.created_at.astimezone(UTC).isoformat(timespec="microseconds"),
            self.ip_address, self.user_agent, self.details, self.response_status,
        )


@dataclass(frozen=True, slots=True)
class Head:
    """Where the chain ends and begins: see the table `audit_head`.

    closed: what an admin acknowledged, as JSON: ids of chains that are gone, with the number
    up to which entries of it are known to be missing (null: whichever), and the SHA-256 of
    texts that are no marks of ours.
    """

    chain_id: str
    sequence: int = 0
    mac: str = ""
    base_sequence: int = 0
    base_mac: str = ""
    earlier_last_id: int = 0
    earlier_rows: int = 0
    earlier_sha256: str = ""
    broken_after: int | None = None
    closed: str = ""
    is_anchored: bool = False

    def sealed(self, key: bytes) -> str:
        *values, closed, is_anchored = astuple(self)
        if closed or is_anchored:  # a head of before these were known has a seal without
            values += [closed, is_anchored]
        return _mac(key, "head", *values)

    def is_sealed(self, key: bytes, seal: str) -> bool:
        return hmac.compare_digest(self.sealed(key), seal)

    def after(self, sequence: int, mac: str) -> "Head":
        return replace(self, sequence=sequence, mac=mac)

    @property
    def closed_chains(self) -> dict[str, int | None]:
        found: dict[str, int | None] = json.loads(self.closed) if self.closed else {}
        return found

    def closing(self, more: Mapping[str, int | None]) -> "Head":
        """With these acknowledged too."""
        known = {**self.closed_chains, **more}
        return replace(self, closed=json.dumps(known, sort_keys=True, separators=(",", ":")))


@dataclass(frozen=True, slots=True)
class Mark:
    """A copy of the end of the chain, kept where who can change the database may not reach.

    An older copy of the whole database has a good seal; the mark says that there was more.
    """

    chain_id: str
    sequence: int
    mac: str
    key_id: str
    written_at: str
    seal: str = ""

    def sealed_with(self, key: bytes) -> "Mark":
        return replace(self, seal=self._seal(key))

    def is_sealed(self, key: bytes) -> bool:
        return hmac.compare_digest(self._seal(key), self.seal)

    def text(self) -> bytes:
        """As it lies in its file."""
        names = self.__dataclass_fields__
        values = {name: getattr(self, name) for name in names}
        return (json.dumps(values, indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def of_text(cls, text: bytes) -> "Mark":
        """Raises: ValueError when it is none."""
        return cls.of_values(json.loads(text))

    @classmethod
    def of_values(cls, values: object) -> "Mark":
        """Raises: ValueError when they are none."""
        if not isinstance(values, dict) or set(values) != set(cls.__dataclass_fields__):
            raise ValueError("no mark of an audit trail")
        if not all(isinstance(v, int if n == "sequence" else str) for n, v in values.items()):
            raise ValueError("no mark of an audit trail")
        return cls(**values)

    @property
    def digest(self) -> str:
        return sha256(self.text()).hexdigest()

    def _seal(self, key: bytes) -> str:
        return _mac(key, "mark", *astuple(replace(self, seal="")))


def label_of_text(key: bytes, text: str) -> str:
    """Stands for a text that is not to be kept, and tells who guesses it that he is right."""
    return _mac(key, "typed name", text)


def _mac(key: bytes, kind: str, *values: object) -> str:
    return hmac.new(key, _bytes(_VERSION, kind, *values), sha256).hexdigest()


def _bytes(*values: object) -> bytes:
    # One text for one value: sorted keys, no blanks, ASCII. JSON keeps values apart.
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
