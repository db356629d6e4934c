"""Write the shipped cohorts and their manifests: ``python -m hccbayes.synthetic.generate OUTDIR``.

The files are the same to the byte whenever they are made with the versions of requirements.lock.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from hccbayes.synthetic.cohorts import (
    SyntheticCohort,
    synthetic_chen2025,
    synthetic_lin2023,
    synthetic_lu2025,
    synthetic_lu2025_immortal_null,
    synthetic_sun2025,
)
from hccbayes.synthetic.shipped import NOT_REACHED, SHIPPED

BUILDERS: Final[dict[str, Callable[[], SyntheticCohort]]] = {
    "chen2025": synthetic_chen2025,
    "lin2023": synthetic_lin2023,
    "lu2025": synthetic_lu2025,
    "lu2025_immortal_null": synthetic_lu2025_immortal_null,
    "sun2025": synthetic_sun2025,
}
"""The functions behind the names of :data:`hccbayes.synthetic.shipped.SHIPPED`."""

SIGNIFICANT_DIGITS: Final = 8
"""Of achieved values in a manifest: beyond them stands the rounding of a processor."""


def csv_text(cohort: SyntheticCohort) -> str:
    """Return the cohort as CSV; numbers as short as they read back."""
    return cohort.frame.to_csv(index=False, lineterminator="\n")


def manifest_text(cohort: SyntheticCohort) -> str:
    """Return the manifest as JSON."""
    digest = hashlib.sha256(csv_text(cohort).encode()).hexdigest()
    targets = [{key: _plain(value) for key, value in asdict(row).items()} for row in cohort.targets]
    content = {
        "synthetic": cohort.name,
        "title": cohort.title,
        "seed": cohort.seed,
        "correlation": "independent",
        "notes": list(cohort.notes),
        "sha256": digest,
        "targets": targets,
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(cohort: SyntheticCohort, folder: Path) -> None:
    """Write ``NAME.csv`` and ``NAME.json`` into a folder."""
    # Bytes, so that no platform changes the line ends.
    folder.joinpath(f"{cohort.name}.csv").write_bytes(csv_text(cohort).encode())
    folder.joinpath(f"{cohort.name}.json").write_bytes(manifest_text(cohort).encode())


def _plain(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    if math.isnan(value):
        return None
    return NOT_REACHED if math.isinf(value) else float(f"{value:.{SIGNIFICANT_DIGITS}g}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 1 where a target was missed."""
    parser = argparse.ArgumentParser(
        prog="python -m hccbayes.synthetic.generate", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="where the files go; made if it is not there")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SHIPPED)}; all")
    chosen = parser.parse_args(arguments)
    unknown = sorted(set(chosen.names) - set(BUILDERS))
    if unknown:
        parser.error(f"unknown name {unknown[0]!r}; choose from {', '.join(SHIPPED)}")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    missed = 0
    for name in chosen.names or SHIPPED:
        cohort = BUILDERS[name]()
        write(cohort, chosen.folder)
        wrong = [row for row in cohort.targets if not row.met]
        missed += len(wrong)
        sys.stdout.write(f"{cohort.name}: {len(cohort.targets)} rows, {len(wrong)} missed\n")
        for row in wrong:
            sys.stdout.write(f"  {row}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
