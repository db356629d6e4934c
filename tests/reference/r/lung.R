# Reference numbers from the North Central Cancer Treatment Group lung cancer data (survival::lung):
#   Rscript tests/reference/r/lung.R tests/data
# Times stay in days; "treated" is female.

suppressPackageStartupMessages(library(survival))
folder <- commandArgs(trailingOnly = TRUE)[1]
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
save_as <- function(frame, name) write_reference(frame, folder, name, "lung.R")

everyone <- data.frame(time = lung$time, death = as.integer(lung$status == 2),
                       female = as.integer(lung$sex == 2), age = lung$age,
                       ph.ecog = lung$ph.ecog, inst = lung$inst)
complete <- everyone[!is.na(everyone$ph.ecog), ]
with_center <- complete[!is.na(complete$inst), ]
stopifnot(nrow(everyone) == 228, nrow(complete) == 227, nrow(with_center) == 226)

# A deterministic delayed entry: row i of the 227, counted from 1, enters on day (7 i) mod 100, or
# on day 0 where that is not before the end of its follow-up.
enters <- (seq_len(nrow(complete)) * 7) %% 100
complete$entry <- ifelse(enters < complete$time, enters, 0)
# Start-stop episodes: follow-up cut at day 200; `late` is 1 in the episodes after it and its
# product with female is a time-varying covariate.
episodes <- survSplit(Surv(time, death) ~ female + age + ph.ecog, complete, cut = 200,
                      episode = "episode")
episodes$female_late <- episodes$female * (episodes$episode == 2)

# Cox ------------------------------------------------------------------------------------------
terms <- c("female", "age", "ph.ecog")
fit_cox <- function(formula, data, ties = "efron") {
  coxph(formula, data, ties = ties, control = precise_cox)
}
adjusted <- Surv(time, death) ~ female + age + ph.ecog
cox <- rbind(
  cox_rows("sex_all_228", fit_cox(Surv(time, death) ~ female, everyone), "female"),
  cox_rows("breslow", fit_cox(adjusted, complete, "breslow"), terms),
  cox_rows("efron", fit_cox(adjusted, complete), terms),
  cox_rows("efron_strata_center",
           fit_cox(update(adjusted, . ~ . + strata(inst)), with_center), terms),
  cox_rows("efron_factor_center",
           fit_cox(update(adjusted, . ~ . + factor(inst)), with_center), terms),
  cox_rows("efron_delayed_entry",
           fit_cox(Surv(entry, time, death) ~ female + age + ph.ecog, complete), terms),
  cox_rows("efron_delayed_entry_strata_ecog",
           fit_cox(Surv(entry, time, death) ~ female + age + strata(ph.ecog), complete),
           c("female", "age")),
  cox_rows("efron_start_stop",
           fit_cox(Surv(tstart, time, death) ~ female + age + ph.ecog + female_late, episodes),
           c(terms, "female_late"))
)
save_as(cox, "lung_cox.csv")

# Piecewise exponential ------------------------------------------------------------------------
event_times <- complete$time[complete$death == 1]
piecewise <- function(intervals) {
  probabilities <- seq(0, 1, length.out = intervals + 1)[-c(1, intervals + 1)]
  cuts <- unname(quantile(event_times, probabilities, type = 7))
  if (intervals == 1) {
    rows <- cbind(complete, tstart = 0, interval = 1)
  } else {
    rows <- survSplit(adjusted, complete, cut = cuts, episode = "interval")
  }
  rows$exposure <- rows$time - rows$tstart
  collapsed <- aggregate(cbind(death, exposure) ~ interval + female + age + ph.ecog, rows, sum)
  baseline <- if (intervals == 1) "1" else "0 + factor(interval)"
  formula <- reformulate(c(terms, baseline, "offset(log(exposure))"), "death")
  fit <- glm(formula, poisson, rows, control = glm.control(epsilon = 1e-15, maxit = 100))
  # Density of the survival times, not the Poisson probability, which carries sum d log e.
  log_hazard <- predict(fit) - log(rows$exposure)
  log_likelihood <- sum(rows$death * log_hazard - exp(log_hazard) * rows$exposure)
  found <- summary(fit)$coefficients
  is_baseline <- !(rownames(found) %in% terms)
  named <- c(rownames(found)[!is_baseline], paste0("log_hazard_", seq_len(intervals)))
  ordered <- rbind(found[!is_baseline, , drop = FALSE], found[is_baseline, , drop = FALSE])
  data.frame(intervals = intervals, term = named, coef = unname(ordered[, 1]),
             se = unname(ordered[, 2]), log_likelihood = log_likelihood, rows = nrow(rows),
             collapsed_rows = nrow(collapsed),
             cuts = paste(formatC(cuts, digits = 15, format = "g", width = -1), collapse = " "))
}
save_as(do.call(rbind, lapply(c(1, 3, 5, 8), piecewise)), "lung_piecewise_exponential.csv")

