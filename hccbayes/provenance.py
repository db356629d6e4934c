"""What made a result: versions, seed and sampler."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Final

from hccbayes.spec import AnalysisSpec

_PACKAGES: Final = (
    "hccbayes",
    "pymc",
    "pytensor",
    "nutpie",
    "arviz",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "lifelines",
    "formulaic",
)


def provenance(spec: AnalysisSpec) -> dict[str, Any]:
    """Return package versions, Python, seed, sampler and the time of day (UTC).

    Packages that are not installed are left out.
    """
    return {
        "model": spec.model.name,
        "seed": spec.sampler.seed,
        "sampler": spec.sampler.backend,
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
