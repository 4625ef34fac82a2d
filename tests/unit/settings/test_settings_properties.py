"""Whatever a file or an environment holds: settings, or problems, and no other way out."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from bridge.settings import Settings, check, load, render, rows
from bridge.settings.schema import Section, walk
from bridge.settings.tree import Settings as Tree

PATHS = [path for path, _ in walk(Section(Tree))]
KEYS = sorted({path.rpartition(".")[2] for path in PATHS} | {"kind", "token_file", "database_file"})
WORDS = ["fhir", "hl7", "webhook", "127.0.0.1", "http://h/f", "R4", "ris", "UTC", "CT01", "s3://b"]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.dates(),
    st.binary(max_size=8),
    st.sampled_from(WORDS),
    st.integers(0, 70_000),
)
keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=8), st.integers(), st.none())
trees: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=6)),
    max_leaves=30,
)
sections = st.dictionaries(st.sampled_from(KEYS), st.one_of(scalars, trees), max_size=8)
likely_files = st.fixed_dictionaries(
    {},
    optional={
        **{key: sections for key in ("site", "http", "log", "dicom")},
        "hl7": st.fixed_dictionaries({"listeners": st.lists(sections, max_size=3)}),
        "destinations": st.lists(sections, max_size=3),
        "database": scalars,
        "images": scalars,
        "var": scalars,
    },
)
variables = st.dictionaries(
    st.one_of(
        st.sampled_from(PATHS).map(
            lambda path: "BRIDGE__" + path.upper().replace("[]", "__0").replace(".", "__")
        ),
        st.text(st.sampled_from("_AHTP01")).map("BRIDGE__".__add__),
    ),
    st.one_of(st.sampled_from(WORDS), st.text(max_size=12)),
    max_size=5,
)


def read(content: bytes, environ: dict[str, str]) -> None:
    """Check and, when nothing is wrong, load; everything said must be printable."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bridge.yaml"
        path.write_bytes(content)
        problems = check(path, environ)
        render(problems).encode()
        assert all(problem.what and problem.fix for problem in problems)
        if not problems:
            settings = load(path, environ)
            assert isinstance(settings, Settings)
            "".join(row.text for row in rows(settings)).encode()


@given(tree=st.one_of(trees, likely_files), environ=variables)
def test_given_any_tree_when_read_then_settings_or_problems(
    tree: object, environ: dict[str, str]
) -> None:
    read(yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"), environ)


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_given_any_bytes_when_read_then_settings_or_problems(content: bytes) -> None:
    read(content, {})


@given(text=st.text(st.sampled_from("abhl7tp :-\n\t[]{}&*?|>!%@'\"\\#,<x0"), max_size=60))
def test_given_text_of_yaml_signs_when_read_then_settings_or_problems(text: str) -> None:
    read(text.encode(), {})


@given(environ=variables)
def test_given_any_variables_when_read_then_settings_or_problems(environ: dict[str, str]) -> None:
    read(b"", environ)
