"""Runs LocalEngine in a terminal: ``python -m pie_client.testing``."""

import sys

from pie_client.testing.terminal.command import main

sys.exit(main())
