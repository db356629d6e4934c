"""What the README shows runs: its model file is valid and its Python names exist."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import hccbayes as hb

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_model_file_is_valid() -> None:
    (text,) = blocks("toml")
    spec = hb.AnalysisSpec.from_dict(tomllib.loads(text))
    assert spec.roles.covariates == ("age", "child_pugh_score", "afp")
    assert spec.hazard.center == "hierarchical"


def test_python_names_exist() -> None:
    (text,) = blocks("python")
    chains = {
        ast.unparse(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("hb.")
    }
    assert "hb.analyse" in chains
    for chain in chains:
        found = hb
        for name in chain.split(".")[1:]:
            found = getattr(found, name)


def test_every_linked_file_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).is_file()] == []
