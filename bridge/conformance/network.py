"""PS3.2 Annex A section 4: the application entity, its associations and presentation contexts."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom._uid_dict import UID_dictionary
from pynetdicom import DEFAULT_TRANSFER_SYNTAXES, AllStoragePresentationContexts

from bridge.conformance.markdown import code, section, table
from bridge.conformance.vocabulary import NAMELESS, uid_name
from bridge.dicom.configuration import DicomConfiguration
from bridge.dicom.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from bridge.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from bridge.dicom.server import application_entity
from bridge.dicom.sop_classes import (
    INSTANCE_AVAILABILITY,
    PERFORMED_STEP,
    STORAGE_COMMITMENT,
    STUDY_ROOT_FIND,
    VERIFICATION,
)

_TRANSFER_SYNTAX = "Transfer Syntax"
_REJECTED = (
    ("1 rejected-permanent", "1 service-user", "3 calling-AE-title-not-recognized",
     "`unknown_peers: reject` and the title is none of the configured peers and aliases"),
    ("1 rejected-permanent", "1 service-user", "7 called-AE-title-not-recognized",
     "`called_ae_titles` says something, and neither that nor `ae_title` is the title"),
    ("1 rejected-permanent", "1 service-user", "2 application-context-name-not-supported",
     "the application context is not DICOM's"),
    ("1 rejected-permanent", "2 service-provider (ACSE)", "2 protocol-version-not-supported",
     "the protocol version is not 1"),
    ("2 rejected-transient", "3 service-provider (presentation)", "2 local-limit-exceeded",
     "`max_associations` are open, in all or of the peer"),
)  # fmt: skip


def networking(configuration: DicomConfiguration) -> str:
    """Sections 4.1 and 4.2: who talks to whom, and in which contexts."""
    return section(
        2,
        "4 Networking",
        _model(configuration),
        _policies(configuration),
        _accepted(configuration),
        _initiated(),
    )


def storage_classes() -> str:
    """The annex: SOP classes of storage that are known by name; private ones are taken too."""
    known = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    # The library knows some that the dictionary of names does not.
    rows = sorted((uid_name(uid), code(uid)) for uid in known if uid_name(uid) != NAMELESS)
    return section(
        2,
        "Annex A: Storage SOP classes known by name",
        "Retired storage classes, and any UID that PS3.6 does not register, private ones included,"
        " are accepted for storage as well; with `accept: standard` the registered ones alone."
        " What PS3.6 registers as something else is rejected (abstract-syntax-not-supported).",
        table(("SOP class", "UID"), rows),
    )


def transfer_syntaxes() -> str:
    """The annex: transfer syntaxes in which instances are taken and given."""
    rows = [
        (name, code(uid), "retired" if retired else "")
        for uid, (name, kind, _, retired, _) in UID_dictionary.items()
        if kind == _TRANSFER_SYNTAX
    ]
    return section(
        2,
        "Annex B: Transfer syntaxes of storage",
        "Of each presentation context for storage the first transfer syntax that is proposed is"
        " accepted, whichever it is; private ones as well. Data sets are kept as bytes, so nothing"
        " is decoded to be kept.",
        table(("Transfer syntax", "UID", ""), rows),
    )


def _model(configuration: DicomConfiguration) -> str:
    title = code(configuration.ae_title)
    return section(
        3,
        "4.1 Implementation model",
        f"One application entity, {title}, is both acceptor and initiator. As acceptor it answers"
        " C-ECHO, worklist queries, performed procedure steps, C-STORE, storage commitment, and"
        " Query/Retrieve. As initiator it sends images (forwarding, sub-operations of C-MOVE),"
        " reports of storage commitment, and C-ECHO.",
        "Sequencing: no service waits for another. Images may come before their order, before,"
        " during or after their performed procedure step; what they belong to is decided whenever"
        " one of them arrives. An N-ACTION may come before the C-STOREs it names have ended: its"
        " report says what is true when it is sent.",
    )


def _policies(configuration: DicomConfiguration) -> str:
    entity = application_entity(configuration)
    limits = (
        ("Application context", code("1.2.840.10008.3.1.1.1")),
        ("Associations accepted at one time", configuration.max_associations),
        ("Associations initiated at one time", "one for each delivery that is being sent"),
        ("Longest PDU received (bytes)", entity.maximum_pdu_size),
        ("Longest data set received (bytes)", configuration.maximum_message),
        ("Idle association ended after (seconds)", f"{configuration.idle_timeout:g}"),
        ("Wait for an association to be answered (seconds)", entity.acse_timeout),
        ("Wait for a DIMSE response (seconds)", entity.dimse_timeout),
        ("Asynchronous operations", "not offered: one operation at a time"),
        ("Extended negotiation", "worklist: see 4.3.2; no other"),
        ("User identity", "not looked at"),
        ("Implementation class UID", code(IMPLEMENTATION_CLASS_UID)),
        ("Implementation version name", code(IMPLEMENTATION_VERSION)),
    )
    return section(
        3,
        "4.2 Association policies",
        table(("", "Value"), limits),
        "Unless `called_ae_titles` says so, the called AE title is not checked. Associations are"
        " rejected as follows (PS3.8 9.3.4):",
        table(("Result", "Source", "Reason", "When"), _REJECTED),
        "An association is aborted when its peer leaves a PDU unfinished for longer than the idle"
        " time, announces a PDU or sends a data set longer than the limits above, sends what is no"
        " PDU or no DIMSE message, or when the bridge is stopped and the request in hand has been"
        " answered.",
    )


def _accepted(configuration: DicomConfiguration) -> str:
    contexts = application_entity(configuration).supported_contexts
    rows = [
        (
            uid_name(str(context.abstract_syntax)),
            code(context.abstract_syntax),
            ", ".join(map(uid_name, map(str, context.transfer_syntax or ()))),
            "SCP",
        )
        for context in contexts
    ]
    storage = ("Storage", "annex A, and what is said there", "annex B", "SCP")
    return section(
        3,
        "4.2.1 Presentation contexts accepted",
        table(("SOP class", "UID", "Transfer syntaxes", "Role"), [*rows, storage]),
        "Of several transfer syntaxes the one that stands first in this table is taken. SCP/SCU"
        " role selection is answered for every class. For C-GET the peer takes the SCP role of the"
        " storage classes it wants.",
    )


def _initiated() -> str:
    proposed = ", ".join(uid_name(str(each)) for each in DEFAULT_TRANSFER_SYNTAXES)
    plain = " and ".join(map(uid_name, (EXPLICIT_LITTLE, IMPLICIT_LITTLE)))
    rows: Iterator[tuple[str, ...]] = iter(
        (
            ("Storage, of what is forwarded or moved", "those of the instances",
             f"as stored; for what is stored in {plain}, both", "SCU"),
            (uid_name(STORAGE_COMMITMENT), code(STORAGE_COMMITMENT), proposed,
             "SCP, by role selection, to report results; SCU, of archives that shall commit"),
            (uid_name(INSTANCE_AVAILABILITY), code(INSTANCE_AVAILABILITY), "as above", "SCU"),
            (uid_name(PERFORMED_STEP), code(PERFORMED_STEP), "as above", "SCU, to tell a RIS"),
            (uid_name(STUDY_ROOT_FIND), code(STUDY_ROOT_FIND), "as above",
             "SCU, of archives that are asked what they hold"),
            (uid_name(VERIFICATION), code(VERIFICATION), "as above", "SCU, by `bridge doctor`"),
        )
    )  # fmt: skip
    return section(
        3,
        "4.2.2 Presentation contexts proposed",
        table(("SOP class", "UID", "Transfer syntaxes", "Role"), rows),
        "An association that cannot be had is tried again as the destination's `retry` says;"
        " deliveries wait meanwhile, in order. What an archive was asked to commit to is kept: its"
        " N-EVENT-REPORT may come on the same association or on one of its own, at once or up to a"
        " week later, and again; one of a Transaction UID that was never used is answered with"
        " 0115H.",
    )


def interfaces() -> str:
    """Section 4.4."""
    return section(
        3,
        "4.4 Network interfaces",
        "TCP/IP (IPv4 and IPv6, as the operating system has them). TCP_NODELAY is set on every"
        " connection; delayed acknowledgements are off on accepted ones and where answers to"
        " C-STORE come in, if the system allows.",
    )
