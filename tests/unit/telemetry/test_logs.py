"""Given log records, when they are written, then each is one line that names no patient."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator

import pytest

from bridge.telemetry import logs

NAME = "NGUYEN^VAN ANH"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is written, with the process's logging put back afterwards."""
    root, ours = logging.getLogger(), logging.getLogger("bridge")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    stream = io.StringIO()
    logs.configure("info", stream)
    yield stream
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    ours.setLevel(levels[1])


def test_given_an_event_with_keys_when_logged_then_only_listed_keys_are_written(
    written: io.StringIO,
) -> None:
    keys = {"destination": "ehr", "patient_name": NAME, "reason": 'said "no"\nnow'}

    logging.getLogger("bridge.delivery").warning("delivery.failed", extra=keys)

    (line,) = written.getvalue().splitlines()
    assert "level=warning logger=bridge.delivery event=delivery.failed destination=ehr" in line
    assert r'reason="said \"no\"\nnow"' in line
    assert "NGUYEN" not in line


def test_given_a_text_that_looks_like_a_key_when_logged_then_it_stays_a_value(
    written: io.StringIO,
) -> None:
    logging.getLogger("bridge").warning("refused", extra={"peer": "x level=error"})

    assert 'peer="x level=error"' in written.getvalue()


def test_given_an_exception_when_logged_then_its_place_is_told_and_its_text_is_not(
    written: io.StringIO,
) -> None:
    try:
        raise ValueError(NAME)
    except ValueError:
        logging.getLogger("bridge").exception("timers.action_failed")

    (line,) = written.getvalue().splitlines()
    assert "exception=ValueError at=test_logs.test_given_an_exception" in line
    assert "NGUYEN" not in line


def test_given_an_error_of_the_system_when_logged_then_its_reason_is_told(
    written: io.StringIO,
) -> None:
    error = OSError(98, "Address already in use")

    logging.getLogger("bridge").error("bridge.not_started", exc_info=error)

    assert 'os_error="Address already in use"' in written.getvalue()


@pytest.mark.parametrize("name", ["pydicom", "pynetdicom.acse", "fhir", "bridgehead"])
def test_given_another_library_when_it_quotes_a_message_then_only_its_place_is_told(
    written: io.StringIO, name: str
) -> None:
    logging.getLogger(name).warning("Invalid value for PN: %s", NAME)

    assert "event=withheld said_at=test_logs:" in written.getvalue()
    assert "NGUYEN" not in written.getvalue()


def test_given_a_warning_of_python_when_raised_then_it_becomes_a_line(
    written: io.StringIO,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(NAME, stacklevel=1)

    assert "logger=py.warnings event=withheld" in written.getvalue()
    assert "NGUYEN" not in written.getvalue()


def test_given_a_level_when_configured_then_less_is_not_written(written: io.StringIO) -> None:
    logging.getLogger("bridge").debug("details")
    logging.getLogger("uvicorn.error").info("started")

    assert written.getvalue() == ""


def test_given_no_such_level_when_configured_then_it_is_refused(written: io.StringIO) -> None:
    with pytest.raises(ValueError, match="Unknown level"):
        logs.configure("LOUD")
