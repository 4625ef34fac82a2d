"""What `bridge config check` says: the line, the key, what is wrong and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.settings import check, render

ERRORS = """\
site: {name: HOSP, timezone: Asia/Saigonn, mod: ris}
http:
  port: 80800
  port: 8081
hl7:
  listeners:
    - {name: his, port: 2575}
    - {name: his, port: 2575, profil: x}
dicom:
  ae_title: THIS_IS_MUCH_TOO_LONG
  peers: [{ae_title: CT01, specific_character_set: utf-8, port: 0}]
timezone: UTC
destinations:
  - {name: ehr, kind: fihr, url: x}
  - {name: ehr, kind: fhir, url: "ftp://x", retry: {base_seconds: 10, ceiling_seconds: 5}}
  - {name: pacs, kind: dicom_store, host: "127.0.0.1:4242"}
"""

EXPLAINED = """\
bridge.yaml:1: site.mod: is not a known key
    fix: did you mean mode?
bridge.yaml:1: site.timezone: 'Asia/Saigonn' is not a time zone
    fix: did you mean Asia/Saigon?
bridge.yaml:3: http.port: 80800 is above 65535
    fix: use a whole number from 0 to 65535 (0: any free port)
bridge.yaml:4: the key port is written twice in one place (first on line 3)
    fix: keep one of the two
bridge.yaml:8: hl7.listeners[1].profil: is not a known key
    fix: did you mean profile?
bridge.yaml:8: hl7.listeners[1].name: 'his' is already the name at hl7.listeners[0].name \
(bridge.yaml:7)
    fix: give each its own name
bridge.yaml:8: hl7.listeners[1].port: port 2575 is already taken by hl7.listeners[0].port \
(bridge.yaml:7)
    fix: give each listener its own port
bridge.yaml:10: dicom.ae_title: 'THIS_IS_MUCH_TOO_LONG' is 21 characters long
    fix: use at most 16 characters, as DICOM PS3.5 section 6.2 demands
bridge.yaml:11: dicom.peers[0].port: 0 is below 1
    fix: use a whole number from 1 to 65535
bridge.yaml:11: dicom.peers[0].specific_character_set: 'utf-8' is not a value of Specific \
Character Set
    fix: did you mean ISO_IR 192?
bridge.yaml:12: timezone: is not a known key
    fix: move it: its place is site.timezone
bridge.yaml:14: destinations[0].kind: 'fihr' is no kind of destination
    fix: did you mean fhir?
bridge.yaml:15: destinations[1].url: is not an http or https URL
    fix: write the whole address, such as http://127.0.0.1:8090/fhir
bridge.yaml:15: destinations[1].name: 'ehr' is already the name at destinations[0].name \
(bridge.yaml:14)
    fix: give each its own name
bridge.yaml:15: destinations[1].retry.ceiling_seconds: the ceiling of 5 seconds is below the \
base of 10 seconds
    fix: make ceiling_seconds at least base_seconds
bridge.yaml:16: destinations[2].ae_title: is missing
    fix: add ae_title: ORTHANC
bridge.yaml:16: destinations[2].host: '127.0.0.1:4242' is not a host name or IP address
    fix: write the name or address alone, such as 127.0.0.1, without scheme or port
bridge.yaml:16: destinations[2].port: is missing
    fix: add port: 4242
environment variable BRIDGE__DICOM__PEERS__CT02__PORT: names the list item 'ct02', which is not \
there
    fix: did you mean ct01?
environment variable BRIDGE__HTTP__PROT: http.prot: is not a known key
    fix: did you mean port?
20 problems found."""


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in the folder of the file, so that messages name it shortly."""
    monkeypatch.chdir(tmp_path)


def explain(text: str | bytes, **environ: str) -> str:
    """Return what is said about a file of this content."""
    content = text.encode() if isinstance(text, str) else text
    Path("bridge.yaml").write_bytes(content)
    return render(check(Path("bridge.yaml"), environ))