# Kaplan-Meier ---------------------------------------------------------------------------------
kinds <- c("log", "log-log", "plain")
landmarks <- c(180, 365, 730)
men <- everyone[everyone$female == 0, ]
women <- everyone[everyone$female == 1, ]
right <- Surv(time, death) ~ 1
delayed <- Surv(entry, time, death) ~ 1
save_as(rbind(survival_rows("men", right, men, landmarks, kinds),
              survival_rows("women", right, women, landmarks, kinds),
              survival_rows("delayed_entry", delayed, complete, landmarks, kinds)),
        "lung_survival.csv")
save_as(rbind(median_rows("men", right, men, kinds),
              median_rows("women", right, women, kinds),
              median_rows("delayed_entry", delayed, complete, kinds)),
        "lung_median.csv")

# Log-rank -------------------------------------------------------------------------------------
# survdiff has no delayed entry. The score test of the exact conditional likelihood at zero is the
# log-rank test with the hypergeometric variance, so coxph(ties = "exact") gives its chi-square.
exact <- coxph(Surv(entry, time, death) ~ female, complete, ties = "exact")
delayed_row <- data.frame(analysis = "delayed_entry", chi2 = exact$score,
                          p_value = pchisq(exact$score, 1, lower.tail = FALSE),
                          observed_control = NA_real_, observed_treated = NA_real_,
                          expected_control = NA_real_, expected_treated = NA_real_)
save_as(rbind(logrank_rows("sex_all_228", survdiff(Surv(time, death) ~ female, everyone)),
              logrank_rows("sex_strata_center",
                           survdiff(Surv(time, death) ~ female + strata(inst), with_center)),
              delayed_row),
        "lung_logrank.csv")

# Cox by phase ---------------------------------------------------------------------------------
# The effect of sex in days 0-180, 180-365 and later, and its mean weighted by the phases' events.
by_phase <- function(analysis, formula) {
  split <- survSplit(formula, complete, cut = c(180, 365), episode = "phase", start = "begin")
  for (k in 1:3) split[[paste0("female_", k)]] <- split$female * (split$phase == k)
  fit <- coxph(Surv(begin, time, death) ~ female_1 + female_2 + female_3 + age + ph.ecog, split,
               ties = "efron", control = precise_cox)
  weight <- tapply(split$death, split$phase, sum) / sum(split$death)
  covariance <- fit$var[1:3, 1:3]
  average <- data.frame(analysis = analysis, term = "average", coef = sum(weight * coef(fit)[1:3]),
                        se = sqrt(drop(weight %*% covariance %*% weight)),
                        log_likelihood = fit$loglik[2], patients = fit$n, events = fit$nevent)
  rbind(cox_rows(analysis, fit, names(coef(fit))), average)
}
save_as(rbind(by_phase("from_origin", Surv(time, death) ~ female + age + ph.ecog),
              by_phase("late_entry", Surv(entry, time, death) ~ female + age + ph.ecog)),
        "lung_phases.csv")
