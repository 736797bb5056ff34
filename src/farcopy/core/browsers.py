"""A user agent in three words a person knows ("Firefox on Windows"). Pure, and proof of nothing."""

from typing import Final

_BROWSERS: Final = (
    # In this order: the later ones stand in the text of the earlier too.
    ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"), ("curl/", "curl"),
)
_SYSTEMS: Final = (
    ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iOS"), ("iPad", "iOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)
MAX_OTHER: Final = 30


def browser_of(user_agent: str) -> str:
    """ "" for an empty one; of what is no known browser the first word, cut."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in user_agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return user_agent.split(" ", 1)[0][:MAX_OTHER]
