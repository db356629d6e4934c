"""The audit of counts out of a total, of survival rates and of medians."""

from __future__ import annotations

import pandas as pd
import pytest

from hccbayes.evidence import alarms, audit
from hccbayes.evidence.percent_checks import attainable_counts
from hccbayes.evidence.printed import parse


def events(rows, **common):
    base = {"study": "A", "analysis_set": "unadjusted", "p": ""} | common
    names = ("group", "category", "arm", "count", "total", "percent")
    return pd.DataFrame([base | dict(zip(names, row, strict=True)) for row in rows])


def raised(frame, kind="event_counts"):
    return list(alarms(audit(frame, kind=kind))["check"])


def test_attainable_counts():
    assert attainable_counts(parse("42.6"), 141) == [60]
    assert attainable_counts(parse("59.5"), 107) == []
    assert attainable_counts(parse("25"), 202) == [50, 51]
    assert attainable_counts(parse("0"), 59) == [0]
    assert attainable_counts(parse("100"), 59) == [59]


def test_percentage_no_count_gives():
    frame = events([("ORR", "", "treated", "", "107", "59.5")])
    hit = alarms(audit(frame, kind="event_counts"))
    assert list(hit["check"]) == ["percent_not_attainable"]
    assert hit["expected"].iloc[0] == "58.9 or 59.8"


def test_p_of_two_arms():
    rows = [
        ("liver", "any", "treated", "73", "141", "51.8"),
        ("liver", "any", "control", "14", "26", "53.8"),
    ]
    assert raised(events(rows, p="0.846")) == []
    assert raised(events(rows, p="0.042")) == ["p_not_reproduced"]


def test_n_minus_one_chi_square_is_known():
    # Pearson 0.1104, times 421/422 0.1108: printed 0.111.
    rows = [
        ("AST", "any", "treated", "25", "169", "14.8"),
        ("AST", "any", "control", "53", "253", "20.9"),
    ]
    assert raised(events(rows, p="0.111")) == []
    assert raised(events(rows, p="0.112")) == ["p_not_reproduced"]


def test_severe_events_are_some_of_all():
    rows = [
        ("rash", "any", "treated", "3", "100", "3.0"),
        ("rash", "3-4", "treated", "5", "100", "5.0"),
    ]
    assert raised(events(rows)) == ["subset_above_whole"]


def test_responses_add_up():
    counts = {"CR": 1, "PR": 33, "SD": 25, "PD": 16, "ORR": 34, "DCR": 59}

    def frame(**changes):
        return events(
            [
                ("all", name, "treated", str(count), "75", f"{100 * count / 75:.1f}")
                for name, count in (counts | changes).items()
            ]
        )

    assert raised(frame()) == []
    assert raised(frame(ORR=33)) == ["response_sum"]
    assert set(raised(frame(PD=20))) == {"response_sum"}


def test_shares_of_events_are_noted():
    shares = ("12.0", "9.7", "33.1", "39.4", "5.7")
    frame = events([(f"mode {i}", "", "treated", "", "", share) for i, share in enumerate(shares)])
    frame["total"] = "118"
    assert "shares_add_to_whole" in set(audit(frame, kind="event_counts")["check"])


def rates(percents, *, n="60", median="", arm="treated"):
    return pd.DataFrame(
        [
            {
                "study": "A", "endpoint": "OS", "analysis_set": "unadjusted", "arm": arm, "n": n,
                "month": str(month), "percent": percent, "median": median,
            }
            for month, percent in percents
        ]
    )  # fmt: skip


def test_survival_cannot_rise():
    frame = rates([(12, "60.1"), (24, "60.4"), (36, "31.7")], n="61")
    assert raised(frame, "survival_rates") == ["rate_rises"]
    assert raised(rates([(12, "60.1"), (24, "60.1")], n="61"), "survival_rates") == []


def test_rates_that_are_patients_over_n():
    frame = rates([(12, "80.0"), (24, "31.7"), (36, "20.0")])
    hit = alarms(audit(frame, kind="survival_rates"))
    assert list(hit["check"]) == ["rates_are_at_risk"]
    # 0.1% wide times 60 patients each: 0.06^3.
    assert "chance 0.0002" in hit["message"].iloc[0]
    assert "24 months 19/60" in hit["message"].iloc[0]


@pytest.mark.parametrize(
    "frame",
    [
        rates([(12, "80.0"), (24, "31.7"), (36, "20.4")]),  # one is no multiple
        rates([(12, "80.0")]),  # one rate may be an estimate before any censoring
        rates([(12, "100"), (24, "100"), (36, "0")]),  # says nothing
        rates([(12, "80"), (24, "32"), (36, "20")]),  # whole percentages are nearly all attainable
    ],
)
def test_rates_that_may_well_be_survival(frame):
    assert raised(frame, "survival_rates") == []


def test_rates_against_the_median():
    assert raised(rates([(24, "31.8")], median="not reached"), "survival_rates") == [
        "rate_against_median"
    ]
    assert raised(rates([(24, "61.2")], median="20.1"), "survival_rates") == ["rate_against_median"]
    assert raised(rates([(24, "50.0")], median="24"), "survival_rates") == []
    assert raised(rates([(12, "61.2"), (24, "40.2")], median="18"), "survival_rates") == []


def medians(*rows):
    names = ("study", "source", "arm", "median", "median_lower", "median_upper", "n", "events",
             "events_percent")  # fmt: skip
    base = {"endpoint": "OS", "analysis_set": "unadjusted"}
    padded = [tuple(row) + ("",) * (len(names) - len(row)) for row in rows]
    return pd.DataFrame([base | dict(zip(names, row, strict=True)) for row in padded])


def test_median_and_limits():
    assert raised(medians(("A", "A", "treated", "26.0", "18.4", "NA")), "medians") == []
    wrong = medians(("A", "A", "treated", "16.0", "17.6", "18.3"))
    assert raised(wrong, "medians") == ["median_outside_limits"]


def test_symmetric_limits_are_noted():
    frame = medians(
        ("A", "A", "treated", "16.0", "13.6", "18.3"),
        ("A", "A", "control", "9.0", "6.5", "11.4"),
        ("A", "A", "treated", "11.0", "8.6", "13.3"),
    )
    assert list(audit(frame, kind="medians")["check"]) == ["symmetric_limits"]


def test_sources_that_disagree():
    frame = medians(("A", "B", "control", "16.2"), ("A", "C", "control", "16.1"))
    hit = alarms(audit(frame, kind="medians"))
    assert list(hit["check"]) == ["sources_disagree"]
    assert (hit["row"].iloc[0], hit["expected"].iloc[0]) == (2, "16.2")
    same = medians(("A", "B", "control", "9.9"), ("A", "C", "control", "9.90"))
    assert raised(same, "medians") == []


def test_events_against_their_percentage():
    row = ("A", "A", "treated", "26.0", "", "", "169", "68", "40.2")
    assert raised(medians(row), "medians") == []
    assert raised(medians((*row[:-1], "41.2")), "medians") == ["percent_of_count"]
