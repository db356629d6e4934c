"""How long the conventional analysis of a cohort paper takes on 422 synthetic patients.

    python benchmarks/conventional_speed.py --rounds 5

Writes conventional_speed.json beside itself: the median of the counted rounds, and the first call
of the process, which imports what it needs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

import hccbayes as hb
from timing import alternate, machine, timed

HERE: Final = Path(__file__).resolve().parent
MODEL: Final = HERE.parent / "models" / "chen2025_os_adjusted.toml"
AIM_SECONDS: Final = 5.0


def main() -> None:
    """Time the analysis and write the seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    spec = hb.AnalysisSpec.from_toml(MODEL)
    cohort = hb.read_cohort(spec.data.source, spec.roles)

    def analyze() -> float:
        return timed(lambda: hb.frequentist.conventional_analysis(cohort, spec))

    before = machine("hccbayes", "numpy", "pandas", "scipy")
    first = analyze()
    found = alternate({"conventional_analysis": analyze}, options.rounds)["conventional_analysis"]
    results = {
        "machine": before,
        "load_of_a_minute_after": machine()["load_of_a_minute"],
        "model": MODEL.stem,
        "patients": len(cohort.frame),
        "first_call_seconds": first,
        **found,
        "aim_seconds": AIM_SECONDS,
    }
    out = options.out / "conventional_speed.json"
    out.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    print(
        f"conventional analysis of {len(cohort.frame)} patients: {found['seconds']:.2f} s, "
        f"{first:.2f} s at the first call (aim {AIM_SECONDS:g} s)"
    )


if __name__ == "__main__":
    main()
