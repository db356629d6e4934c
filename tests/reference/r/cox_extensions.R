# Reference numbers for Cox regression with both ways of ties, strata, weights, robust and clustered
# variances, proportional hazards, frailty, Firth's penalty and concordance:
#   Rscript tests/reference/r/cox_extensions.R tests/data [SYSUCC_TARGETED.csv]

suppressPackageStartupMessages(library(survival))
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
source(file.path(dirname(own), "frequentist_cohorts.R"))

# coxph's formula needs Surv(time, event) where nobody enters late: rows of time 0 and cox.zph's
# transformation depend on it.
outcome <- function(data) if (all(data$entry == 0)) "Surv(time, event)" else
  "Surv(entry, time, event)"
model <- function(data, terms, extra = NULL) {
  as.formula(paste(outcome(data), "~", paste(c(terms, extra), collapse = " + ")))
}
fit_rows <- function(cohort, analysis, convention, fit, terms) {
  index <- seq_along(terms)
  together(number(cohort, analysis, convention, terms, "coef", coef(fit)[index]),
           number(cohort, analysis, convention, terms, "se", sqrt(diag(fit$var))[index]),
           number(cohort, analysis, convention, "", "log_likelihood", fit$loglik[2]))
}

cox_rows_of <- function(cohort, data) {
  terms <- terms_of[[cohort]]
  crossed <- within_strata(cohort)
  strata <- sprintf("strata(%s)", stratum_of[[cohort]])
  both <- function(rows_of) every(c("efron", "breslow"), rows_of)
  rows <- both(function(ties) together(
    fit_rows(cohort, "cox", ties,
             coxph(model(data, terms), data, ties = ties, control = precise_cox), terms),
    fit_rows(cohort, "cox_strata", ties,
             coxph(model(data, crossed, strata), data, ties = ties, control = precise_cox),
             crossed)))
  data$row <- seq_len(nrow(data))
  robust <- both(function(ties) {
    fit <- coxph(model(data, terms), data, ties = ties, control = precise_cox,
                 cluster = row)
    fit_rows(cohort, "robust", ties, fit, terms)
  })
  rows <- together(rows, robust, if ("weight" %in% names(data)) both(function(ties) {
    fit <- coxph(model(data, terms), data, weights = weight, ties = ties,
                 control = precise_cox, cluster = row)
    together(fit_rows(cohort, "weighted", ties, fit, terms),
             number(cohort, "weighted", ties, terms, "model_se", sqrt(diag(fit$naive.var))))
  }))
  if (!(cohort %in% names(cluster_of))) return(rows)
  data$group <- data[[cluster_of[[cohort]]]]
  kept <- data[!is.na(data$group), ]
  clustered <- both(function(ties) {
    fit <- coxph(model(kept, terms), kept, ties = ties, control = precise_cox, cluster = group)
    crossing <- coxph(model(kept, crossed, strata), kept, ties = ties, control = precise_cox,
                      cluster = group)
    together(fit_rows(cohort, "cluster", ties, fit, terms),
             fit_rows(cohort, "cluster_strata", ties, crossing, crossed))
  })
  together(rows, clustered)
}

# The terms of a factor's levels are those of R's own coding.
with_factor <- coxph(Surv(time, event) ~ treatment + age_years + karno + celltype,
                     classic$veteran, control = precise_cox)
with_terms <- coxph(model(classic$veteran, terms_of$veteran), classic$veteran,
                    control = precise_cox)
stopifnot(max(abs(unname(coef(with_factor)) - unname(coef(with_terms)))) < 1e-12)

zph_rows <- function(cohort, data) {
  terms <- terms_of[[cohort]]
  of_fit <- function(analysis, ties, fit, transforms) {
    every(transforms, function(transform) {
      found <- cox.zph(fit, transform)
      convention <- paste(ties, transform)
      together(
        number(cohort, analysis, convention, rownames(found$table), "chi2", found$table[, 1]),
        number(cohort, analysis, convention, rownames(found$table), "p_value",
               found$table[, 3]),
        number(cohort, analysis, convention, colnames(found$y), "mean_residual",
               colMeans(found$y, na.rm = TRUE)),
        number(cohort, analysis, convention, colnames(found$y), "slope",
               apply(found$y, 2, function(y) cov(y, found$x, use = "complete.obs"))))
    })
  }
  every(c("efron", "breslow"), function(ties) {
    fit <- coxph(model(data, terms), data, ties = ties, control = precise_cox)
    crossed <- coxph(model(data, within_strata(cohort),
                           sprintf("strata(%s)", stratum_of[[cohort]])),
                     data, ties = ties, control = precise_cox)
    together(of_fit("zph", ties, fit, c("km", "identity", "log", "rank")),
             of_fit("zph_strata", ties, crossed, c("km", "identity")))
  })
}

