"""The tables. No behaviour: queries live in ledger, history, configuration, lease.

Built for 10 million files: the wide tables are source_files, replicas and
transfers; each has the one index its hot query needs.
"""

from typing import ClassVar

from django.db import models

from farcopy.core.states import FileState, RunEnd, RunState, SyncType
from farcopy.store.account_models import ApiToken as ApiToken
from farcopy.store.account_models import KnownAddress as KnownAddress
from farcopy.store.account_models import SecondFactor as SecondFactor
from farcopy.store.account_models import Session as Session
from farcopy.store.account_models import UnconfirmedChange as UnconfirmedChange
from farcopy.store.account_models import User as User
from farcopy.store.audit_models import AuditHead as AuditHead
from farcopy.store.audit_models import AuditLog as AuditLog
from farcopy.store.audit_models import KeyRecord as KeyRecord
from farcopy.store.counting_models import BacklogSample as BacklogSample
from farcopy.store.counting_models import Look as Look
from farcopy.store.counting_models import ReplicaCount as ReplicaCount
from farcopy.store.counting_models import ReplicaCountChange as ReplicaCountChange


class SyncConfiguration(models.Model):
    """Row 1: the settings, and what automatic runs remember of themselves.

    home_id: makes our folder on the remote ours. settings_changed_at: when a
    setting last changed; hard errors are forgiven then. is_password_untried: no server has
    taken it since it was given. settings_version: counts those
    changes. moved_in: the version in which each field that says where the password goes was last
    moved. login_refused_at: when the server refused the login of just these settings.
    """

    orthanc_storage_path = models.TextField(null=True)
    hospital_data_path = models.TextField(null=True)
    exclude = models.JSONField(default=list)
    ftp_host = models.CharField(max_length=253, null=True)
    ftp_username = models.CharField(max_length=255, null=True)
    ftp_password_encrypted = models.TextField(null=True)
    ftp_port = models.IntegerField(default=21)
    ftp_path = models.TextField(default="/")
    ftp_passive = models.BooleanField(default=True)
    ftp_tls = models.CharField(max_length=10, default="auto")
    ftp_tls_ca = models.TextField(null=True)
    ftp_tls_fingerprint = models.CharField(max_length=100, null=True)
    ftp_connections = models.IntegerField(default=8)
    ftp_limit_kib_s = models.IntegerField(default=0)
    sync_enabled = models.BooleanField(default=False)
    sync_interval = models.IntegerField(default=120)
    monitoring_enabled = models.BooleanField(default=False)
    monitoring_interval = models.IntegerField(default=30)

    last_sync_at = models.DateTimeField(null=True)
    settings_changed_at = models.DateTimeField(auto_now_add=True)
    is_password_untried = models.BooleanField(default=False, db_default=False)
    settings_version = models.BigIntegerField(default=0, db_default=0)
    moved_in = models.JSONField(default=dict, db_default={})
    login_refused_at = models.DateTimeField(null=True)
    home_id = models.CharField(max_length=32)

    class Meta:
        db_table = "sync_configuration"


class Destination(models.Model):
    """A place files go to. Another host, port, user or path is another destination.

    has_tls: the host was once seen with TLS and is refused without it.
    needs_sweep: temporaries of ours may lie there; set before the first is made.
    frozen_at: when the tripwire fired, with the counts of that moment; frozen_roots: labels of
    sources that were suddenly empty. accepted_roots: of which an admin said that it is meant.
    last_seen_at: when it last let us in; last_asked_at: when the idle service last tried.
    """

    host = models.CharField(max_length=253)
    port = models.IntegerField()
    username = models.CharField(max_length=255)
    path = models.TextField()
    has_tls = models.BooleanField(default=False)
    profile = models.JSONField(default=dict)
    needs_sweep = models.BooleanField(default=False)
    frozen_at = models.DateTimeField(null=True)
    frozen_changed = models.BigIntegerField(default=0)
    frozen_vanished = models.BigIntegerField(default=0)
    frozen_known = models.BigIntegerField(default=0)
    frozen_roots = models.JSONField(default=list, db_default=[])
    accepted_roots = models.JSONField(default=list, db_default=[])
    last_seen_at = models.DateTimeField(null=True)
    last_asked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "destinations"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["host", "port", "username", "path"], name="one_destination"
            )
        ]


