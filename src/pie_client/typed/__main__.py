"""Writes a module with typed launches of a program: ``python -m pie_client.typed Pie.toml --out module.py``."""

import sys

from pie_client.typed.command import main

sys.exit(main())
