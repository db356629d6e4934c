"""The effect of treatment by weighting, matching and doubly robust estimation.

Every method takes the same :class:`~hccbayes.adjustment.problem.AdjustmentProblem` and returns
draws of the same estimands, so that its numbers land in the estimate table beside those of the
outcome model.
"""
