"""Who is told what goes on while an analysis runs."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told what is going on: a stage's name, and draws done of draws in all."""

    def stage(self, name: str) -> None:
        """Take note that a stage begins."""

    def draws(self, done: int, total: int) -> None:
        """Take note of the draws done, tuning included, over all chains."""


class Silent:
    """Progress that nobody watches."""

    def stage(self, name: str) -> None:
        """Say nothing."""

    def draws(self, done: int, total: int) -> None:
        """Say nothing."""
