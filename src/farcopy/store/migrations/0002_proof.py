"""Intent before a renaming, the tripwire's marks, first looks, readings back."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('store', '0001_initial'),
    ]

    operations = [
        # What a version before left of its batches; the next start would drop them anyway.
        migrations.RunSQL("UPDATE replicas SET batch = NULL WHERE batch IS NOT NULL"),
        migrations.RunSQL("DELETE FROM batches"),
        migrations.CreateModel(
            name='FirstLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('root', models.CharField(max_length=20)),
                ('directory', models.TextField()),
                ('name', models.TextField()),
                ('size_bytes', models.BigIntegerField()),
                ('mtime_ns', models.BigIntegerField()),
                ('looked_at', models.DateTimeField()),
            ],
            options={
                'db_table': 'first_looks',
            },
        ),
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=10)),
                ('started_at', models.DateTimeField()),
                ('completed_at', models.DateTimeField(null=True)),
                ('files_checked', models.BigIntegerField(default=0)),
                ('files_verified', models.BigIntegerField(default=0)),
                ('files_sized', models.BigIntegerField(default=0)),
                ('files_differing', models.BigIntegerField(default=0)),
                ('files_missing', models.BigIntegerField(default=0)),
                ('bytes_read', models.BigIntegerField(default=0)),
                ('error_code', models.CharField(default='', max_length=40)),
            ],
            options={
                'db_table': 'verifications',
            },
        ),
        migrations.AddField(
            model_name='batch',
            name='number',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='destination',
            name='frozen_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='destination',
            name='frozen_changed',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='destination',
            name='frozen_known',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='destination',
            name='frozen_vanished',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='destination',
            name='needs_sweep',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='replica',
            name='is_undecided',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name='replica',
            name='next_md5',
            field=models.CharField(db_default='', default='', max_length=32),
        ),
        migrations.AddField(
            model_name='replica',
            name='verified_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='synchistory',
            name='files_growing',
            field=models.BigIntegerField(default=0),
        ),
        migrations.AddIndex(
            model_name='replica',
            index=models.Index(condition=models.Q(('is_undecided', True)), fields=['destination'], name='replicas_undecided'),
        ),
        migrations.AddIndex(
            model_name='replica',
            index=models.Index(condition=models.Q(('next_md5', ''), _negated=True), fields=['destination', 'claim'], name='replicas_renaming'),
        ),
        migrations.AddIndex(
            model_name='replica',
            index=models.Index(condition=models.Q(('state__in', ['stored', 'verified'])), fields=['destination', 'verified_at'], name='replicas_to_verify'),
        ),
        migrations.AddConstraint(
            model_name='batch',
            constraint=models.UniqueConstraint(fields=('run', 'number'), name='one_batch_a_number'),
        ),
        migrations.AddConstraint(
            model_name='firstlook',
            constraint=models.UniqueConstraint(fields=('root', 'directory', 'name'), name='one_first_look'),
        ),
        migrations.AddField(
            model_name='verification',
            name='destination',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to='store.destination'),
        ),
    ]
