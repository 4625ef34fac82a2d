"""Given a package, when it is measured, then only code counts and only the limits fail it."""

from pathlib import Path

import pytest

from tools import outliers

SOURCE = '''"""A docstring
of two lines."""

import os  # counted, the comment is not


class Order:
    """Not counted."""

    def place(self) -> str:
        """Not counted
        either."""
        # nor this
        text = """counted
and counted"""

        def inner() -> None:
            pass

        return text + os.sep
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "orders").mkdir(parents=True)
    (folder / "orders" / "order.py").write_text(SOURCE, encoding="utf-8")
    return folder


def function_of(lines: int) -> str:
    return "def long():\n" + "    pass\n" * (lines - 1)


def test_given_comments_and_docstrings_when_measured_then_only_code_counts(package: Path) -> None:
    modules, functions = outliers.measure_package(package)

    assert [(module.name, module.lines) for module in modules] == [("shop.orders.order", 8)]
    assert [(function.name, function.lines) for function in functions] == [
        ("shop.orders.order.Order.place", 6),
        ("shop.orders.order.Order.place.inner", 2),
    ]
    assert functions[0].place.endswith("order.py:10")


def test_given_small_code_when_checked_then_it_passes_and_shows_the_spread(
    package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outliers.main([str(package), "--top", "1"]) == 0

    printed = capsys.readouterr().out
    assert "1 modules: median 8, 90th percentile 8, longest 8 (limit 500)" in printed
    assert "2 functions: median 4, 90th percentile 6, longest 6 (limit 50)" in printed
    assert "inner" not in printed


@pytest.mark.parametrize(("lines", "status"), [(50, 0), (51, 1)])
def test_given_a_function_at_the_limit_when_checked_then_only_over_it_fails(
    package: Path, capsys: pytest.CaptureFixture[str], lines: int, status: int
) -> None:
    (package / "long.py").write_text(function_of(lines), encoding="utf-8")

    assert outliers.main([str(package)]) == status
    assert ("too long: shop.long.long" in capsys.readouterr().err) == bool(status)


@pytest.mark.parametrize(("lines", "status"), [(500, 0), (501, 1)])
def test_given_a_module_at_the_limit_when_checked_then_only_over_it_fails(
    package: Path, lines: int, status: int
) -> None:
    (package / "table.py").write_text("x = 1\n" * lines, encoding="utf-8")

    assert outliers.main([str(package)]) == status


def test_given_an_empty_package_when_checked_then_there_is_nothing_to_fail(tmp_path: Path) -> None:
    assert outliers.main([str(tmp_path)]) == 0


def test_given_a_folder_left_out_when_checked_then_its_size_does_not_matter(package: Path) -> None:
    (package / "generated").mkdir()
    (package / "generated" / "long.py").write_text(function_of(51), encoding="utf-8")

    assert outliers.main([str(package), "--leave-out", "generated"]) == 0
    assert outliers.main([str(package)]) == 1
