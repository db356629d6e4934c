# Reference numbers from the shipped synthetic cohort after Chen 2025:
#   Rscript tests/reference/r/synthetic_chen2025.R hccbayes/synthetic/data/synthetic_chen2025.csv tests/data
# Medians with R's default (log) limits, and Cox regressions on treatment, as the paper prints them.

suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[2]
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
save_as <- function(frame, name) write_reference(frame, folder, name, "synthetic_chen2025.R")

cohort <- read.csv(arguments[1])
cohort$treated <- as.integer(cohort$arm == "HAIC + lenvatinib + PD-1")
stopifnot(nrow(cohort) == 422, sum(cohort$treated) == 169, all(cohort$pfs_months <= cohort$os_months))

endpoints <- list(os = Surv(os_months, death) ~ 1,
                  pfs = Surv(pfs_months, progression_or_death) ~ 1)
matched <- cohort[cohort$matched == "yes", ]
medians_of <- function(patients, suffix) {
  do.call(rbind, lapply(names(endpoints), function(endpoint) {
    do.call(rbind, lapply(c("treated", "control"), function(arm) {
      part <- patients[patients$treated == as.integer(arm == "treated"), ]
      name <- paste0(endpoint, "_", arm, suffix)
      # survfit's own default, to be sure that it is the log kind.
      stopifnot(identical(survfit(endpoints[[endpoint]], part)$conf.type, "log"))
      median_rows(name, endpoints[[endpoint]], part, "log")
    }))
  }))
}
medians <- rbind(medians_of(cohort, ""), medians_of(matched, "_matched"))
save_as(medians, "synthetic_chen2025_median.csv")

fit_cox <- function(formula, data) coxph(formula, data, ties = "efron", control = precise_cox)
adjusted <- Surv(os_months, death) ~ treated + I(ecog_score >= 1) +
  I(lung_metastasis_number == "multiple") + I(portal_vein_thrombus == "yes") + I(child_pugh == "B")
terms <- c("treatment", "ecog_score", "lung_metastasis_number", "portal_vein_thrombus", "child_pugh")
cox <- rbind(
  cox_rows("os", fit_cox(Surv(os_months, death) ~ treated, cohort), "treatment"),
  cox_rows("pfs", fit_cox(Surv(pfs_months, progression_or_death) ~ treated, cohort), "treatment"),
  cox_rows("os_matched", fit_cox(Surv(os_months, death) ~ treated, matched), "treatment"),
  cox_rows("os_matched_adjusted", fit_cox(adjusted, matched), terms),
  cox_rows("pfs_matched", fit_cox(Surv(pfs_months, progression_or_death) ~ treated, matched),
           "treatment"),
  cox_rows("pfs_matched_adjusted",
           fit_cox(Surv(pfs_months, progression_or_death) ~ treated +
                     I(portal_vein_thrombus == "yes"), matched),
           c("treatment", "portal_vein_thrombus"))
)
save_as(cox, "synthetic_chen2025_cox.csv")
