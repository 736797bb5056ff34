"""How much the sources hold, for who sets farcopy up: counted for a few seconds at most."""

from dataclasses import dataclass
from typing import Final

from farcopy.core.errors import SourceMissing
from farcopy.core.examination import SourceCount
from farcopy.engine.survey import count_of
from farcopy.service import wiring
from farcopy.store import configuration as stored

WITHIN_S: Final = 5.0
"""Of each source. A large archive takes minutes to the end; then it is "more than"."""


@dataclass(frozen=True, slots=True)
class CountedSource:
    """count: None when the directory is not there or cannot be listed."""

    label: str
    path: str
    count: SourceCount | None


def count_sources() -> list[CountedSource]:
    """Those that are configured."""
    settings = stored.load().settings
    counted = []
    for source in wiring.sources_of(settings):
        try:
            count = count_of(source, wiring.SystemClock(), WITHIN_S)
        except SourceMissing:
            count = None
        counted.append(CountedSource(source.label, settings.source_paths[source.label], count))
    return counted
