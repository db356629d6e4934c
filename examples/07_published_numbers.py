# %% [markdown]
# # 7. What the published numbers say
#
# `hb.evidence` holds what four cohort studies and a review printed on adding a locoregional to a
# systemic treatment of hepatocellular carcinoma: print and repair side by side, effects always
# treated over control. Nothing is fitted on this page.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import hccbayes as hb

# %%
studies = hb.evidence.studies()
for role, own in studies.groupby("role"):
    names = ", ".join(own["study"].head(6))
    print(f"{len(own):2d} {role}: {names}{', ...' if len(own) > 6 else ''}")

# %% [markdown]
# ## The treatment effects
#
# Rows of use `no` are kept out unless one asks for them; a diamond in the figure is a repaired
# misprint, an open square stands for caution. The reasons stand in the table.

# %%
ratios = hb.evidence.table("hazard_ratios", usable_only=False)
effects = ratios[ratios["term"] == "treatment"]
print(effects["use"].value_counts().to_string())
told = effects[effects["use"].isin(["repaired", "no"])]
print(told[["study", "endpoint", "analysis_set", "use", "reason"]].to_string(index=False))

# %%
ax = hb.plots.published_forest(ratios, endpoint="OS")

# %% [markdown]
# No Cox regression of two arms has a standard error below $\sqrt{1/d_1 + 1/d_0}$: a published
# interval says how many events it needs. `flags` names the checks that alarm on a row; they allow
# for rounding, which the bare comparison of two columns does not.

# %%
counted = effects[effects["events_treated"].notna() & effects["se"].notna()].copy()
counted["floor"] = [
    hb.evidence.two_arm_floor(int(treated), int(control))
    for treated, control in zip(counted["events_treated"], counted["events_control"], strict=True)
]
columns = ["study", "endpoint", "adjusted", "events_treated", "events_control", "se", "floor"]
print(counted[[*columns, "flags"]].round(3).to_string(index=False))

# %% [markdown]
# ## The audit
#
# The same arithmetic over every table. An alarm says that two printed numbers cannot both be right,
# or that one cannot be at all; it does not say which, and nothing of why.

# %%
findings = hb.evidence.audit_shipped()
for severity, meaning in hb.evidence.SEVERITIES.items():
    print(f"{(findings['severity'] == severity).sum():4d} {severity}: {meaning}")

# %%
alarms = hb.evidence.alarms(findings)
counts = pd.crosstab(alarms["study"], alarms["severity"]).reindex(
    columns=list(hb.evidence.ALARMS), fill_value=0
)
print(counts.sort_values(list(counts.columns), ascending=False).head(8).to_string())

# %%
impossible = alarms[alarms["severity"] == "impossible"]
for row in impossible.head(4).itertuples():
    print(f"{row.study}, {row.item}: {row.message}\n")

# %% [markdown]
# How much of what a careful reader finds does the program find by itself? Severity A are the
# inconsistencies that touch a conclusion.

# %%
known = hb.evidence.detection(findings)
found = known["checks"].ne("")
print(pd.crosstab(known["severity"], found.rename("found by a check")).to_string())

# %% [markdown]
# ## Your own table
#
# Any table of hazard ratios can be audited before it is believed or submitted. Give text, as
# printed: a column of floats has lost its zeros, and with them what the rounding was. In the second
# row below the hazard ratio is not in the middle of its interval on the log scale.

# %%
mine = pd.DataFrame(
    {
        "study": ["Mine", "Mine"],
        "endpoint": ["OS", "PFS"],
        "hr": ["0.62", "0.55"],
        "lower": ["0.41", "0.40"],
        "upper": ["0.94", "0.95"],
        "p": ["0.024", "0.001"],
    }
)
own = hb.evidence.audit(mine, kind="hazard_ratios")
for row in own.itertuples():
    print(f"row {row.row}, {row.severity}, {row.check}: {row.message}")

# %%
plt.close("all")
