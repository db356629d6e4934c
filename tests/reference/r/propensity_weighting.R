# Reference numbers of the propensity-weighted analyses. Two cohorts: one simulated here and written
# to weighted_cohort.csv, and the patients of sysucc_targeted.R, of whom only summaries are written:
#   Rscript tests/reference/r/propensity_weighting.R SYSUCC_TARGETED.csv tests/data
# Weights from the maximum-likelihood logistic score of the covariates; pairs are the j-th treated
# and the j-th control patient in order of the score, which both programs can form from it.

suppressPackageStartupMessages({library(survival); library(survey)})
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[2]
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
script <- sprintf("propensity_weighting.R (survey %s)", packageVersion("survey"))
save_as <- function(frame, name) write_reference(frame, folder, name, script)

simulate <- function(n) {
  set.seed(20261120)
  age_years <- round(rnorm(n, 58, 9))
  log_afp <- round(rnorm(n, 5, 2), 2)
  stage <- sample(c("A", "B", "C"), n, TRUE, c(0.2, 0.3, 0.5))
  thrombus <- rbinom(n, 1, ifelse(stage == "C", 0.6, 0.1))
  linear <- 0.2 - 0.04 * (age_years - 58) + 0.15 * (log_afp - 5) - 0.6 * thrombus
  treatment <- rbinom(n, 1, plogis(linear))
  hazard <- 0.05 * exp(0.02 * (age_years - 58) + 0.12 * (log_afp - 5) + 0.6 * thrombus -
                         0.4 * treatment)
  death <- rexp(n, hazard)
  censored <- runif(n, 6, 48)
  # Half months, so that there are ties; a third enters late.
  time <- pmax(ceiling(2 * pmin(death, censored)) / 2, 0.5)
  entry <- ifelse(runif(n) < 0.3, pmin(round(runif(n, 0, 4), 1), time - 0.4), 0)
  data.frame(patient = sprintf("S%03d", seq_len(n)), entry = pmax(entry, 0), time = time,
             event = as.integer(death <= censored), treatment = treatment,
             age_years = age_years, log_afp = log_afp, stage_b = as.integer(stage == "B"),
             stage_c = as.integer(stage == "C"), thrombus = thrombus)
}

read_sysucc <- function(file) {
  as_read <- read.csv(file)
  stopifnot(nrow(as_read) == 246, sum(as_read$os_months == 0) == 2)
  transform(as_read, treatment = as.integer(arm == "embolisation+targeted"), entry = 0,
            time = ifelse(os_months == 0, 0.5, os_months), event = death,
            log10_afp = log10(afp_ng_ml + 1), patient = patient_id)
}

simulated <- simulate(160)
write_reference(simulated, folder, "weighted_cohort.csv", script)
cohorts <- list(simulated = simulated, sysucc = read_sysucc(arguments[1]))
covariates <- list(
  simulated = c("age_years", "log_afp", "stage_b", "stage_c", "thrombus"),
  sysucc = c("age_years", "child_pugh_score", "largest_lesion_mm", "hepatic_lesions",
             "vascular_invasion", "distant_metastasis", "log10_afp", "prior_embolizations"))
targets <- c("ate", "ate_stabilized", "att", "atc", "ato", "matching", "entropy")
precise_glm <- glm.control(epsilon = 1e-15, maxit = 100)

target_weights <- function(score, a, target) {
  p <- mean(a)
  tilt <- switch(target, ate = 1, ate_stabilized = ifelse(a == 1, p, 1 - p), att = score,
                 atc = 1 - score, ato = score * (1 - score), matching = pmin(score, 1 - score),
                 entropy = -score * log(score) - (1 - score) * log(1 - score))
  tilt / ifelse(a == 1, score, 1 - score)
}

rank_pairs <- function(score, a) {
  count <- min(sum(a), sum(1 - a))
  pair <- rep(NA_integer_, length(a))
  for (arm in 0:1) {
    rows <- which(a == arm)
    pair[rows[order(score[rows])][seq_len(count)]] <- seq_len(count)
  }
  pair
}

score_fit <- function(name) {
  formula <- reformulate(covariates[[name]], "treatment")
  glm(formula, binomial, cohorts[[name]], control = precise_glm)
}
scores <- lapply(setNames(nm = names(cohorts)), score_fit)
every <- function(rows_of) do.call(rbind, lapply(names(cohorts), rows_of))

save_as(every(function(name) {
  table <- summary(scores[[name]])$coefficients
  data.frame(analysis = name, term = sub("(Intercept)", "Intercept", rownames(table), fixed = TRUE),
             coef = table[, 1], se = table[, 2],
             log_likelihood = as.numeric(logLik(scores[[name]])))
}), "weighted_logistic.csv")

