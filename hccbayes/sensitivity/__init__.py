"""What would overturn the result: the analysis over many assumptions, and what no data can show.

One file a question. Names are imported when they are first used.
"""

from __future__ import annotations

from hccbayes.lazy import lazy_names

_HOMES: dict[str, str] = {}

__all__: list[str] = []


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
