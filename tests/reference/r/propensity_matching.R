# Reference numbers for propensity weights, matching and balance:
#   Rscript tests/reference/r/propensity_matching.R SYSUCC_TARGETED.csv tests/data
# from a simulated cohort, which is written with its pairs, and from the patients of
# sysucc_targeted.R, of whom only sums and counts are kept. Matching is MatchIt's, weights and
# balance are base R by formula. optmatch is not needed: optimal matching is tested against all
# assignments.

suppressPackageStartupMessages({
  library(survival)
  library(MatchIt)
})
arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[2]
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
save_as <- function(frame, name) {
  write_reference(frame, folder, name, "propensity_matching.R")
  file <- file.path(folder, name)
  lines <- readLines(file)
  lines[1] <- sprintf("%s, MatchIt %s", lines[1], packageVersion("MatchIt"))
  writeLines(lines, file)
}

# Cohorts --------------------------------------------------------------------------------------
set.seed(20261121)
n <- 160
age <- round(rnorm(n, 60, 10))
albumin <- round(rnorm(n, 38, 5), 1)
stage <- sample(c("A", "B", "C"), n, replace = TRUE, prob = c(0.2, 0.5, 0.3))
thrombus <- rbinom(n, 1, ifelse(stage == "C", 0.5, 0.2))
linear <- -1 - 0.04 * (age - 60) + 0.1 * (albumin - 38) + 0.8 * (stage == "C") - 0.5 * thrombus
treatment <- rbinom(n, 1, plogis(linear))
simulated <- data.frame(treatment, age, albumin, stage_b = as.integer(stage == "B"),
                        stage_c = as.integer(stage == "C"), thrombus, stage)
# Ten patients who are like others, so that scores tie.
simulated[151:160, -1] <- simulated[1:10, -1]

sysucc <- read.csv(arguments[1])
sysucc$treatment <- as.integer(sysucc$arm == "embolisation+targeted")
sysucc$log10_afp <- log10(sysucc$afp_ng_ml + 1)
stopifnot(nrow(sysucc) == 246, sum(sysucc$treatment) == 76)

cohorts <- list(
  simulated = list(data = simulated,
                   terms = c("age", "albumin", "stage_b", "stage_c", "thrombus"),
                   exact = "thrombus"),
  sysucc = list(data = sysucc,
                terms = c("age_years", "child_pugh_score", "largest_lesion_mm", "hepatic_lesions",
                          "vascular_invasion", "distant_metastasis", "log10_afp",
                          "prior_embolizations"),
                exact = "distant_metastasis")
)
precise <- glm.control(epsilon = 1e-15, maxit = 100)

# Matching -------------------------------------------------------------------------------------
# MatchIt 4.5.1 to 4.5.3 truncate differences of the score to whole numbers in the search they use
# for a propensity score alone: a caliper below 1 lets pairs up to 1 apart through,
# and the next lower score is taken for the nearest. `as_called` keeps what comes out of that. With
# `mahvars` the search is another one, which is right; Mahalanobis distances of one variable are
# its differences in units of its standard deviation, so the nearest are the same.
analyses <- function(formula, terms, exact) {
  as_called <- list(formula, method = "nearest", distance = "glm", link = "linear.logit",
                    distance.options = list(control = precise), caliper = 0.2)
  nearest <- c(as_called, mahvars = ~logit)
  list(
    as_called = as_called,
    nearest = nearest,
    no_caliper = nearest[names(nearest) != "caliper"],
    controls_focal = c(nearest, estimand = "ATC"),
    two_to_one = c(nearest, ratio = 2),
    replacement = c(nearest, replace = TRUE),
    smallest_first = c(nearest, m.order = "smallest"),
    data_order = c(nearest, m.order = "data"),
    raw_score = modifyList(nearest, list(link = "logit", mahvars = ~score)),
    exact_factor = c(nearest, exact = reformulate(exact)),
    mahalanobis_caliper = modifyList(nearest, list(mahvars = reformulate(terms)))
  )
}

match_rows <- function(name, analysis, found, data) {
  all <- summary(found, standardize = TRUE)
  all$sum.matched <- all$sum.matched[all.vars(found$formula)[-1], ]
  pairs <- found$match.matrix
  partner <- match(pairs, rownames(data))
  focal <- rep(match(rownames(pairs), rownames(data)), ncol(pairs))
  gap <- abs(found$distance[focal] - found$distance[partner])
  counts <- data.frame(
    cohort = name, analysis = analysis, pairs = sum(!is.na(partner)),
    treated = sum(found$weights > 0 & data$treatment == 1),
    control = sum(found$weights > 0 & data$treatment == 0),
    caliper = if (is.null(found$caliper)) NA_real_ else unname(found$caliper),
    largest_gap = max(gap, na.rm = TRUE), total_gap = sum(gap, na.rm = TRUE),
    weight_treated = sum(found$weights[data$treatment == 1]),
    weight_control = sum(found$weights[data$treatment == 0]),
    square_control = sum(found$weights[data$treatment == 0]^2)
  )
  after <- all$sum.matched
  before <- all$sum.all[rownames(after), ]
  balance <- data.frame(
    cohort = name, adjustment = paste0("matched_", analysis), term = rownames(after),
    smd_unadjusted = before[, "Std. Mean Diff."], smd_adjusted = after[, "Std. Mean Diff."],
    variance_ratio_unadjusted = before[, "Var. Ratio"],
    variance_ratio_adjusted = after[, "Var. Ratio"],
    ks_unadjusted = before[, "eCDF Max"], ks_adjusted = after[, "eCDF Max"]
  )
  list(counts = counts, balance = balance)
}

