# Shared by survival_curves.R, rank_tests.R, cox_extensions.R and schoenfeld_smooth.R: their cohorts
# and their table.
#   lung, heart   survival::lung and survival::heart, which the tests take from lifelines
#   simulated     made here, written to frequentist_cohort.csv: delayed entry, ties, centers, strata
#   episodes      the same patients, follow-up cut where a treatment switches; written to
#                 frequentist_episodes.csv
#   classic       veteran, ovarian, pbc, colon, kidney and mgus2 of survival, of which the project
#                 holds no row: classic_cohorts.R
#   sysucc        the patients of sysucc_targeted.R, where the file is given: summaries only

simulate_cohort <- function(n) {
  # Made by simulation; no patient behind it.
  set.seed(20261121)
  center <- sample(1:8, n, TRUE, c(5, 4, 4, 3, 3, 2, 2, 1))
  frailty <- exp(rnorm(8, 0, 0.5))
  age_years <- round(rnorm(n, 58, 9))
  stage <- sample(c("A", "B", "C"), n, TRUE, c(0.3, 0.4, 0.3))
  treatment <- rbinom(n, 1, plogis(-0.3 - 0.03 * (age_years - 58) + 0.2 * (center %% 3 - 1)))
  hazard <- 0.05 * frailty[center] *
    exp(0.015 * (age_years - 58) + 0.4 * (stage == "B") + 0.8 * (stage == "C") - 0.5 * treatment)
  death <- rexp(n, hazard)
  censored <- runif(n, 6, 42)
  # Half months, so that there are ties; a third enters late.
  time <- pmax(ceiling(2 * pmin(death, censored)) / 2, 0.5)
  entry <- ifelse(runif(n) < 0.33, pmin(round(runif(n, 0, 5), 1), time - 0.4), 0)
  data.frame(patient = sprintf("S%03d", seq_len(n)), center = center, entry = pmax(entry, 0),
             time = time, event = as.integer(death <= censored), treatment = treatment,
             age_years = age_years, stage_b = as.integer(stage == "B"),
             stage_c = as.integer(stage == "C"),
             weight = round(runif(n, 0.3, 3), 3), switch = round(runif(n, 1, 12), 1))
}

cut_at_switch <- function(data) {
  early <- transform(data, time = pmin(time, switch), event = event * (time <= switch),
                     switched = 0)
  late <- transform(data[data$time > data$switch, ], switched = 1)
  late$entry <- pmax(late$entry, late$switch)
  early <- early[early$entry < early$time, ]
  both <- rbind(early, late)
  both[order(both$patient, both$entry), ]
}

read_lung <- function() {
  data.frame(patient = seq_len(228), center = lung$inst, entry = 0, time = lung$time,
             event = as.integer(lung$status == 2), treatment = as.integer(lung$sex == 2),
             age_years = lung$age, ph.ecog = lung$ph.ecog)
}

read_heart <- function() {
  data.frame(patient = heart$id, entry = heart$start, time = heart$stop, event = heart$event,
             treatment = as.integer(heart$transplant == 1), age_years = heart$age,
             year = heart$year, surgery = heart$surgery)
}

read_sysucc <- function(file) {
  as_read <- read.csv(file)
  stopifnot(nrow(as_read) == 246, sum(as_read$os_months == 0) == 2)
  transform(as_read, treatment = as.integer(arm == "embolisation+targeted"), entry = 0,
            time = ifelse(os_months == 0, 0.5, os_months), event = death, patient = patient_id,
            log10_afp = log10(afp_ng_ml + 1))
}

source(file.path(dirname(own), "classic_cohorts.R"))
simulated <- simulate_cohort(200)
cohorts <- list(lung = read_lung(), heart = read_heart(), simulated = simulated,
                episodes = cut_at_switch(simulated))

# What the models hold and by what they are stratified and clustered.
terms_of <- list(lung = c("treatment", "age_years", "ph.ecog"),
                 heart = c("treatment", "age_years", "surgery"),
                 simulated = c("treatment", "age_years", "stage_b", "stage_c"),
                 episodes = c("treatment", "age_years", "switched"),
                 sysucc = c("treatment", "age_years", "child_pugh_score", "vascular_invasion"),
                 veteran = c("treatment", "age_years", "karno", "smallcell", "adeno", "large"),
                 ovarian = c("treatment", "age_years", "resid.ds"),
                 pbc = c("treatment", "age_years", "edema", "log_bili", "log_albumin",
                         "log_protime"),
                 colon = c("treatment", "lev", "age_years", "nodes", "extent"),
                 colon_events = c("treatment", "lev", "age_years", "node4", "etype"),
                 kidney = c("treatment", "age_years", "gn", "an", "pkd"),
                 mgus2 = c("treatment", "hgb", "mspike", "recent"))
stratum_of <- list(lung = "ph.ecog", heart = "surgery", simulated = "stage_c",
                   episodes = "stage_c", sysucc = "vascular_invasion", veteran = "celltype",
                   ovarian = "ecog.ps", pbc = "stage", colon = "extent", colon_events = "etype",
                   kidney = "disease", mgus2 = "recent")
# A factor has a term each level but its first; none of them varies within its strata.
levels_of <- list(veteran = c("smallcell", "adeno", "large"), kidney = c("gn", "an", "pkd"))
cluster_of <- list(lung = "center", heart = "patient", simulated = "center",
                   episodes = "patient", colon_events = "id", kidney = "center")
within_strata <- function(cohort) {
  setdiff(terms_of[[cohort]], c(stratum_of[[cohort]], levels_of[[cohort]]))
}

# Tables: one number a row ---------------------------------------------------------------------
number <- function(cohort, analysis, convention, label, quantity, value) {
  data.frame(cohort = cohort, analysis = analysis, convention = convention,
             label = as.character(label), quantity = quantity, value = as.double(value))
}
together <- function(...) do.call(rbind, list(...))
every <- function(items, rows_of) do.call(rbind, lapply(items, rows_of))

arguments <- commandArgs(trailingOnly = TRUE)
folder <- arguments[1]
patients_file <- if (length(arguments) > 1) arguments[2] else NA

# Tables of the open cohorts (lung, heart, simulated), of the classic ones, and of the patients
# whose file is given.
save_reference <- function(rows_of, name, script) {
  with_mvtnorm <- "mvtnorm" %in% loadedNamespaces()
  label <- if (with_mvtnorm) sprintf("%s (mvtnorm %s)", script, packageVersion("mvtnorm")) else
    script
  of <- function(list) every(names(list), function(cohort) rows_of(cohort, list[[cohort]]))
  write_reference(of(cohorts), folder, paste0(name, ".csv"), label)
  write_reference(of(classic), folder, paste0(name, "_classic.csv"), label)
  if (!is.na(patients_file)) {
    closed <- rows_of("sysucc", read_sysucc(patients_file))
    write_reference(closed, folder, paste0(name, "_sysucc.csv"), label)
  }
}
