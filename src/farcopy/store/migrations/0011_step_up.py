from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0010_audit_anchor'),
    ]

    operations = [
        migrations.CreateModel(
            name='UnconfirmedChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_at', models.DateTimeField()),
                ('changed_at', models.DateTimeField()),
                ('times', models.BigIntegerField(default=1)),
                ('username', models.CharField(max_length=150)),
                ('ip_address', models.CharField(default='', max_length=45)),
                ('token', models.CharField(default='', max_length=60)),
                ('fields', models.JSONField(default=list)),
            ],
            options={
                'db_table': 'unconfirmed_changes',
            },
        ),
        migrations.AddField(
            model_name='session',
            name='confirmed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='ip_address',
            field=models.CharField(db_default='', default='', max_length=45),
        ),
        migrations.AddField(
            model_name='session',
            name='settings_seen',
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='session',
            name='user_agent',
            field=models.CharField(db_default='', default='', max_length=200),
        ),
        migrations.AddField(
            model_name='syncconfiguration',
            name='moved_in',
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AlterField(
            model_name='user',
            name='role',
            field=models.CharField(choices=[('admin', 'Admin'), ('auditor', 'Auditor'), ('radiologist', 'Radiologist'), ('technician', 'Technician'), ('viewer', 'Viewer')], default='viewer', max_length=20),
        ),
    ]