def test_given_many_errors_when_checked_then_each_has_its_line_and_fix_at_once() -> None:
    variables = {"BRIDGE__DICOM__PEERS__CT02__PORT": "1", "BRIDGE__HTTP__PROT": "1"}
    assert explain(ERRORS, **variables) == EXPLAINED


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        ("http: {port: 8080\nsite: x\n", 2, "expected ',' or '}'"),
        ("http:\n\tport: 1\n", 2, "cannot start any token"),
        ("a: b: c\n", 1, "mapping values are not allowed here"),
        ("var: x\n---\nvar: y\n", 2, "but found another document"),
        ("var: *nowhere\n", 1, "found undefined alias"),
        ("var: x\nimages: a\0b\n", 2, "the character 0 is not allowed"),
    ],
)
def test_given_bad_yaml_when_checked_then_the_line_is_named(
    content: str, line: int, what: str
) -> None:
    text = explain(content)
    assert text.startswith(f"bridge.yaml:{line}: is not valid YAML: ")
    assert what in text
    assert "1 problem found." in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("site:\n  name: N\xe4me".encode("latin-1"), "bridge.yaml:2: is not UTF-8 text"),
        ("[" * 5000, "bridge.yaml: is nested too deeply"),
        (r'var: "\UFFFFFFFF"', "bridge.yaml: holds an escape sequence that is no character"),
        (r'var: "\uD800"', r"bridge.yaml:1: var: '\ud800' holds a control character"),
        ("# " + "x" * 1_048_576, "bridge.yaml: is larger than 1 MiB"),
        ("&a [*a]", "bridge.yaml:1: refers to itself"),
        ("var: !!python/object:os.system x", "bridge.yaml:1: has the YAML tag"),
        ("http:\n  <<: {port: 1}", "bridge.yaml:2: uses a merge key (<<)"),
        ("? [a]\n: b", "bridge.yaml:1: has a key that is not a word"),
        ("- a", "bridge.yaml:1: is not a section with keys"),
        ("http: 8080", "bridge.yaml:1: http: is not a section with keys"),
        ("hl7: {listeners: {name: x}}", "bridge.yaml:1: hl7.listeners: is not a list"),
        ("hl7:\n  listeners:\n    - x", "bridge.yaml:3: hl7.listeners[0]: is not a section"),
        ("dicom: {peers: [{ae_title: A, aliases: B}]}", "dicom.peers[0].aliases: is not a list"),
        ("http: {port: [1]}", "http.port: is a list or a section where one value belongs"),
        ("http:\n  port:\n", "bridge.yaml:2: http.port: is empty"),
        ("destinations: [{name: x}]", "destinations[0].kind: is missing"),
    ],
)
def test_given_a_wrong_shape_when_checked_then_it_is_explained(
    content: str | bytes, message: str
) -> None:
    text = explain(content)
    assert message in text
    assert "fix: " in text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("http: {port: eighty}", "http.port: 'eighty' is not a whole number"),
        ("http: {port: -1}", "http.port: -1 is below 0"),
        ("http: {port: 2:30}", "http.port: '2:30' is not a whole number"),
        ("dicom: {settle_seconds: .nan}", "dicom.settle_seconds: '.nan' is not a number"),
        ("dicom: {settle_seconds: -0.5}", "dicom.settle_seconds: -0.5 is below 0"),
        ("dicom: {unknown_peers: refuse}", "'refuse' is not one of accept, reject"),
        ("dicom: {ae_title: 'A\\B'}", "holds a character that an AE title cannot"),
        ("dicom: {ae_title: MÁY}", "holds a character that an AE title cannot"),
        ("dicom: {ae_title: '  '}", "dicom.ae_title: is empty"),
        ("site: {timezone: America}", "'America' is not a time zone"),
        ("site: {timezone: ../../etc/passwd}", "is not a time zone"),
        ("site: {name: my site}", "site.name: 'my site' is not a name"),
        ("http: {host: 'http://x'}", "is not a host name or IP address"),
        ("http: {host: 1.2.3.400}", "is not a host name or IP address"),
        ("http: {public_url: 'http://[::1'}", "http.public_url: is not a URL"),
        ("http: {public_url: 'http://h:99999'}", "http.public_url: is not a URL"),
        ("http: {public_url: 'http://h/?a=b'}", "http.public_url: holds a query"),
        ("http: {public_url: 'http://u:p@h/'}", "carries a user or password"),
        ("database: mysql://u@h/n", "database: is not the URL of a database"),
        ("database: 'sqlite:///:memory:'", "database: names no file"),
        ("database: sqlite:bridge.db", "database: names no file"),
        ("database: postgresql://h", "is not a PostgreSQL URL that names a database"),
        ("images: file:///x", "images: 'file' is no image store"),
        ("images: 's3://'", "images: names no bucket"),
        ("log: {level: verbose}", "'verbose' is not one of debug, info, warning, error"),
    ],
)
def test_given_an_unfit_value_when_checked_then_it_is_explained(content: str, message: str) -> None:
    text = explain(content)
    assert message in text
    assert "1 problem found." in text


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("latin1", "did you mean ISO_IR 100?"),
        ("8859/1", "did you mean ISO_IR 100?"),
        ("ISO IR 101", "did you mean ISO_IR 101?"),
        ("ISO-8859-15", "did you mean ISO_IR 203?"),
        ("klingon", "use ISO_IR 192 (UTF-8), ISO_IR 100 (Latin-1) or ISO_IR 6 (ASCII)"),
        (r"ISO_IR 100\ISO 2022 IR 87", "use only ISO 2022 terms"),
        (r"\ISO_IR 192", "ISO_IR 192, GB18030 and GBK stand alone"),
    ],
)
def test_given_a_wrong_character_set_when_checked_then_the_term_is_suggested(
    written: str, advice: str
) -> None:
    content = f"dicom: {{peers: [{{ae_title: A, specific_character_set: '{written}'}}]}}"
    assert advice in explain(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "dicom: {peers: [{ae_title: A}, {ae_title: B, aliases: [A]}]}",
            "dicom.peers[1].aliases[0]: 'A' is already the AE title at dicom.peers[0].ae_title",
        ),
        (
            "http: {port: 11112}",
            "bridge.yaml:1: http.port: port 11112 is already taken by dicom.port",
        ),
        (
            "hl7: {listeners: [{name: a, acknowledgements: return_connection,"
            " return_connection: {host: h}}]}",
            "hl7.listeners[0].acknowledgements: has no address: return_connection.port is missing",
        ),
        (
            "dicom: {host: 0.0.0.0, port: 8080}",
            "dicom.port: port 8080 is already taken by http.port",
        ),
    ],
)
def test_given_two_values_that_collide_when_checked_then_the_written_one_is_named(
    content: str, message: str
) -> None:
    assert message in explain(content)


