"""What a program sees on a machine on which nothing of ours was ever set."""

import os

from personalize.start import keys


def clean_environment() -> dict[str, str]:
    """This process's environment without anything that settings read: a bare machine's."""
    ours = set(keys.NAMES) | {
        "DATABASE_URL", "BROKER_URL", "EMAIL_URL", "BASE_URL", "PUBLIC_URL", "ALLOWED_HOSTS", "DEBUG", "PORT", "DATA",
        "LOG_LEVEL", "DJANGO_SETTINGS_MODULE", "OWNER_DATABASE_URL", "SENDING_FENCE", "SENDING_PLACE", "ERASURE_LOG",
    }  # fmt: skip
    return {name: value for name, value in os.environ.items() if name not in ours}
