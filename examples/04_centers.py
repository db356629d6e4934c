# %% [markdown]
# # 4. Centers
#
# Patients of one hospital resemble each other, and hospitals choose treatment differently. The
# baseline hazard may be moved by a center's own constant (`fixed`), by one drawn from a common
# distribution (`hierarchical`), or have a shape of its own in each (`stratified`). This page shows
# what each center does, fits the other models of the centers, and leaves every center out in turn.
#
# The cohort is synthetic and its three centers are invented: it shows the software, never the
# therapy.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import hccbayes as hb
from hccbayes.model_files import model_file

# %%
spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os"))
cohort = hb.read_cohort(spec.data.source, spec.roles)
arms = cohort.frame.groupby("center")["treatment"]
print(arms.agg(patients="size", treated="sum", share="mean").round(2).to_string())

# %% [markdown]
# ## What each center does
#
# The first example saved its analysis, whose centers are hierarchical; where it has not run, the
# analysis is made here.

# %%
folder = Path(tempfile.gettempdir()) / "hccbayes_examples" / "chen2025_os"
if not folder.exists():
    hb.analyse(cohort, spec).save(folder)
analysis = hb.load(folder)

# %% [markdown]
# Hazard of each center against the event-weighted mean center, posterior over prior. With three
# centers the spread between them follows its prior and is no finding.

# %%
ax = hb.plots.center_effects(analysis)

# %%
prior = analysis.posterior["prior"]["center_sd"]
sd = analysis.posterior["posterior"]["center_sd"]
low, half, high = sd.quantile([0.025, 0.5, 0.975]).to_numpy()
print(
    f"Standard deviation between centers: prior median {float(prior.median()):.2f}, "
    f"posterior median {half:.2f} ({low:.2f} to {high:.2f})."
)

# %% [markdown]
# The frequentist twins: Cox regression without centers, with a constant for each, stratified by
# center, and with a Gaussian frailty.

# %%
table = analysis.estimates
hr = table[(table["estimand"] == "hr") & (table["contrast"] == "treated / control")]
print(hr[["method", "estimate", "lower", "upper"]].round(3).to_string(index=False))

# %% [markdown]
# ## Other models of the centers, and without each center
#
# The model as it is, one change at a time, and the model as it is without each center in turn.
# Cells that differ in numbers alone share a compiled model, and two processes share the work. Only
# the hazard ratio is looked at, so that survival is read at one time.
# (`hb.sensitivity.center_grid` is this grid ready made, with a model without center terms as well.)

# %%
base = spec.with_values(["estimands.times=[12]"])
grid = hb.sensitivity.Grid.of(
    "centers",
    {"hazard.center": ["fixed", "hierarchical", "stratified"]},
    combine="one_at_a_time",
    leave_out_centers=True,
)
with tempfile.TemporaryDirectory() as cells:
    result = hb.sensitivity.run_grid(cohort, base, grid, cells, jobs=2)

# %%
for sentence in hb.sensitivity.grid_summary(result.cells):
    print("-", sentence)

# %%
rows = hb.sensitivity.headline_rows(result.cells)
fields = [variation.field for variation in grid.variations] + ["left_out_center"]
shown = [*fields, "base", "status", "estimate", "lower", "upper", "prob_benefit"]
print(rows[shown].round(3).to_string(index=False))

# %%
words = rows["hazard.center"] + rows["left_out_center"].map(
    lambda label: f", without {label}" if label else ""
)
names = base.data.arm.names
ax = hb.plots.forest(
    rows.assign(method=words),
    arm_names=(names["treated"], names["control"]),
    labels={"treated / control": "Treatment"},
)

# %% [markdown]
# How far does one center carry the result? The shift of the log hazard ratio without it, in
# posterior standard deviations of the whole cohort.

# %%
whole = float(np.log(rows.loc[rows["base"], "estimate"].iloc[0]))
spread = float(analysis.posterior["posterior"]["treatment"].std())
without = rows[rows["left_out_center"] != ""]
for label, estimate in zip(without["left_out_center"], without["estimate"], strict=True):
    print(f"without {label}: {(np.log(estimate) - whole) / spread:+.2f}")

# %%
plt.close("all")
