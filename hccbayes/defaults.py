"""Every threshold, default and color of the package, once, with its reason.

Times are in months, hazards in events per person-month, effects on the log hazard ratio scale,
treated over control.
"""

from __future__ import annotations

from typing import Final

DAYS_PER_MONTH: Final = 30.4375
"""365.25 / 12."""

MONTHS_PER_UNIT: Final[dict[str, float]] = {
    "days": 1.0 / DAYS_PER_MONTH,
    "weeks": 7.0 / DAYS_PER_MONTH,
    "months": 1.0,
    "years": 12.0,
}
"""Factor from each accepted time unit to months."""

IMPLAUSIBLE_MEDIAN_MONTHS: Final = 120.0
"""A median follow-up beyond ten years is a wrong unit, not a liver-cancer cohort."""
IMPLAUSIBLE_LARGEST_MONTHS: Final = 600.0
"""Nobody is followed for fifty years."""
IMPLAUSIBLE_SHORTEST_MONTHS: Final = 1.0
"""A longest follow-up below one month suggests that years or months were declared as days."""

# Intervals of the estimate table.
INTERVAL_PROB: Final = 0.95
INTERVAL_KIND: Final = "eti"
HR_THRESHOLDS: Final = (1.0, 0.8)
ESTIMAND_TIMES: Final = (6.0, 12.0, 24.0)

# Person-time.
CLINICAL_GRID: Final = (3.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0)
"""Months at which oncology cohorts are read; the last interval is open."""
MIN_EVENTS_PER_INTERVAL: Final = 8
EVENTS_PER_INTERVAL_CAP: Final = 10
"""``auto`` never makes more than events / 10 intervals."""
FINE_GRID_STEP: Final = 1.0
FINE_GRID_STEP_LONG: Final = 2.0
FINE_GRID_LONG_FOLLOW_UP: Final = 36.0
"""Beyond three years of follow-up the ``fine`` grid steps by two months."""

REFERENCE_EVENT_STEP: Final = 3
REFERENCE_INTERVALS: Final = 60
"""The reference fit cuts at every third distinct event time, into about 60 intervals at most."""

# Baseline hazard.
PRIOR_MEDIAN_SURVIVAL: Final = 10.0
"""Months; the cohorts this package is about have medians from 4.5 to 26."""
WALK_TIME_SCALE: Final = 6.0
"""Months over which the random walk's standard deviation is stated."""
TREND_TIME_SCALE: Final = 12.0
"""Months over which the linear trend of the second-order walk is stated."""

# Treatment effects that change with time.
EFFECT_PHASES: Final = (3.0, 12.0)
"""Months between which the effect is held constant: early deaths, the first year, and later."""
EVENTS_PER_EFFECT_PHASE: Final = 10
"""Events of either arm in a phase below which a caution is printed: with ten in each the standard
error of its log hazard ratio is 0.45 at least, nearly twice the prior's 0.25 between phases."""

# Sampler and diagnostics gate.
DRAWS: Final = 1000
TUNE: Final = 1000
CHAINS: Final = 4
TARGET_ACCEPT: Final = 0.95
"""Divergent draws of 4,000, ten seeds each on 422, 246 and 226 patients: with 0.8 up to 6, with 0.9
up to 2, with 0.95 none, for 1.2 to 1.9 times the leapfrog steps of 0.8."""
RETRY_TARGET_ACCEPT: Final = 0.99
MAX_TREE_DEPTH: Final = 10
RHAT_LIMIT: Final = 1.01
ESS_LIMIT: Final = 400
EBFMI_LIMIT: Final = 0.3
MAX_TREE_DEPTH_SHARE: Final = 0.01
"""Draws that reached the maximum tree depth may be 1% at the most; they cost time, not truth."""

# Prior predictive gate: methods of the field, population median survival.
PRIOR_MEDIAN_TOO_SHORT: Final = 1.0
PRIOR_MEDIAN_TOO_LONG: Final = 120.0
PRIOR_MEDIAN_SHARE_LIMIT: Final = 0.10

PRIOR_DRAWS: Final = 1000
REPLICATES: Final = 200
"""Replicated cohorts of the posterior predictive check."""
PARETO_K_LIMIT: Final = 0.7
"""Beyond it, importance sampling cannot stand in for leaving a patient out (Vehtari 2017)."""

# Propensity score, weights, matching.
CALIPER: Final = 0.2
"""Standard deviations of the logit score (Austin 2011, Pharmaceutical Statistics 10:150)."""
TERMS_PER_PATIENT: Final = 5
"""A propensity model may have min(treated, controls) / 5 terms before it is said to be large."""
SMALL_EFFECTIVE_SIZE: Final = 15.0
"""Effective sample size of a weighted arm below which a caution is printed."""
SMD_LIMIT: Final = 0.1
"""Absolute standardized mean difference beyond which a covariate is called unbalanced."""
VARIANCE_RATIO_LIMIT: Final = 2.0
TRUNCATION_PERCENTILE: Final = 99.0
TRIMMING_LIMIT: Final = 0.1
"""Score below which, and above whose mirror, patients are left out (Crump et al. 2009)."""
WEIGHT_TOTAL_TOLERANCE: Final = 0.10
"""Share by which stabilized weights may miss the size of their arm."""

# Cross-check.
REFERENCE_GAMMA_SHAPE: Final = 0.01
"""Shape of the near-flat gamma baseline of the reference fit."""
REFERENCE_EFFECT_STEP_SD: Final = 10.0
"""Standard deviation of the log hazard ratio's steps from phase to phase in the reference fit."""
CROSSCHECK_AGREEMENT: Final = 0.1
"""Posterior standard deviations within which the reference fit and Cox should agree."""
CROSSCHECK_REMARK: Final = 0.5
"""Posterior standard deviations beyond which a difference is put into words."""

# Sensitivity analyses.
SENSITIVITY_CELLS: Final = 2_000
"""Cells that a grid may have before its size must be confirmed: about half an hour."""
SENSITIVITY_DRAWS: Final = 1_000
"""Draws of a cell that are standardized over the patients; hazard ratios use all of them. The
Monte Carlo error of a mean is 3% of its posterior standard deviation."""
SENSITIVITY_PROB: Final = 0.95
"""P(HR < 1) above which a cell is counted as in favor of treatment in the summary."""

# Cautions.
SMALL_ARM: Final = 30
NO_EARLY_EVENT_PROBABILITY: Final = 1e-3
"""Probability of no event before the first, under the hazard after it, below which inclusion is
suspected to have asked for survival."""

FEW_AT_RISK: Final = 5
"""Patients of an arm at risk at the RMST horizon below which a caution is printed."""
FEW_EVENTS_TAIL: Final = 5
"""Events in the last interval below which its hazard is said to rest on the prior."""

# Curves.
CURVE_POINTS: Final = 61
"""Grid points of the standardized survival curves, time zero and horizon included."""
PATIENT_CHUNK: Final = 32
"""Patients standardized over at a time; bounds memory at chunk x draws x intervals."""

# Looks: Okabe-Ito, which stays apart in gray (luminance 0.45 against 0.62) and for the
# color-blind; the line style and marker repeat the difference.
ARM_COLORS: Final[dict[str, str]] = {"treated": "#0072B2", "control": "#D55E00"}
ARM_LINESTYLES: Final[dict[str, str]] = {"treated": "-", "control": "--"}
PRIOR_COLOR: Final = "#8C8C8C"
POSTERIOR_COLOR: Final = "#0072B2"
FREQUENTIST_COLOR: Final = "#000000"
REFERENCE_COLOR: Final = "#009E73"
FIGURE_DPI: Final = 200