follow_up <- Surv(entry, time, event) ~ treatment
cox_row <- function(name, target, ties, clustering, fit) {
  data.frame(analysis = name, target = target, ties = ties, clustering = clustering,
             coef = coef(fit), model_se = sqrt(diag(fit$naive.var)),
             robust_se = sqrt(diag(vcov(fit))), robust_score_chi2 = fit$rscore,
             log_likelihood = fit$loglik[2], patients = fit$n)
}
save_as(every(function(name) {
  data <- cohorts[[name]]
  data$pair <- rank_pairs(fitted(scores[[name]]), data$treatment)
  matched <- data[!is.na(data$pair), ]
  weighted <- lapply(targets, function(target) {
    data$w <- target_weights(fitted(scores[[name]]), data$treatment, target)
    design <- svydesign(ids = ~1, weights = ~w, data = data)
    svy <- svycoxph(follow_up, design, control = precise_cox)
    per_ties <- lapply(c("efron", "breslow"), function(ties) {
      cox_row(name, target, ties, "none", coxph(follow_up, data, weights = w,
                                                cluster = patient, ties = ties,
                                                control = precise_cox))
    })
    # survey has no robust variance beside its own, which is larger by n / (n - 1).
    survey_row <- data.frame(analysis = name, target = target, ties = "efron",
                             clustering = "survey", coef = coef(svy), model_se = NA,
                             robust_se = sqrt(diag(vcov(svy))), robust_score_chi2 = NA,
                             log_likelihood = NA, patients = nrow(data))
    rbind(do.call(rbind, per_ties), survey_row)
  })
  pairs <- lapply(c("efron", "breslow"), function(ties) {
    cox_row(name, "matched", ties, "pair", coxph(follow_up, matched, cluster = pair, ties = ties,
                                                 control = precise_cox))
  })
  data$w <- target_weights(fitted(scores[[name]]), data$treatment, "ato")
  data$age_band <- data$age_years >= 58
  data$site <- as.integer(factor(data$age_years)) %% 7
  stratified <- coxph(update(follow_up, . ~ . + age_years + strata(age_band)), data, weights = w,
                      cluster = site, control = precise_cox)
  strata_row <- cox_row(name, "ato", "efron", c("site_strata", "site_strata_age"), stratified)
  rbind(do.call(rbind, weighted), do.call(rbind, pairs), strata_row)
}), "weighted_cox.csv")

# At top level, where residuals() can find the data again. Weighted: what leaving a patient out
# changes, not one of the patients the weight stands for.
with_weight <- transform(simulated, w = target_weights(fitted(scores$simulated), treatment, "ate"))
dfbeta <- function(fit) residuals(fit, type = "dfbeta", weighted = TRUE)
efron <- coxph(follow_up, with_weight, weights = w, cluster = patient, ties = "efron",
               control = precise_cox)
breslow <- coxph(follow_up, with_weight, weights = w, cluster = patient, ties = "breslow",
                 control = precise_cox)
save_as(data.frame(patient = simulated$patient, efron = dfbeta(efron), breslow = dfbeta(breslow)),
        "weighted_dfbeta.csv")

horizon <- 24
rmst <- function(fit) {
  # Restricted mean and its infinitesimal jackknife, from survfit's own influence of survival.
  last <- sum(fit$time < horizon)
  width <- diff(c(fit$time[seq_len(last)], horizon))
  influence <- fit$influence.surv[, seq_len(last), drop = FALSE] %*% width
  c(fit$time[1] + sum(width * fit$surv[seq_len(last)]), sqrt(sum(influence^2)))
}
curve_rows <- function(name, target, data, cluster) {
  do.call(rbind, lapply(0:1, function(arm) {
    part <- data[data$treatment == arm, ]
    part$group <- part[[cluster]]
    fit <- survfit(Surv(entry, time, event) ~ 1, part, weights = w, cluster = group, robust = TRUE,
                   influence = 1)
    at <- summary(fit, times = c(6, 12, 24))
    table <- summary(fit)$table
    mean_to_horizon <- rmst(fit)
    data.frame(analysis = name, target = target, treatment = arm, time = at$time,
               survival = at$surv, standard_error = at$std.err, lower = at$lower,
               upper = at$upper, at_risk_weighted = at$n.risk, median = table[["median"]],
               median_lower = table[["0.95LCL"]], median_upper = table[["0.95UCL"]],
               rmst = mean_to_horizon[1], rmst_se = mean_to_horizon[2])
  }))
}
save_as(every(function(name) {
  data <- cohorts[[name]]
  do.call(rbind, lapply(targets, function(target) {
    data$w <- target_weights(fitted(scores[[name]]), data$treatment, target)
    curve_rows(name, target, data, "patient")
  }))
}), "weighted_survival.csv")

save_as(every(function(name) {
  # survey's test has no delayed entry, and mixes Breslow's and Efron's ties: follow-up is taken
  # from the origin, and ties are broken by the order of the rows.
  data <- cohorts[[name]]
  data$time <- data$time + seq_len(nrow(data)) / 1000
  stopifnot(min(diff(sort(data$time))) > 1e-5)
  do.call(rbind, lapply(targets, function(target) {
    data$w <- target_weights(fitted(scores[[name]]), data$treatment, target)
    design <- svydesign(ids = ~1, weights = ~w, data = data)
    test <- svylogrank(Surv(time, event) ~ treatment, design)
    curve <- svykm(Surv(time, event) ~ 1, subset(design, treatment == 1))
    data.frame(analysis = name, target = target, z = test[[1]][1, 3],
               patients = nrow(data), svykm_survival_12 = curve$surv[sum(curve$time <= 12)])
  }))
}), "weighted_logrank.csv")

save_as(every(function(name) {
  data <- cohorts[[name]]
  empty <- glm(treatment ~ 1, binomial, data, control = precise_glm)
  full <- scores[[name]]
  do.call(rbind, lapply(c("both", "forward", "backward"), function(direction) {
    start <- if (direction == "backward") full else empty
    chosen <- step(start, scope = list(lower = ~1, upper = formula(full)), direction = direction,
                   trace = 0)
    kept <- sort(attr(terms(chosen), "term.labels"))
    data.frame(analysis = name, direction = direction, aic = AIC(chosen),
               steps = nrow(chosen$anova), terms = paste(kept, collapse = " "))
  }))
}), "weighted_stepwise.csv")
