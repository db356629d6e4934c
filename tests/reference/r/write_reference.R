# Shared by the scripts of this folder: writes a data frame as CSV with 15 significant digits below
# a comment line with the script that made it and the versions it ran under.

write_reference <- function(frame, folder, name, script) {
  file <- file.path(folder, name)
  made_by <- sprintf("# made by tests/reference/r/%s with R %s, survival %s",
                     script, getRversion(), packageVersion("survival"))
  writeLines(made_by, file)
  numeric_columns <- vapply(frame, is.double, logical(1))
  frame[numeric_columns] <- lapply(frame[numeric_columns], function(x) {
    ifelse(is.na(x), "", formatC(x, digits = 15, format = "g", width = -1))
  })
  suppressWarnings(write.table(frame, file, append = TRUE, sep = ",", row.names = FALSE,
                               quote = FALSE, na = ""))
}

precise_cox <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 100)

cox_rows <- function(analysis, fit, terms) {
  data.frame(analysis = analysis, term = terms,
             coef = unname(coef(fit)[seq_along(terms)]),
             se = unname(sqrt(diag(fit$var))[seq_along(terms)]),
             log_likelihood = fit$loglik[2], patients = fit$n, events = fit$nevent)
}

survival_rows <- function(analysis, formula, data, times, kinds) {
  do.call(rbind, lapply(kinds, function(kind) {
    at <- summary(survfit(formula, data, conf.type = kind), times = times)
    data.frame(analysis = analysis, interval_kind = kind, time = at$time, survival = at$surv,
               standard_error = at$std.err, lower = at$lower, upper = at$upper,
               at_risk = at$n.risk)
  }))
}

median_rows <- function(analysis, formula, data, kinds) {
  do.call(rbind, lapply(kinds, function(kind) {
    # summary()$table applies the rule that print.survfit prints.
    row <- summary(survfit(formula, data, conf.type = kind))$table
    data.frame(analysis = analysis, interval_kind = kind, patients = row[["records"]],
               events = row[["events"]], median = row[["median"]],
               lower = row[["0.95LCL"]], upper = row[["0.95UCL"]])
  }))
}

logrank_rows <- function(analysis, fit) {
  total <- function(x) if (is.matrix(x)) rowSums(x) else x
  data.frame(analysis = analysis, chi2 = fit$chisq,
             p_value = pchisq(fit$chisq, 1, lower.tail = FALSE),
             observed_control = total(fit$obs)[1], observed_treated = total(fit$obs)[2],
             expected_control = total(fit$exp)[1], expected_treated = total(fit$exp)[2])
}
