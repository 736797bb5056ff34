"""The tables of the audit trail and of the keys that seal it. No behaviour; see store.models."""

from typing import ClassVar

from django.db import models


class AuditLog(models.Model):
    """One API call, refused ones too; or what the command line or the service did.

    details: field names, never values. sequence, mac, key_id: its place in the chain; null
    and empty in entries older than the chain.
    """

    user_id = models.BigIntegerField(null=True)
    username = models.CharField(max_length=150, default="")
    action = models.CharField(max_length=80)
    created_at = models.DateTimeField()
    ip_address = models.CharField(max_length=45, default="")
    user_agent = models.TextField(default="")
    details = models.JSONField(default=dict)
    response_status = models.IntegerField(null=True)
    sequence = models.BigIntegerField(null=True, unique=True)
    mac = models.CharField(max_length=64, default="", db_default="")
    key_id = models.CharField(max_length=16, default="", db_default="")

    class Meta:
        db_table = "audit_logs"
        indexes: ClassVar = [models.Index(fields=["created_at"], name="audit_created_at")]


class AuditHead(models.Model):
    """Row 1: the end of the audit trail's chain, and where it begins. Locked by who appends.

    chain_id: drawn when it was begun. base: the entry before the first that is still there.
    earlier: the entries older than the chain, up to an id, counted and hashed. broken_after:
    the entry after which the head itself was found changed. closed: what an admin has
    acknowledged. is_anchored: copied into the home, where who has only the database does not
    reach. seal: a MAC over all of these. What follows it tells of the last check, of the head's
    copy on the remote, and of the lines that go elsewhere.
    """

    chain_id = models.CharField(max_length=16)
    sequence = models.BigIntegerField(default=0)
    mac = models.CharField(max_length=64, default="")
    base_sequence = models.BigIntegerField(default=0)
    base_mac = models.CharField(max_length=64, default="")
    earlier_last_id = models.BigIntegerField(default=0)
    earlier_rows = models.BigIntegerField(default=0)
    earlier_sha256 = models.CharField(max_length=64, default="")
    broken_after = models.BigIntegerField(null=True)
    closed = models.TextField(default="", db_default="")
    is_anchored = models.BooleanField(default=False, db_default=False)
    seal = models.CharField(max_length=64)

    checked_at = models.DateTimeField(null=True)
    entries_checked = models.BigIntegerField(default=0)
    problems = models.JSONField(default=list)
    sent_problem = models.CharField(max_length=40, default="")
    lines_problem = models.CharField(max_length=200, default="", db_default="")

    class Meta:
        db_table = "audit_head"


class KeyRecord(models.Model):
    """A master key that is or was in force; never the key itself.

    audit_key_encrypted: what entries of its time are sealed with, once it is in force no more.
    has_chain: an audit trail was begun under it, so one that is not there was taken away.
    """

    key_id = models.CharField(max_length=16, unique=True)
    is_in_force = models.BooleanField(default=True)
    since = models.DateTimeField()
    audit_key_encrypted = models.TextField(null=True)
    has_chain = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "key_history"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_in_force"], condition=models.Q(is_in_force=True),
                name="one_key_in_force",
            )
        ]
