# Start-stop episodes by tmerge and what Cox and Poisson regression make of them:
#   Rscript tests/reference/r/start_stop.R tests/data
# The rows stay in R: the table holds their sums, and coefficients, so that they can be compared.

suppressPackageStartupMessages(library(survival))
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))

row <- function(cohort, analysis, label, quantity, value) {
  data.frame(cohort = cohort, analysis = analysis, convention = "", label = label,
             quantity = quantity, value = as.numeric(value))
}

# What episodes add up to, by treatment, and of the values carried forward where there are any.
totals <- function(cohort, data, values = character()) {
  by <- lapply(split(data, data$treatment), function(part) {
    label <- as.character(part$treatment[1])
    span <- part$stop - part$start
    row(cohort, "totals", label, c("rows", "patients", "exposure", "events"),
        c(nrow(part), length(unique(part$id)), sum(span), sum(part$event)))
  })
  carried <- lapply(values, function(name) {
    row(cohort, "carried", name, c("sum", "exposure"),
        c(sum(data[[name]]), sum(data[[name]] * (data$stop - data$start))))
  })
  do.call(rbind, c(by, carried))
}

cox <- function(cohort, analysis, formula, data) {
  fit <- coxph(formula, data, ties = "efron", control = precise_cox)
  rbind(row(cohort, analysis, names(coef(fit)), "coef", coef(fit)),
        row(cohort, analysis, names(coef(fit)), "se", sqrt(diag(vcov(fit)))),
        row(cohort, analysis, "", "log_likelihood", fit$loglik[2]))
}

# Poisson regression with exposure as offset on episodes split once more, at the cut points.
poisson_rows <- function(cohort, terms, data, cuts) {
  pieces <- survSplit(Surv(start, stop, event) ~ ., data, cut = cuts, episode = "interval",
                      start = "start", end = "stop", event = "event")
  pieces$interval <- factor(pieces$interval)
  formula <- reformulate(c("0 + interval", terms, "offset(log(stop - start))"), "event")
  fit <- glm(formula, poisson, pieces, control = glm.control(epsilon = 1e-14, maxit = 100))
  rbind(row(cohort, "piecewise_exponential", names(coef(fit)), "coef", coef(fit)),
        row(cohort, "piecewise_exponential", names(coef(fit)), "se", sqrt(diag(vcov(fit)))))
}

# The episodes that come with R: one day is added to all times, and a transplantation on the day of
# the end is half a day earlier.
stanford <- function() {
  data <- transform(heart, treatment = as.integer(as.character(transplant)))
  rbind(totals("heart", data),
        cox("heart", "cox", Surv(start, stop, event) ~ treatment + age + surgery, data),
        poisson_rows("heart", c("treatment", "age", "surgery"),
                     data[c("start", "stop", "event", "treatment", "age", "surgery")],
                     c(30, 100, 365)))
}

# Age in months is the clock, entered at diagnosis; progression to a plasma cell malignancy is the
# exposure. Where it and death are in one month, tmerge gives it no time.
monoclonal <- function() {
  base <- transform(mgus2, enter = 12 * age, leave = 12 * age + futime,
                    pcm = ifelse(pstat == 1, 12 * age + ptime, NA))
  base <- base[c("id", "enter", "leave", "death", "pcm", "sex", "dxyr")]
  data <- tmerge(base, base, id = id, tstart = enter, tstop = leave, event = event(leave, death),
                 treatment = tdc(pcm))
  data <- transform(data, start = tstart, stop = tstop, male = as.integer(sex == "M"),
                    recent = as.integer(dxyr >= 1983))
  rbind(totals("mgus2", data),
        cox("mgus2", "cox", Surv(start, stop, event) ~ treatment + male + recent, data),
        poisson_rows("mgus2", c("treatment", "male", "recent"),
                     data[c("start", "stop", "event", "treatment", "male", "recent")],
                     12 * c(60, 70, 80, 90)))
}

# Primary biliary cholangitis as in the vignette on time-dependent covariates: follow-up of pbc,
# laboratory values of the visits of pbcseq. Treatment is that of the trial.
cholangitis <- function() {
  first <- subset(pbc, id <= 312)
  base <- first[c("id", "time", "status", "trt")]
  data <- tmerge(base, base, id = id, event = event(time, as.integer(status == 2)))
  data <- tmerge(data, pbcseq, id = id, bili = tdc(day, bili), protime = tdc(day, protime))
  data <- transform(data, start = tstart, stop = tstop, treatment = as.integer(trt == 1),
                    log_bili = log(bili), log_protime = log(protime))
  fixed <- transform(first, start = 0, stop = time, event = as.integer(status == 2),
                     log_bili = log(bili), log_protime = log(protime))
  terms <- Surv(start, stop, event) ~ log_bili + log_protime
  rbind(totals("pbcseq", data, c("bili", "protime")),
        cox("pbcseq", "cox_baseline", terms, fixed),
        cox("pbcseq", "cox", terms, data),
        poisson_rows("pbcseq", c("log_bili", "log_protime"),
                     data[c("start", "stop", "event", "log_bili", "log_protime")],
                     c(365, 1000, 2000, 3000)))
}

folder <- commandArgs(trailingOnly = TRUE)[1]
write_reference(rbind(stanford(), monoclonal(), cholangitis()), folder, "start_stop_classic.csv",
                "start_stop.R")
