"""The tables of what is counted: replicas of a kind, looks at the sources, what waited when."""

from typing import ClassVar

from django.db import models


class ReplicaCount(models.Model):
    """How many replicas there are of a kind; kept by triggers (store/counters.py).

    reason: of skipped ones, else "". is_wrong: with a finding. is_read_back: of
    verified ones. bytes: their size_bytes.
    """

    destination = models.ForeignKey("Destination", models.CASCADE, db_index=False)
    root = models.CharField(max_length=20)
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=40)
    is_undecided = models.BooleanField()
    is_wrong = models.BooleanField()
    is_read_back = models.BooleanField(default=False, db_default=False)
    files = models.BigIntegerField()
    bytes = models.BigIntegerField()

    class Meta:
        db_table = "replica_counts"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["destination", "root", "state", "reason", "is_undecided", "is_wrong",
                        "is_read_back"],
                name="one_count_a_kind",
            )
        ]


class ReplicaCountChange(models.Model):
    """PostgreSQL only: what is to be added to a ReplicaCount. Many may write without waiting
    for each other's row; folded in now and then."""

    destination_id = models.BigIntegerField()
    root = models.CharField(max_length=20)
    state = models.CharField(max_length=10)
    reason = models.CharField(max_length=40)
    is_undecided = models.BooleanField()
    is_wrong = models.BooleanField()
    is_read_back = models.BooleanField(default=False, db_default=False)
    files = models.BigIntegerField()
    bytes = models.BigIntegerField()

    class Meta:
        db_table = "replica_count_changes"


class Look(models.Model):
    """The newest look of a kind ("run" or "monitor") at these roots for a destination.

    destination_id: 0 where none was configured. roots: a hash of which paths, and what is
    left out of them. looked_at: null until it came to its end. files, bytes, oldest_at: what
    waited, all told; unsent_files: of these, not in the ledger as due. gone: [label, seen,
    known] of roots that were absent or suddenly empty. See SourcesSeen.
    """

    kind = models.CharField(max_length=10, default="monitor", db_default="monitor")
    destination_id = models.BigIntegerField(default=0, db_default=0)
    roots = models.CharField(max_length=64, default="", db_default="")
    begun_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    is_whole = models.BooleanField(default=False, db_default=False)
    files = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(default=0)
    oldest_at = models.DateTimeField(null=True)
    seen_files = models.BigIntegerField(default=0, db_default=0)
    unsent_files = models.BigIntegerField(default=0, db_default=0)
    unsent_bytes = models.BigIntegerField(default=0, db_default=0)
    problems = models.BigIntegerField(default=0, db_default=0)
    excluded_files = models.BigIntegerField(default=0, db_default=0)
    gone = models.JSONField(default=list, db_default=[])

    class Meta:
        db_table = "looks"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "destination_id", "roots"], name="one_look_a_kind"
            )
        ]


class BacklogSample(models.Model):
    """What waited to go off-site at a moment. lag_s: for how long a file had waited at most."""

    at = models.DateTimeField(db_index=True)
    files = models.BigIntegerField()
    bytes = models.BigIntegerField()
    lag_s = models.FloatField()
    is_whole = models.BooleanField(default=True)

    class Meta:
        db_table = "backlog_samples"