@pytest.mark.parametrize(
    "content",
    [
        "http: {port: 0}\ndicom: {port: 0}",
        "http: {host: 192.0.2.1, port: 11112}\ndicom: {host: 192.0.2.2}",
        "hl7: {listeners: [{name: his}]}\ndestinations: [{name: his, kind: hl7, host: h, port: 1}]",
        r"dicom: {peers: [{ae_title: A, specific_character_set: \ISO 2022 IR 87}]}",
        "database: postgresql:///bridge?host=/var/run/postgresql",
        "database: sqlite:////srv/bridge.db",
        "images: s3://bucket/prefix/deep",
    ],
)
def test_given_values_that_only_look_odd_when_checked_then_they_pass(content: str) -> None:
    assert explain(content) == "The configuration is valid."


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("BRIDGE__", "1", "has an empty key in its name"),
        ("BRIDGE__HTTP____PORT", "1", "has an empty key in its name"),
        ("BRIDGE__HTTP__PORT", "x", "http.port: 'x' is not a whole number"),
        ("BRIDGE__HTTP__PORT__LOW", "1", "http.port: is a list or a section"),
        ("BRIDGE__DESTINATIONS__7__URL", "x", "names the list item '7', which is not there"),
        ("BRIDGE__DESTINATIONS", "[{", "is not valid YAML"),
        ("BRIDGE__HTTP", "8080", "http: is not a section with keys"),
        ("BRIDGE__SITE__TIMEZONE", "", "site.timezone: is empty"),
    ],
)
def test_given_a_bad_variable_when_checked_then_it_is_named(
    variable: str, value: str, message: str
) -> None:
    text = explain("", **{variable: value})
    assert text.startswith(f"environment variable {variable}: ")
    assert message in text


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("token: a, token_file: b", "token_file: is given together with token"),
        ("token_file: nowhere", "the file 'nowhere' cannot be read: No such file or directory"),
        ("token_file: bridge.empty", "the file 'bridge.empty' is empty"),
        ("token_file: .", "the file '.' cannot be read: Is a directory"),
        ("token_file: [a]", "token_file: names no file"),
        ("url_file: a", "url_file: is not a known key"),
    ],
)
def test_given_a_bad_secret_file_when_checked_then_it_is_explained(keys: str, message: str) -> None:
    Path("bridge.empty").touch()
    text = explain(f"destinations: [{{name: e, kind: fhir, url: 'http://h/', {keys}}}]")
    assert message in text
    assert "bridge.yaml:1: destinations[0]." in text
    assert "1 problem found." in text
