"""The kinds of fault, each with the places it can stand at."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults import actions as do
from tests.faults.actions import Action, Fault

LOGIN = ("CONNECT", "USER", "PASS", "FEAT", "TYPE", "PWD")
FILE = ("EPSV", "STOR", "SIZE", "RNFR", "RNTO")
COMMANDS = (*LOGIN, "CWD", *FILE)
REPLIES = (*COMMANDS, "226")
CODES = (421, 425, 426, 450, 451, 452, 530, 550, 552, 553)
HOWS = ("drop", "reset", "stall", "delay", "truncate", "flip")
FILES = 3
"""Due in each case, one connection: the nth of a file's verbs is the nth file's."""
LARGE = 150_001
"""The middle file's size; the others are small."""


@dataclass(frozen=True)
class Kind:
    """make: the action; verbs: where it makes sense.

    is_lie: no client can see it by 226 and SIZE. is_lost_reply: uses no attempt.
    """

    name: str
    verbs: Sequence[str]
    make: Callable[[], Action]
    is_lie: bool = False
    is_lost_reply: bool = False

    def place(self, chance: random.Random, *, tls: bool) -> Fault:
        """One of its places, by chance."""
        verbs = [*self.verbs, *(("AUTH", "PBSZ", "PROT") if tls and "PASS" in self.verbs else ())]
        verb = chance.choice(verbs)
        nth = chance.randint(1, FILES) if verb in (*FILE, "226") else 1
        action = self.make()
        if isinstance(action, do.AtByte):
            # Middle and last byte are those of the large file, whenever it comes.
            action = do.AtByte(action.how, chance.choice((0, LARGE // 2, LARGE - 1)))
        return Fault(verb, nth, action)


def _reply(code: int) -> bytes:
    return b"%d Not now.\r\n" % code


def _of_code(code: int) -> list[Kind]:
    # 421 to the greeting or to a command; the others where a server says them.
    places = COMMANDS if code == 421 else FILE if code in (425, 426, 452, 552, 553) else COMMANDS
    return [
        Kind(f"answer-{code}", places, lambda: do.Answer(_reply(code))),
        Kind(f"replace-{code}", (*FILE[1:], "226"), lambda: do.Replace(_reply(code))),
    ]


KINDS: tuple[Kind, ...] = (
    Kind("close-before", COMMANDS, do.Close),
    Kind("lose-reply", REPLIES, do.Lose),
    Kind("lose-226", ("226",), do.Lose, is_lost_reply=True),
    Kind("lose-renamed", ("RNTO",), do.Lose, is_lost_reply=True),
    Kind("reset-before", COMMANDS, lambda: do.Reset(after=False)),
    Kind("reset-after", REPLIES, lambda: do.Reset(after=True)),
    Kind("stall-before", COMMANDS, do.Hold),
    Kind("stall-reply", REPLIES, do.Stall),
    Kind("stall-renamed", ("RNTO",), do.Stall, is_lost_reply=True),
    Kind("delay-reply", REPLIES, lambda: do.Delay(0.4)),
    Kind("cut-reply", REPLIES, do.Cut),
    Kind("reply-twice", REPLIES, do.Twice),
    Kind("reply-replayed", COMMANDS[1:], do.Replay),
    Kind("garbage", REPLIES, do.Garbage),
    Kind("endless-reply", REPLIES, do.Endless),
    *(kind for code in CODES for kind in _of_code(code)),
    Kind("size-smaller", ("SIZE",), lambda: do.Replace(b"213 3\r\n")),
    Kind("size-larger", ("SIZE",), lambda: do.Replace(b"213 99999999999\r\n")),
    Kind("size-unknown", ("SIZE",), lambda: do.Replace(b"550 No such file.\r\n")),
    *(
        Kind(f"data-{how}", ("DATA",), lambda how=how: do.AtByte(how, 0), is_lie=how == "flip")  # type: ignore[misc]
        for how in HOWS
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}
