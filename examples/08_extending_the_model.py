# %% [markdown]
# # 8. A model of your own on top of the package's
#
# The outcome model is an ordinary `pm.Model`. Whatever the model file cannot say can be added by
# hand: here a prior from the literature that gives way where the data contradict it, and an
# interaction with a prior of its own. Both are switched on and off as data of one model, so that it
# is compiled once.
#
# The cohort is synthetic (see the first example): it shows the software, never the therapy.

# %%
import arviz as az
import matplotlib.pyplot as plt
import numpy as np
import pymc as pm
import xarray as xr

import hccbayes as hb
from hccbayes.fit import compile_model, fit
from hccbayes.frequentist.cox import cox
from hccbayes.hazard_model import hazard_terms
from hccbayes.model_files import model_file
from hccbayes.report.numbers import format_probability

# %% [markdown]
# `build_study` makes times, covariates and person-time of the cohort; nothing is fitted. The
# model's own prior of the treatment is made wide, to leave the place to ours; to be quick, it is
# without centers.

# %%
spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os")).with_values(
    ["priors.treatment.sigma=10", "hazard.center=none", "sampler.draws=500"]
)
cohort = hb.read_cohort(spec.data.source, spec.roles)
study = hb.build_study(cohort, spec)
data = study.data
print(f"{len(data.treatment)} patterns, intervals {', '.join(data.intervals)} months")

# %% [markdown]
# ## A prior from the literature
#
# Hazard ratios of other cohorts that added a locoregional to a systemic treatment, one a study,
# pooled with random effects. The prior is that of a new study's log hazard ratio; half of its
# weight goes to a wide normal around no effect, so that a conflict is settled by the data.

# %%
published = hb.evidence.table("hazard_ratios")
others = published[
    (published["term"] == "treatment")
    & (published["endpoint"] == "OS")
    & published["comparison"].str.endswith("+systemic vs systemic")
    & (published["study"] != "Chen2025")
    & published["se"].notna()
].drop_duplicates("study")
pooled = hb.frequentist.pool_hazard_ratios(others)
print(pooled.pooled.round(3).to_string(index=False))

# %%
random = pooled.pooled[pooled.pooled["method"] == "reml"].iloc[0]
center, spread = random["log_hr"], float(np.hypot(random["tau"], random["se"]))
print(
    f"A new study: hazard ratio {np.exp(center):.2f}, 95% of the prior's informative part between "
    f"{np.exp(center - 1.96 * spread):.2f} and {np.exp(center + 1.96 * spread):.2f}"
)

# %% [markdown]
# ## The model
#
# `hazard_terms` makes every variable of the package's model and hands back what the likelihood is
# made of: the cumulative hazard of each pattern, and the sum of the log hazard over the events. A
# term $\delta z$ added to the log hazard multiplies the first by $\exp(\delta z)$ and adds
# $\delta \sum d z$ to the second. Here $z$ is treatment times portal vein thrombus, both centered;
# the interaction has a prior narrower than any main effect deserves.

# %%
thrombus = data.covariate_names.index("portal_vein_thrombus[T.yes]")
z = (data.treatment - data.treatment_mean) * data.covariates[:, thrombus]
events = data.person_time.events.sum(axis=1)

with pm.Model() as model:
    terms = hazard_terms(data, spec.hazard, spec.priors)
    interaction_sd = pm.Data("interaction_sd", np.asarray(0.25))
    delta = pm.Deterministic("interaction", interaction_sd * pm.Normal("interaction_raw"))
    pm.Potential(
        "log_likelihood",
        terms.over_events
        + delta * float(events @ z)
        - pm.math.sum(terms.expected * pm.math.exp(delta * z)),
    )
    literature = pm.Mixture.dist(
        w=[0.5, 0.5], comp_dists=pm.Normal.dist(mu=[center, 0.0], sigma=[spread, 1.0])
    )
    use_literature = pm.Data("use_literature", np.asarray(1.0))
    pm.Potential("prior_literature", use_literature * pm.logp(literature, model["treatment"]))

# %% [markdown]
# ## Fits
#
# `compile_model` once; `fit` samples, diagnoses, and repeats where that may help. `data` replaces
# data of the model, so that the four combinations cost a few seconds each. An interaction with a
# standard deviation of one millionth is none.

# %%
compiled = compile_model(model, spec.sampler.backend)
trees, diagnoses = {}, {}
for own_prior in (0.0, 1.0):
    for sd in (1e-6, 0.25):
        name = f"{'literature' if own_prior else 'wide'}, {'interaction' if sd > 0.01 else 'none'}"
        trees[name], diagnoses[name] = fit(
            compiled,
            spec.sampler,
            data={"use_literature": np.asarray(own_prior), "interaction_sd": np.asarray(sd)},
        )
for name, diagnosis in diagnoses.items():
    print(f"{name:26s} {'passed' if diagnosis.passed else diagnosis.headline()}")

# %% [markdown]
# ## Comparison
#
# Cox regression of the same formula stands beside it, without the interaction and with
# it. Under the wide prior what is left of a difference is the time axis (a few constant hazards
# against Cox's free one) and the shrinkage of covariates and interaction, which Cox has not.

# %%
for name, tree in trees.items():
    log_hr = tree["posterior"]["treatment"]
    low, half, high = np.exp(np.quantile(log_hr, [0.025, 0.5, 0.975]))
    below = format_probability(float((log_hr < np.log(0.8)).mean()))
    print(f"{name:26s} HR {half:.3f} ({low:.3f} to {high:.3f}), P(HR < 0.8) {below}")

# %%
frame, design = cohort.frame, study.design
columns = design.conventional()
with_interaction = columns.assign(
    interaction=(design.treatment - data.treatment_mean) * design.matrix[:, thrombus]
)
for name, terms_of_cox in {"none": columns, "interaction": with_interaction}.items():
    regression = cox(terms_of_cox, frame["entry"], frame["time"], frame["event"])
    where = regression.terms.index("treatment")
    hr, low, high = np.exp(
        [regression.coef[where], regression.lower[where], regression.upper[where]]
    )
    own = trees[f"wide, {name}"]["posterior"]["treatment"]
    apart = (float(own.mean()) - regression.coef[where]) / float(own.std())
    print(
        f"Cox, {name:12s} HR {hr:.3f} ({low:.3f} to {high:.3f}); the Bayesian log hazard ratio "
        f"under the wide prior differs by {apart:+.2f} posterior standard deviations"
    )

# %%
posterior = xr.DataTree.from_dict(
    {"posterior": trees["literature, interaction"]["posterior"].to_dataset()}
)
pc = az.plot_dist(
    posterior,
    var_names=["treatment", "interaction"],
    ci_prob=0.95,
    ci_kind="eti",
    figure_kwargs={"figsize": (8, 3)},
)
pc = az.add_lines(pc, values=0.0)

# %%
interaction = posterior["posterior"]["interaction"]
print(
    f"Interaction per standard deviation of thrombus: prior SD 0.25, posterior mean "
    f"{float(interaction.mean()):+.2f}, SD {float(interaction.std()):.2f}; "
    f"P(interaction < 0) {format_probability(float((interaction < 0).mean()))}"
)

# %% [markdown]
# What is not automatic: survival curves and restricted means of the package do not know the
# interaction. For a model that goes into a paper they are to be written for it.

# %%
plt.close("all")