# A factor is tested at once, with a degree of freedom each level but its first.
factor_rows <- function(cohort, data) {
  factor_of <- c(veteran = "celltype", kidney = "disease")
  if (!(cohort %in% names(factor_of))) return(NULL)
  terms <- c(setdiff(terms_of[[cohort]], levels_of[[cohort]]), factor_of[[cohort]])
  every(c("efron", "breslow"), function(ties) {
    fit <- coxph(model(data, terms), data, ties = ties, control = precise_cox)
    found <- cox.zph(fit, "km")$table
    together(number(cohort, "zph_factor", ties, rownames(found), "chi2", found[, 1]),
             number(cohort, "zph_factor", ties, rownames(found), "df", found[, 2]),
             number(cohort, "zph_factor", ties, rownames(found), "p_value", found[, 3]))
  })
}

frailty_rows <- function(cohort, data) {
  if (!(cohort %in% c("lung", "simulated", "kidney"))) return(NULL)
  # With the disease in the model nothing is left between the patients of kidney.
  terms <- setdiff(terms_of[[cohort]], levels_of[[cohort]])
  data$group <- data$center
  data <- data[complete.cases(data[c(terms, "group")]), ]
  control <- coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 200, outer.max = 200)
  of_fit <- function(distribution, sparse, argument) {
    frail <- sprintf("frailty(group, distribution = \"%s\", sparse = %s, %s)", distribution,
                     sparse, argument)
    coxph(model(data, terms, frail), data, control = control)
  }
  every(c("gamma", "gaussian"), function(distribution) {
    every(c(TRUE, FALSE), function(sparse) {
      convention <- paste(distribution, if (sparse) "sparse" else "full")
      fixed <- of_fit(distribution, sparse, "theta = 0.3")
      if (distribution == "gamma") {
        # The EM iteration of frailty() stops early and fails with a smaller tolerance: its
        # likelihood is maximized here. A maximum is flat: the variance has six digits.
        theta <- exp(optimize(function(log_theta) {
          argument <- sprintf("theta = %.17g", exp(log_theta))
          of_fit(distribution, sparse, argument)$history[[1]]$c.loglik
        }, log(c(0.005, 2)), maximum = TRUE, tol = 1e-9)$maximum)
        best <- of_fit(distribution, sparse, sprintf("theta = %.17g", theta))
      } else {
        best <- of_fit(distribution, sparse, "eps = 1e-8")
        # The last variance tried is the one fitted; $theta would have been the next.
        tried <- best$history[[1]]$history
        theta <- tried[nrow(tried), "theta"]
      }
      rows_of <- function(fit, analysis) {
        index <- seq_along(terms)
        together(number(cohort, analysis, convention, terms, "coef", coef(fit)[index]),
                 number(cohort, analysis, convention, terms, "se", sqrt(diag(fit$var))[index]),
                 if (distribution == "gamma")
                   number(cohort, analysis, convention, "", "marginal",
                          fit$history[[1]]$c.loglik))
      }
      together(rows_of(fixed, "frailty_fixed"), rows_of(best, "frailty"),
               number(cohort, "frailty", convention, "", "variance", theta))
    })
  })
}

