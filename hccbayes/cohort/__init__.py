"""Reading and validating one row a patient.

``source`` reads a table as text, ``values`` turns text into numbers, ``checks`` and ``review`` find
what is wrong with rows and with the cohort, ``reading`` puts them together.
"""

from hccbayes.cohort.reading import Cohort, read_cohort

__all__ = ["Cohort", "read_cohort"]
