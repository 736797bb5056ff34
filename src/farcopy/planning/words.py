"""Numbers, spans and sentences as people read them. Pure."""

from datetime import timedelta


def duration(span: timedelta) -> str:
    """`2 h 10 min`: the two largest units, as people say it."""
    minutes = max(int(span.total_seconds()) // 60, 0)
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{count(days, 'day')} {hours} h" if hours and days < 10 else count(days, "day")
    if hours:
        return f"{hours} h {minutes % 60} min" if minutes % 60 else f"{hours} h"
    return f"{minutes} min" if minutes else "less than a minute"


def count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def sentence(text: str) -> str:
    """With a capital and a full stop: errors are written to be joined by colons."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