class SourceFile(models.Model):
    """A file of a source: root label and relative path are its identity, not the drive."""

    root = models.CharField(max_length=20)
    directory = models.TextField()
    name = models.TextField()
    size_bytes = models.BigIntegerField()
    mtime_ns = models.BigIntegerField()
    md5 = models.CharField(max_length=32, default="")

    class Meta:
        db_table = "source_files"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["root", "directory", "name"], name="one_source_file")
        ]


class Replica(models.Model):
    """One file at one destination.

    size_bytes, mtime_ns: the version that is due or held; md5: of the version
    the remote holds ("" if none); claim: the fence; batch: whose turn it is.
    next_md5: of the version whose renaming under `claim` may have been asked for.
    is_undecided: found changed or vanished, and the tripwire has not judged yet.
    verified_at: when its content on the remote was last checked; read_back_at: by reading it
    back, and not by the server's own word for it (its hash). finding: "differs" or
    "missing" since a check found it so, until the file is held again.
    """

    source_file = models.ForeignKey(SourceFile, models.CASCADE, db_index=False)
    destination = models.ForeignKey(Destination, models.CASCADE, db_index=False)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in FileState])
    size_bytes = models.BigIntegerField()
    mtime_ns = models.BigIntegerField()
    md5 = models.CharField(max_length=32, default="")
    batch = models.BigIntegerField(null=True)
    claim = models.BigIntegerField(default=0)
    attempts = models.IntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=40, default="")
    next_md5 = models.CharField(max_length=32, default="", db_default="")
    is_undecided = models.BooleanField(default=False, db_default=False)
    verified_at = models.DateTimeField(null=True)
    read_back_at = models.DateTimeField(null=True)
    finding = models.CharField(max_length=10, default="", db_default="")
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "replicas"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["source_file", "destination"], name="one_replica")
        ]
        indexes: ClassVar = [
            # Few rows are in these states at any time: the whole index stays small.
            models.Index(
                fields=["destination", "state"],
                name="replicas_unsettled",
                condition=models.Q(state__in=["pending", "uploading", "failed", "skipped"]),
            ),
            models.Index(
                fields=["batch"], name="replicas_batch", condition=models.Q(batch__isnull=False)
            ),
            models.Index(
                fields=["destination"], name="replicas_undecided",
                condition=models.Q(is_undecided=True),
            ),
            models.Index(
                fields=["destination", "claim"], name="replicas_renaming",
                condition=~models.Q(next_md5=""),
            ),
            # The scrub takes what was checked longest ago.
            models.Index(
                fields=["destination", "verified_at"], name="replicas_to_verify",
                condition=models.Q(state__in=["stored", "verified"]),
            ),
            # And a share of what was read back longest ago.
            models.Index(
                fields=["destination", "read_back_at"], name="replicas_to_read_back",
                condition=models.Q(state__in=["stored", "verified"]),
            ),
        ]


class SyncHistory(models.Model):
    """A run. Its counters move in the transaction of the rows they count."""

    sync_type = models.CharField(max_length=10, choices=[(t.value, t.value) for t in SyncType])
    destination = models.ForeignKey(Destination, models.PROTECT, null=True)
    destination_label = models.CharField(max_length=253, default="")
    status = models.CharField(max_length=10, choices=[(s.value, s.value) for s in RunState])
    end = models.CharField(max_length=10, choices=[(e.value, e.value) for e in RunEnd], default="")
    requested_by = models.CharField(max_length=150, default="")
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    duration_s = models.FloatField(default=0)
    error_code = models.CharField(max_length=40, default="")
    error_message = models.TextField(null=True)

    files_synced = models.BigIntegerField(default=0)
    total_size_bytes = models.BigIntegerField(default=0)
    files_failed = models.BigIntegerField(default=0)
    files_skipped = models.BigIntegerField(default=0)
    files_unchanged = models.BigIntegerField(default=0)
    files_due = models.BigIntegerField(default=0)
    bytes_due = models.BigIntegerField(default=0)
    problems = models.JSONField(default=list)
    problem_count = models.BigIntegerField(default=0)
    files_growing = models.BigIntegerField(default=0)
    bytes_failed = models.BigIntegerField(default=0, db_default=0)
    is_total_known = models.BooleanField(default=False, db_default=False)
    files_excluded = models.BigIntegerField(default=0, db_default=0)

    # For the eye only, refreshed once a second while the run is on.
    phase = models.CharField(max_length=20, default="")
    bytes_on_line = models.BigIntegerField(default=0)
    bytes_per_s = models.FloatField(default=0)
    connections = models.IntegerField(default=0, db_default=0)

    cancel_requested_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "sync_history"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["status"], condition=models.Q(status="running"), name="one_run_at_a_time"
            )
        ]
        indexes: ClassVar = [
            # The totals of all runs, asked with every status: read from the index alone.
            models.Index(
                fields=["status", "files_synced", "total_size_bytes"], name="history_totals"
            )
        ]


