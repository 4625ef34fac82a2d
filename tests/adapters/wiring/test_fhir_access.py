"""What is configured of FHIR servers is looked at before anything is sent to them."""

from __future__ import annotations

from pathlib import Path

import yaml
from fastapi import FastAPI
from starlette.testclient import TestClient

from bridge.fhir.key_set_route import PATH, key_set_router
from bridge.fhir.signing_keys import SigningKeys
from bridge.settings import Settings, load
from bridge.wiring.fhir_access import key_folder, reached
from bridge.wiring.soundness import unsound


def settings(tmp_path: Path, **ehr: object) -> Settings:
    file = tmp_path / "bridge.yaml"
    destination = {"name": "ehr", "kind": "fhir", "url": "http://127.0.0.1:1/fhir", **ehr}
    file.write_text(yaml.safe_dump({"var": str(tmp_path), "destinations": [destination]}))
    return load(file, {})


def test_given_a_profile_that_is_not_there_then_the_key_that_names_it_is_told(
    tmp_path: Path,
) -> None:
    [problem] = unsound(settings(tmp_path, profile="stepwize"))
    assert problem.path == "destinations[0].profile"
    assert "stepwise" in problem.fix


def test_given_a_certificate_that_is_not_there_then_it_is_told(tmp_path: Path) -> None:
    [problem] = unsound(settings(tmp_path, sign_in={"certificate": "/no/such.pem"}))
    assert problem.path == "destinations[0].sign_in"


def test_given_what_can_be_used_then_nothing_is_told(tmp_path: Path) -> None:
    assert unsound(settings(tmp_path, profile="stepwise")) == ()


def test_given_a_client_then_it_signs_with_the_newest_key_in_the_folder(tmp_path: Path) -> None:
    known = settings(tmp_path, sign_in={"client_id": "bridge", "scope": "system/*.rs"})
    keys = SigningKeys(key_folder(known))
    made = keys.generate("ES384", 0.0, 0.0)
    [destination] = known.destinations
    server = reached(known, destination)  # type: ignore[arg-type]
    assert server.client is not None
    assert server.client.sign is not None
    assert server.client.sign().kid == made.kid
    assert "secret" not in repr(server)


def test_given_keys_then_whoever_asks_sees_the_public_ones(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path / "keys")
    app = FastAPI()
    app.include_router(key_set_router(keys))
    client = TestClient(app)
    assert client.get(PATH).json() == {"keys": []}
    made = keys.generate("RS384", 0.0, 0.0)
    answer = client.get(PATH)
    assert answer.headers["content-type"] == "application/jwk-set+json"
    [shown] = answer.json()["keys"]
    assert (shown["kid"], shown["alg"], shown["use"]) == (made.kid, "RS384", "sig")
    assert not {"d", "p", "q"} & shown.keys()
    (tmp_path / "keys" / "broken.json").write_text("{")
    assert client.get(PATH).status_code == 500
