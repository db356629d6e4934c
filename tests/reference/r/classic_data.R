# What tells whether another program holds the same rows as R in the same order:
#   Rscript tests/reference/r/classic_data.R tests/data
# Of each data set its rows and events; of each column its missing values, its sum and the sum of
# value times row number; of each factor how often each level is there.

suppressPackageStartupMessages(library(survival))
own <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
source(file.path(dirname(own), "write_reference.R"))
source(file.path(dirname(own), "frequentist_cohorts.R"))

data_sets <- list(veteran = veteran, ovarian = ovarian, pbc = pbc, colon = colon,
                  kidney = kidney, mgus2 = mgus2)
event_of <- list(veteran = veteran$status, ovarian = ovarian$fustat, pbc = pbc$status == 2,
                 colon = colon$status, kidney = kidney$status, mgus2 = mgus2$death)

column_rows <- function(name, column, values) {
  of <- function(label, quantity, value) number(name, "data", column, label, quantity, value)
  position <- seq_along(values)
  if (is.factor(values)) {
    return(every(levels(values), function(level) {
      there <- !is.na(values) & values == level
      of(level, c("count", "position_sum"), c(sum(there), sum(position[there])))
    }))
  }
  of("", c("missing", "sum", "position_sum"),
     c(sum(is.na(values)), sum(values, na.rm = TRUE), sum(values * position, na.rm = TRUE)))
}

rows <- every(names(data_sets), function(name) {
  data <- data_sets[[name]]
  together(number(name, "data", "", "", c("rows", "columns", "events"),
                  c(nrow(data), ncol(data), sum(event_of[[name]]))),
           every(names(data), function(column) column_rows(name, column, data[[column]])))
})
write_reference(rows, folder, "classic_data.csv", "classic_data.R")
