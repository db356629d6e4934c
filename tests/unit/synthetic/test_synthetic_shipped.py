"""Reading and regenerating the shipped cohorts."""

from __future__ import annotations

import math
import time
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest

import hccbayes.synthetic as synthetic
from hccbayes.errors import InputError
from hccbayes.synthetic.cohorts import synthetic_lu2025
from hccbayes.synthetic.generate import BUILDERS, main
from hccbayes.synthetic.measures import TargetRow
from hccbayes.synthetic.shipped import SHIPPED, full_name, load, manifest

FILES = resources.files("hccbayes.synthetic").joinpath("data")
TWO_MINUTES = 120.0


def test_every_shipped_name_has_a_builder_and_no_other_file_is_there() -> None:
    assert tuple(BUILDERS) == SHIPPED
    expected = {f"synthetic_{name}.{end}" for name in SHIPPED for end in ("csv", "json")}
    assert {file.name for file in FILES.iterdir()} == expected


@pytest.mark.parametrize("name", ["chen2025", "synthetic_chen2025"])
def test_names_with_and_without_the_prefix(name: str) -> None:
    frame = load(name)
    assert frame.attrs["synthetic"] == "synthetic_chen2025"
    assert frame["patient_id"].str.startswith("synthetic_chen2025_").all()
    assert frame["patient_id"].is_unique


@pytest.mark.parametrize("read", [load, manifest, full_name])
def test_unknown_names_list_the_known_ones(read) -> None:
    with pytest.raises(InputError, match="unknown name 'chen2026'; choose from chen2025, lin2023"):
        read("chen2026")


def test_not_reached_is_infinite_and_no_target_has_no_tolerance() -> None:
    table = manifest("chen2025")
    upper = table[(table["quantity"] == "median, upper limit") & (table["arm"] == "treated")]
    assert math.isinf(upper.loc[upper["item"] == "os", "target"].iloc[0])
    assert table.loc[table["status"] == "not targeted", "tolerance"].isna().all()


def test_a_missed_target_is_told_from_a_met_one() -> None:
    def row(achieved: float, tolerance: float) -> TargetRow:
        return TargetRow(
            quantity="median",
            item="os",
            sample="all",
            arm="treated",
            target=26.0,
            achieved=achieved,
            tolerance=tolerance,
            status="identified",
        )

    assert row(26.0, 0.0).met
    assert not row(26.001, 0.0).met
    assert not row(math.inf, 0.0).met
    assert row(3.0, math.nan).met


def test_public_names_exist() -> None:
    for name in synthetic.__all__:
        assert getattr(synthetic, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = synthetic.nothing


def test_files_are_made_again_to_the_byte(tmp_path: Path) -> None:
    assert main([str(tmp_path), "lu2025", "lu2025_immortal_null"]) == 0
    made = sorted(tmp_path.iterdir())
    assert len(made) == 4
    for file in made:
        assert file.read_bytes() == FILES.joinpath(file.name).read_bytes()


@pytest.mark.slow
def test_all_files_are_made_again_to_the_byte_within_two_minutes(tmp_path: Path) -> None:
    began = time.perf_counter()
    assert main([str(tmp_path)]) == 0
    assert time.perf_counter() - began < TWO_MINUTES
    for file in FILES.iterdir():
        assert (tmp_path / file.name).read_bytes() == file.read_bytes()


def test_unknown_name_stops_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), "fu2024"])
    assert stopped.value.code == 2
    assert "unknown name 'fu2024'; choose from chen2025" in capsys.readouterr().err


def test_another_seed_and_a_correlation_meet_the_same_targets() -> None:
    shipped = load("lu2025")
    cohort = synthetic_lu2025(
        seed=1, correlation={("albi_grade", "ascites"): 0.6}, exchange_child_pugh=True
    )
    assert [row for row in cohort.targets if not row.met] == []
    assert cohort.frame.attrs["synthetic"] == "synthetic_lu2025"
    pair = ["albi_grade", "ascites"]
    worse = (cohort.frame["albi_grade"] > 1) & (cohort.frame["ascites"] == "yes")
    before = (shipped["albi_grade"] > 1) & (shipped["ascites"] == "yes")
    assert worse.sum() > before.sum() + 5, pair
    counts = cohort.frame["child_pugh"].value_counts()
    # 34 + 9 of class A as printed become class B.
    assert counts.to_dict() == {"A": 124, "B": 43}


def test_built_and_loaded_frames_are_equal() -> None:
    built = synthetic_lu2025().frame
    pd.testing.assert_frame_equal(built, load("lu2025"), rtol=0, atol=0)
