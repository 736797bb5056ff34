"""The dicts of `service/answers.py` in the schemas of the API, and the words above them."""

from datetime import datetime

from pydantic import BaseModel

from farcopy.core.model import RunSummary
from farcopy.core.states import RunEnd, RunState
from farcopy.service import answers
from farcopy.service.overview import ConfigurationView, StatusView
from farcopy.web import schemas, status_schemas

NO_NEW_FILES = "Sync completed - No new files found"


def configuration(view: ConfigurationView) -> BaseModel:
    return schemas.Configuration.model_validate(answers.configuration(view))


def config_data(view: StatusView) -> schemas.ConfigData:
    return schemas.ConfigData.model_validate(answers.config(view))


def status_data(view: StatusView, now: datetime) -> status_schemas.StatusData:
    return status_schemas.StatusData.model_validate(answers.status(view, now))


def sync_answer(summary: RunSummary) -> schemas.SyncAnswer:
    """A run that is not failed."""
    data = schemas.SyncData.model_validate(answers.sync(summary))
    return schemas.SyncAnswer(success=True, message=_message(summary), data=data)


def failure_of(summary: RunSummary) -> str:
    """Why a failed run failed, in one line."""
    first = summary.errors[0] if summary.errors else "nothing could be stored"
    return summary.error_message or first


def _message(summary: RunSummary) -> str:
    if summary.state is RunState.SUCCESS:
        has_news = summary.counts.files_synced > 0
        return "Sync completed successfully" if has_news else NO_NEW_FILES
    match summary.end:
        case RunEnd.CANCELLED:
            return "Sync partially completed - It was cancelled"
        case RunEnd.STOPPED:
            return "Sync partially completed - The service was stopped"
        case _:
            return "Sync partially completed with errors"
