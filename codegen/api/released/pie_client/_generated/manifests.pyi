from __future__ import annotations
from typing import Any, Final
PACKAGE: Final = 'package'
RUNTIME: Final = 'runtime'
PARAMETERS: Final = 'parameters'
DEPENDENCIES: Final = 'dependencies'
NAME: Final = 'name'
VERSION: Final = 'version'
DESCRIPTION: Final = 'description'
AUTHORS: Final = 'authors'
REPOSITORY: Final = 'repository'
README: Final = 'readme'

def is_manifest(tables: dict[str, Any]) -> bool:
    ...
__all__ = ['AUTHORS', 'DEPENDENCIES', 'DESCRIPTION', 'NAME', 'PACKAGE', 'PARAMETERS', 'README', 'REPOSITORY', 'RUNTIME', 'VERSION', 'is_manifest']
