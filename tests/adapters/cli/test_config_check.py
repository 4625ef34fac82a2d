"""`bridge config check`, as somebody who writes the file uses it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.cli import main
from tests.adapters.cli.conftest import Site


def check(text: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    file = directory / "bridge.yaml"
    file.write_text(text)
    code = main(["config", "check", str(file)])
    told = capsys.readouterr()
    return code, told.out, told.err.replace(str(file), "bridge.yaml")


def test_given_a_sound_file_then_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = check("site: {name: HOSP}\n", tmp_path, capsys)
    assert (code, out, err) == (0, "The configuration is valid.\n", "")


def test_given_two_errors_then_each_is_told_with_its_line_and_its_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = check("http:\n  port: 99999\nlog: {level: loud}\n", tmp_path, capsys)
    assert (code, out) == (2, "")
    assert "bridge.yaml:2: http.port: 99999 is above 65535\n    fix: use" in err
    assert "bridge.yaml:3: log.level: 'loud' is not one of" in err
    assert err.endswith("2 problems found.\n")


def test_given_a_profile_that_is_not_there_then_its_line_and_the_name_probably_meant_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "hl7:\n  listeners:\n  - {name: his, profile: ihe-swff}\n"
    code, _, err = check(text, tmp_path, capsys)
    assert code == 2
    assert "bridge.yaml:3: hl7.listeners[0].profile: no profile 'ihe-swff'" in err
    assert "fix: did you mean ihe-swf?" in err


def test_given_certificates_of_an_archive_that_are_not_there_then_the_line_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "destinations:\n- {name: web, kind: stow, url: 'https://pacs.example/dicom-web',\n"
    code, _, err = check(f"{text}   authorities: /nowhere.pem}}\n", tmp_path, capsys)
    assert code == 2
    assert "bridge.yaml:3: destinations[0].authorities: TLS cannot be used with /nowhere" in err


def test_given_options_that_a_bucket_does_not_have_then_they_are_refused_before_the_start_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "images: gs://bucket/images\nbucket: {access_key_id: of-another-service}\n"
    code, _, err = check(text, tmp_path, capsys)
    assert code == 2
    assert "bridge.yaml:1: images: gs://bucket/images cannot be used: " in err
    assert "access_key_id" in err


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("version: '2.8'", "HL7 v2.8 has no message ORM^O01^ORM_O01"),
        ("profile: orm-or", "no profile 'orm-or'"),
        ("profile: ihe-swf", "ihe-swf does not say how messages are written"),
        ("pass_on: {messages: [ADT_A40]}", "'ADT_A40' is no message type"),
        ("tls: {enabled: true, ca: none.pem}", "TLS cannot be used with none.pem"),
    ],
)
def test_given_a_receiver_of_hl7_that_cannot_be_told_so_then_it_is_explained(
    keys: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"destinations: [{{name: ris, kind: hl7, host: localhost, port: 2576, {keys}}}]\n"
    code, _, err = check(text, tmp_path, capsys)
    assert code == 2
    assert said in err


def test_given_a_file_that_is_not_there_then_it_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "check", "--config", str(tmp_path / "none.yaml")]) == 2
    assert "none.yaml: cannot be read: No such file or directory" in capsys.readouterr().err


def test_given_no_file_then_what_was_examined_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BRIDGE_CONFIG", raising=False)
    assert main(["config", "check"]) == 0
    assert "No file is named: the defaults and the environment hold." in capsys.readouterr().out


def test_given_a_fhir_profile_that_is_not_there_then_its_key_is_named(site: Site) -> None:
    site.configuration["fhir"] = {"profile": "fhir-r9"}
    code, told = site.run("config", "check")
    assert code == 2
    assert "fhir.profile" in told
    assert "no profile 'fhir-r9'" in told


def test_given_a_folder_of_profiles_that_is_not_there_then_it_says_so(site: Site) -> None:
    site.configuration["mappings"] = str(site.directory / "none")
    code, told = site.run("config", "check")
    assert code == 2
    assert "there is no folder" in told
