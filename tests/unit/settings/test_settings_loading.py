"""From a file and an environment to settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bridge.settings import (
    ConfigurationError,
    DicomStoreDestination,
    FhirDestination,
    Hl7Destination,
    IanDestination,
    Secret,
    Settings,
    Source,
    WebhookDestination,
    check,
    load,
    render,
    rows,
)

REPOSITORY = Path(__file__).parents[3]
EXAMPLE = REPOSITORY / "bridge.example.yaml"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(text: str) -> Path:
        path = tmp_path / "bridge.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


def test_given_no_file_when_loaded_then_safe_local_defaults() -> None:
    settings = load(None, {})
    listener = settings.hl7.listeners[0]
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 8080)
    assert (listener.host, listener.port) == ("127.0.0.1", 2575)
    assert (settings.dicom.host, settings.dicom.port) == ("127.0.0.1", 11112)
    assert settings.database == "sqlite:///var/bridge.db"
    assert settings.images == "var/images"
    assert settings.destinations == ()


def test_given_the_example_when_loaded_then_every_key_of_the_contract_is_read() -> None:
    settings = load(EXAMPLE, {})
    assert settings.site.name == "HOSP"
    assert settings.site.timezone == ZoneInfo("Asia/Ho_Chi_Minh")
    assert settings.site.mode == "his_only"
    assert settings.var == Path("./var")
    assert settings.database == "sqlite:///./var/bridge.db"
    assert settings.images == "./var/images"
    listener = settings.hl7.listeners[0]
    assert (listener.name, listener.port, listener.profile) == ("his", 2575, "ihe-swf")
    assert (settings.dicom.ae_title, settings.dicom.settle_seconds) == ("BRIDGE", 30.0)
    assert settings.dicom.unknown_peers == "accept"
    peer = settings.dicom.peers[0]
    assert (peer.ae_title, peer.host, peer.port) == ("CT01", "127.0.0.1", 11113)
    assert peer.specific_character_set == "ISO_IR 100"


def test_given_each_kind_of_destination_when_loaded_then_each_has_its_own_type() -> None:
    fhir, his, archive, ris, hook = load(EXAMPLE, {}).destinations
    assert isinstance(fhir, FhirDestination)
    assert (fhir.url, fhir.version) == ("http://127.0.0.1:8090/fhir", "R4")
    assert isinstance(his, Hl7Destination)
    assert isinstance(archive, DicomStoreDestination)
    assert (archive.kind, archive.ae_title, archive.port) == ("dicom_store", "ORTHANC", 4242)
    assert isinstance(ris, IanDestination)
    assert isinstance(hook, WebhookDestination)


def test_given_only_var_when_loaded_then_database_and_images_follow_it(write: Write) -> None:
    settings = load(write("var: /srv/bridge"), {})
    assert settings.database == "sqlite:////srv/bridge/bridge.db"
    assert settings.images == "/srv/bridge/images"


def test_given_a_site_when_others_say_nothing_then_they_inherit_from_it(write: Write) -> None:
    path = write(
        "site: {name: NORD, mode: ris}\n"
        "hl7: {listeners: [{name: a}, {name: b, port: 0, mode: his_only}]}\n"
    )
    settings = load(path, {})
    # A listener that says no mode leaves it to its profile, which is not known here.
    assert [each.mode for each in settings.hl7.listeners] == ["", "his_only"]
    assert {each.assigning_authority for each in settings.hl7.listeners} == {"NORD"}


@pytest.mark.parametrize(
    ("http", "address"),
    [
        ("{port: 8081}", "http://127.0.0.1:8081"),
        ('{host: "::1"}', "http://[::1]:8080"),
        (
            "{host: 0.0.0.0, public_url: https://pacs.example/bridge/}",
            "https://pacs.example/bridge",
        ),
    ],
)
def test_given_http_when_loaded_then_others_know_its_address(
    write: Write, http: str, address: str
) -> None:
    assert load(write(f"http: {http}"), {}).http.public_url == address


@pytest.mark.parametrize("text", ["", "# nothing\n", "http:\n", "hl7:\ndicom:\n  peers:\n", "{}"])
def test_given_empty_sections_when_loaded_then_the_defaults_hold(write: Write, text: str) -> None:
    assert load(write(text), {}) == load(None, {})


def test_given_an_empty_list_of_listeners_when_loaded_then_there_is_none(write: Write) -> None:
    assert load(write("hl7: {listeners: []}"), {}).hl7.listeners == ()


def test_given_words_that_yaml_guesses_about_when_loaded_then_the_schema_decides(
    write: Write,
) -> None:
    path = write('site: {name: NO}\nhttp: {port: "8081"}\ndicom: {ae_title: 010, port: 011113}\n')
    settings = load(path, {})
    assert settings.site.name == "NO"
    assert settings.http.port == 8081
    assert (settings.dicom.ae_title, settings.dicom.port) == ("010", 11113)


def test_given_an_anchor_when_loaded_then_its_alias_has_the_same_values(write: Write) -> None:
    path = write(
        "destinations:\n"
        "  - {name: a, kind: hl7, host: h, port: 1, retry: &slow {base_seconds: 60}}\n"
        "  - {name: b, kind: hl7, host: h, port: 2, retry: *slow}\n"
    )
    first, second = load(path, {"BRIDGE__DESTINATIONS__A__RETRY__BASE_SECONDS": "5"}).destinations
    assert (first.retry.base_seconds, second.retry.base_seconds) == (5.0, 60.0)


def test_given_bridge_config_when_no_path_is_given_then_it_names_the_file(write: Write) -> None:
    path = write("http: {port: 8082}")
    assert load(None, {"BRIDGE_CONFIG": str(path)}).http.port == 8082


def test_given_a_missing_file_when_loaded_then_the_error_names_it(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigurationError) as raised:
        load(path, {})
    assert raised.value.problems[0].what == "cannot be read: No such file or directory"
    assert str(path) in str(raised.value)


def test_given_a_valid_file_when_checked_then_there_is_nothing_to_say() -> None:
    assert check(EXAMPLE, {}) == ()
    assert render(()) == "The configuration is valid."


def test_given_sources_when_loaded_then_each_value_knows_where_it_came_from(write: Write) -> None:
    path = write("http:\n  port: 8081\ndicom:\n  peers:\n    - ae_title: CT01\n      port: 104\n")
    environ = {"BRIDGE__DICOM__PEERS__CT01__HOST": "ct"}
    provenance = load(path, environ).provenance
    assert str(provenance["http.port"]) == f"{path}:2"
    assert str(provenance["dicom.peers[0].port"]) == f"{path}:6"
    assert provenance["dicom.peers[0].host"].source is Source.ENVIRONMENT
    assert provenance["dicom.peers[0].aliases"].source is Source.DEFAULT
    assert provenance["hl7.listeners[0].port"].source is Source.DEFAULT


def test_given_settings_when_listed_then_every_value_has_text_origin_and_meaning() -> None:
    listed = {row.path: row for row in rows(load(EXAMPLE, {}))}
    assert listed["dicom.peers[0].specific_character_set"].text == "ISO_IR 100"
    assert listed["site.timezone"].text == "Asia/Ho_Chi_Minh"
    assert listed["destinations[0].create_patient"].text == "true"
    assert listed["destinations[3].retry.max_attempts"].text == "20"
    assert all(row.doc for row in listed.values())
    assert listed["destinations[2].kind"].text == "dicom_store"
    assert set(listed) <= set(load(EXAMPLE, {}).provenance)


def test_given_settings_when_changed_then_they_refuse() -> None:
    settings = load(None, {})
    with pytest.raises(AttributeError):
        settings.var = Path("elsewhere")  # type: ignore[misc]
    assert not hasattr(Settings(), "__dict__")


class TestSecrets:
    """Secrets are read from where they are kept and shown nowhere."""

    FILE = "destinations: [{name: ehr, kind: fhir, url: 'http://h/f', %s}]"

    def _token(self, settings: Settings) -> Secret | None:
        (destination,) = settings.destinations
        assert isinstance(destination, FhirDestination)
        return destination.token

    def test_given_a_token_when_printed_then_it_is_masked(self, write: Write) -> None:
        settings = load(write(self.FILE % "token: s3cret-word"), {})
        token = self._token(settings)
        assert token is not None
        assert token.reveal() == "s3cret-word"
        shown = f"{settings} {settings!r} {token} {token!r} {rows(settings)}"
        assert "s3cret-word" not in shown

    def test_given_a_database_password_when_printed_then_it_is_masked(self, write: Write) -> None:
        settings = load(write("database: postgresql://u:s3cret@h/n"), {})
        assert settings.database == "postgresql://u:s3cret@h/n"
        assert "s3cret" not in f"{settings!r} {rows(settings)}"
        assert "postgresql://u:********@h/n" in repr(settings)

    def test_given_a_token_file_when_loaded_then_its_line_is_the_token(
        self, write: Write, tmp_path: Path
    ) -> None:
        (tmp_path / "token").write_text("from-a-file\n", encoding="utf-8")
        path = write(self.FILE % f"token_file: {tmp_path / 'token'}")
        settings = load(path, {})
        assert self._token(settings) == Secret("from-a-file")
        assert settings.provenance["destinations[0].token"].line == 1

    def test_given_a_file_variable_when_loaded_then_it_wins_over_the_file(
        self, write: Write, tmp_path: Path
    ) -> None:
        (tmp_path / "token").write_text("from-a-file", encoding="utf-8")
        environ = {"BRIDGE__DESTINATIONS__EHR__TOKEN_FILE": str(tmp_path / "token")}
        assert self._token(load(write(self.FILE % "token: old"), environ)) == Secret("from-a-file")

    def test_given_a_database_file_when_loaded_then_it_holds_the_url(self, tmp_path: Path) -> None:
        (tmp_path / "url").write_text("postgresql://u:p@h/n\n", encoding="utf-8")
        settings = load(None, {"BRIDGE__DATABASE_FILE": str(tmp_path / "url")})
        assert settings.database == "postgresql://u:p@h/n"

    def test_given_a_secret_in_a_bad_value_when_checked_then_the_text_keeps_it(
        self, write: Write
    ) -> None:
        path = write(
            "database: mysql://u:hunter2@h/n\n"
            "destinations:\n"
            "  - {name: e, kind: fhir, url: 'http://u:hunter2@h/f', token: 'hunter2\t'}\n"
        )
        text = render(check(path, {}))
        assert "3 problems found." in text
        assert "hunter2" not in text


class TestEnvironment:
    """Variables win over the file and are placed by key, index or name."""

    def test_given_a_variable_when_loaded_then_it_wins(self, write: Write) -> None:
        settings = load(write("http: {port: 1}"), {"BRIDGE__HTTP__PORT": "8081"})
        assert settings.http.port == 8081
        assert str(settings.provenance["http.port"]) == "environment variable BRIDGE__HTTP__PORT"

    @pytest.mark.parametrize("key", ["1", "EHR_2"])
    def test_given_an_index_or_a_name_when_loaded_then_that_item_changes(
        self, write: Write, key: str
    ) -> None:
        path = write(
            "destinations:\n"
            "  - {name: ehr, kind: hl7, host: h, port: 1}\n"
            "  - {name: ehr-2, kind: hl7, host: h, port: 2}\n"
        )
        environ = {f"BRIDGE__DESTINATIONS__{key}__PORT": "9"}
        ports = [getattr(each, "port", 0) for each in load(path, environ).destinations]
        assert ports == [1, 9]

    def test_given_no_file_when_items_are_added_by_index_then_they_are_there(self) -> None:
        environ = {
            f"BRIDGE__DESTINATIONS__{at}__{key}": value
            for at in range(12)
            for key, value in [("NAME", f"d{at}"), ("KIND", "webhook"), ("URL", "http://h/")]
        }
        names = [each.name for each in load(None, environ).destinations]
        assert names == [f"d{at}" for at in range(12)]

    def test_given_no_file_when_a_default_listener_is_changed_then_the_rest_stays(self) -> None:
        settings = load(None, {"BRIDGE__HL7__LISTENERS__0__PORT": "0"})
        assert [(each.name, each.port) for each in settings.hl7.listeners] == [("hl7", 0)]

    def test_given_yaml_for_a_list_when_loaded_then_it_is_the_list(self, write: Write) -> None:
        path = write("dicom: {peers: [{ae_title: CT01}]}")
        environ = {"BRIDGE__DICOM__PEERS": "[{ae_title: MR01, aliases: [MR02, MR03]}]"}
        (peer,) = load(path, environ).dicom.peers
        assert (peer.ae_title, peer.aliases) == ("MR01", ("MR02", "MR03"))

    def test_given_an_empty_variable_when_the_key_is_optional_then_it_is_unset(self) -> None:
        environ = {"BRIDGE__DESTINATIONS": "[{name: d, kind: webhook, url: 'http://h/'}]"}
        environ["BRIDGE__DESTINATIONS__D__RETRY__MAX_ATTEMPTS"] = ""
        assert load(None, environ).destinations[0].retry.max_attempts is None

    def test_given_other_variables_when_loaded_then_they_are_left_alone(self) -> None:
        environ = {"PATH": "/bin", "BRIDGE": "x", "BRIDGE_HOME": "y"}
        assert load(None, environ) == load(None, {})
