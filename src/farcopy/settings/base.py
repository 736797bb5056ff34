"""Django settings for the store: apps with tables, the database, users. No site."""

import os
from datetime import timedelta

import dj_database_url

from farcopy.core.errors import EnvironmentInvalid
from farcopy.settings.environment import Environment
from farcopy.settings.fence import Fence
from farcopy.store.home import DATABASE_FILE
from farcopy.store.keys import KeySource, secret_of

ENVIRONMENT = Environment.read()
FARCOPY_HOME = ENVIRONMENT.home
_DATABASE = FARCOPY_HOME / DATABASE_FILE
KEYS = KeySource(
    FARCOPY_HOME, ENVIRONMENT.key, ENVIRONMENT.key_file, ENVIRONMENT.old_key,
    ENVIRONMENT.old_key_file, ENVIRONMENT.credentials,
    None if ENVIRONMENT.database_url else _DATABASE,
)
# With a key that is unusable farcopy comes up all the same, to say so: nobody is signed in then.
SECRET_KEY = secret_of(KEYS, "django").hex()
FENCE = Fence.of(
    FARCOPY_HOME, ENVIRONMENT.credentials, ENVIRONMENT.source_roots, os.environ
)
DEBUG = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "axes",
    "farcopy.store",
]
AUTH_USER_MODEL = "store.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"  # what is stored; what is shown: FARCOPY_TIME_ZONE
USE_I18N = False
LOGGING_CONFIG = None  # farcopy.service.logs sets logging up, per process

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 8},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
SESSION_IDLE = timedelta(minutes=30)
SESSION_ABSOLUTE = timedelta(hours=12)
# axes counts wrong passwords; who is locked where is decided in store/lockout.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_DISABLE_ACCESS_LOG = True
SILENCED_SYSTEM_CHECKS = ["axes.W001", "axes.W002", "axes.W003"]

# Django's, with errors translated at one boundary: store/troubles.
OUR_BACKENDS = {
    "django.db.backends.sqlite3": "farcopy.store.backends.sqlite",
    "django.db.backends.postgresql": "farcopy.store.backends.postgresql",
}

SQLITE: dict[str, object] = {
    "ENGINE": OUR_BACKENDS["django.db.backends.sqlite3"],
    "NAME": str(_DATABASE),
    "CONN_MAX_AGE": None,
    "OPTIONS": {
        # A read-then-write in a deferred transaction fails at once with SQLITE_BUSY_SNAPSHOT,
        # whatever the timeout; IMMEDIATE waits its turn. FULL: a commit survives a power cut.
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
        "PRAGMA cache_size=-16000;",
    },
}


def database_of(url: str) -> dict[str, object]:
    """Raises: EnvironmentInvalid."""
    try:
        found: dict[str, object] = dict(
            dj_database_url.parse(url, conn_max_age=None, conn_health_checks=True)
        )
    except ValueError as error:
        raise EnvironmentInvalid("DATABASE_URL is no URL of a database") from error
    engine = str(found["ENGINE"])
    return {**found, "ENGINE": OUR_BACKENDS.get(engine, engine)}


DATABASES = {
    "default": database_of(ENVIRONMENT.database_url) if ENVIRONMENT.database_url else SQLITE
}
