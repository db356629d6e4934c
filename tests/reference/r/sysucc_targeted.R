# Reference numbers from the patients of DTSDHCC (R package SurvivalPath) at their first targeted
# therapy; the rows themselves are not part of this project:
#   Rscript tests/reference/r/sysucc_targeted.R SYSUCC_TARGETED.csv tests/data
# "treated" is embolization within 90 days of time zero; formula of models/sysucc_targeted_os.toml.

suppressPackageStartupMessages(library(survival))
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[2]
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
save_as <- function(frame, name) write_reference(frame, folder, name, "sysucc_targeted.R")

as_read <- read.csv(arguments[1])
as_read$treatment <- as.integer(as_read$arm == "embolisation+targeted")
as_read$log10_afp <- log10(as_read$afp_ng_ml + 1)
stopifnot(nrow(as_read) == 246, sum(as_read$os_months == 0) == 2)
half_unit <- transform(as_read, os_months = ifelse(os_months == 0, 0.5, os_months))

terms <- c("treatment", "age_years", "child_pugh_score", "largest_lesion_mm", "hepatic_lesions",
           "vascular_invasion", "distant_metastasis", "log10_afp", "prior_embolizations")
crude <- Surv(os_months, death) ~ treatment
adjusted <- reformulate(terms, quote(Surv(os_months, death)))
fit <- function(formula, data) coxph(formula, data, control = precise_cox)
save_as(rbind(cox_rows("crude_as_read", fit(crude, as_read), "treatment"),
              cox_rows("adjusted_as_read", fit(adjusted, as_read), terms),
              cox_rows("crude_half_unit", fit(crude, half_unit), "treatment"),
              cox_rows("adjusted_half_unit", fit(adjusted, half_unit), terms)),
        "sysucc_cox.csv")

alone <- Surv(os_months, death) ~ 1
arm_rows <- function(rows_of, ...) {
  rbind(rows_of("control_as_read", alone, as_read[as_read$treatment == 0, ], ...),
        rows_of("treated_as_read", alone, as_read[as_read$treatment == 1, ], ...),
        rows_of("control_half_unit", alone, half_unit[half_unit$treatment == 0, ], ...),
        rows_of("treated_half_unit", alone, half_unit[half_unit$treatment == 1, ], ...))
}
save_as(arm_rows(survival_rows, c(6, 12, 24), "log"), "sysucc_survival.csv")
save_as(arm_rows(median_rows, "log"), "sysucc_median.csv")
save_as(rbind(logrank_rows("as_read", survdiff(crude, as_read)),
              logrank_rows("half_unit", survdiff(crude, half_unit))),
        "sysucc_logrank.csv")
