# %% [markdown]
# # 3. Comparable arms: propensity score, overlap, balance
#
# The treated were chosen, not drawn. A `[propensity]` section in the model file fits a Bayesian
# propensity score, `[adjustment]` says what is done with it. This page asks four questions in
# order: do the arms overlap, who counts how much after weighting, are the arms then alike, and does
# the effect depend on the way.
#
# The cohort is synthetic (see the first example): it shows the software, never the therapy.

# %%
import matplotlib.pyplot as plt

import hccbayes as hb
from hccbayes.model_files import model_file
from hccbayes.report.numbers import METHOD_NAMES

# %% [markdown]
# The model file asks for every method. To be quick, three of them are used here, 500 draws a chain,
# and the score's uncertainty is not propagated; report from the model file as it is.

# %%
spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os_adjusted")).with_values(
    [
        'adjustment.method=["gcomp", "weighted", "doubly_robust"]',
        "adjustment.propagate=[]",
        "sampler.draws=500",
    ]
)
cohort = hb.read_cohort(spec.data.source, spec.roles)
analysis = hb.analyse(cohort, spec)
print("outcome model:", analysis.diagnosis.headline())
for name, diagnosis in analysis.further_diagnoses.items():
    print(f"{name}: {'passed' if diagnosis.passed else 'failed'}")

# %%
for caution in analysis.cautions:
    print("-", caution)

# %% [markdown]
# ## Do the arms overlap?
#
# The distribution of the score by arm. Where one arm has scores that the other lacks, no method
# compares like with like, only a model does.

# %%
tree, tables = analysis.posterior, analysis.score_tables
ax = hb.plots.overlap(tree["overlap"].to_dataset())

# %%
for sentence in tables.conventions:
    print("-", sentence)

# %% [markdown]
# ## Who counts how much?
#
# Overlap weights count most those whose treatment was least certain. The effective sample size says
# how many patients the weighted arm is worth.

# %%
ax = hb.plots.weights(tree["weight_counts"].to_dataset())

# %%
print(tables.weights.round(2).to_string(index=False))

# %% [markdown]
# ## Are the arms alike afterwards?
#
# Absolute standardized mean differences before and after weighting. The intervals are over draws of
# the score: a single score balances better than the posterior is sure of.

# %%
balance = tables.balance[tables.balance["sample"] == "weighted"]
ax = hb.plots.love(balance, by_draw=tree["balance_draws"]["smd"])

# %%
differences = balance[balance["statistic"] == "smd"]
print(
    f"Largest absolute standardized difference: {differences['unadjusted'].abs().max():.3f} before "
    f"and {differences['adjusted'].abs().max():.3f} after weighting."
)

# %%
baseline = tables.baseline.drop(columns="shown")
print(baseline.head(10).to_string(index=False, na_rep=""))

# %% [markdown]
# ## Does the effect depend on the way?
#
# The marginal hazard ratio by each method, with its frequentist twin. The population matters:
# `ate` is the whole cohort, `ato` the overlap, and a hazard ratio may honestly differ between them.

# %%
effects = analysis.estimates[analysis.estimates["estimand"] == "marginal_hr"]
treated, control = hb.plots.arm_names(analysis).values()
ax = hb.plots.forest(
    effects,
    estimand="marginal_hr",
    arm_names=(treated, control),
    labels=METHOD_NAMES | {"treated / control": "Marginal effect"},
)

# %%
shown = ["method", "population", "source", "estimate", "lower", "upper"]
print(effects[shown].round(2).to_string(index=False))

# %% [markdown]
# The same in months of life, where no one needs to believe in proportional hazards.

# %%
rmst = analysis.estimates[analysis.estimates["estimand"] == "rmst_difference"]
print(rmst[shown].round(2).to_string(index=False))

# %%
plt.close("all")
