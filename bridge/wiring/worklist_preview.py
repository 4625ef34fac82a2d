"""The worklist asked as an AE does, by the configuration and the code that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge.dicom.worklist import Asked
from bridge.dicom.worklist_caller import Caller
from bridge.dicom.worklist_preview import ask_as, fields_of, text_of
from bridge.domain.errors import BridgeError
from bridge.services.explain_worklist import ExplainWorklist
from bridge.services.preview_worklist import (
    SHOWN_KEYS,
    ShownEntry,
    WorklistAsk,
    WorklistShown,
    to_explain,
)
from bridge.services.query_worklist import QueryWorklist
from bridge.services.transaction import Store
from bridge.settings import Settings
from bridge.wiring.edges import dicom_configuration


def asked_as(
    settings: Settings, calling: str, matching: Mapping[str, str], *, fuzzy: bool
) -> Asked:
    """A query as the bridge reads it when this AE sends it.

    Raises BridgeError when it would not get so far as to send one, or for keys that are none.
    """
    configuration = dicom_configuration(
        settings.dicom, zone=settings.site.timezone, mappings=settings.mappings
    )
    known = calling in configuration.peers_by_title
    if not known and not configuration.accepts_unknown_peers:
        raise BridgeError(
            f"{calling} gets no association: it is none of dicom.peers, and"
            " dicom.unknown_peers is reject"
        )
    peer = configuration.peer(calling)
    caller = Caller(
        ae_title=calling,
        configuration=configuration,
        now=datetime.now(configuration.zone),
        fuzzy=fuzzy and peer.worklist.fuzzy_names,
    )
    return ask_as(caller, matching)


class ConfiguredWorklist:
    """Implements `services.preview_worklist.WorklistPreview`."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._query = QueryWorklist(store)
        self._explain = ExplainWorklist(store)

    def ae_titles(self) -> Sequence[str]:
        """Those of the devices, with their aliases."""
        peers = self._settings.dicom.peers
        return tuple(dict.fromkeys(t for each in peers for t in (each.ae_title, *each.aliases)))

    def ask(self, ask: WorklistAsk) -> WorklistShown:
        """What it is shown, and why the rest is missing."""
        try:
            asked = asked_as(self._settings, ask.ae_title, ask.keys, fuzzy=ask.fuzzy)
        except BridgeError as error:
            return WorklistShown(ask=ask, refusal=error.message)
        query, limit = asked.identifier.query, asked.caller.limit
        items = () if query.impossible else self._query.find(query, limit)
        numbers = to_explain(ask, len(items))
        return WorklistShown(
            ask=ask,
            entries=[_entry(asked.form.write(item)) for item in items[:limit]],
            status=int(asked.final(len(items)) or 0),
            limit=limit,
            warns=asked.identifier.unsupported,
            explanations=[self._explain.explain(query, limit, each) for each in numbers],
        )


def _entry(answer: bytes) -> ShownEntry:
    values = fields_of(answer, *SHOWN_KEYS)
    return ShownEntry(attributes=dict(zip(SHOWN_KEYS, values, strict=True)), dump=text_of(answer))
