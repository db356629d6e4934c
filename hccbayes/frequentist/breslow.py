"""Breslow's partial likelihood as a function of the coefficients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.newton import Point
from hccbayes.frequentist.running_sums import running_likelihood


def breslow_likelihood(
    design: FloatArray, episodes: Episodes, strata: NDArray[np.intp]
) -> Callable[[FloatArray], Point]:
    r"""Return the log partial likelihood of Breslow (1974) as a function of the coefficients.

    .. math:: \ell(\beta) = \sum_k \Bigl[\sum_{i \in D_k} x_i'\beta
              - d_k \log \sum_{i \in R_k} e^{x_i'\beta}\Bigr]

    over the event times k of every stratum.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``, columns of similar spread.
    episodes, strata
        Follow-up and stratum of each row.
    """
    return running_likelihood(design, episodes, strata, "breslow")
