from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0006_backlog'),
    ]

    operations = [
        migrations.AddField(
            model_name='syncconfiguration',
            name='exclude',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='synchistory',
            name='files_excluded',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
