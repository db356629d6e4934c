"""P-values as journals print them."""

from __future__ import annotations

import math


def p_text(p_value: float) -> str:
    """Return ``0.43``, ``0.012``, ``<0.001`` or ``>0.99``; empty for ``nan``.

    Three decimals below 0.1, two from there; no p-value is said to be 0 or 1.
    """
    if math.isnan(p_value):
        return ""
    if p_value < 0.001:
        return "<0.001"
    if p_value > 0.99:
        return ">0.99"
    # 0.0996 would round to 0.100: the place of the decimals is decided after rounding.
    return f"{p_value:.3f}" if round(p_value, 3) < 0.1 else f"{p_value:.2f}"


def p_relation(p_value: float) -> str:
    """Return ``P = 0.43`` or ``P < 0.001``; empty for ``nan``."""
    text = p_text(p_value)
    if not text:
        return ""
    return f"P {text[0]} {text[1:]}" if text[0] in "<>" else f"P = {text}"
