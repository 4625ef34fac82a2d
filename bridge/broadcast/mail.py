"""Alerts by mail: one message when a problem is raised, one when it is over (SMTP, RFC 5321)."""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from email.message import EmailMessage
from email.utils import format_datetime

from bridge.domain.alert import Alert, Moment
from bridge.domain.delivery import TransportError

_PERMANENT = range(500, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is given to. `security` is `starttls`, `tls` or `none`; `timeout` in seconds."""

    host: str
    port: int
    security: str = "starttls"
    user: str = ""
    password: str = ""
    timeout: float = 20.0


class MailChannel:
    """Implements `services.raise_alerts.Channel`."""

    name = "mail"

    def __init__(
        self,
        server: MailServer,
        *,
        sender: str,
        recipients: tuple[str, ...],
        site: str,
        zone: tzinfo,
        console: str,
    ) -> None:
        """`console` is the address at which to read on; times are told in the site's zone."""
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._site = site
        self._zone = zone
        self._console = console

    def tell(self, alert: Alert, moment: Moment) -> None:
        """Send one mail.

        Raises:
            TransportError: the server cannot be reached or does not take it.
        """
        try:
            with self._connection() as connection:
                connection.send_message(self._message(alert, moment))
        except smtplib.SMTPResponseException as error:
            text = f"the mail server answered {error.smtp_code}"
            raise TransportError(text, permanent=error.smtp_code in _PERMANENT) from error
        except smtplib.SMTPRecipientsRefused as error:
            text = "the mail server takes none of the recipients"
            raise TransportError(text, permanent=True) from error
        except (smtplib.SMTPException, OSError) as error:
            text = f"the mail server cannot be reached: {error}"
            raise TransportError(text, permanent=False, unreachable=True) from error

    def _connection(self) -> smtplib.SMTP:
        server, context = self._server, ssl.create_default_context()
        if server.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
        try:
            if server.security == "starttls":
                connection.starttls(context=context)
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection

    def _message(self, alert: Alert, moment: Moment) -> EmailMessage:
        happened = alert.seen_at if moment is Moment.RAISED else alert.over_at or alert.seen_at
        over = "" if moment is Moment.RAISED else "over: "
        lines = [
            alert.words,
            "",
            f"since {self._time(alert.seen_at)}",
            *([f"over {self._time(happened)}"] if over else []),
            "",
            self._console,
        ]
        message = EmailMessage()
        message["Subject"] = f"[{self._site}] {over}{alert.key}: {alert.words}"[:200]
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = format_datetime(datetime.fromtimestamp(happened, UTC))
        # The same when it has to be sent again, so that a reader shows it once.
        domain = self._sender.rpartition("@")[2] or "localhost"
        message["Message-ID"] = f"<alert-{alert.pk}-{moment.value}-{alert.seen_at:.0f}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n".join(lines) + "\n")
        return message

    def _time(self, at: float) -> str:
        return datetime.fromtimestamp(at, self._zone).strftime("%Y-%m-%d %H:%M:%S %Z")
