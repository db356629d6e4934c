# Reference numbers for the smooth of scaled Schoenfeld residuals:
#   Rscript tests/reference/r/schoenfeld_smooth.R tests/data
# The curve is that of plot.cox.zph (splines::ns with df = 4 and its knots, from 40 grid points and
# the events together). plot.cox.zph takes the variance from the Cox model; here, as in the package,
# it is that of lm, with Student's t.

suppressPackageStartupMessages({library(survival); library(splines)})
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
source(file.path(dirname(own), "frequentist_cohorts.R"))

fit_of <- function(data) {
  outcome <- if (all(data$entry == 0)) "Surv(time, event)" else "Surv(entry, time, event)"
  coxph(as.formula(paste(outcome, "~ treatment + age_years")), data, control = precise_cox)
}
# The 26 patients of ovarian have 12 events, too few for four pieces.
shown <- list(schoenfeld_smooth = cohorts[c("lung", "simulated")],
              schoenfeld_smooth_classic = classic[c("veteran", "pbc", "colon", "kidney")])

smooth_rows <- function(cohort, fit, transform) {
  zph <- cox.zph(fit, transform)
  grid <- seq(min(zph$x), max(zph$x), length.out = 40)
  basis <- ns(c(grid, zph$x), df = 4, intercept = TRUE)
  do.call(rbind, lapply(colnames(zph$y), function(term) {
    line <- lm(zph$y[, term] ~ basis[-(1:40), ] - 1)
    at <- basis[1:40, ]
    half <- qt(0.975, line$df.residual) * sqrt(rowSums((at %*% vcov(line)) * at))
    points <- c(1, 8, 14, 21, 27, 34, 40)
    data.frame(cohort = cohort, transform = transform, term = term, point = points,
               transformed_time = grid[points], estimate = (at %*% coef(line))[points],
               half_width = half[points])
  }))
}
for (name in names(shown)) {
  rows <- every(names(shown[[name]]), function(cohort) {
    fit <- fit_of(shown[[name]][[cohort]])
    every(c("km", "identity", "log", "rank"),
          function(transform) smooth_rows(cohort, fit, transform))
  })
  write_reference(rows, folder, paste0(name, ".csv"), "schoenfeld_smooth.R")
}
