"""Alerts by mail, to an SMTP server that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from bridge.broadcast.mail import MailChannel, MailServer
from bridge.domain.alert import Alert, Moment
from bridge.domain.delivery import TransportError
from tests.peers.process import choose_port

RAISED = Alert(
    pk=7,
    key="destination ehr",
    words="down: máy chủ trả lời 503",
    seen_at=1_767_603_600.0,
    raised_at=1_767_603_660.0,
)
OVER = Alert(
    pk=7,
    key=RAISED.key,
    words=RAISED.words,
    seen_at=RAISED.seen_at,
    raised_at=RAISED.raised_at,
    over_at=1_767_607_200.0,
)


@dataclass
class Mailbox:
    """What the server was given; `says` it answers to each mail."""

    port: int
    says: str = "250 OK"
    mails: list[Message] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.says.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(message_from_bytes(envelope.content))
        return self.says


@contextmanager
def mail_server(mailbox: Mailbox, **options: Any) -> Iterator[Mailbox]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port, **options)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server(Mailbox(choose_port())) as mailbox:
        yield mailbox


def channel(port: int, security: str = "none", user: str = "", password: str = "") -> MailChannel:
    return MailChannel(
        MailServer(
            host="127.0.0.1",
            port=port,
            security=security,
            user=user,
            password=password,
            timeout=5.0,
        ),
        sender="bridge@hosp.example",
        recipients=("pacs@hosp.example", "it@hosp.example"),
        site="HOSP",
        zone=ZoneInfo("Asia/Ho_Chi_Minh"),
        console="https://bridge.hosp.example",
    )


def body(mail: Message) -> str:
    content = mail.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


def test_given_an_alert_then_one_mail_says_what_and_since_when_and_one_that_it_is_over(
    mailbox: Mailbox,
) -> None:
    mail = channel(mailbox.port)
    mail.tell(RAISED, Moment.RAISED)
    mail.tell(OVER, Moment.OVER)
    first, second = mailbox.mails
    assert first["To"] == "pacs@hosp.example, it@hosp.example"
    assert "down: máy chủ trả lời 503" in body(first)
    assert "since 2026-01-05 16:00:00 +07" in body(first)
    assert "https://bridge.hosp.example" in body(first)
    assert "over 2026-01-05 17:00:00 +07" in body(second)
    assert first["Message-ID"] != second["Message-ID"]


def test_given_it_is_sent_again_then_it_has_the_same_message_id(mailbox: Mailbox) -> None:
    mail = channel(mailbox.port)
    mail.tell(RAISED, Moment.RAISED)
    mail.tell(RAISED, Moment.RAISED)
    first, second = mailbox.mails
    assert first["Message-ID"] == second["Message-ID"]


@pytest.mark.parametrize(
    ("says", "permanent"), [("451 try again later", False), ("554 not wanted here", True)]
)
def test_given_the_server_refuses_then_its_code_says_whether_to_try_again(
    mailbox: Mailbox, says: str, permanent: bool
) -> None:
    mailbox.says = says
    with pytest.raises(TransportError, match=f"answered {says[:3]}") as raised:
        channel(mailbox.port).tell(RAISED, Moment.RAISED)
    assert raised.value.permanent is permanent


def test_given_nobody_is_there_then_it_is_tried_again() -> None:
    with pytest.raises(TransportError, match="cannot be reached") as raised:
        channel(choose_port()).tell(RAISED, Moment.RAISED)
    assert not raised.value.permanent


def test_given_a_server_without_encryption_when_it_is_asked_for_then_nothing_is_sent(
    mailbox: Mailbox,
) -> None:
    with pytest.raises(TransportError):
        channel(mailbox.port, "starttls", "bridge", "secret").tell(RAISED, Moment.RAISED)
    assert mailbox.mails == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_given_a_user_then_it_signs_in() -> None:
    def authenticate(
        _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        right = data == LoginPassword(b"bridge", b"secret")
        return AuthResult(success=right)

    options = {
        "authenticator": authenticate,
        "auth_required": True,
        "auth_require_tls": False,
    }
    with mail_server(Mailbox(choose_port()), **options) as mailbox:
        channel(mailbox.port, user="bridge", password="secret").tell(RAISED, Moment.RAISED)
    assert len(mailbox.mails) == 1
