"""Efron's partial likelihood as a function of the coefficients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hccbayes.frequentist.episodes import Episodes, FloatArray
from hccbayes.frequentist.newton import Point
from hccbayes.frequentist.running_sums import running_likelihood


def efron_likelihood(
    design: FloatArray, episodes: Episodes, strata: NDArray[np.intp]
) -> Callable[[FloatArray], Point]:
    r"""Return the log partial likelihood of Efron (1977) as a function of the coefficients.

    .. math:: \ell(\beta) = \sum_k \Bigl[ \sum_{i \in D_k} x_i'\beta - \sum_{r=0}^{d_k - 1}
              \log\Bigl(\sum_{i \in R_k} e^{x_i'\beta}
              - \tfrac{r}{d_k} \sum_{i \in D_k} e^{x_i'\beta}\Bigr) \Bigr]

    over the event times k of every stratum.

    Parameters
    ----------
    design
        Shape ``(rows, terms)``, columns of similar spread.
    episodes, strata
        Follow-up and stratum of each row.
    """
    return running_likelihood(design, episodes, strata, "efron")
