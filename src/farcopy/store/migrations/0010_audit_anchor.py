from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def note_chains(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Since there are these records a chain was begun with each first one."""
    apps.get_model("store", "KeyRecord").objects.update(has_chain=True)


class Migration(migrations.Migration):

    dependencies = [
        ("store", "0009_truth"),
    ]

    operations = [
        migrations.AddField(
            model_name="audithead",
            name="closed",
            field=models.TextField(db_default="", default=""),
        ),
        migrations.AddField(
            model_name="audithead",
            name="is_anchored",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="audithead",
            name="lines_problem",
            field=models.CharField(db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="keyrecord",
            name="has_chain",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.RunPython(note_chains, migrations.RunPython.noop),
    ]
