"""What the fault proxy can do, as values: to a command, to its reply, to the bytes of a file.

Five are those of the contract suite's proxy; the rest is what a line can do besides.
"""

from dataclasses import dataclass

from tests.contract.hostile import Answer, Close, Lose, Replace, Stall

__all__ = [
    "Action", "Answer", "AtByte", "Close", "Cut", "Delay", "Endless", "Fault", "Garbage", "Hold",
    "Lose", "Replace", "Replay", "Reset", "Stall", "Twice",
]


@dataclass(frozen=True)
class Reset:
    """RST instead of an end. after: the server has done it, its reply is what is lost."""

    after: bool


@dataclass(frozen=True)
class Hold:
    """The command stays on its way until the client has gone, and arrives late.

    until: when another session says this verb, just before it; "": when the proxy releases it.
    """

    until: str = ""


@dataclass(frozen=True)
class Delay:
    """The reply comes, late."""

    by_s: float


@dataclass(frozen=True)
class Cut:
    """Half of the reply, then the end."""


@dataclass(frozen=True)
class Twice:
    """The reply comes two times."""


@dataclass(frozen=True)
class Replay:
    """The reply to the command before comes once more, instead of this one's."""


@dataclass(frozen=True)
class Garbage:
    """No line of FTP."""


@dataclass(frozen=True)
class Endless:
    """A reply of many lines that has no last one."""


@dataclass(frozen=True)
class AtByte:
    """To the first upload of so many bytes, when they have passed; Fault.nth does not count.

    how: drop, reset, stall, delay (half a second), truncate (the server sees an orderly end,
    the rest is swallowed), flip (one bit; the rest passes).
    """

    how: str
    offset: int


Action = (
    Answer | Replace | Lose | Close | Stall | Reset | Hold | Delay | Cut | Twice | Replay
    | Garbage | Endless | AtByte
)


@dataclass(frozen=True)
class Fault:
    """An action at the nth time of a verb. Besides the verbs of FTP: CONNECT is the greeting,
    226 what is said at the end of an upload, DATA an upload's data connection."""

    verb: str
    nth: int
    action: Action
