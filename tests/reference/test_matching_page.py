"""The page on Chen's matching holds what the package gives."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import hccbayes as hb

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("chen", DOCS / "matching_chen2025.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["chen"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def text() -> str:
    return (DOCS / "matching_chen2025.md").read_text(encoding="utf-8")


def test_page_holds_what_the_package_gives(page, text):
    assert page.frequentist_part(hb.synthetic.load("chen2025")) in text


def test_pairs_keep_to_the_caliper_and_to_one_group(page):
    cohort = hb.synthetic.load("chen2025")
    score = page.selection(cohort).fit.score
    for name, pairs in page.matchings(cohort, score):
        assert pairs.pairs["control"].is_unique
        if name != "no caliper":
            assert pairs.pairs["distance"].max() <= pairs.caliper + 1e-12


def test_every_method_of_the_model_file_has_a_row(text):
    rows = re.findall(r"^\| (Bayes[^|]*|Cox[^|]*) \| (\w+) \|", text, flags=re.MULTILINE)
    assert len(rows) == 10
    assert {population for _, population in rows} == {"ate", "ato", "matched"}