# Firth: the penalized likelihood itself, maximized by Newton steps whose gradient is a difference
# quotient of it (fourth order, error about 1e-11) and whose matrix is coxph's variance.
firth_rows <- function(cohort, data) {
  if (cohort == "colon_events") return(NULL)
  data <- data[complete.cases(data[terms_of[[cohort]]]), ]
  if (cohort == "simulated") {
    # Nobody treated in stage A dies: the ordinary estimate of their term is infinite.
    data$separated <- as.integer(data$treatment == 1 & data$stage_b + data$stage_c == 0)
    data$event <- ifelse(data$separated == 1, 0, data$event)
    terms <- c("age_years", "separated")
  } else {
    terms <- terms_of[[cohort]][1:2]
  }
  every(c("efron", "breslow"), function(ties) {
    at <- function(beta) suppressWarnings(
      coxph(model(data, terms), data, init = beta, ties = ties, control = coxph.control(
        iter.max = 0, toler.chol = 1e-14)))
    penalized <- function(beta) {
      fit <- at(beta)
      fit$loglik[1] - log(det(fit$var)) / 2
    }
    scale <- sapply(data[terms], sd)
    gradient <- function(beta) sapply(seq_along(beta), function(j) {
      h <- replace(numeric(length(beta)), j, 2e-3 / scale[j])
      (8 * (penalized(beta + h) - penalized(beta - h)) -
         (penalized(beta + 2 * h) - penalized(beta - 2 * h))) / (12 * max(h))
    })
    maximum <- function(beta, free) {
      for (step in 1:200) {
        slope <- gradient(beta)[free]
        move <- solve(solve(at(beta)$var)[free, free, drop = FALSE], slope)
        if (max(abs(move * scale[free])) < 1e-10) break
        beta[free] <- beta[free] + move
      }
      stopifnot(step < 200)
      beta
    }
    both <- seq_along(terms)
    best <- maximum(rep(0, length(terms)), both)
    level <- penalized(best) - qchisq(0.95, 1) / 2
    se <- sqrt(diag(at(best)$var))
    profile <- function(j, value) penalized(maximum(replace(best, j, value), setdiff(both, j)))
    limit <- function(j, side) {
      outer <- best[j] + side * se[j]
      while (profile(j, outer) > level) outer <- outer + side * se[j]
      uniroot(function(value) profile(j, value) - level, sort(c(best[j], outer)),
              tol = 1e-9)$root
    }
    p_value <- sapply(both, function(j) pchisq(2 * (penalized(best) - profile(j, 0)), 1,
                                               lower.tail = FALSE))
    together(number(cohort, "firth", ties, terms, "coef", best),
             number(cohort, "firth", ties, terms, "se", se),
             number(cohort, "firth", ties, terms, "lower", sapply(both, limit, -1)),
             number(cohort, "firth", ties, terms, "upper", sapply(both, limit, 1)),
             number(cohort, "firth", ties, terms, "p_value", p_value),
             number(cohort, "firth", ties, "", "log_likelihood", penalized(best)))
  })
}

concordance_rows <- function(cohort, data) {
  # Rounded, so that there are ties and both programs have the same ones.
  data$score <- round(data$age_years / 5) - 3 * data$treatment
  kept <- data[!is.na(data[[stratum_of[[cohort]]]]), ]
  ask <- function(analysis, formula, data, ...) {
    # The formula's own environment is where weights and clusters would be looked for.
    found <- do.call(concordance, list(formula, data, ..., reverse = TRUE))
    # With strata a row each; their sum.
    counts <- if (is.matrix(found$count)) colSums(found$count) else found$count
    together(number(cohort, "concordance", analysis, "",
                    c("estimate", "standard_error", names(counts)),
                    c(found$concordance, sqrt(found$var), counts)))
  }
  formula <- model(data, "score")
  rows <- together(ask("plain", formula, data),
                   ask("strata", model(data, "score", sprintf("strata(%s)", stratum_of[[cohort]])),
                       kept))
  if (cohort %in% names(cluster_of)) {
    data$group <- data[[cluster_of[[cohort]]]]
    grouped <- data[!is.na(data$group), ]
    rows <- together(rows, ask("cluster", formula, grouped, cluster = grouped$group))
  }
  if (!("weight" %in% names(data))) return(rows)
  together(rows, ask("weights", formula, data, weights = data$weight))
}

save_reference(function(cohort, data) {
  together(cox_rows_of(cohort, data), zph_rows(cohort, data), factor_rows(cohort, data),
           frailty_rows(cohort, data), firth_rows(cohort, data), concordance_rows(cohort, data))
}, "cox_extensions", "cox_extensions.R")
