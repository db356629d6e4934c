# brms on the long rows: each interval has an effect of its own, centers are group-level intercepts.
# Arguments: the long rows' CSV, a file for the result, seed, draws, tune, chains, cores, and the
# prior standard deviations and location that the Python caller holds, as name=value.
# Writes one JSON object. Compiling (chains = 0) and sampling are timed apart.

suppressPackageStartupMessages(library(brms))

# Debian and Ubuntu have Boost as system headers and not in the R package BH, where rstan looks.
if (!nzchar(system.file("include", package = "BH")) && dir.exists("/usr/include/boost")) {
  rstan::rstan_options(boost_lib = "/usr/include")
}

arguments <- commandArgs(trailingOnly = TRUE)
rows_file <- arguments[1]
result_file <- arguments[2]
pairs <- strsplit(arguments[-(1:2)], "=", fixed = TRUE)
setting <- setNames(
  as.list(as.numeric(vapply(pairs, `[`, "", 2))),
  vapply(pairs, `[`, "", 1)
)

rows <- read.csv(rows_file)
rows$interval <- factor(rows$interval)
known <- c("patient", "interval", "exposure", "event", "center", "treatment")
covariates <- setdiff(names(rows), known)
formula <- as.formula(paste(
  "event ~ interval + treatment +", paste(covariates, collapse = " + "),
  "+ offset(log(exposure)) + (1 | center)"
))

normal <- function(location, sd) sprintf("normal(%.10g, %.10g)", location, sd)
intervals <- paste0("interval", levels(rows$interval)[-1])
prior <- c(
  set_prior(normal(setting$log_prior_hazard, setting$level_sd), class = "Intercept"),
  set_prior(normal(0, setting$covariate_sd), class = "b"),
  set_prior(normal(0, setting$treatment_sd), class = "b", coef = "treatment"),
  do.call(c, lapply(intervals, function(name) {
    set_prior(normal(0, setting$interval_sd), class = "b", coef = name)
  })),
  # The standard deviation is bounded below by zero: a half-normal.
  set_prior(normal(0, setting$center_sd), class = "sd")
)

start <- proc.time()[["elapsed"]]
compiled <- brm(
  formula, data = rows, family = poisson(), prior = prior, chains = 0, silent = 2, refresh = 0
)
compiled_at <- proc.time()[["elapsed"]]
fit <- update(
  compiled,
  recompile = FALSE, chains = setting$chains, cores = setting$cores, seed = setting$seed,
  iter = setting$draws + setting$tune, warmup = setting$tune, silent = 2, refresh = 0
)
end <- proc.time()[["elapsed"]]

draws <- posterior::extract_variable_matrix(posterior::as_draws_array(fit), "b_treatment")
result <- list(
  versions = list(
    brms = as.character(packageVersion("brms")), rstan = as.character(packageVersion("rstan"))
  ),
  compile_seconds = compiled_at - start,
  sample_seconds = end - compiled_at,
  log_hr_mean = mean(draws),
  log_hr_sd = sd(draws),
  ess_bulk = posterior::ess_bulk(draws),
  divergences = sum(subset(nuts_params(fit), Parameter == "divergent__")$Value)
)
jsonlite::write_json(result, result_file, auto_unbox = TRUE, digits = NA)
