# %% [markdown]
# # 5. The same analysis under other assumptions
#
# A result is worth as much as the choices it does not depend on. A grid is a model file and a list
# of its fields with other values; every combination is fitted, its diagnostics are kept beside its
# numbers, and a run that was stopped goes on where it was.
#
# The cohort is synthetic (see the first example): it shows the software, never the therapy.

# %%
import tempfile

import matplotlib.pyplot as plt

import hccbayes as hb
from hccbayes.model_files import model_file

# %% [markdown]
# The choices here are the prior of the treatment effect (standard deviations of the log hazard
# ratio), the cut points of the time axis, and whether covariates are adjusted for. To be quick, the
# model is without centers and 500 draws a chain must do; the gate says whether they did.

# %%
base = hb.AnalysisSpec.from_toml(model_file("chen2025_os")).with_values(
    ["hazard.center=none", "estimands.times=[12]", "sampler.draws=500"]
)
grid = hb.sensitivity.Grid.of(
    "choices",
    {
        "priors.treatment.sigma": [0.354, 0.7, 10.0],
        "hazard.cuts": ["auto", {"quantile": 7}],
        "hazard.formula": [base.hazard.formula, "treatment"],
    },
    question="Does the effect depend on prior, cut points or adjustment?",
)

# %% [markdown]
# What is wrong with a grid is said before anything is fitted. A cell that only changes numbers
# (priors, cut points of the same number, patients) is a refit of a compiled model: these twelve
# analyses need two compilations, one with and one without covariates.

# %%
cohort = hb.read_cohort(base.data.source, hb.sensitivity.grid_roles(grid, base))
with tempfile.TemporaryDirectory() as folder:
    result = hb.sensitivity.run_grid(cohort, base, grid, folder, jobs=2)
print(f"{result.cells['cell'].nunique()} analyses, complete: {result.complete}")

# %% [markdown]
# ## What it says
#
# The summary is made of the table. Analyses that failed their diagnostics are left out of it and
# counted.

# %%
for sentence in hb.sensitivity.grid_summary(result.cells, question=grid.question):
    print("-", sentence)

# %%
rows = hb.sensitivity.headline_rows(result.cells)
shown = ["cell", *(variation.field for variation in grid.variations)]
shown += ["status", "estimate", "lower", "upper", "prob_benefit"]
table = rows[shown].replace({base.hazard.formula: "adjusted", "treatment": "unadjusted"})
print(table.round(3).to_string(index=False))

# %% [markdown]
# ## The specification curve
#
# Every analysis in order of size, below it what was chosen; the model as it is in black.

# %%
figure = hb.plots.specification_curve(
    rows.replace({base.hazard.formula: "adjusted", "treatment": "unadjusted"}),
    fields=[variation.field for variation in grid.variations],
    labels={
        "priors.treatment.sigma": "Prior SD of log HR",
        "hazard.cuts": "Cut points",
        "hazard.formula": "Covariates",
    },
)

# %% [markdown]
# Which choice moves the log hazard ratio most, on average over the others:

# %%
fields = [variation.field for variation in grid.variations]
effects = hb.sensitivity.choice_effects(rows, fields)
print(effects[["field", "spread"]].round(3).to_string(index=False))

# %% [markdown]
# The grids that reviewers ask for come ready made; each is a list of fields like the one above.

# %%
full = hb.AnalysisSpec.from_toml(model_file("chen2025_os"))
for make in (hb.sensitivity.prior_grid, hb.sensitivity.time_grid, hb.sensitivity.center_grid):
    ready = make(full)
    cells = hb.sensitivity.grid_cells(ready, full, sorted(cohort.frame["center"].unique()))
    print(f"{ready.name}: {len(cells)} analyses. {ready.question}")

# %%
plt.close("all")
