# %% [markdown]
# # 2. Looking at the posterior
#
# The draws of an analysis are an xarray `DataTree`, as ArviZ 1.x expects it. This page looks at the
# chains, at the hazard ratio with a region of practical equivalence, at survival, and at two
# contrasts that a clinician reads more easily than a hazard ratio: the difference of survival over
# time and the difference of restricted mean survival.
#
# The cohort is synthetic (see the first example): it shows the software, never the therapy.

# %%
import tempfile
from pathlib import Path

import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import hccbayes as hb
from hccbayes.estimands import estimand_draws, populations
from hccbayes.figure_data import censoring_survival
from hccbayes.model_files import model_file
from hccbayes.report.numbers import format_probability

# %% [markdown]
# The first example saved its analysis; where it has not run, the analysis is made here.

# %%
spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os"))
cohort = hb.read_cohort(spec.data.source, spec.roles)
folder = Path(tempfile.gettempdir()) / "hccbayes_examples" / "chen2025_os"
if not folder.exists():
    hb.analyse(cohort, spec).save(folder)
analysis = hb.load(folder)
print(analysis.diagnosis.headline())

# %% [markdown]
# ## The chains
#
# ArviZ 1.x shows 89% equal-tailed intervals unless told otherwise: always state `ci_prob` and
# `ci_kind`. The variables are on the log hazard scale.

# %%
tree = analysis.posterior
names = ["treatment", "level", "walk_sd", "center_sd"]
print(az.summary(tree, var_names=names, ci_prob=0.95, ci_kind="eti"))

# %% [markdown]
# Rank plots: the ranks of a chain among all draws, against what chains of one distribution give.
# The envelope holds for independent draws, which is why ArviZ thins for it; a line outside says
# that its chain was elsewhere. `az.plot_...` returns a `PlotCollection`; its figure is
# `.viz["figure"].item()`, and `.savefig(path)` writes it.

# %%
pc = az.plot_rank(
    tree,
    var_names=names,
    method="envelope",
    col_wrap=4,
    figure_kwargs={"figsize": (9, 2.6)},
)

# %%
pc = az.plot_trace_dist(tree, var_names=["treatment", "center_sd"])

# %% [markdown]
# ## The hazard ratio, with a region of practical equivalence
#
# `treatment` is the log hazard ratio of treated over control. A hazard ratio between 0.9 and 1/0.9
# is taken here as too near to 1 to matter: that is a choice, to be made before the data are seen.

# %%
ROPE = (0.9, 1 / 0.9)
hr = np.exp(tree["posterior"]["treatment"]).rename("hazard ratio")
draws = xr.DataTree.from_dict({"posterior": hr.to_dataset()})
pc = az.plot_dist(
    draws,
    ci_prob=0.95,
    ci_kind="eti",
    point_estimate="median",
    rope=ROPE,
    visuals={"point_estimate_text": False},
    figure_kwargs={"figsize": (5, 3)},
)
pc = az.add_lines(pc, values=1.0)

# %%
within = float(((hr > ROPE[0]) & (hr < ROPE[1])).mean())
print("P(HR < 1):", format_probability(float((hr < 1).mean())))
print("P(HR < 0.8):", format_probability(float((hr < 0.8).mean())))
print(f"P({ROPE[0]:.2f} < HR < {ROPE[1]:.2f}):", format_probability(within))

# %% [markdown]
# The other covariates, standardized, with 50% and 95% intervals.

# %%
pc = az.plot_forest(
    tree,
    var_names=["covariates"],
    combined=True,
    ci_kind="eti",
    ci_probs=(0.5, 0.95),
    labels=["covariate"],
    figure_kwargs={"figsize": (8, 4), "width_ratios": [1, 2]},
)
pc.coords = {"column": "forest"}  # the line belongs to the intervals, not to the labels
pc = az.add_lines(pc, values=0.0)

# %% [markdown]
# ## Survival
#
# The whole cohort under each arm, beside the hazard by interval that it is made of.

# %%
fig, panels = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
hb.plots.survival(analysis, ax=panels[0])
ax = hb.plots.baseline_hazard(analysis, ax=panels[1])

# %% [markdown]
# ## The difference of survival over time
#
# A saved analysis holds survival draw by draw at the `times` of the model file, and the curves
# summarized. For a curve of differences the draws are standardized over the cohort again; nothing
# is sampled. Subtract within each draw, summarize once at the end: the difference of the ends of
# two intervals is no interval of the difference. The band is pointwise; it holds 95% at each time,
# not along the whole curve.

# %%
study = hb.build_study(cohort, spec)
_, curves = estimand_draws(
    tree["posterior"].to_dataset(),
    study.design,
    study.data,
    targets=populations(study.design, study.data, ("ate",)),
    frame=study.times,
    censoring_survival=censoring_survival(cohort.frame, study.times.grid),
    seed=spec.sampler.seed,
)
survival = curves.sel(population="ate", curve_time=slice(0, 36))
difference = survival.sel(arm="treated") - survival.sel(arm="control")
low, middle, high = difference.quantile([0.025, 0.5, 0.975], dim=("chain", "draw")).to_numpy()
months = difference["curve_time"].to_numpy()

# %%
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.fill_between(months, low, high, alpha=0.25, linewidth=0)
ax.plot(months, middle)
ax.axhline(0.0, color="black", linewidth=0.8)
ax.set(xlabel="Time (months)", ylabel="Difference in survival, treated - control")
ax.set_xlim(0, months[-1])
largest = int(middle.argmax())
print(
    f"The median difference is largest at {months[largest]:.0f} months: {middle[largest]:.2f} "
    f"({low[largest]:.2f} to {high[largest]:.2f})."
)

# %% [markdown]
# ## The difference of restricted mean survival
#
# The area between the two curves up to a horizon, in months of life. Unlike the hazard ratio it
# does not need proportional hazards to mean something.

# %%
rmst = tree["estimands"]["rmst"].sel(population="ate")
months_gained = (rmst.sel(arm="treated") - rmst.sel(arm="control")).rename("months gained")
pc = az.plot_dist(
    xr.DataTree.from_dict({"posterior": months_gained.drop_vars("population").to_dataset()}),
    ci_prob=0.95,
    ci_kind="eti",
    point_estimate="mean",
    figure_kwargs={"figsize": (5, 3)},
)
horizon = tree["estimands"].attrs["horizon"]
print(f"Of {horizon:.0f} months: {float(months_gained.mean()):.1f} on average.")
print("P(at least 3 months):", format_probability(float((months_gained >= 3).mean())))

# %% [markdown]
# ## Does the model generate such data?
#
# Cohorts replicated from the posterior, over the observed Kaplan-Meier steps.

# %%
ax = hb.plots.predictive_check(analysis)

# %%
plt.close("all")
