"""What can be configured of DICOM: the listener, and each device that calls it."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.domain.study import Duplicates
from bridge.settings.addresses import HOST, LISTEN_PORT, PORT
from bridge.settings.destination import LOOPBACK
from bridge.settings.performed_steps import PerformedStepQuirks, PerformedStepSettings
from bridge.settings.schema import Items, Section, Value, Values, described
from bridge.settings.standard_terms import AE_TITLE, LABEL, SPECIFIC_CHARACTER_SET
from bridge.settings.terms import NAME, choice, integer, number
from bridge.settings.worklist import QuirkSettings, WorklistSettings

_SECONDS = number(0, 86_400, "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One DICOM device that calls the bridge."""

    ae_title: str = field(
        metadata=described(AE_TITLE, "AE title the device calls with.", example="CT01")
    )
    host: str | None = field(
        default=None,
        metadata=described(
            Value(HOST, optional=True), "Address of the device, when the bridge has to call it."
        ),
    )
    port: int | None = field(
        default=None, metadata=described(Value(PORT, optional=True), "Port of the device.")
    )
    specific_character_set: str | None = field(
        default=None,
        metadata=described(
            Value(SPECIFIC_CHARACTER_SET, optional=True),
            "Character set of worklist answers to this device. Names it cannot hold are"
            " transliterated. Without it, answers follow the query's own set.",
        ),
    )
    coercion: str | None = field(
        default=None,
        metadata=described(
            Value(choice("on", "off"), optional=True),
            "Whether images that came from this device are shown and forwarded as their order has"
            " them. Without it, as `dicom.coercion` says.",
        ),
    )
    max_associations: int | None = field(
        default=None,
        metadata=described(
            Value(integer(1, 10_000), optional=True),
            "Associations it may have open at one time; without it, as many as there are.",
        ),
    )
    aliases: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(AE_TITLE), "AE titles of devices that share its worklist and its settings."
        ),
    )
    pools: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(AE_TITLE),
            "Pools it belongs to. Members see each other's steps, and those that are scheduled for"
            " the name of the pool.",
        ),
    )
    modalities: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(AE_TITLE),
            "Modalities it does: which steps open to any station are meant when it is asked for.",
        ),
    )
    locations: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(LABEL),
            "Scheduled Procedure Step Locations it stands in, likewise. A step that names no"
            " location is open to all.",
        ),
    )
    worklist_labels: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(LABEL), "Worklist Labels it is shown, beside entries without one; empty is all."
        ),
    )
    worklist: WorklistSettings = field(
        default_factory=WorklistSettings,
        metadata=described(Section(WorklistSettings), "What it is shown of the worklist."),
    )
    quirks: QuirkSettings = field(
        default_factory=QuirkSettings,
        metadata=described(Section(QuirkSettings), "How it differs from the standard."),
    )
    mpps: PerformedStepQuirks = field(
        default_factory=PerformedStepQuirks,
        metadata=described(
            Section(PerformedStepQuirks), "How its performed steps (MPPS) are taken."
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dicom:
    """The DICOM listener: verification, worklist, performed steps and storage."""

    ae_title: str = field(
        default="BRIDGE", metadata=described(AE_TITLE, "AE title of the bridge itself.")
    )
    host: str = field(default=LOOPBACK, metadata=described(HOST, "Address to listen on."))
    port: int = field(default=11112, metadata=described(LISTEN_PORT, "Port to listen on."))
    settle_seconds: float = field(
        default=30.0,
        metadata=described(
            _SECONDS, "Quiet time after which a study without MPPS counts as complete."
        ),
    )
    called_ae_titles: tuple[str, ...] = field(
        default=(),
        metadata=described(
            Values(AE_TITLE),
            "AE titles the bridge answers to beside its own. With none, it answers to any.",
        ),
    )
    unknown_peers: str = field(
        default="accept",
        metadata=described(
            choice("accept", "reject"), "What to do with AE titles that are not among the peers."
        ),
    )
    max_associations: int = field(
        default=100,
        metadata=described(
            integer(1, 10_000),
            "Associations open at one time, in each process. As many connections again may be open"
            " without one.",
        ),
    )
    accept: str = field(
        default="any",
        metadata=described(
            choice("any", "standard"),
            "Which storage SOP classes are taken: `any` but what is registered as something else,"
            " private ones included, or those that the `standard` registers.",
        ),
    )
    duplicates: str = field(
        default="keep",
        metadata=described(
            choice(*Duplicates),
            "What becomes of an instance whose UID is held and that differs. `keep`: it is kept"
            " beside the first, which counts; `replace`: the other way round; `reject`: it is"
            " refused (0111H). Of another study or patient it is always refused, and kept beside.",
        ),
    )
    max_pdu: int = field(
        default=131_072,
        metadata=described(integer(4096, 1_048_576, "bytes"), "Longest PDU the bridge receives."),
    )
    worklist_limit: int = field(
        default=5000,
        metadata=described(integer(1, 1_000_000), "Most entries that one query is answered with."),
    )
    coercion: str = field(
        default="on",
        metadata=described(
            choice("on", "off"),
            "Whether images are found and retrieved with patient, accession number and request as"
            " their order has them, what they said before kept in Original Attributes Sequence."
            " The stored files stay as they came.",
        ),
    )
    mpps: PerformedStepSettings = field(
        default_factory=PerformedStepSettings,
        metadata=described(Section(PerformedStepSettings), "Performed steps (MPPS)."),
    )
    reconciliation: str = field(
        default="reconciliation",
        metadata=described(
            NAME,
            "The decision table by which studies find their orders: a file of `mappings`. One of"
            " the site's own begins with `extends: reconciliation` and says only what differs.",
        ),
    )
    worklist: WorklistSettings = field(
        default_factory=WorklistSettings,
        metadata=described(Section(WorklistSettings), "What AEs are shown of the worklist."),
    )
    peers: tuple[Peer, ...] = field(
        default=(),
        metadata=described(Items({"": Peer}, named_by="ae_title"), "Devices that call the bridge."),
    )
