"""The Django app. `ready()` starts nothing: threads belong to the service."""

from django.apps import AppConfig


class StoreConfig(AppConfig):
    name = "farcopy.store"
    label = "store"
    default_auto_field = "django.db.models.BigAutoField"
