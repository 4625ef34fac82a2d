"""Given accounts, when people sign in, then those are let in who may, as long as they may."""

from __future__ import annotations

from itertools import count

import pytest
from sqlalchemy import text

from bridge.domain.access import Account, Role, SignedIn
from bridge.domain.errors import BridgeError, DuplicateKey, UnknownKey
from bridge.services.access import AccessPolicy, SignInRefused, TooManyTries
from bridge.services.manage_accounts import ManageAccounts
from bridge.services.sign_in import SignIn
from bridge.store.database import Database
from bridge.store.repositories import SqlStore

PASSWORD = "correct horse battery"
HERE = "10.0.0.7"
POLICY = AccessPolicy(idle_seconds=600, longest_seconds=3600, tries=3, tries_by_address=6)


class PlainHasher:
    """Hashes that tests need not wait for."""

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def verify(self, password_hash: str, password: str) -> bool:
        return password_hash == self.hash(password)


class Door:
    """Both services over one database, and a clock one can turn."""

    def __init__(self, database: Database) -> None:
        self.now = 1_000_000.0
        numbers = count(1)
        self.database = database
        store, hasher = SqlStore(database), PlainHasher()

        def secret() -> str:
            return f"secret-{next(numbers)}"

        def clock() -> float:
            return self.now

        self.accounts = ManageAccounts(
            store=store, hasher=hasher, clock=clock, secret=secret, policy=POLICY
        )
        self.sign_in = SignIn(store=store, hasher=hasher, clock=clock, secret=secret, policy=POLICY)

    def add(self, name: str, role: Role = Role.VIEWER) -> None:
        self.accounts.add(Account(name=name, role=role), PASSWORD, "root")

    def enter(self, name: str, password: str = PASSWORD, address: str = HERE) -> str:
        return self.sign_in.by_password(name, password, address)

    def known(self, secret: str) -> SignedIn | None:
        return self.sign_in.known(secret, HERE)

    def trail(self) -> list[tuple[str, str, int, str]]:
        with self.database.read() as connection:
            rows = connection.execute(text("SELECT who, type, outcome, detail FROM audit"))
            return [tuple(row) for row in rows]

    def kept(self, table: str) -> str:
        with self.database.read() as connection:
            return str(connection.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def test_given_an_account_when_its_password_is_given_then_its_session_says_who_it_is(
    door: Door,
) -> None:
    door.add("anh", Role.OPERATOR)

    secret = door.enter("anh")

    user = door.known(secret)
    assert user is not None
    assert (user.name, user.role, user.address) == ("anh", Role.OPERATOR, HERE)
    assert user.csrf_token not in ("", secret)
    assert secret not in door.kept("console_session")
    assert door.trail()[-1] == ("anh", "110122", 0, "")


@pytest.mark.parametrize(
    ("name", "password"), [("anh", "wrong"), ("nobody", PASSWORD), ("anh", "")]
)
def test_given_what_does_not_fit_when_signing_in_then_it_is_refused_alike_and_audited(
    door: Door, name: str, password: str
) -> None:
    door.add("anh")

    with pytest.raises(SignInRefused, match="name and password do not fit"):
        door.enter(name, password)
    assert door.trail()[-1] == (name, "110122", 4, "")


def test_given_an_account_without_a_password_when_none_is_given_then_it_is_refused(
    door: Door,
) -> None:
    door.accounts.add(Account(name="demo", role=Role.ADMIN), "", "root")

    with pytest.raises(SignInRefused):
        door.enter("demo", "")


def test_given_guesses_when_there_were_too_many_then_even_the_right_one_has_to_wait(
    door: Door,
) -> None:
    door.add("anh")
    for _ in range(3):
        with pytest.raises(SignInRefused):
            door.enter("anh", "wrong")

    with pytest.raises(TooManyTries):
        door.enter("anh")
    elsewhere = door.enter("anh", address="10.0.0.8")
    door.now += POLICY.tries_seconds + 1

    assert door.known(door.enter("anh")) is not None
    assert elsewhere


def test_given_sign_ins_that_succeed_when_there_are_many_then_the_address_goes_on(
    door: Door,
) -> None:
    door.add("anh")

    for _ in range(POLICY.tries_by_address + 2):
        door.enter("anh")


def test_given_a_name_without_end_when_signing_in_then_little_of_it_is_kept(door: Door) -> None:
    with pytest.raises(SignInRefused):
        door.enter("x" * 100_000)

    assert len(door.kept("sign_in_failure") + door.kept("audit")) < 2000


def test_given_guesses_of_many_names_when_from_one_address_then_it_has_to_wait(door: Door) -> None:
    door.add("anh")
    for number in range(6):
        with pytest.raises(SignInRefused):
            door.enter(f"name {number}", "wrong")

    with pytest.raises(TooManyTries):
        door.enter("anh")


def test_given_a_sign_in_when_it_succeeds_then_former_mistakes_are_forgotten(door: Door) -> None:
    door.add("anh")
    for _ in range(2):
        for _ in range(2):
            with pytest.raises(SignInRefused):
                door.enter("anh", "wrong")
        door.enter("anh")


def test_given_a_session_when_it_is_not_used_for_long_then_it_is_over(door: Door) -> None:
    door.add("anh")
    secret = door.enter("anh")

    door.now += 599
    assert door.known(secret) is not None
    door.now += 599
    assert door.known(secret) is not None
    door.now += 601
    assert door.known(secret) is None


def test_given_a_session_in_use_when_its_longest_time_is_up_then_it_is_over(door: Door) -> None:
    door.add("anh")
    secret = door.enter("anh")

    for _ in range(7):
        door.now += 500
        assert door.known(secret) is not None
    door.now += 500
    assert door.known(secret) is None


def test_given_a_session_when_signed_out_then_it_is_over_and_audited(door: Door) -> None:
    door.add("anh")
    secret = door.enter("anh")

    door.sign_in.out(secret, HERE)

    assert door.known(secret) is None
    assert door.trail()[-1] == ("anh", "110123", 0, "")


@pytest.mark.parametrize("change", ["password", "role", "disable"])
def test_given_an_account_when_it_is_changed_then_its_sessions_and_links_end(
    door: Door, change: str
) -> None:
    door.add("anh")
    door.add("other")
    secret, others = door.enter("anh"), door.enter("other")
    link = door.accounts.add_link("anh", "root")

    if change == "password":
        door.accounts.set_password("anh", "another password", "root")
    elif change == "role":
        door.accounts.set_role("anh", Role.ADMIN, "root")
    else:
        door.accounts.set_disabled("anh", True, "root")

    assert door.known(secret) is None
    assert door.known(others) is not None
    assert door.sign_in.owner_of_link(link) is None


def test_given_a_closed_account_when_its_password_is_given_then_it_is_refused(door: Door) -> None:
    door.add("anh")
    door.accounts.set_disabled("anh", True, "root")

    with pytest.raises(SignInRefused):
        door.enter("anh")
    door.accounts.set_disabled("anh", False, "root")
    assert door.enter("anh")


def test_given_a_link_when_used_then_it_signs_in_once_and_only_in_time(door: Door) -> None:
    door.add("anh")
    link = door.accounts.add_link("anh", "root")

    user = door.known(door.sign_in.by_link(link, HERE))

    assert user is not None
    assert user.name == "anh"
    with pytest.raises(SignInRefused):
        door.sign_in.by_link(link, HERE)
    late = door.accounts.add_link("anh", "root")
    door.now += POLICY.link_seconds + 1
    with pytest.raises(SignInRefused):
        door.sign_in.by_link(late, HERE)
    assert late not in door.kept("sign_in_link")


def test_given_a_fresh_bridge_when_its_link_is_used_then_the_first_administrator_is_made(
    door: Door,
) -> None:
    link = door.accounts.add_link("", "bridge serve")
    assert door.sign_in.owner_of_link(link) == ""

    secret = door.sign_in.first_administrator(link, "anh", PASSWORD, HERE)

    user = door.known(secret)
    assert user is not None
    assert user.role is Role.ADMIN
    assert door.known(door.enter("anh")) is not None
    assert "110137" in {row[1] for row in door.trail()}


def test_given_an_account_when_the_link_of_a_fresh_bridge_is_used_then_it_makes_none(
    door: Door,
) -> None:
    link = door.accounts.add_link("", "bridge serve")
    door.add("anh", Role.ADMIN)

    for secret in (link, "guessed", ""):
        with pytest.raises(SignInRefused):
            door.sign_in.first_administrator(secret, "mallory", PASSWORD, HERE)
    assert [each.name for each in door.accounts.every()] == ["anh"]


def test_given_an_accounts_link_when_used_to_make_an_administrator_then_it_makes_none(
    door: Door,
) -> None:
    door.add("anh")
    door.accounts.set_disabled("anh", True, "root")
    link = door.accounts.add_link("anh", "root")

    with pytest.raises(SignInRefused):
        door.sign_in.first_administrator(link, "mallory", PASSWORD, HERE)


@pytest.mark.parametrize("name", ["", " anh", "a:b", "x" * 65, "a\nb"])
def test_given_what_cannot_be_a_name_when_an_account_is_added_then_it_is_refused(
    door: Door, name: str
) -> None:
    with pytest.raises(BridgeError):
        door.add(name)


def test_given_a_short_password_a_taken_or_an_unknown_name_then_each_is_refused(
    door: Door,
) -> None:
    door.add("anh")

    with pytest.raises(BridgeError, match="at least 10"):
        door.accounts.set_password("anh", "short", "root")
    with pytest.raises(DuplicateKey):
        door.add("anh")
    with pytest.raises(UnknownKey):
        door.accounts.set_role("nobody", Role.ADMIN, "root")


def test_given_somebody_vouched_for_when_they_come_then_the_provider_is_in_the_trail(
    door: Door,
) -> None:
    account = Account(name="kc:anh", role=Role.VIEWER, display_name="Ánh")

    user = door.known(door.sign_in.by_provider(account, "kc", HERE))

    assert user is not None
    assert user.shown_name == "Ánh"
    assert door.trail()[-1] == ("kc:anh", "110122", 0, "kc")
    door.sign_in.not_vouched_for("kc", HERE)
    assert door.trail()[-1] == ("", "110122", 4, "kc")
