"""Past runs in the shapes of the answers. No decisions, no database."""

from datetime import datetime

from farcopy.core.states import RunState
from farcopy.service.answers import history_entry
from farcopy.service.records import Chart, RunDetails, words_of
from farcopy.service.runs import text_of_code
from farcopy.service.times import shown
from farcopy.store.history import RunRecord
from farcopy.store.run_details import FileLine
from farcopy.web.records_schemas import ChartData, RunDetailsData


def run_line(run: RunRecord, now: datetime) -> dict[str, object]:
    counts = run.counts
    return {
        **history_entry(run, now),
        "destination": run.destination,
        "files_failed": counts.files_failed,
        "files_skipped": counts.files_skipped,
        "files_excluded": counts.files_excluded,
        "files_unchanged": counts.files_unchanged,
        "error_code": run.error_code,
        "error_message": run.error_message,
    }


def details(found: RunDetails, now: datetime) -> RunDetailsData:
    run = found.run
    is_over = run.status is not RunState.RUNNING
    has_rate = is_over and run.duration_s > 0 and run.counts.bytes_synced
    return RunDetailsData.model_validate({
        "now": shown(now),
        "run": run_line(run, now),
        "files_due": run.counts.files_due,
        "bytes_due": run.counts.bytes_due,
        "bytes_per_s": round(run.counts.bytes_synced / run.duration_s, 1) if has_rate else None,
        "outcomes": found.outcomes,
        "problems": [
            {"root": root, "path": path, "reason": code, "text": text_of_code(code)}
            for root, path, code in run.problems
        ],
        "problem_count": run.problem_count,
        "files": [_file(line) for line in found.files],
        "next_after": found.next_after,
    })


def _file(line: FileLine) -> dict[str, object]:
    return {
        "id": line.id, "root": line.root, "path": line.relative_path, "outcome": line.outcome,
        "bytes": line.bytes,
        "reason": line.reason, "text": words_of(line), "state": line.state, "at": shown(line.at),
        "proof": line.proof,
    }


def chart(found: Chart, since: datetime, now: datetime) -> ChartData:
    return ChartData.model_validate({
        "since": shown(since),
        "now": shown(now),
        "runs": [
            {"id": run.id, "at": shown(run.started_at), "files": run.files, "bytes": run.bytes,
             "status": run.status}
            for run in found.runs
        ],
        "backlog": [
            {"at": shown(sample.at), "files": sample.files, "bytes": sample.bytes,
             "lag_seconds": round(sample.lag_s)}
            for sample in found.backlog
        ],
    })
