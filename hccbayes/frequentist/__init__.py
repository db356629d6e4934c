"""Frequentist estimates that stand beside the Bayesian ones in the estimate table."""
