# Reference numbers for the smooth of scaled Schoenfeld residuals:
#   Rscript tests/reference/r/schoenfeld_smooth.R tests/data
# The curve is that of plot.cox.zph (splines::ns with df = 4 and its knots, from 40 grid points and
# the events together). plot.cox.zph takes the variance from the Cox model; here, as in the package,
# it is that of lm, with Student's t.

suppressPackageStartupMessages({library(survival); library(splines)})
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
folder <- commandArgs(trailingOnly = TRUE)[1]

lung$treatment <- as.numeric(lung$sex == 2)
lung$age_years <- lung$age
simulated <- read.csv(file.path(folder, "frequentist_cohort.csv"), comment.char = "#")
fits <- list(
  lung = coxph(Surv(time, status == 2) ~ treatment + age_years, lung, control = precise_cox),
  simulated = coxph(Surv(entry, time, event) ~ treatment + age_years, simulated,
                    control = precise_cox))

smooth_rows <- function(cohort, transform) {
  zph <- cox.zph(fits[[cohort]], transform)
  grid <- seq(min(zph$x), max(zph$x), length.out = 40)
  basis <- ns(c(grid, zph$x), df = 4, intercept = TRUE)
  do.call(rbind, lapply(colnames(zph$y), function(term) {
    fit <- lm(zph$y[, term] ~ basis[-(1:40), ] - 1)
    at <- basis[1:40, ]
    half <- qt(0.975, fit$df.residual) * sqrt(rowSums((at %*% vcov(fit)) * at))
    shown <- c(1, 8, 14, 21, 27, 34, 40)
    data.frame(cohort = cohort, transform = transform, term = term, point = shown,
               transformed_time = grid[shown], estimate = (at %*% coef(fit))[shown],
               half_width = half[shown])
  }))
}
rows <- do.call(rbind, lapply(names(fits), function(cohort) {
  do.call(rbind, lapply(c("km", "identity", "log", "rank"), smooth_rows, cohort = cohort))
}))
write_reference(rows, folder, "schoenfeld_smooth.csv", "schoenfeld_smooth.R")
