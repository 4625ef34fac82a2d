"""Who is alerted to what, built from settings."""

from __future__ import annotations

import time
from collections.abc import Sequence

from bridge.broadcast.alert_webhook import AlertWebhook
from bridge.broadcast.mail import MailChannel, MailServer
from bridge.services.check_connections import CheckConnections
from bridge.services.find_problems import Checks, FindProblems
from bridge.services.raise_alerts import Channel, RaiseAlerts
from bridge.services.steer_deliveries import SteerDeliveries
from bridge.services.watch_links import WatchLinks
from bridge.settings import Settings
from bridge.wiring.addresses import bridge_urn
from bridge.wiring.connections import ConfiguredConnections
from bridge.wiring.core import Core


def build_alerts(core: Core, links: WatchLinks, checks: Checks) -> RaiseAlerts:
    """Who looks for problems and tells of them; `checks` are those of the roles."""
    return RaiseAlerts(
        store=core.store,
        clock=time.time,
        looks=(find_problems(core, links, checks),),
        channels=channels(core.settings),
        after=core.settings.alerts.after_seconds,
    )


def find_problems(core: Core, links: WatchLinks, checks: Checks) -> FindProblems:
    """What looks for problems; `checks` are those of the roles."""
    alerts, neighbours = core.settings.alerts, ConfiguredConnections(core.settings)
    return FindProblems(
        links=links,
        deliveries=SteerDeliveries(store=core.store, clock=time.time),
        connections=CheckConnections(store=core.store, neighbours=neighbours, clock=time.time),
        store=core.store,
        checks=checks,
        clock=time.time,
        longest_delivery=alerts.delivery_seconds,
        longest_unmatched=alerts.unmatched_seconds,
    )


def channels(settings: Settings) -> Sequence[Channel]:
    """The ways to whoever is alerted."""
    mail, source = settings.alerts.mail, bridge_urn(settings.site.name)
    hooks = (
        AlertWebhook(each.name, each.url, each.secret.reveal() if each.secret else "", source)
        for each in settings.alerts.webhooks
    )
    if not (mail.host and mail.recipients):
        return (*hooks,)
    server = MailServer(
        host=mail.host,
        port=mail.port,
        security=mail.security,
        user=mail.user,
        password=mail.password.reveal() if mail.password else "",
    )
    return (
        MailChannel(
            server,
            sender=mail.sender,
            recipients=mail.recipients,
            site=settings.site.name,
            zone=settings.site.timezone,
            console=settings.http.public_url,
        ),
        *hooks,
    )
