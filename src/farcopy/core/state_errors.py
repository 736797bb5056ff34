"""What is asked for cannot be done in the state farcopy is in. Part of the tree of errors drawn
in core/errors.
"""

from farcopy.core.errors import FarcopyError


class RunAlreadyOn(FarcopyError):
    code = "sync_already_running"
    text = "A sync is already running"


class RunCutOff(FarcopyError):
    code = "run_cut_off"
    text = (
        "Nothing runs that could be cancelled: the sync was cut off, its engine is gone; the next "
        "start of the service, or the next sync, closes it and goes on"
    )


class NoRunOn(FarcopyError):
    code = "no_sync_running"
    text = "No sync is running"


class NotFrozen(FarcopyError):
    code = "not_frozen"
    text = "Sync is not frozen; there is nothing to confirm"


class NothingLost(FarcopyError):
    code = "nothing_lost"
    text = "No file is known to be lost; there is nothing to accept"
