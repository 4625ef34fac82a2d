"""Images go to this machine, and to others with a key that is good for them."""

from __future__ import annotations

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from bridge.dicomweb.guard import guard

KEYS = {("reads", False), ("stores", True)}


def client(address: str) -> TestClient:
    application = FastAPI(
        dependencies=[Depends(guard(lambda key, _from, stores: (key, stores) in KEYS))]
    )
    application.get("/studies")(lambda: "images")
    application.post("/studies")(lambda: "stored")
    return TestClient(application, client=(address, 50000))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_given_this_machine_then_no_key_is_asked_for(address: str) -> None:
    assert client(address).get("/studies").status_code == 200


@pytest.mark.parametrize(
    ("method", "key", "status"),
    [
        ("GET", "", 401),
        ("GET", "Bearer wrong", 401),
        ("GET", "Basic reads", 401),
        ("GET", "Bearer reads", 200),
        ("POST", "Bearer reads", 401),
        ("POST", "bearer stores", 200),
        ("GET", "Bearer stores", 401),
    ],
)
def test_given_another_machine_then_a_key_has_to_be_good_for_it(
    method: str, key: str, status: int
) -> None:
    answer = client("10.0.0.7").request(method, "/studies", headers={"Authorization": key})
    assert answer.status_code == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
