"""Makes the quick fitter importable, here and in worker processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = str(Path(__file__).resolve().parent)
if HERE not in sys.path:
    sys.path.insert(0, HERE)


@pytest.fixture
def worker_path(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return an environment in which worker processes find the quick fitter."""
    path = os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    return dict(os.environ)
