# %% [markdown]
# # 6. A confounder that nobody measured
#
# No data show it, but what it would have to be can be said: how strong to explain the effect away
# (E-value), what the effect would be under any given one (array, tipping points), and what the
# effect is averaged over what one believes of it (bias analysis).
#
# The cohort is synthetic, with the printed margins of Lu et al. 2025: it shows the software, never
# the therapy.

# %%
import matplotlib.pyplot as plt
import numpy as np

import hccbayes as hb
from hccbayes.estimands import estimand_draws, populations
from hccbayes.figure_data import censoring_survival
from hccbayes.model_files import model_file
from hccbayes.priors import Prior
from hccbayes.report.numbers import format_probability

# %% [markdown]
# All of this page is made by one compiled model, that of the cohort with a binary confounder whose
# carriers nobody knows. Its priors are data: with a confounder of no effect (standard deviations of
# one millionth) it is the plain outcome model, and that is where the page begins.

# %%
spec = hb.AnalysisSpec.from_toml(model_file("lu2025_os")).with_values(["sampler.draws=500"])
cohort = hb.read_cohort(spec.data.source, spec.roles)
study = hb.build_study(cohort, spec)
none = hb.sensitivity.ConfounderPriors(
    log_hr=Prior.of("half_normal", sigma=1e-6),
    logit_difference=Prior.of("half_normal", sigma=1e-6),
    more_common_in="control",
)
compiled = hb.sensitivity.compile_confounder(study, spec, none)
plain = hb.sensitivity.fit_confounder(compiled, spec.sampler, none)
print(spec.model.question)
print(plain.diagnosis.headline())

# %%
posterior = plain.tree["posterior"].to_dataset()
log_hr = plain.log_hr
lower, middle, upper = np.exp(np.quantile(log_hr, [0.025, 0.5, 0.975]))
print(f"Hazard ratio {middle:.2f} ({lower:.2f} to {upper:.2f})")
dead = float(cohort.frame["event"].mean())
print(f"{dead:.0%} of the patients have the event: the outcome is common.")

# %% [markdown]
# ## The E-value
#
# The smallest risk ratio that a confounder would need with both treatment and death. The usual
# E-value is of the point and of one limit; by draw it is a distribution.

# %%
outcome = "common" if dead > 0.15 else "rare"
single = hb.sensitivity.hazard_ratio_e_value(middle, lower, upper, outcome=outcome)
print(single.sentence())

# %%
by_draw = hb.sensitivity.e_value_draws(log_hr, outcome=outcome, side="below")
low, half, high = by_draw.quantile([0.025, 0.5, 0.975]).to_numpy()
print(f"By draw: median {half:.2f}, 95% interval {low:.2f} to {high:.2f}.")
print("P(E-value > 2):", format_probability(float((by_draw > 2).mean())))

# %%
fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.hist(by_draw.to_numpy().ravel(), bins=60, density=True, alpha=0.5)
ax.axvline(single.point, color="black", linewidth=0.8)
ax.set(xlabel="E-value (risk ratio)", ylabel="Posterior density")

# %% [markdown]
# ## The array
#
# Divide the observed hazard ratio by the bias that a confounder would make where deaths are rare.
# They are not, and the array says so:

# %%
array = hb.sensitivity.corrected_hazard_ratios(
    middle,
    lower,
    upper,
    confounder_hr=(1.5, 2.0, 3.0),
    prevalence_treated=(0.2,),
    prevalence_control=(0.2, 0.4, 0.6),
)
print(array["hazard_ratio"].squeeze("prevalence_treated").to_pandas().round(2).to_string())
print(array.attrs["caution"])

# %% [markdown]
# ## Tipping points
#
# P(HR < 1) at equal confounder, over how strong the confounder is and how much more common in the
# controls. Here the bias is that of the cohort's own survival and censoring, not the rare one. The
# measured covariates are points on the same map: a shaded one would be enough, were there another
# like it.

# %%
_, curves = estimand_draws(
    posterior,
    study.design,
    study.data,
    targets=populations(study.design, study.data, ("ate",)),
    frame=study.times,
    censoring_survival=censoring_survival(cohort.frame, study.times.grid),
    seed=spec.sampler.seed,
)
follow_up = hb.sensitivity.FollowUp.of(cohort, curves)
grid = hb.sensitivity.tipping_grid(log_hr, follow_up)
benchmarks = hb.sensitivity.covariate_benchmarks(posterior, study.design, follow_up)
ax = hb.plots.tipping(grid, benchmarks)

# %%
print(benchmarks.round(3).to_string(index=False))
point = hb.sensitivity.tipping_point(grid)
if point is None:
    print("No confounder of the grid takes P(HR < 1) below its limit.")
else:
    print(
        f"The nearest confounder that takes P(HR < 1) below its limit has a hazard ratio of "
        f"{point.confounder_hr:.2f}; its prevalence in the treated less that in the controls is "
        f"{100 * point.difference:+.0f} percentage points. It leaves {point.prob:.3f}."
    )

# %% [markdown]
# ## Averaged over what one believes
#
# The confounder as an unknown of the model: who carries it, how it raises the hazard, how much more
# common it is in one arm. The data say little of it; the posterior of the treatment is an average
# over the belief. Another belief of the same form is a refit, without compilation.

# %%
beliefs = {
    "mild": hb.sensitivity.ConfounderPriors.signed("control", sigma=0.35),
    "pessimistic": hb.sensitivity.ConfounderPriors.signed("control", sigma=1.4),
}
fits = {"none": plain} | {
    name: hb.sensitivity.fit_confounder(compiled, spec.sampler, belief)
    for name, belief in beliefs.items()
}

# %%
for name, own in fits.items():
    low, half, high = np.exp(np.quantile(own.log_hr, [0.025, 0.5, 0.975]))
    benefit = format_probability(float((own.log_hr < 0).mean()))
    passed = "passed" if own.diagnosis.passed else "failed"
    print(f"{name:12s} HR {half:.2f} ({low:.2f} to {high:.2f}), P(HR < 1) {benefit}, gate {passed}")

# %% [markdown]
# How far did the data move the belief? Shifts of the mean are in prior standard deviations.
# Nobody measured the confounder: what moves it is the shape of the hazard over time and between the
# arms, under the model's assumption of proportional hazards. That is no evidence of a confounder.

# %%
update = hb.sensitivity.confounder_update(fits["pessimistic"])
print(update[["parameter", "shift", "shift_mcse", "sd_ratio"]].round(3).to_string(index=False))

# %%
plt.close("all")
