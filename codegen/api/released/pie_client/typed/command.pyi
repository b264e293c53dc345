import argparse
import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from pie_client.arguments import Parser
from pie_client.errors import InvalidArgumentError, ManifestError, UnsupportedError
from pie_client.paths import as_path, read_regular
from pie_client.programs.manifest import MANIFEST_BYTES, parse_manifest

def main(arguments: Sequence[str] | None=None, *, name: str='python -m pie_client.typed') -> int:
    ...
