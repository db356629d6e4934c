"""The published evidence as tables, and an audit of published numbers.

``table`` and ``studies`` give what was printed on adding locoregional to systemic therapy, with
repairs and reasons; ``audit`` checks tables of hazard ratios, baseline characteristics, responses,
adverse events, survival rates and medians, from print or from a file of one's own.
"""

from hccbayes.evidence.audit import CHECKS, audit
from hccbayes.evidence.audit_cells import kind_of
from hccbayes.evidence.baseline_tests import reproduce_p
from hccbayes.evidence.detection import audit_shipped, detection
from hccbayes.evidence.findings import ALARMS, FINDING_COLUMNS, SEVERITIES, Finding, alarms
from hccbayes.evidence.layouts import LAYOUTS
from hccbayes.evidence.printed import Printed, parse
from hccbayes.evidence.se_floors import covariate_floor, minimum_events, two_arm_floor
from hccbayes.evidence.tables import TABLES, printed_cells, read_table, select, studies, table

__all__ = [
    "ALARMS",
    "CHECKS",
    "FINDING_COLUMNS",
    "LAYOUTS",
    "SEVERITIES",
    "TABLES",
    "Finding",
    "Printed",
    "alarms",
    "audit",
    "audit_shipped",
    "covariate_floor",
    "detection",
    "kind_of",
    "minimum_events",
    "parse",
    "printed_cells",
    "read_table",
    "reproduce_p",
    "select",
    "studies",
    "table",
    "two_arm_floor",
]
