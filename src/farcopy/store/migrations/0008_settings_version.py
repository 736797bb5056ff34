from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0007_exclude'),
    ]

    operations = [
        migrations.AddField(
            model_name='syncconfiguration',
            name='login_refused_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='syncconfiguration',
            name='settings_version',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