class Transfer(models.Model):
    """What became of one file version in one run; append-only."""

    run = models.ForeignKey(SyncHistory, models.CASCADE)
    replica = models.ForeignKey(Replica, models.CASCADE, db_index=False)
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=40, default="")
    bytes = models.BigIntegerField(default=0)
    md5 = models.CharField(max_length=32, default="")
    at = models.DateTimeField()

    class Meta:
        db_table = "transfers"


class Batch(models.Model):
    """Files handed out together. claim: 0 until claimed, and again when put back.

    number: counted by the run, so that an admission told twice is one.
    """

    run = models.ForeignKey(SyncHistory, models.CASCADE, db_index=False)
    number = models.BigIntegerField(default=0)
    claim = models.BigIntegerField(default=0)
    is_done = models.BooleanField(default=False)

    class Meta:
        db_table = "batches"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["run", "number"], name="one_batch_a_number")
        ]


class Claim(models.Model):
    """Its id is the claim number: each claim draws a new one, and none returns."""

    batch = models.BigIntegerField()
    claimed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "claims"


class RunRequest(models.Model):
    """A command to the service: start a run. At most one waits at a time.

    refusal: code of the error when the run could not be started.
    """

    sync_type = models.CharField(max_length=10)
    requested_by = models.CharField(max_length=150, default="")
    requested_at = models.DateTimeField()
    is_open = models.BooleanField(default=True)
    run = models.ForeignKey(SyncHistory, models.CASCADE, null=True)
    refusal = models.CharField(max_length=40, default="")

    class Meta:
        db_table = "run_requests"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_open"], condition=models.Q(is_open=True), name="one_open_request"
            )
        ]


class EngineLease(models.Model):
    """Row 1: who works on this database, and the proof that he lives.

    kind: "service" takes requests; "command" is a `farcopy sync` by itself.
    """

    owner = models.CharField(max_length=64, default="")
    kind = models.CharField(max_length=10, default="")
    heartbeat_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "engine_lease"


class FirstLook(models.Model):
    """A file too young to be at rest, as it was first seen; the second look decides."""

    root = models.CharField(max_length=20)
    directory = models.TextField()
    name = models.TextField()
    size_bytes = models.BigIntegerField()
    mtime_ns = models.BigIntegerField()
    looked_at = models.DateTimeField()

    class Meta:
        db_table = "first_looks"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["root", "directory", "name"], name="one_first_look")
        ]


class Verification(models.Model):
    """A reading back of the remote: by the command, or a slice of the daily scrub.

    files_verified had the right content (files_read_back of them by reading back), files_sized
    only the right size (no content was asked for), files_differing another, files_missing none.
    """

    destination = models.ForeignKey(Destination, models.PROTECT)
    kind = models.CharField(max_length=10)
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)
    files_checked = models.BigIntegerField(default=0)
    files_verified = models.BigIntegerField(default=0)
    files_read_back = models.BigIntegerField(default=0, db_default=0)
    files_sized = models.BigIntegerField(default=0)
    files_differing = models.BigIntegerField(default=0)
    files_missing = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    error_code = models.CharField(max_length=40, default="")

    class Meta:
        db_table = "verifications"
