"""The DICOM conformance statement, in the order of PS3.2 Annex A."""

from __future__ import annotations

from typing import Any, cast

from bridge.conformance.markdown import code, section, table
from bridge.conformance.network import interfaces, networking, storage_classes, transfer_syntaxes
from bridge.conformance.services import services
from bridge.conformance.web import web_services
from bridge.dicom.charsets import character_set
from bridge.dicomweb.parts import Holding
from bridge.dicomweb.router import wado_router
from bridge.dicomweb.store import stow_router
from bridge.mapping.modality_quirks import load_quirk_profiles
from bridge.settings import Settings
from bridge.settings.dicom import Dicom
from bridge.settings.schema import Section, walk
from bridge.settings.standard_terms import CHARACTER_SETS
from bridge.wiring.edges import dicom_configuration

INTRODUCTION = """\
# DICOM conformance statement

<!-- Written by `bridge conformance dicom` from the code's own tables; a test keeps it current. -->

Structure: PS3.2 Annex A. `bridge conformance dicom --config FILE` writes it with a site's own
titles and limits."""


def write_statement(settings: Settings) -> str:
    """The whole statement, for one configuration."""
    configuration = dicom_configuration(settings.dicom, mappings=settings.mappings)
    quirks = load_quirk_profiles(settings.mappings).values()
    parts = [
        INTRODUCTION,
        _overview(),
        networking(configuration),
        services(configuration, quirks),
        interfaces(),
        _web(),
        _configuration(),
        _media(),
        _character_sets(),
        _security(),
        storage_classes(),
        transfer_syntaxes(),
    ]
    return "\n\n".join(parts) + "\n"


def _overview() -> str:
    provided = (
        ("Verification", "yes", "yes"),
        ("Modality Worklist", "", "yes"),
        ("Modality Performed Procedure Step", "yes, to tell a RIS", "yes"),
        ("Storage", "yes", "yes"),
        ("Storage Commitment Push Model", "yes, of what is forwarded", "yes"),
        ("Query/Retrieve: FIND", "yes, to learn what an archive beside it holds", "yes"),
        ("Query/Retrieve: MOVE, GET", "", "yes"),
        ("Instance Availability Notification", "yes", "yes"),
        ("DICOMweb: QIDO-RS, WADO-RS, WADO-URI, STOW-RS", "QIDO-RS, of such an archive", "yes"),
    )
    return section(
        2,
        "1 Overview",
        "A bridge between those who order and those who image: orders go out as worklist, images"
        " come in, are matched to their orders, kept or forwarded, and told of by FHIR.",
        table(("Network service", "User (SCU)", "Provider (SCP)"), provided),
        "Not offered: media interchange, Print, Unified Procedure Step, MPPS"
        " Notification. This statement alone does not make interoperation certain (PS3.2 6.3); no"
        " IHE integration statement is claimed.",
    )


def _web() -> str:
    nowhere = cast(Any, None)
    return web_services((wado_router(nowhere), stow_router(nowhere, "", Holding(0))))


def _configuration() -> str:
    rows = [(code(f"dicom.{path}"), setting.doc) for path, setting in walk(Section(Dicom))]
    return section(
        3,
        "4.6 Configuration",
        "Values, defaults and destinations: [configuration](../configuration.md).",
        table(("Key", "Meaning"), rows),
    )


def _media() -> str:
    return section(2, "5 Media interchange", "None.")


def _character_sets() -> str:
    alone = [term for term in CHARACTER_SETS if _is_known(term)]
    return section(
        2,
        "6 Support of character sets",
        "Read and written: " + ", ".join(code(each) for each in alone) + "; of the ISO 2022 terms"
        " also several with code extensions. Texts are held in Unicode (NFC). Bytes that contradict"
        " the declaration are read as UTF-8, else as the 8-bit set of the declared country, else as"
        " Latin-1.",
        "Answers are written in the character set that the peer is configured with; else in that of"
        " the query when it can carry the answer; else in ISO_IR 192. Specific Character Set is"
        " present only when a text needs it. What a configured set cannot carry is transliterated,"
        " never sent as `?`: Latin letters lose their marks, Cyrillic follows ICAO 9303, Greek ELOT"
        " 743, kana Hepburn, Hangul the Revised Romanization. Of a type 1 text of which nothing is"
        " left the Patient ID, the code or the ID of the same object stands instead.",
    )


def _is_known(term: str) -> bool:
    known = character_set(term)
    return bool(known.terms) or term.endswith(" 6")


def _security() -> str:
    return section(
        2,
        "7 Security",
        "No Secure Transport Connection Profile: no TLS for DIMSE, none for DICOMweb, no user"
        " identity, no authentication but the calling AE title (`unknown_peers: reject`), which"
        " anybody can claim. Listeners are bound to the loopback interface until they are"
        " configured otherwise; keep them on a protected network.",
    )
