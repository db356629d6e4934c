# Times one coxph fit with Efron's ties, called by cox_speed.py: the seconds, then the coefficients.
# The time of reading the file and of the first, small fit is not counted.
suppressPackageStartupMessages(library(survival))
rows <- read.csv(commandArgs(trailingOnly = TRUE)[[1]])
model <- Surv(stop, event) ~ treatment + age + marker + cirrhosis + albumin
invisible(coxph(model, rows[1:200, ]))
seconds <- system.time(fit <- coxph(model, rows))[["elapsed"]]
cat(format(c(seconds, coef(fit)), digits = 15), "\n")
