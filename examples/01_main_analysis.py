# %% [markdown]
# # 1. The main analysis in ten lines
#
# Does hepatic arterial infusion chemotherapy (HAIC), added to lenvatinib and a PD-1 inhibitor,
# change survival? The model file `models/chen2025_os.toml` holds the question, the columns, the
# formula, the priors and what is to be estimated; the code only says: read, fit, look.
#
# The patients are synthetic. They carry the printed margins of Chen et al. 2025 (doi
# 10.2147/ITT.S542811) and nothing more of them: what follows shows the software, never the therapy.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import hccbayes as hb
from hccbayes.model_files import model_file
from hccbayes.report.numbers import format_probability

# %%
spec = hb.AnalysisSpec.from_toml(model_file("chen2025_os"))
cohort = hb.read_cohort(spec.data.source, spec.roles)
analysis = hb.analyse(cohort, spec)
print(spec.model.question)
print(analysis.diagnosis.headline())

# %% [markdown]
# The headline is the gate: R-hat, effective sample size, divergences, energy and tree depth. Where
# it does not say that the fit passed, no number below is to be quoted. What the gate cannot see
# stands in the cautions; read them first.

# %%
for caution in analysis.cautions:
    print("-", caution)

# %% [markdown]
# ## The numbers
#
# Every estimate is one row, treated over control; Bayesian and frequentist numbers stand in the
# same table. `sample` rows compare patients with equal covariates, `ate` rows the whole cohort
# under each arm.

# %%
table = analysis.estimates
effects = table[
    table["contrast"].str.startswith("treated")
    & table["estimand"].isin(["hr", "marginal_hr", "survival_difference", "rmst_difference"])
    & table["method"].isin(["pe_rw1", "cox_efron", "cox_efron_standardized"])
]
columns = ["estimand", "population", "time", "estimate", "lower", "upper", "prob_benefit", "method"]
print(effects[columns].round(2).to_string(index=False, na_rep=""))

# %% [markdown]
# In words, from the same table:

# %%
hr = table[(table["estimand"] == "hr") & (table["source"] == "bayes")].iloc[0]
rmst = table[(table["estimand"] == "rmst_difference") & (table["source"] == "bayes")].iloc[0]
print(
    f"Hazard ratio {hr['estimate']:.2f} ({hr['interval_prob']:.0%} interval {hr['lower']:.2f} to "
    f"{hr['upper']:.2f}), P(HR < 1) {format_probability(hr['prob_benefit'])}. "
    f"Restricted mean survival to {rmst['time']:.0f} months, treated minus control: "
    f"{rmst['estimate']:+.1f} months ({rmst['lower']:+.1f} to {rmst['upper']:+.1f})."
)

# %% [markdown]
# ## The figures
#
# Posterior survival of the whole cohort under each arm, over the Kaplan-Meier steps of the arms as
# they were observed. The two differ where the arms differ at baseline.

# %%
ax = hb.plots.survival(analysis)

# %% [markdown]
# What the prior said of the log hazard ratio, and what the data made of it.

# %%
ax = hb.plots.prior_posterior(analysis)

# %% [markdown]
# ## Beside Cox regression
#
# `crosscheck` joins each Bayesian number with its frequentist twin, under the priors of the model
# file and under a reference fit whose priors say next to nothing. The reference fit must agree;
# where the analysis differs from it, the priors speak.

# %%
check = analysis.crosscheck
log_hr = check[(check["estimand"] == "log_hr") & (check["term"] == "treated / control")]
print(log_hr.round(3).to_string(index=False))

# %% [markdown]
# ## To keep
#
# `save` writes tables, draws, figures and a report, whole or not at all; `hb.load` reads them back.
# Two other examples look at this analysis. `hccbayes run models/chen2025_os.toml` is the same from
# the command line.

# %%
folder = Path(tempfile.gettempdir()) / "hccbayes_examples" / "chen2025_os"
analysis.save(folder, force=True)
print(sorted(path.name for path in folder.iterdir()))

# %%
plt.close("all")
