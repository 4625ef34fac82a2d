"""PS3.2 Annex A section 4.3: what each service does, from the tables it works by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from bridge.conformance.markdown import code, section, table
from bridge.conformance.performed_steps import (
    DESCRIPTION,
    STRICTNESS,
    attribute_table,
    discontinuations,
)
from bridge.conformance.probing import matched_keys
from bridge.conformance.vocabulary import attribute_name, first_sentence, tag_of
from bridge.dicom import statuses
from bridge.dicom.availability import AVAILABLE, UNAVAILABLE
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.elements import DataSet
from bridge.dicom.statuses import NO_LONGER_UPDATABLE, Status, Table
from bridge.dicom.study_query import LEVEL, QueryLevel, read_study_identifier
from bridge.dicom.worklist import negotiated
from bridge.dicom.worklist_keys import WORKLIST_KEYS, Level
from bridge.domain.commitment import FailureReason
from bridge.domain.errors import (
    BridgeError,
    DataTypeError,
    RequiredFieldMissing,
    ResourceBusy,
    StorageFull,
    UnsupportedMessage,
)
from bridge.domain.performed_step import (
    PerformedStepFinal,
)
from bridge.domain.step_status import ON_WORKLIST
from bridge.domain.study import DuplicateInstance, UnsupportedSopClass
from bridge.mapping.modality_quirks import QuirkProfile

_FF00 = ("FF00H", "Pending", "a match follows")


# Errors that are not one service's own, in words of this one.
_WHEN: Mapping[type[BridgeError], str] = {
    StorageFull: "there is no room",
    ResourceBusy: "the database, or where images are kept, cannot be reached just now",
    RequiredFieldMissing: "a value that the request cannot do without is absent",
    UnsupportedSopClass: "its SOP class is none of those in annex A",
    DuplicateInstance: "another instance of this UID is held, and `duplicates` is `reject`",
    DataTypeError: "what was sent cannot be read, or a value of it has not the form it must have",
    UnsupportedMessage: "what was sent is none of this service's",
    BridgeError: "anything else",
}


@dataclass(frozen=True, slots=True)
class _Final:
    """A final status that no error stands behind."""

    status: Status
    when: str


def services(configuration: DicomConfiguration, quirks: Iterable[QuirkProfile]) -> str:
    """Section 4.3."""
    return section(
        3,
        "4.3 Services",
        section(4, "4.3.1 Verification", "Answered with 0000H by every title that is let in."),
        _worklist(configuration, quirks),
        _performed_steps(),
        _storage(),
        _commitment(),
        _query_retrieve(configuration),
        _availability(),
    )


def _worklist(configuration: DicomConfiguration, quirks: Iterable[QuirkProfile]) -> str:
    limit = configuration.worklist_limit
    return section(
        4,
        "4.3.2 Modality Worklist (SCP, PS3.4 Annex K)",
        "Matched in one level, without Query/Retrieve Level. One response for each scheduled"
        " procedure step, with one item in the Scheduled Procedure Step Sequence and only what was"
        " asked for; what is unknown has zero length. Answers come in the order of their start."
        " Attributes of type 1 and 1C are never empty: an order that lacks one is held off the"
        " worklist. A key that stands at the root and belongs into the sequence counts as if it"
        f" stood there. Steps are shown while they are {_in_words(ON_WORKLIST)}, unless the peer's"
        " configuration hides a status.",
        table(
            ("Attribute", "Where", "Matching", "How it is matched", "Returned"),
            (
                (
                    attribute_name(tag_of(key.keyword)),
                    "step" if key.level is Level.STEP else "",
                    key.requirement,
                    key.matching.value,
                    key.type,
                )
                for key in WORKLIST_KEYS
            ),
        ),
        "R: required key, O: optional key (PS3.4 Table K.6-1). Ranges of date and time make one"
        " interval when both are ranges (PS3.4 C.2.2.2.5). A query without a date sees every step"
        " that its caller may see.",
        _extended_negotiation(),
        _profiles(quirks),
        _statuses(
            statuses.WORKLIST,
            _Final(Status.OUT_OF_RESOURCES, f"more than `worklist_limit` ({limit}) steps match"),
            _Final(Status.CANCEL, "the peer sent C-CANCEL"),
            pending=(
                _FF00,
                ("FF01H", "Pending", "as FF00H; a key was asked for that is not in the table"),
            ),
        ),
    )


def _extended_negotiation() -> str:
    answered = [
        (
            offered.hex(" "),
            _hex(negotiated(offered, fuzzy=True)),
            _hex(negotiated(offered, fuzzy=False)),
        )
        for offered in (b"\1\1\0", b"\1\1\1", b"\1\1\0\0", b"\1\1\1\1")
    ]
    return (
        "SOP Class Extended Negotiation (PS3.4 K.5.1.1): byte 3 is fuzzy matching of names, byte 4"
        " timezone adjustment.\n\n"
        + table(("Offered", "Answered, fuzzy matching enabled", "not enabled"), answered)
    )


def _profiles(quirks: Iterable[QuirkProfile]) -> str:
    rows = [(code(each.name), each.meaning) for each in quirks]
    return "Quirk profiles that a peer can be given (`mappings/modality-quirks.yaml`):\n\n" + table(
        ("Profile", "What the device does"), rows
    )


def _performed_steps() -> str:
    return section(
        4,
        "4.3.3 Modality Performed Procedure Step (SCP, PS3.4 Annex F)",
        DESCRIPTION,
        attribute_table(),
        STRICTNESS,
        "DISCONTINUED, by its reason (PS3.16 CID 9300), unless `dicom.mpps.discontinued` says"
        " otherwise:",
        discontinuations(),
        _statuses(
            statuses.PERFORMED_STEP,
            _Final(Status.ATTRIBUTE_LIST_ERROR, "a warning: some attributes were passed over"),
            _Final(
                Status.OPTIONAL_ATTRIBUTES_UNSUPPORTED,
                "a warning (N-GET): some attributes that were asked for are not there",
            ),
            _Final(Status.UNRECOGNIZED_OPERATION, "N-GET of the class that is no Retrieve class"),
        ),
    )


def _storage() -> str:
    return section(
        4,
        "4.3.4 Storage (SCP, PS3.4 Annex B)",
        "Level 2 (full): every element is kept, private ones included. A data set is written as it"
        " came, with file meta information of the bridge's; its bytes are never changed. File,"
        " folder and index row are on disk before 0000H. The same instance again is a success and"
        " nothing new. Of others under its UID the first counts, the last, or they are refused, as"
        " `duplicates` says (`keep`, `replace`, `reject`), and none is lost; one of another study,"
        " series or patient is kept beside it and refused (A900H). No meaning is attached to the"
        " order of instances or the bounds of associations (PS3.4 B.4).",
        "Broken data sets are kept and their flaws noted, as long as the four UIDs that identify"
        " an instance can be read: wrong VRs and lengths, values and character sets that are none,"
        " what is cut short. One that is written in another native transfer syntax than agreed is"
        " kept under the name of that in which it is written.",
        "What leaves the archive says of patient and request what its order says, with Original"
        " Attributes Sequence (reason COERCE, or CORRECT where something was wrong: a person"
        " decided, or the Patient ID was nobody's); pixel data stays. Of another patient nothing is"
        " left but what was measured. `coercion: off`, for all or for a peer, gives images as they"
        " came. Instances that a rejection note (IHE IOCM) rejects are shown to nobody.",
        _statuses(statuses.STORAGE),
    )


def _commitment() -> str:
    reasons = [(_hex4(each), each.name.replace("_", " ").capitalize()) for each in FailureReason]
    return section(
        4,
        "4.3.5 Storage Commitment Push Model (SCP, PS3.4 Annex J)",
        "N-ACTION type 1 is answered with 0000H once the request is durable. The result follows by"
        " N-EVENT-REPORT (1: all are kept, 2: failures exist) on an association of our own,"
        " tried again until the peer has taken it. It is looked up when it is sent.",
        _statuses(
            statuses.COMMITMENT, _Final(Status.NO_SUCH_ACTION, "an action type other than 1")
        ),
        "Failure Reason (0008,1197) of an instance:",
        table(("Reason", "Meaning"), reasons),
    )


def _query_retrieve(configuration: DicomConfiguration) -> str:
    limit = configuration.worklist_limit
    return section(
        4,
        "4.3.6 Query/Retrieve (SCP, PS3.4 Annex C)",
        "Patient Root and Study Root: FIND, MOVE, GET. Every query is relational: keys of upper"
        " levels may be left out, and keys of any level are matched at each. A Patient ID finds"
        " whoever is or was called so, also after a merge.",
        table(("Attribute", "VR", "How it is matched", "Levels"), _study_keys()),
        "Any other key is returned when it is known, and not matched. Retrievals name the unique"
        " key of their level. C-MOVE goes to peers that are configured with an address (A801H for"
        " any other). Instances go in their stored transfer syntax, or decoded where the receiver"
        " takes them in no other way, and name the AE that moves them as Move Originator. One that"
        " cannot be read or is not taken counts as failed, and the others go on. A response follows"
        " each; the final one has the counts and Failed SOP Instance UID List (0008,0058).",
        "C-FIND. "
        + _statuses(
            statuses.QUERY,
            _Final(Status.OUT_OF_RESOURCES, f"more than `worklist_limit` ({limit}) matches"),
            _Final(Status.CANCEL, "the peer sent C-CANCEL"),
            pending=(_FF00,),
        ),
        "C-MOVE and C-GET. "
        + _statuses(
            statuses.RETRIEVAL,
            _Final(Status.UNABLE_TO_CALCULATE, "more than 65535 instances"),
            _Final(Status.UNABLE_TO_PERFORM, "no instance arrived"),
            _Final(Status.SUBOPERATIONS_FAILED, "some failed, or were taken with a warning"),
            _Final(Status.CANCEL, "the peer sent C-CANCEL"),
            pending=((*_FF00[:2], "an instance was sent, others follow"),),
        ),
    )


def _availability() -> str:
    return section(
        4,
        "4.3.7 Instance Availability Notification (SCP and SCU, PS3.4 Annex R)",
        "As SCP: N-CREATE of an archive beside the bridge, which says what it holds of one study;"
        f" Instance Availability is one of {_in_words((*AVAILABLE, UNAVAILABLE))}. What is"
        " available is announced as a study elsewhere, matched and told of; what is no longer, is"
        " withdrawn. As SCU (destinations of kind `ian`): one notification for each study when it"
        " is complete, when it grows, and with UNAVAILABLE when it is rejected or withdrawn; no"
        " patient data.",
        _statuses(statuses.AVAILABILITY),
    )


def _study_keys() -> list[tuple[str, str, str, str]]:
    levels: dict[tuple[int, str, str], list[str]] = {}
    for level in QueryLevel:
        for key in matched_keys(partial(_study_query, level)):
            levels.setdefault((key.tag, key.vr, key.how), []).append(level.value)
    return [
        (attribute_name(tag), vr, how, "all" if len(said) == len(QueryLevel) else ", ".join(said))
        for (tag, vr, how), said in sorted(levels.items())
    ]


def _study_query(level: QueryLevel, asked: DataSet) -> object:
    at_level = asked.over(DataSet({LEVEL: (b"CS", level.encode())}))
    return read_study_identifier(at_level, patient_root=True).query


def _statuses(errors: Table, *others: _Final, pending: Iterable[tuple[str, str, str]] = ()) -> str:
    """The status table of one service: from its table of errors, and what else it answers."""
    rows = [*pending, (_hex4(Status.SUCCESS), _name(Status.SUCCESS), "done")]
    for kind, status in errors.items():
        when = _WHEN.get(kind) or first_sentence(kind)
        error_id = f", Error ID {_hex4(NO_LONGER_UPDATABLE)}" if kind is PerformedStepFinal else ""
        rows.append((_hex4(status) + error_id, _name(status), when))
    rows += [(_hex4(each.status), _name(each.status), each.when) for each in others]
    return "Statuses; a failure has an Error Comment in words:\n\n" + table(
        ("Status", "Name", "When"), rows
    )


def _name(status: Status) -> str:
    return status.name.replace("_", " ").capitalize().replace("sop", "SOP").replace(" uid", " UID")


def _hex4(value: int) -> str:
    return f"{value:04X}H"


def _hex(value: bytes | None) -> str:
    return value.hex(" ") if value else "nothing"


def _in_words(terms: Iterable[str]) -> str:
    *first, last = sorted(terms)
    return f"{', '.join(first)} or {last}"