# Weights --------------------------------------------------------------------------------------
# With b the share treated; Li, Morgan and Zaslavsky 2018, table 1, and Zhou et al. 2020.
weight_formulas <- list(
  ate = function(e, a) a / e + (1 - a) / (1 - e),
  ate_stabilized = function(e, a) mean(a) * a / e + (1 - mean(a)) * (1 - a) / (1 - e),
  att = function(e, a) a + (1 - a) * e / (1 - e),
  atc = function(e, a) a * (1 - e) / e + (1 - a),
  ato = function(e, a) a * (1 - e) + (1 - a) * e,
  matching = function(e, a) pmin(e, 1 - e) / (a * e + (1 - a) * (1 - e)),
  entropy = function(e, a) {
    -(e * log(e) + (1 - e) * log(1 - e)) / (a * e + (1 - a) * (1 - e))
  }
)

weighted_variance <- function(x, w) drop(cov.wt(cbind(x), w / sum(w), method = "unbiased")$cov)
spread <- function(x, a, target) {
  variance <- function(v) if (all(x %in% 0:1)) mean(v) * (1 - mean(v)) else var(v)
  switch(target, att = sqrt(variance(x[a == 1])), atc = sqrt(variance(x[a == 0])),
         sqrt((variance(x[a == 1]) + variance(x[a == 0])) / 2))
}
kolmogorov <- function(x, a, w) {
  at <- sort(unique(x))
  below <- function(arm) {
    sapply(at, function(t) sum(w[a == arm & x <= t])) / sum(w[a == arm])
  }
  max(abs(below(1) - below(0)))
}
weighted_row <- function(name, target, term, x, a, w) {
  smd <- function(w) {
    difference <- weighted.mean(x[a == 1], w[a == 1]) - weighted.mean(x[a == 0], w[a == 0])
    difference / spread(x, a, target)
  }
  ratio <- function(w) {
    if (all(x %in% 0:1)) return(NA_real_)
    weighted_variance(x[a == 1], w[a == 1]) / weighted_variance(x[a == 0], w[a == 0])
  }
  one <- rep(1, length(a))
  data.frame(cohort = name, adjustment = target, term = term,
             smd_unadjusted = smd(one), smd_adjusted = smd(w),
             variance_ratio_unadjusted = ratio(one), variance_ratio_adjusted = ratio(w),
             ks_unadjusted = kolmogorov(x, a, one), ks_adjusted = kolmogorov(x, a, w))
}

# Together -------------------------------------------------------------------------------------
counts <- balance <- sizes <- NULL
for (name in names(cohorts)) {
  cohort <- cohorts[[name]]
  data <- cohort$data
  formula <- reformulate(cohort$terms, "treatment")
  fit <- glm(formula, binomial, data, control = precise)
  score <- unname(fitted(fit))
  data$logit <- unname(predict(fit))
  data$score <- score
  if (name == "simulated") written <- data[names(data) != "logit"]
  wanted <- analyses(formula, cohort$terms, cohort$exact)
  for (analysis in names(wanted)) {
    # "Fewer treated than control" and the like: that is what the counts are for.
    found <- suppressWarnings(do.call(matchit, c(wanted[[analysis]], list(data = data))))
    rows <- match_rows(name, analysis, found, data)
    counts <- rbind(counts, rows$counts)
    balance <- rbind(balance, rows$balance)
    if (name == "simulated" && !is.null(found$subclass)) {
      written[[analysis]] <- as.integer(as.character(found$subclass))
    }
  }
  a <- data$treatment
  for (target in names(weight_formulas)) {
    w <- weight_formulas[[target]](score, a)
    for (arm in 1:0) {
      own_weights <- w[a == arm]
      sizes <- rbind(sizes, data.frame(
        cohort = name, target = target, arm = c("control", "treated")[arm + 1],
        patients = length(own_weights), total = sum(own_weights),
        effective_sample_size = sum(own_weights)^2 / sum(own_weights^2),
        largest = max(own_weights)
      ))
    }
    balance <- rbind(balance, do.call(rbind, lapply(cohort$terms, function(term) {
      weighted_row(name, target, term, data[[term]], a, w)
    })))
  }
}
save_as(written, "propensity_cohort.csv")
save_as(counts, "propensity_matching.csv")
save_as(sizes, "propensity_weights.csv")
save_as(balance, "propensity_balance.csv")
