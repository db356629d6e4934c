# %% [markdown]
# # 9. Time zero: who could be treated when
#
# Locoregional treatment often starts weeks after systemic therapy. A patient who dies in between
# ends in the control arm, and one who ends in the treated arm cannot have died: the stretch before
# the treatment is immortal time. Here it is found, shown and repaired, in a synthetic cohort in
# which the treatment does nothing at all.

# %%
import hccbayes as hb
from hccbayes.model_files import model_file

spec = hb.AnalysisSpec.from_toml(model_file("lu2025_immortal_null_os"))
spec = spec.with_values(["sampler.draws=500"])
cohort = hb.read_cohort(spec.data.source, spec.roles)
print(spec.model.question)
print(cohort.summary().notice)

# %% [markdown]
# ## The protocol, and what the data say against it
#
# The `[design]` section of the model file states the target trial. Its table goes into every
# report; what the data contradict is said before anything is fitted.

# %%
print(hb.time_zero.target_trial(spec).to_string(index=False, max_colwidth=60))

# %%
for sentence in hb.time_zero.design_findings(cohort, spec.design):
    print("-", sentence)

# %% [markdown]
# Each bar is a patient. Hatched time is counted as treated by the naive analysis.

# %%
hb.plots.swimmer(cohort.frame, patients=30, grace=3.0)

# %%
hb.plots.immortal_time(hb.time_zero.state_shares(cohort.frame))

# %% [markdown]
# ## Four designs
#
# Each turns the cohort into episodes. A landmark asks who had been treated by then, among those who
# reached it. A time-dependent treatment counts from its start. Cloned patients count in both
# strategies until the data leave one.

# %%
designs = [
    hb.time_zero.naive(cohort),
    hb.time_zero.landmark(cohort, 3.0),
    hb.time_zero.time_dependent(cohort),
    hb.time_zero.clone_censor_weight(cohort, 3.0, formula="albi_grade + tumor_number"),
]
for designed in designs:
    episodes = designed.episodes
    months = (episodes["stop"] - episodes["start"]) * episodes["weight"]
    control, treated = months.groupby(episodes["treatment"]).sum().round(1)
    print(f"{designed.label}: {len(episodes)} episodes, {treated} and {control} person-months")
    print("   ", designed.estimand)

# %% [markdown]
# All of them fitted, with Cox regression and Kaplan-Meier beside each. The truth is a hazard ratio
# of 1. `hccbayes designs` writes the same as a folder.

# %%
result = hb.compare_designs(cohort, spec)
hb.plots.design_comparison(result.estimates, time=12.0, treated="TACE")

# %%
hb.plots.weights_over_time(result.weights, arm_names=spec.data.arm.names)

# %% [markdown]
# ## Without dates
#
# Where nobody knows when treatment started nothing can be repaired, but what the study's own rules
# produce with no effect can be said. From sizes, survival and censoring alone:

# %%
rules = hb.time_zero.immortal_rules_of(cohort, window=(0.0, 3.0))
crude = hb.time_zero.PublishedRatio(hr=0.51, lower=0.33, upper=0.81)
bound = hb.time_zero.immortal_bound(rules, crude, simulations=1000)
for sentence in bound.sentences:
    print("-", sentence)

# %%
hb.plots.immortal_bound(bound)

# %% [markdown]
# The whole of the ratio can be made by the rules: nothing is left that a treatment would be needed
# to explain.
