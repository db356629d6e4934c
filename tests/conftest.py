"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

# Before anything imports pyplot: the tests draw without a display.
os.environ["MPLBACKEND"] = "Agg"

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of patient data that lies beside the project and is not part of it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no shared/data folder beside the project")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with the same state in every test."""
    return np.random.default_rng(20261120)
