# Reference numbers for curves with their limits, quantiles, cumulative hazards, follow-up and
# restricted means:
#   Rscript tests/reference/r/survival_curves.R tests/data [SYSUCC_TARGETED.csv]

suppressPackageStartupMessages(library(survival))
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
source(file.path(dirname(own), "frequentist_cohorts.R"))
write_reference(simulated, folder, "frequentist_cohort.csv",
                "survival_curves.R (simulated: no patient behind it)")
write_reference(cohorts$episodes, folder, "frequentist_episodes.csv",
                "survival_curves.R (simulated: no patient behind it)")

right_or_delayed <- function(data) {
  if (all(data$entry == 0)) Surv(data$time, data$event) else
    Surv(data$entry, data$time, data$event)
}

arms <- function(data) list(all = data, control = data[data$treatment == 0, ],
                            treated = data[data$treatment == 1, ])

quantile_rows <- function(cohort, data) {
  every(c("log", "log-log", "plain"), function(kind) {
    every(names(arms(data)), function(arm) {
      fit <- survfit(right_or_delayed(arms(data)[[arm]]) ~ 1, conf.type = kind)
      probs <- c(0.1, 0.25, 0.5, 0.75)
      found <- quantile(fit, probs)
      labels <- sprintf("%s %g", arm, probs)
      together(number(cohort, "quantile", kind, labels, "estimate", found$quantile),
               number(cohort, "quantile", kind, labels, "lower", found$lower),
               number(cohort, "quantile", kind, labels, "upper", found$upper))
    })
  })
}

curve_rows <- function(cohort, data) {
  every(c("log", "log-log", "plain"), function(kind) {
    every(names(arms(data)), function(arm) {
      part <- arms(data)[[arm]]
      # Rounded, so that a time of the table is the number that both programs read.
      landmarks <- unique(round(quantile(part$time, c(0.2, 0.5, 0.8), type = 1), 4))
      at <- summary(survfit(right_or_delayed(part) ~ 1, conf.type = kind), times = landmarks)
      labels <- paste(arm, at$time)
      together(number(cohort, "curve", kind, labels, "survival", at$surv),
               number(cohort, "curve", kind, labels, "standard_error", at$std.err),
               number(cohort, "curve", kind, labels, "lower", at$lower),
               number(cohort, "curve", kind, labels, "upper", at$upper),
               number(cohort, "curve", kind, labels, "at_risk", at$n.risk))
    })
  })
}

weighted_quantile_rows <- function(cohort, data) {
  if (!("weight" %in% names(data))) return(NULL)
  fit <- survfit(Surv(entry, time, event) ~ 1, data, weights = weight, robust = TRUE,
                 id = seq_len(nrow(data)))
  probs <- c(0.25, 0.5, 0.75)
  found <- quantile(fit, probs)
  together(number(cohort, "quantile_weighted", "log", probs, "estimate", found$quantile),
           number(cohort, "quantile_weighted", "log", probs, "lower", found$lower),
           number(cohort, "quantile_weighted", "log", probs, "upper", found$upper))
}

hazard_rows <- function(cohort, data) {
  landmarks <- round(quantile(data$time, c(0.2, 0.5, 0.8), type = 1), 4)
  every(1:2, function(ties) {
    fit <- survfit(right_or_delayed(data) ~ 1, ctype = ties)
    row <- findInterval(landmarks, fit$time)
    convention <- c("nelson-aalen", "fleming-harrington")[ties]
    together(number(cohort, "hazard", convention, landmarks, "estimate", fit$cumhaz[row]),
             number(cohort, "hazard", convention, landmarks, "standard_error",
                    fit$std.chaz[row]))
  })
}

follow_up_rows <- function(cohort, data) {
  every(c("log", "log-log", "plain"), function(kind) {
    data$event <- 1 - data$event
    row <- quantile(survfit(right_or_delayed(data) ~ 1, conf.type = kind), 0.5)
    number(cohort, "follow_up", kind, "", c("estimate", "lower", "upper"),
           c(row$quantile, row$lower, row$upper))
  })
}

# survRM2 by its own formula: areas under the curve to the horizon and Greenwood's terms.
area <- function(fit, horizon) {
  kept <- fit$time <= horizon
  time <- c(fit$time[kept], horizon)
  widths <- diff(c(0, time))
  areas <- widths * c(1, fit$surv[kept])
  terms <- ifelse(fit$n.risk == fit$n.event, 0,
                  fit$n.event / (fit$n.risk * (fit$n.risk - fit$n.event)))[kept]
  beyond <- rev(cumsum(rev(areas[-1])))
  c(mean = sum(areas), se = sqrt(sum(beyond^2 * terms)))
}

restricted_rows <- function(cohort, data) {
  last <- sapply(arms(data)[-1], function(part) max(part$time))
  every(c(0.4, 0.8), function(share) {
    horizon <- signif(share * min(last), 3)
    means <- sapply(arms(data)[-1], function(part) {
      fit <- survfit(right_or_delayed(part) ~ 1)
      found <- area(fit, horizon)
      printed <- summary(fit, rmean = horizon)$table
      # R's own, from the first entry on, where nobody is observed from the origin.
      if (min(part$entry) == 0) stopifnot(
        abs(found - printed[grep("rmean", names(printed))]) < 1e-9 * (1 + found))
      found
    })
    difference <- means["mean", "treated"] - means["mean", "control"]
    se <- sqrt(sum(means["se", ]^2))
    ratio <- log(means["mean", "treated"] / means["mean", "control"])
    ratio_se <- sqrt(sum((means["se", ] / means["mean", ])^2))
    z <- qnorm(0.975)
    together(
      number(cohort, "rmst", "greenwood", horizon, c("control", "treated"), means["mean", ]),
      number(cohort, "rmst", "greenwood", horizon, c("control_se", "treated_se"), means["se", ]),
      number(cohort, "rmst", "difference", horizon,
             c("estimate", "standard_error", "lower", "upper", "p_value"),
             c(difference, se, difference + c(-z, z) * se, 2 * pnorm(-abs(difference / se)))),
      number(cohort, "rmst", "ratio", horizon,
             c("estimate", "standard_error", "lower", "upper", "p_value"),
             c(exp(ratio), ratio_se, exp(ratio + c(-z, z) * ratio_se),
               2 * pnorm(-abs(ratio / ratio_se)))))
  })
}

save_reference(function(cohort, data) {
  # Two kinds of event a patient have no one curve.
  if (cohort == "colon_events") return(NULL)
  together(quantile_rows(cohort, data), weighted_quantile_rows(cohort, data),
           hazard_rows(cohort, data), follow_up_rows(cohort, data),
           restricted_rows(cohort, data), curve_rows(cohort, data))
}, "survival_curves", "survival_curves.R")
