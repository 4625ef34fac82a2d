"""Given several orders in one message, when grouped, then each segment is with its own order."""

from bridge.hl7.er7 import group, read

HEADER = "MSH|^~\\&|A|B|C|D|20240101||OMI^O23|M1|P|2.5.1"


def grouped(*lines: str, starts: tuple[str, ...] = ("ORC", "OBR")) -> list[list[str]]:
    """The segment names of the header and of each group."""
    header, groups = group(read("\r".join([HEADER, *lines, ""]).encode()), starts)
    return [[segment.name for segment in part.segments] for part in (header, *groups)]


def test_given_two_orders_when_grouped_then_each_has_its_own_steps() -> None:
    assert grouped(
        *("PID|1", "NTE|1", "DG1|1"),
        *("ORC|NW", "TQ1|1", "OBR|1", "NTE|1", "OBX|1", "IPC|1", "IPC|2"),
        *("ORC|NW", "OBR|2", "ZDS|1", "DG1|1"),
    ) == [
        ["MSH", "PID", "NTE", "DG1"],
        ["ORC", "TQ1", "OBR", "NTE", "OBX", "IPC", "IPC"],
        ["ORC", "OBR", "ZDS", "DG1"],
    ]


def test_given_an_obr_without_orc_when_grouped_then_it_is_an_order_of_its_own() -> None:
    assert grouped("OBR|1", "NTE|1", "OBR|2", "ORC|NW", "OBR|3", "OBR|4") == [
        ["MSH"],
        ["OBR", "NTE"],
        ["OBR"],
        ["ORC", "OBR"],
        ["OBR"],
    ]


def test_given_an_orc_without_obr_when_grouped_then_the_next_orc_begins_another() -> None:
    assert grouped("ORC|CA", "ORC|NW", "OBR|1") == [["MSH"], ["ORC"], ["ORC", "OBR"]]


def test_given_no_order_when_grouped_then_all_is_header() -> None:
    assert grouped("PID|1", "PV1|1") == [["MSH", "PID", "PV1"]]


def test_given_pairs_of_pid_and_mrg_when_grouped_by_pid_then_pairs_come() -> None:
    assert grouped("EVN|A40", "PID|1", "MRG|2", "PID|3", "MRG|4", starts=("PID",)) == [
        ["MSH", "EVN"],
        ["PID", "MRG"],
        ["PID", "MRG"],
    ]


def test_given_a_group_when_looked_up_by_path_then_its_own_values_come() -> None:
    lines = [HEADER, "ORC|NW|1", "IPC|A", "IPC|B", "ORC|CA|2", "IPC|C", ""]

    first, second = group(read("\r".join(lines).encode())).groups

    assert (first.get("ORC-2"), second.get("ORC-2")) == ("1", "2")
    assert first.values("IPC-1") == ("A", "B")
    assert first.get("IPC[2]-1") == "B"
    assert [segment.sequence for segment in second.all("IPC")] == [3]
