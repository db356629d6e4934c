# Reference numbers for the pooling of hazard ratios, with metafor:
#   Rscript tests/reference/r/meta_analysis.R tests/data
# Each set of studies is pooled by every method with Wald and Hartung-Knapp limits. Printed hazard
# ratios stand here with their limits; the simulated sets come from a fixed seed.

suppressPackageStartupMessages(library(metafor))
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
suppressPackageStartupMessages(library(survival))
source(file.path(dirname(own), "write_reference.R"))
folder <- commandArgs(trailingOnly = TRUE)[1]

printed <- function(set, study, hr, lower, upper, level = 0.95) {
  data.frame(set = set, study = study, log_hr = log(hr),
             se = (log(upper) - log(lower)) / (2 * qnorm((1 + level) / 2)))
}
simulated <- function(set, k, tau, spread) {
  se <- exp(runif(k, log(spread[1]), log(spread[2])))
  data.frame(set = set, study = sprintf("study %02d", seq_len(k)),
             log_hr = round(rnorm(k, -0.4, sqrt(tau^2 + se^2)), 6), se = round(se, 6))
}

set.seed(20261121, kind = "Mersenne-Twister", normal.kind = "Inversion", sample.kind = "Rejection")
sets <- list(
  printed("pair", c("first", "second"), c(0.34, 0.29), c(0.24, 0.16), c(0.46, 0.51)),
  printed("apart", c("first", "second"), c(0.75, 0.26), c(0.57, 0.15), c(0.98, 0.43)),
  printed("levels", c("one", "two", "three"), c(0.85, 0.45, 0.63), c(0.67, 0.33, 0.53),
          c(1.09, 0.61, 0.75), c(0.90, 0.95, 0.95)),
  simulated("five", 5, 0.4, c(0.08, 0.4)),
  simulated("twelve", 12, 0.3, c(0.1, 0.3)),
  simulated("thirty", 30, 0.1, c(0.15, 0.6)),
  simulated("agreeing", 6, 0, c(0.2, 0.4)))

# Tight enough that the iteration of each estimator leaves no digit that is compared.
tight <- list(threshold = 1e-14, maxiter = 10000, tol = 1e-14)
estimators <- c(fixed_effect = "FE", dersimonian_laird = "DL", reml = "REML", paule_mandel = "PM")

fit_rows <- function(data, method) {
  arguments <- list(yi = data$log_hr, sei = data$se, method = estimators[[method]],
                    control = tight)
  wald <- do.call(rma, arguments)
  # metafor warns that Hartung-Knapp is not meant for fixed effects.
  knapp <- suppressWarnings(do.call(rma, c(arguments, test = "knha")))
  k <- nrow(data)
  values <- c(log_hr = wald$beta[1], se_wald = wald$se, lower_wald = wald$ci.lb,
              upper_wald = wald$ci.ub, p_value_wald = wald$pval, se_hartung_knapp = knapp$se,
              lower_hartung_knapp = knapp$ci.lb, upper_hartung_knapp = knapp$ci.ub,
              p_value_hartung_knapp = knapp$pval, q = wald$QE, q_p_value = wald$QEp,
              i_squared = wald$I2, h_squared = wald$H2)
  if (method != "fixed_effect") {
    values <- c(values, tau_squared = wald$tau2)
    normal <- predict(wald)
    half <- sqrt(wald$tau2 + wald$se^2)
    stopifnot(abs(normal$pi.ub - (wald$beta[1] + qnorm(0.975) * half)) < 1e-12)
    if (k > 2) {
      # metafor 3.8 has the normal or the t with k - 1; here k - 2 (Higgins et al. 2009).
      values <- c(values, prediction_lower = wald$beta[1] - qt(0.975, k - 2) * half,
                  prediction_upper = wald$beta[1] + qt(0.975, k - 2) * half)
    }
  }
  if (method == "paule_mandel") {
    profile <- confint(wald, control = list(tol = 1e-14, tau2.max = 1000, maxiter = 10000))$random
    values <- c(values, tau_squared_lower = profile["tau^2", "ci.lb"],
                tau_squared_upper = profile["tau^2", "ci.ub"])
  }
  data.frame(set = data$set[1], method = method, quantity = names(values), value = unname(values))
}

rows <- do.call(rbind, lapply(sets, function(data) {
  do.call(rbind, lapply(names(estimators), function(method) fit_rows(data, method)))
}))
script <- sprintf("meta_analysis.R (metafor %s)", packageVersion("metafor"))
write_reference(do.call(rbind, sets), folder, "meta_analysis_studies.csv", script)
write_reference(rows, folder, "meta_analysis.csv", script)
