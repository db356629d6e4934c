"""Everything one study's synthetic cohort is built from, as one record."""

from __future__ import annotations

from dataclasses import dataclass

from hccbayes.arms import ARMS, Arm
from hccbayes.synthetic.outcome_targets import AdverseEvent, Endpoint, Regression
from hccbayes.synthetic.targets import Continuous, Margin, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTargets:
    """Everything a synthetic cohort is built from.

    Parameters
    ----------
    name
        ``synthetic_`` and the study.
    seed
        Seed of the shipped cohort.
    arm_labels
        Values of the column ``arm``: treated, control.
    sizes, matched_sizes
        Patients an arm, and in its matched subset (0 where there is none).
    margins, continuous
        Covariates; all are independent given arm and part unless correlations are given.
    center_shares
        Invented shares of each center in the treated and in the control arm; empty where centers
        are a printed margin or there is one.
    center_sd
        Standard deviation of the centers' log hazards.
    os, pfs
        Endpoints; ``None`` where a study needs its own construction.
    regressions
        Printed regressions.
    responses
        Best response, or yes and no by site.
    adverse_events, overall
        Adverse events, and the patients with any; ``None`` where that was not printed.
    severe_labels
        Grades below and from the threshold of `severe`.
    modes
        Recorded modes of progression, among patients with an event, each patient at least one.
    notes
        What a reader of the cohort must know.
    """

    name: str
    title: str
    seed: int
    arm_labels: tuple[str, str]
    sizes: tuple[int, int]
    matched_sizes: tuple[int, int] = (0, 0)
    margins: tuple[Margin, ...] = ()
    continuous: tuple[Continuous, ...] = ()
    center_shares: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    center_sd: float = 0.0
    os: Endpoint | None = None
    pfs: Endpoint | None = None
    regressions: tuple[Regression, ...] = ()
    responses: tuple[Margin, ...] = ()
    adverse_events: tuple[AdverseEvent, ...] = ()
    overall: AdverseEvent | None = None
    severe_labels: tuple[str, str] = ("1-2", "3-4")
    modes: tuple[AdverseEvent, ...] = ()
    notes: tuple[str, ...] = ()

    def size(self, arm: Arm, part: Part) -> int:
        """Return the patients in a part of an arm."""
        index = ARMS.index(arm)
        matched = self.matched_sizes[index]
        return matched if part == "matched" else self.sizes[index] - matched

    @property
    def has_matched(self) -> bool:
        """Whether the study printed a matched subset."""
        return any(self.matched_sizes)

    def label(self, arm: Arm) -> str:
        """Return the arm's value in the column ``arm``."""
        return self.arm_labels[ARMS.index(arm)]
