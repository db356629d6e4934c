# Tests and standardized differences of counts, for the audit of published numbers:
#   Rscript tests/reference/r/evidence_tests.R tests/data
# `treated` and `control` hold the patients of each level, separated by spaces.

folder <- commandArgs(trailingOnly = TRUE)[1]
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
suppressPackageStartupMessages(library(survival))
source(file.path(dirname(own), "write_reference.R"))

tables <- list(
  c("9 17 0", "84 53 4"), c("85 163 5", "56 108 5"), c("52 96 3", "50 97 4"),
  c("231 20 2", "133 36 0"), c("2 24", "12 129"), c("12 14", "68 73"), c("1 25", "3 138"),
  c("53 21", "51 24"), c("2 72", "1 74"), c("7 52", "13 47"), c("5 0 5", "2 0 46"),
  c("3 1", "1 3"), c("0 10", "5 5"), c("2 4 9 11", "6 15 46 74")
)
numbers <- function(text) as.numeric(strsplit(text, " ")[[1]])

smd <- function(one, two) {
  p <- one / sum(one)
  q <- two / sum(two)
  keep <- (p + q) > 0
  p <- p[keep][-1]
  q <- q[keep][-1]
  s <- (diag(p, length(p)) - p %o% p + diag(q, length(q)) - q %o% q) / 2
  sqrt(drop(t(p - q) %*% solve(s) %*% (p - q)))
}

rows <- do.call(rbind, lapply(tables, function(pair) {
  control <- numbers(pair[1])
  treated <- numbers(pair[2])
  counts <- cbind(treated, control)
  counts <- counts[rowSums(counts) > 0, , drop = FALSE]
  two <- nrow(counts) == 2
  place <- rep(seq_len(nrow(counts)), rowSums(counts))
  arm <- unlist(lapply(seq_len(nrow(counts)), function(i) rep(c(0, 1), counts[i, ])))
  rank_sum <- suppressWarnings(wilcox.test(place ~ arm, exact = FALSE, correct = FALSE))
  data.frame(
    treated = paste(treated, collapse = " "),
    control = paste(control, collapse = " "),
    pearson = suppressWarnings(chisq.test(counts, correct = FALSE))$p.value,
    yates = if (two) suppressWarnings(chisq.test(counts, correct = TRUE))$p.value else NA,
    fisher = fisher.test(counts)$p.value,
    linear_by_linear = pchisq((sum(counts) - 1) * cor(place, arm)^2, 1, lower.tail = FALSE),
    mann_whitney = if (two) NA else rank_sum$p.value,
    smd = smd(treated, control)
  )
}))
write_reference(rows, folder, "evidence_tests.csv", "evidence_tests.R")

# Standard errors of 0/1 covariates under Cox regression, against the floors of se_floors.py.
set.seed(20261120)
floors <- do.call(rbind, lapply(1:12, function(i) {
  n <- 40 + 20 * i
  treated <- rbinom(n, 1, 0.2 + 0.05 * i)
  sick <- rbinom(n, 1, 0.4)
  time <- round(rexp(n, 0.08 * exp((-1.5 + 0.25 * i) * treated + 0.6 * sick)), 1) + 0.1
  last <- runif(n, 1, 40)
  event <- as.integer(time <= last)
  time <- pmin(time, last)
  rows <- lapply(c("efron", "breslow"), function(ties) {
    alone <- coxph(Surv(time, event) ~ treated, ties = ties)
    both <- coxph(Surv(time, event) ~ treated + sick, ties = ties)
    data.frame(study = i, ties = ties,
               events_treated = sum(event[treated == 1]),
               events_control = sum(event[treated == 0]),
               log_hr = coef(alone)[["treated"]],
               se = sqrt(vcov(alone)[1, 1]),
               se_adjusted = sqrt(vcov(both)[1, 1]),
               wald_z = abs(coef(alone)[["treated"]]) / sqrt(vcov(alone)[1, 1]),
               likelihood_ratio_z = sqrt(2 * diff(alone$loglik)),
               score_z = sqrt(alone$score))
  })
  do.call(rbind, rows)
}))
write_reference(floors, folder, "evidence_se_floors.csv", "evidence_tests.R")
