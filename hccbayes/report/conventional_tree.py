"""Conventional figures of a results folder with posterior draws, from what its tree holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from hccbayes import plots
from hccbayes.conventional_curves import has_steps
from hccbayes.formula import TREATMENT
from hccbayes.records import ARM_CONTRASTS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes


def conventional_tree_figures(
    tree: xr.DataTree, estimates: pd.DataFrame
) -> dict[str, Callable[[], Axes]]:
    """Return how Kaplan-Meier, log-minus-log and Schoenfeld figures are drawn, by name.

    Parameters
    ----------
    tree
        Groups ``curves``, ``kaplan_meier``, ``numbers_at_risk`` and, where the Cox model is
        estimable, ``schoenfeld``.
    estimates
        The estimate table, which holds the medians.
    """
    treated, control = plots.arm_names(tree).values()
    steps = tree["kaplan_meier"].to_dataset()
    curves = steps.to_dataframe().reset_index(drop=True)
    curves = curves.assign(interval_prob=steps.attrs["interval_prob"])
    curves.attrs["synthetic"] = synthetic = str(tree.attrs.get("synthetic", ""))
    found: dict[str, Callable[[], Axes]] = {
        "kaplan_meier": partial(
            plots.kaplan_meier,
            curves,
            at_risk=tree["numbers_at_risk"].to_dataset(),
            medians=_medians(estimates, steps.attrs["interval_prob"]),
            arm_names=(treated, control),
        )
    }
    if has_steps(curves):
        found["log_minus_log"] = partial(plots.log_minus_log, curves, arm_names=(treated, control))
    if "schoenfeld" in tree.children:
        found["schoenfeld"] = partial(
            _schoenfeld, tree["schoenfeld"].to_dataset(), f"{treated} vs {control}", synthetic
        )
    return found


def _medians(estimates: pd.DataFrame, prob: float) -> pd.DataFrame:
    """Return the Kaplan-Meier medians by arm, limits on the log scale of that probability."""
    own = estimates[(estimates["estimand"] == "median") & (estimates["method"] == "km")]
    rows = own[own["contrast"].isin(ARM_CONTRASTS)].rename(columns={"contrast": "arm"})
    return rows.assign(interval_prob=prob)


def _schoenfeld(own: xr.Dataset, words: str, synthetic: str) -> Axes:
    points = pd.DataFrame(
        {
            "time": own["mean_time"],
            "transformed_time": own["mean_transformed_time"],
            TREATMENT: own["mean_residual"],
            "events": own["events"],
        }
    )
    points.attrs["synthetic"] = synthetic
    names = ["transformed_time", "time", "estimate", "lower", "upper"]
    smooth = (
        own[names].to_dataframe().assign(term=TREATMENT, interval_prob=own.attrs["interval_prob"])
    )
    test = {name: [own.attrs[name]] for name in ("chi2", "df", "p_value", "reason")}
    return plots.schoenfeld(
        points,
        term=TREATMENT,
        smooth=None if smooth["estimate"].isna().all() else smooth,
        tests=pd.DataFrame({"term": [TREATMENT], **test}),
        coefficient=own.attrs["coefficient"],
        transform=own.attrs["transform"],
        months=smooth[["time", "transformed_time"]],
        labels={TREATMENT: words},
    )
