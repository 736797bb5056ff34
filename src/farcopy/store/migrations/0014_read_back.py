"""When a file was read back, beside when it was last checked: a server's own hash is its word.

What was verified before counts as proven by a hash, the lesser proof, until it is read back.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("store", "0013_second_factor")]

    operations = [
        migrations.AddField("replica", "read_back_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "replica",
            models.Index(
                fields=["destination", "read_back_at"], name="replicas_to_read_back",
                condition=models.Q(state__in=["stored", "verified"]),
            ),
        ),
        migrations.AddField(
            "verification", "files_read_back", models.BigIntegerField(default=0, db_default=0)
        ),
        migrations.AddField(
            "replicacount", "is_read_back", models.BooleanField(default=False, db_default=False)
        ),
        migrations.AddField(
            "replicacountchange", "is_read_back",
            models.BooleanField(default=False, db_default=False),
        ),
        migrations.RemoveConstraint("replicacount", "one_count_a_kind"),
        migrations.AddConstraint(
            "replicacount",
            models.UniqueConstraint(
                fields=["destination", "root", "state", "reason", "is_undecided", "is_wrong",
                        "is_read_back"],
                name="one_count_a_kind",
            ),
        ),
    ]
