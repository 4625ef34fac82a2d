"""HL7 v2 orders as a HIS or a RIS writes them: ORM^O01 of v2.3.1 and OMI^O23 of v2.5.1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from bridge.simulate.hospital import HOSPITAL, OrderRequest, Person

_ESCAPES = str.maketrans({"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\"})
_REQUESTER = "BS007^PHẠM^HỒNG^^^BS"
_SCHEME = f"99{HOSPITAL}"


def order_message(order: OrderRequest, form: str = "ORM^O01", control: str = "NW") -> bytes:
    """The order as a message in UTF-8. `form` is MSH-9 and picks the layout; `control` is ORC-1."""
    build = {"ORM^O01": _general_order, "OMI^O23": _imaging_order}[form]
    return "".join(f"{line}\r" for line in build(order, control)).encode()


def _general_order(order: OrderRequest, control: str) -> list[str]:
    timing = f"^^^{_timestamp(order.start)}^^{order.priority}"
    lines = [
        *_head(order, "ORM^O01", "2.3.1"),
        _segment("ORC", {1: control, 2: _placer(order), 7: timing, 12: _REQUESTER}),
        _segment(
            "OBR",
            {
                1: "1",
                2: _placer(order),
                4: _coded(order, ""),
                16: _REQUESTER,
                18: order.accession_number,
                19: order.rp_id,
                20: order.sps_id,
                24: order.exam.modality,
                27: timing,
            },
        ),
    ]
    if order.study_instance_uid:
        lines.append(
            _segment("ZDS", {1: f"{order.study_instance_uid}^{HOSPITAL}^Application^DICOM"})
        )
    return lines


def _imaging_order(order: OrderRequest, control: str) -> list[str]:
    return [
        *_head(order, "OMI^O23^OMI_O23", "2.5.1"),
        _segment("ORC", {1: control, 2: _placer(order), 3: _filler(order), 12: _REQUESTER}),
        _segment("TQ1", {1: "1", 7: _timestamp(order.start), 9: order.priority}),
        _segment(
            "OBR",
            {1: "1", 2: _placer(order), 3: _filler(order), 4: _coded(order, ""), 16: _REQUESTER},
        ),
        _segment(
            "IPC",
            {
                1: f"{order.accession_number}^{HOSPITAL}",
                2: f"{order.rp_id}^{HOSPITAL}",
                3: f"{order.study_instance_uid}^{HOSPITAL}",
                4: f"{order.sps_id}^{HOSPITAL}",
                5: order.exam.modality,
                6: _coded(order, "P"),
                9: order.station_ae_title,
            },
        ),
    ]


def _head(order: OrderRequest, message_type: str, version: str) -> list[str]:
    sent = _timestamp(datetime.now(UTC))
    # MSH-1 is the separator itself, so that the fields that follow count from MSH-2.
    header = ["MSH", "^~\\&", "HIS", HOSPITAL, "BRIDGE", HOSPITAL, sent, "", message_type]
    header += [order.control_id, "P", version, "", "", "", "", "VNM", "UNICODE UTF-8"]
    return [
        "|".join(header),
        _person(order.person),
        _segment("PV1", {1: "1", 2: "O", 3: "CDHA", 19: f"V{order.placer_number}"}),
    ]


def _person(person: Person) -> str:
    return _segment(
        "PID",
        {
            1: "1",
            3: f"{person.patient_id}^^^{HOSPITAL}^MR",
            5: "^".join(_escape(part) for part in (person.family, person.given, person.middle)),
            7: person.birth_date,
            8: person.sex,
        },
    )


def _placer(order: OrderRequest) -> str:
    return f"{order.placer_number}^HIS"


def _filler(order: OrderRequest) -> str:
    return f"F{order.placer_number}^{HOSPITAL}"


def _coded(order: OrderRequest, prefix: str) -> str:
    return f"{prefix}{order.exam.code}^{_escape(order.exam.description)}^{_SCHEME}"


def _segment(name: str, fields: Mapping[int, str]) -> str:
    return "|".join([name, *(fields.get(n, "") for n in range(1, max(fields) + 1))])


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%d%H%M%S%z")
