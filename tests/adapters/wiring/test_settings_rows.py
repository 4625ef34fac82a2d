"""Given a configuration, when its settings are listed, then each says where it was written."""

from __future__ import annotations

from pathlib import Path

from bridge.services.list_settings import Written, sections
from bridge.settings import load
from bridge.wiring.settings_rows import setting_rows

FILE = """site: {name: HOSP}
destinations:
  - {name: hook, kind: webhook, url: "http://127.0.0.1/e?token=geheim&x=1", secret: verysecretkey}
"""


def test_given_file_environment_and_defaults_then_each_value_says_which_and_shows_no_secret(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(FILE)
    rows = setting_rows(load(file, {"BRIDGE__HTTP__PORT": "8181"}))
    by_path = {row.path: row for row in rows}

    name = by_path["site.name"]
    assert (name.text, name.written, name.place, name.line) == (
        "HOSP",
        Written.FILE,
        str(file),
        1,
    )
    port = by_path["http.port"]
    assert (port.text, port.written, port.place) == (
        "8181",
        Written.ENVIRONMENT,
        "BRIDGE__HTTP__PORT",
    )
    assert by_path["dicom.port"].written is Written.DEFAULT
    assert by_path["destinations[0].url"].text == "http://127.0.0.1/e?token=********&x=********"
    assert not any("geheim" in row.text or "verysecret" in row.text for row in rows)


def test_given_words_then_only_rows_that_hold_them_are_shown_by_section(tmp_path: Path) -> None:
    rows = setting_rows(load(None, {"BRIDGE__HTTP__PORT": "8181"}))

    assert [each.name for each in sections(rows, changed=True)] == ["http"]
    (found,) = sections(rows, sought="DICOM settle")
    assert [row.path for row in found.rows] == ["dicom.settle_seconds"]
