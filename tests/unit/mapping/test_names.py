"""Given a name as HL7 carries it, when mapped, then it is the PN that DICOM means by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.hl7.er7 import read
from bridge.mapping.names import as_is, read_ndl, read_xcn, read_xpn, split_vietnamese
from bridge.mapping.source import Place, Run, Segment, Site


def segment(name: str, value: str, number: int) -> Segment:
    text = f"MSH|^~\\&|A|B|||||||\r{name}{'|' * number}{value}\r"
    found = read(text.encode()).first(name)
    assert found is not None
    return found


def xpn(value: str, run: Run | None = None) -> str | None:
    pid = segment("PID", value, 5)
    return read_xpn(Place("PID", 5), as_is)(pid, run or Run(Site()), 0)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Doe^Jane^Q^Jr^Dr^PhD", "Doe^Jane^Q^Dr^Jr PhD"),
        ("Doe^Jane", "Doe^Jane"),
        ("Doe", "Doe"),
        ("^^^^Dr", None),
        ("  Doe  ^ Jane ", "Doe^Jane"),
        ("Old^Name^^^^^NOUSE~New^Name^^^^^N", "New^Name"),
        ("Stage^Name^^^^^S~Real^Name^^^^^B", "Real^Name"),
        ("Nick^Name^^^^^N~Legal^Name^^^^^L", "Legal^Name"),
        ("First^Name~Second^Name", "First^Name"),
        ("Gone^Name^^^^^BAD", "Gone^Name"),
        ("van&van&Gogh^Vincent", "van^Vincent"),
        ("&van&Gogh^Vincent", "van Gogh^Vincent"),
        ("O\\S\\Neil^A\\T\\B\\F\\C", "O Neil^A&B|C"),
        ("A=B^C\\E\\D", "A B^C/D"),
        (
            "山田^太郎^^^^^L^I~ヤマダ^タロウ^^^^^L^P~Yamada^Tarou^^^^^L^A",
            "Yamada^Tarou=山田^太郎=ヤマダ^タロウ",
        ),
        ("山田^太郎^^^^^L^I~ヤマダ^タロウ^^^^^L^P", "=山田^太郎=ヤマダ^タロウ"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("=山田^太郎=ヤマダ^タロウ", "=山田^太郎=ヤマダ^タロウ"),
        ("Wang^XiaoDong=王^小东", "Wang^XiaoDong=王^小东"),
        ("Yamada=Suzuki", "Yamada Suzuki"),
        ("Yamada^Tarou~山田^太郎~ヤマダ^タロウ", "Yamada^Tarou=山田^太郎=ヤマダ^タロウ"),
        ("山田^太郎~ﾔﾏﾀﾞ^ﾀﾛｳ", "=山田^太郎=ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("Hong^Gildong^^^^^L~洪^吉洞~홍^길동", "Hong^Gildong"),
        ("Hong^Gildong^^^^^L~洪^吉洞^^^^^^I~홍^길동^^^^^^P", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("Hong^Gildong~洪^吉洞~홍^길동", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("Нгуен~NGUYỄN^ÁNH", "Нгуен"),
        ("楊嘉翔", "楊嘉翔"),
        ("NGUYỄN THỊ ĐẶNG PHƯỢNG", "NGUYỄN THỊ ĐẶNG PHƯỢNG"),
    ],
)
def test_xpn(value: str, name: str | None) -> None:
    assert xpn(value) == name


def test_a_group_longer_than_64_characters_is_cut_with_a_warning() -> None:
    run = Run(Site())
    assert xpn("x" * 80, run) == "x" * 64
    assert run.warnings == ["PID^1^5: name is longer than 64 characters and was cut"]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("0815^Sandberg^Olof^^^Dr.", "Sandberg^Olof^^Dr."),
        ("0815", None),
        ("0815~0816^Ekman^Ulla", "Ekman^Ulla"),
        ("^Smith (M)^Michael", "Smith (M)^Michael"),
        (
            "1^Yamada^Ichiro~1^山田^一郎^^^^^^^^^^^^I~2^鈴木^次郎^^^^^^^^^^^^I",
            "Yamada^Ichiro=山田^一郎",
        ),
        ("1^山田^一郎^^^^^^^^^^^^I", "=山田^一郎"),
    ],
)
def test_xcn(value: str, name: str | None) -> None:
    obr = segment("OBR", value, 16)
    assert read_xcn(Place("OBR", 16), as_is)(obr, Run(Site()), 0) == name


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("0901&Berg&Karin^20260312", "Berg^Karin"),
        ("Family^Given^Middle^^DR", "Family^Given^Middle^DR"),
        ("0901^20260312", None),
        ("^^^^SCAN", None),
    ],
)
def test_ndl(value: str, name: str | None) -> None:
    obr = segment("OBR", value, 34)
    assert read_ndl(Place("OBR", 34), as_is)(obr, Run(Site()), 0) == name


@pytest.mark.parametrize(
    ("whole", "parts"),
    [
        ("NGUYỄN THỊ ĐẶNG PHƯỢNG", ("NGUYỄN", "PHƯỢNG", "THỊ ĐẶNG")),
        ("LÊ BÌNH", ("LÊ", "BÌNH", "")),
        ("LÊ", ("LÊ", "", "")),
    ],
)
def test_the_vietnamese_split_is_family_given_middle(
    whole: str, parts: tuple[str, str, str]
) -> None:
    assert split_vietnamese(whole) == parts


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40))
def test_no_name_carries_delimiters_into_the_pn(text: str) -> None:
    name = xpn(text.replace("|", "").replace("~", "").replace("^", "").replace("&", "")) or ""
    assert "\\" not in name
    assert "=" not in name


def test_a_name_of_a_type_is_read_only_where_one_says_so() -> None:
    names = "Weber^Eva^^^^^L~Roth^Eva^^^^^M~Alt^Eva^^^^^A"
    pid, place, run = segment("PID", names, 5), Place("PID", 5), Run(Site())
    assert read_xpn(place, as_is, ("B", "M"))(pid, run, 0) == "Roth^Eva"
    assert read_xpn(place, as_is, ("N",))(pid, run, 0) is None
    assert read_xpn(place, as_is)(pid, run, 0) == "Weber^Eva"
