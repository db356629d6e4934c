"""Pooled effects of the shipped hazard ratios against metafor 3.8-1 (R), method FE.

The numbers are those of ``rma(yi, sei, method = "FE")`` to five and four decimals, with standard
errors from z = 1.96 instead of 1.959964, which changes an SE by 2e-5 of itself and Q by 4e-5.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes import evidence

TACE = "TACE+systemic vs systemic"
HAIC = "HAIC+systemic vs systemic"
TRIPLET = "HAIC+systemic+PD-1 vs HAIC+systemic"

# comparisons, endpoint, studies, pooled log HR, its SE, Q
METAFOR = [
    ((TACE,), "OS", 3, -0.46739, 0.07028, 9.2416),
    ((TACE,), "PFS", 3, -0.41025, 0.05443, 15.5639),
    ((HAIC,), "OS", 2, -1.11956, 0.14753, 0.2873),
    ((HAIC,), "PFS", 2, -0.48237, 0.12490, 10.7910),
    ((TACE, HAIC), "OS", 5, -0.58801, 0.06344, 25.4572),
    ((TACE, HAIC), "PFS", 5, -0.42176, 0.04990, 26.6351),
    ((TRIPLET,), "OS", 2, -0.72010, 0.16350, 0.0293),
]


def effects(comparisons: tuple[str, ...], endpoint: str) -> pd.DataFrame:
    """Return one effect a study, the adjusted one where a study prints several."""
    rows = evidence.table("hazard_ratios")
    rows = rows[(rows["term"] == "treatment") & rows["comparison"].isin(comparisons)]
    rows = rows[(rows["endpoint"] == endpoint) & rows["se"].notna()]
    preferred = rows.assign(rank=rows["adjusted"].map({"yes": 0}).fillna(1))
    return preferred.sort_values("rank", kind="stable").drop_duplicates("study")


@pytest.mark.parametrize(("comparisons", "endpoint", "studies", "mu", "se", "q"), METAFOR)
def test_fixed_effect(
    comparisons: tuple[str, ...], endpoint: str, studies: int, mu: float, se: float, q: float
) -> None:
    rows = effects(comparisons, endpoint)
    assert len(rows) == studies
    weight = 1 / rows["se"] ** 2
    pooled = np.average(rows["log_hr"], weights=weight)
    # Half a unit of the last printed digit, and the change that z makes.
    assert pooled == pytest.approx(mu, abs=5e-6 + 1e-5)
    assert weight.sum() ** -0.5 == pytest.approx(se, abs=5e-6 + 2e-5 * se)
    assert (weight * (rows["log_hr"] - pooled) ** 2).sum() == pytest.approx(q, abs=5e-5 + 5e-5 * q)
