# Episodes by tmerge of the patients and visits that visit_episodes.py wrote; prints its seconds,
# without reading the files, its peak memory in megabytes, and the rows.
#   Rscript benchmarks/visit_episodes.R PATIENTS.csv VISITS.csv

suppressPackageStartupMessages(library(survival))
files <- commandArgs(trailingOnly = TRUE)
patients <- read.csv(files[1])
visits <- read.csv(files[2])
taken <- system.time({
  made <- tmerge(patients, patients, id = patient, event = event(time, event),
                 treatment = tdc(treatment_start))
  made <- tmerge(made, visits, id = patient, afp = tdc(visit_time, afp),
                 score = tdc(visit_time, score))
})[["elapsed"]]
status <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
cat(taken, as.numeric(gsub("[^0-9]", "", status)) / 1024, nrow(made), "\n")
