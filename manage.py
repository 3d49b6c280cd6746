#!/usr/bin/env python
"""Django's command line for Personalize."""

import os
import sys

from personalize.start import environment, up


def main() -> None:
    """Run one management command. `up` comes before Django: it makes the environment that settings read."""
    if sys.argv[1:2] == ["up"]:
        sys.exit(up.main(sys.argv[2:]))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "personalize.settings")
    environment.complete(os.environ, sys.argv)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
