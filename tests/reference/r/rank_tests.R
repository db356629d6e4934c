# Reference numbers for the Fleming-Harrington family, max-combo and log-rank hazard ratios:
#   Rscript tests/reference/r/rank_tests.R tests/data [SYSUCC_TARGETED.csv]
# With gamma 0 and no delayed entry survdiff is asked; all is also written out by formula, which is
# held to survdiff where both apply.

suppressPackageStartupMessages({library(survival); library(mvtnorm)})
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
source(file.path(dirname(own), "frequentist_cohorts.R"))

weights_of_times <- list(c(0, 0), c(1, 0), c(0, 1), c(1, 1), c(0.5, 0.5))

# Score and variance of each event time of a stratum, with survival of both arms just before.
risk_sets <- function(data) {
  times <- sort(unique(data$time[data$event == 1]))
  sets <- do.call(rbind, lapply(times, function(time) {
    there <- (data$entry < time | data$entry == 0) & data$time >= time
    dead <- there & data$event == 1 & data$time == time
    w <- data$w
    n <- sum(there)
    d <- sum(dead)
    share <- mean(data$treatment[there])
    data.frame(time = time, n = n, d = d, d1 = sum(dead & data$treatment == 1),
               e1 = d * share,
               v = if (n > 1) d * share * (1 - share) * (n - d) / (n - 1) else 0,
               nw = sum(w[there]), dw = sum(w[dead]), n1w = sum((w * data$treatment)[there]),
               d1w = sum((w * data$treatment)[dead]))
  }))
  before <- function(hazard) c(1, cumprod(1 - hazard)[-length(hazard)])
  transform(sets, s = before(d / n), sw = before(dw / nw))
}

# Times that differ by rounding are tied, as survdiff and coxph take them.
tie_near_times <- function(data) {
  if (all(data$entry == 0)) return(data)
  tied <- aeqSurv(Surv(data$entry, data$time, data$event))
  data$entry <- tied[, 1]
  data$time <- tied[, 2]
  data
}

test_rows <- function(cohort, analysis, data, strata) {
  data$w <- 1
  sets <- do.call(rbind, lapply(split(data, strata), function(part) {
    if (any(part$event == 1)) risk_sets(part)
  }))
  rows <- every(weights_of_times, function(pair) {
    g <- sets$s^pair[1] * (1 - sets$s)^pair[2]
    score <- sum(g * (sets$d1 - sets$e1))
    variance <- sum(g^2 * sets$v)
    if (pair[2] == 0 && all(data$entry == 0)) {
      formula <- Surv(time, event) ~ treatment + strata(strata)
      test <- survdiff(formula, data, rho = pair[1])
      stopifnot(abs(test$chisq - score^2 / variance) < 1e-9 * test$chisq)
    }
    label <- sprintf("%g %g", pair[1], pair[2])
    number(cohort, "fleming_harrington", analysis, label,
           c("z", "chi2", "p_value", "observed", "expected", "variance"),
           c(score / sqrt(variance), score^2 / variance,
             2 * pnorm(-abs(score) / sqrt(variance)), sum(g * sets$d1), sum(g * sets$e1),
             variance))
  })
  together(rows, combo_rows(cohort, analysis, sets), ratio_rows(cohort, analysis, sets))
}

# P(max |Z| > c) where it is small: each |Z_a| is drawn beyond c and the others given it; a draw
# counts one over the number beyond c. pmvnorm's own probability is one less that of the box: at
# 1e-8 it is too small by a factor of three, with correlations that are singular as here.
exceeds <- function(limit, correlation, draws = 1e6) {
  parts <- sapply(seq_len(ncol(correlation)), function(a) {
    first <- qnorm(runif(draws) * pnorm(-limit), lower.tail = FALSE)
    left <- eigen(correlation - correlation[, a] %o% correlation[a, ], symmetric = TRUE)
    root <- left$vectors %*% diag(sqrt(pmax(left$values, 0)))
    z <- first %o% correlation[a, ] + matrix(rnorm(4 * draws), draws) %*% t(root)
    z[, a] <- first
    share <- 1 / rowSums(abs(z) > limit)
    2 * pnorm(-limit) * c(mean(share), sd(share) / sqrt(draws))
  })
  c(p_value = sum(parts[1, ]), p_error = 4 * sqrt(sum(parts[2, ]^2)))
}

