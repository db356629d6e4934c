# %% [markdown]
# # Embolization added to targeted therapy: the naive analysis, and the designs that repair it
#
# 246 patients with intermediate-stage hepatocellular carcinoma of one center (Shen et al. 2018,
# Nature Communications 9:2429, doi 10.1038/s41467-018-04633-7; data set `DTSDHCC` of the R package
# SurvivalPath). Time zero is the visit at which targeted therapy was first given; the treated arm
# had an embolization within the next 90 days.
#
# **The arm looks 90 days into the future.** A patient who died on day 40 could not be embolized on
# day 60 and counts as a control, so the first hazard ratio below carries immortal time. The dates
# of embolization are there to do it right.
#
# The data are not part of this project. Give their path as the first argument; without one the
# script looks beside the project and ends quietly if they are not there.

# %%
from __future__ import annotations

import sys
from pathlib import Path

import hccbayes as hb

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT.parent / "shared/data/sysucc_targeted.csv"
if not DATA.is_file():
    print(f"skipped: {DATA.name} is not here; give its path as the first argument")
    sys.exit(0)

# %%
spec = hb.AnalysisSpec.from_toml(ROOT / "models" / "sysucc_targeted_os.toml")
cohort = hb.read_cohort(DATA, spec.roles)
analysis = hb.analyse(cohort, spec)

print(analysis.diagnosis.headline())
for caution in analysis.cautions:
    print("Caution:", caution)

# %% [markdown]
# The conditional hazard ratio, the marginal one, and Cox regression on the same patients.

# %%
table = analysis.estimates
treatment = table["contrast"] == "treated / control"
columns = ["estimand", "population", "estimate", "lower", "upper", "prob_benefit", "method"]
print(table.loc[treatment & table["estimand"].isin(["hr", "marginal_hr"]), columns].to_string())

# %% [markdown]
# How much of it could be immortal time? Those treated later than day 0 were alive until then by
# definition. Early deaths by arm say how far the arms differ before any treatment could act.

# %%
early = cohort.frame[(cohort.frame["event"] == 1) & (cohort.frame["time"] <= 3.0)]
counts = early.groupby("treatment").size().rename({0: "control", 1: "treated"})
print("Deaths within three months of time zero:", counts.to_dict())

# %% [markdown]
# The same question from landmarks at 30 and 90 days, with embolization counted from its start, and
# by clone-censor-weight with 90 days of grace.

# %%
designs = hb.compare_designs(cohort, spec)
print(designs.designs[["design", "patients", "treated_events", "control_events"]].to_string())
shown = designs.estimates[designs.estimates["estimand"] == "marginal_hr"]
print(shown[["model", "estimate", "lower", "upper", "method"]].to_string())

# %% [markdown]
# Figures: survival by arm over the Kaplan-Meier steps, the designs side by side, and the prior over
# the posterior.

# %%
folder = Path("results") / "examples"
folder.mkdir(parents=True, exist_ok=True)
hb.plots.save_figure(hb.plots.survival(analysis), folder / "sysucc_survival")
hb.plots.save_figure(
    hb.plots.design_comparison(designs.estimates, time=12.0, treated="embolization"),
    folder / "sysucc_designs",
)
hb.plots.save_figure(hb.plots.prior_posterior(analysis), folder / "sysucc_prior_posterior")
print("figures are in", folder)
