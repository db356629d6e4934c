"""A synthetic cohort is read by name, and the word synthetic stays with it everywhere."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

import hccbayes as hb
from hccbayes import console
from hccbayes.cautions import cautions
from hccbayes.cli import app
from hccbayes.errors import InputError
from hccbayes.model_files import model_file
from hccbayes.pipeline import build_study

NAME = "synthetic_chen2025"


@pytest.fixture(scope="module")
def spec() -> hb.AnalysisSpec:
    return hb.AnalysisSpec.from_toml(model_file("chen2025_os"))


@pytest.fixture
def synthetic(make_analysis):
    plain = make_analysis()
    return replace(plain, summary=replace(plain.summary, synthetic=NAME))


def test_by_name_by_frame_and_by_file_it_is_the_same_cohort_and_says_so(spec, tmp_path):
    frame = hb.synthetic.load("chen2025")
    file = tmp_path / "synthetic_chen2025.csv"
    frame.to_csv(file, index=False)
    first, *others = [
        hb.read_cohort(source, spec.roles) for source in ("synthetic:chen2025", frame, file)
    ]
    assert first.source == "synthetic:chen2025"
    assert (len(first.frame), int(first.frame["event"].sum())) == (422, 262)
    for cohort in (first, *others):
        assert cohort.synthetic == NAME
        assert cohort.frame.attrs["synthetic"] == NAME
        assert cohort.summary().notice == (
            "Synthetic cohort (synthetic_chen2025), not patients: results show the software, "
            "never a therapy."
        )
        pd.testing.assert_frame_equal(cohort.frame, first.frame)


def test_patients_are_not_called_synthetic(spec, tmp_path):
    frame = hb.synthetic.load("chen2025")
    frame.attrs.clear()
    file = tmp_path / "patients.csv"
    frame.to_csv(file, index=False)
    for source in (frame, file):
        cohort = hb.read_cohort(source, spec.roles)
        assert cohort.synthetic == ""
        assert cohort.summary().notice == ""


def test_unknown_name_lists_the_known_ones(spec):
    with pytest.raises(InputError, match=r"unknown name 'chen2024'; choose from chen2025, lin2023"):
        hb.read_cohort("synthetic:chen2024", spec.roles)


def test_first_caution_says_it(spec):
    cohort = hb.read_cohort("synthetic:chen2025", spec.roles)
    study = build_study(cohort, spec)
    found = cautions(cohort.summary(), study.data, spec, study.at_risk)
    assert found[0] == cohort.summary().notice
    assert "2 months of lenvatinib" in found[1]


def test_report_says_it_in_title_and_below(synthetic):
    lines = [line for line in synthetic.report().splitlines() if line]
    assert lines[1] == "# toy (synthetic cohort)"
    assert lines[2].startswith("**Synthetic cohort (synthetic\\_chen2025), not patients")


def test_terminal_says_it_once(synthetic, capsys, tmp_path):
    notice = synthetic.summary.notice
    synthetic = replace(synthetic, cautions=(notice, "Another caution."))
    console.print_analysis(synthetic, tmp_path)
    long = " ".join(capsys.readouterr().out.split())
    assert long.count(notice) == 1
    assert "Caution: Another caution." in long
    console.print_verdict(synthetic)
    assert notice in capsys.readouterr().out


def test_tables_and_draws_carry_it_through_a_folder(synthetic, written):
    synthetic.save(written)
    again = hb.load(written)
    assert again.summary.synthetic == NAME
    for table in (again.estimates, again.crosscheck, again.posterior):
        assert table.attrs["synthetic"] == NAME
    for group in again.posterior.subtree:
        assert group.attrs["synthetic"] == NAME, group.path


def test_every_named_model_checks_without_a_data_argument():
    """All but the one on patients who are not in the package."""
    names = sorted(path.stem for path in model_file("chen2025_os").parent.glob("*.toml"))
    assert len(names) == 13
    assert sum(name.endswith("_pfs") for name in names) == 4
    for name in names:
        result = CliRunner().invoke(app, ["check", str(model_file(name))])
        if name == "sysucc_targeted_os":
            assert result.exit_code == 2
            continue
        assert result.exit_code == 0, result.output
        assert "No problem found." in result.output
        assert ("Synthetic cohort" in result.output) == (name != "ncctg_lung_os")