combo_rows <- function(cohort, analysis, sets) {
  g <- sapply(weights_of_times[1:4], function(pair) sets$s^pair[1] * (1 - sets$s)^pair[2])
  covariance <- t(g) %*% (g * sets$v)
  z <- colSums(g * (sets$d1 - sets$e1)) / sqrt(diag(covariance))
  correlation <- cov2cor(covariance)
  largest <- max(abs(z))
  set.seed(1)
  inside <- pmvnorm(-rep(largest, 4), rep(largest, 4), corr = correlation,
                    algorithm = GenzBretz(maxpts = 2e7, abseps = 1e-9))
  p <- c(1 - inside, attr(inside, "error"))
  if (p[1] < 1e-4) p <- exceeds(largest, correlation)
  together(
    number(cohort, "max_combo", analysis, "", c("statistic", "p_value", "p_error"), c(largest, p)),
    number(cohort, "max_combo", analysis, c("0 1", "0 2", "0 3", "1 2", "1 3", "2 3"),
           "correlation", correlation[lower.tri(correlation)]))
}

ratio_rows <- function(cohort, analysis, sets) {
  o1 <- sum(sets$d1)
  e1 <- sum(sets$e1)
  o0 <- sum(sets$d) - o1
  e0 <- sum(sets$d) - e1
  v <- sum(sets$v)
  limits <- function(log_ratio, se) c(exp(log_ratio), exp(log_ratio + c(-1, 1) * qnorm(0.975) * se),
                                      se)
  quantities <- c("estimate", "lower", "upper", "log_standard_error")
  together(
    number(cohort, "observed_expected", analysis, "", quantities,
           limits(log((o1 / e1) / (o0 / e0)), sqrt(1 / e1 + 1 / e0))),
    number(cohort, "peto", analysis, "", quantities, limits((o1 - e1) / v, 1 / sqrt(v))))
}

# Robust variance with patients' weights: each patient's share of the score, one after the other.
weighted_rows <- function(cohort, data) {
  if (!("weight" %in% names(data))) return(NULL)
  data$w <- data$weight
  sets <- risk_sets(data)
  every(weights_of_times, function(pair) {
    g <- sets$sw^pair[1] * (1 - sets$sw)^pair[2]
    share <- sets$n1w / sets$nw
    score <- sum(g * (sets$d1w - sets$dw * share))
    of_patient <- sapply(seq_len(nrow(data)), function(i) {
      there <- (data$entry[i] < sets$time | data$entry[i] == 0) & data$time[i] >= sets$time
      dead <- data$event[i] * (data$time[i] == sets$time)
      data$w[i] * sum(g * (data$treatment[i] - share) * (dead - there * sets$dw / sets$nw))
    })
    stopifnot(abs(sum(of_patient) - score) < 1e-9)
    label <- sprintf("%g %g", pair[1], pair[2])
    rows <- number(cohort, "fleming_harrington", "robust", label, c("z", "variance"),
                   c(score / sqrt(sum(of_patient^2)), sum(of_patient^2)))
    if (!("center" %in% names(data))) return(rows)
    by_center <- tapply(of_patient, data$center, sum)
    together(rows,
             number(cohort, "fleming_harrington", "cluster", label, c("z", "variance"),
                    c(score / sqrt(sum(by_center^2)), sum(by_center^2))))
  })
}

save_reference(function(cohort, data) {
  # Two kinds of event a patient are no two-sample problem.
  if (cohort == "colon_events") return(NULL)
  data <- tie_near_times(data)
  strata <- data[[stratum_of[[cohort]]]]
  kept <- !is.na(strata)
  together(test_rows(cohort, "one_stratum", data, rep(1, nrow(data))),
           test_rows(cohort, "strata", data[kept, ], strata[kept]),
           weighted_rows(cohort, data))
}, "rank_tests", "rank_tests.R")
