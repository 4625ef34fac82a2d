"""What `bridge mapping diff` does: messages told by two profiles, and where they differ."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bridge.cli.opening import opened, utc_time
from bridge.domain.errors import BridgeError
from bridge.mapping.difference import Difference, Mask, Tally, compare
from bridge.mapping.fhir_profiles import KEYS
from bridge.mapping.outline import compare_outlines, outline
from bridge.mapping.profiles import DEFAULT, PROFILE_KEYS
from bridge.mapping.profiles import LANGUAGE as HL7
from bridge.mapping.shelf import Shelf
from bridge.mapping.versions import Version
from bridge.settings import Settings, load
from bridge.store.repositories import SqlStore
from bridge.wiring.profiles import LOADERS
from bridge.wiring.retelling import Context, Journal, Retelling, has_content

_AGO = re.compile(r"(\d+)\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EVER = 0.0
_MOST_KEYWORDS = 20


@dataclass(frozen=True, slots=True)
class _Message:
    title: str
    raw: bytes
    context: Context


def diff(options: argparse.Namespace) -> int:
    """Compare, print what differs, and give the exit code: 1 when anything does."""
    files = _without_profiles(options)
    if options.before is None and options.after is None:
        raise BridgeError("say which other profile: --to PROFILE")
    if files and options.against:
        raise BridgeError("name messages, or say --against journal, not both")
    settings = load(options.config, os.environ)
    before, after = (_version(text, settings) for text in (options.before, options.after))
    if files:
        return _print(options, before, after, _from_files(files, before, after, settings))
    if not options.against:
        return _print_outlines(before.version, after.version)
    with opened(options) as database:
        journal = Journal(settings, SqlStore(database))
        return _print(options, before, after, _from_journal(journal, options, settings))


def _without_profiles(options: argparse.Namespace) -> list[Path]:
    """The messages that are named; profiles among them are what is compared."""
    profiles = [str(path) for path in options.files if path.suffix == ".yaml"]
    free = [name for name in ("before", "after") if getattr(options, name) is None]
    if len(profiles) > len(free):
        raise BridgeError("name no more than two profiles")
    for name, text in zip(free[-len(profiles) :] if profiles else (), profiles, strict=True):
        setattr(options, name, text)
    return [path for path in options.files if path.suffix != ".yaml"]


def _print_outlines(before: Version, after: Version) -> int:
    """What two profiles say otherwise, when there are no messages to try them on."""
    if not (before.name and after.name):
        raise BridgeError("name messages, say --against journal, or name two profiles")
    found = compare_outlines(*(_outline(each) for each in (before, after)))
    for each in found:
        print(f"{each.path}: {each.before or '-'} → {each.after or '-'}")
    print(f"{len(found)} rows, rules, options and codes differ")
    return 1 if found else 0


def _outline(version: Version) -> dict[str, str]:
    language = Shelf.of(version.directory).language(version.name)
    LOADERS.get(language, LOADERS[HL7])(version.name, version.directory)
    return outline(version.name, version.directory, KEYS | PROFILE_KEYS.keys())


def _version(text: str | None, settings: Settings) -> Retelling:
    if text is None:
        return Retelling(Version("", settings.mappings))
    return Retelling(Version.parse(text, settings.mappings))


def _from_journal(
    journal: Journal, options: argparse.Namespace, settings: Settings
) -> Iterator[_Message]:
    zone = settings.site.timezone
    since = _moment(options.since, zone, _EVER)
    until = _moment(options.until, zone, time.time())
    for row, context in journal.messages(since, until):
        title = f"message {row.pk} {utc_time(row.received_at)} {row.type} {row.peer.split(' ')[0]}"
        yield _Message(title, row.raw, context)


def _from_files(
    paths: Iterable[Path], before: Retelling, after: Retelling, settings: Settings
) -> Iterator[_Message]:
    site = Journal.site_of(settings)
    for path in _files(paths):
        name = before.version.name or after.version.name or DEFAULT
        directory = before.version.directory or after.version.directory
        language = Shelf.of(directory).language(name)
        context = Context(language, before.version.name or DEFAULT, site)
        yield _Message(str(path), path.read_bytes().strip(b"\x0b\x1c\r\n") + b"\r", context)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted((*path.rglob("*.hl7"), *path.rglob("*.json")))
        else:
            yield path


def _moment(text: str | None, zone: ZoneInfo, default: float) -> float:
    if text is None:
        return default
    if ago := _AGO.fullmatch(text.strip()):
        return time.time() - int(ago[1]) * _SECONDS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BridgeError(f"{text!r} is no time; write 2026-03-12T08:00 or 7d") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def _print(
    options: argparse.Namespace, before: Retelling, after: Retelling, messages: Iterable[_Message]
) -> int:
    mask, tally = Mask(secrets.token_bytes(16)), Tally()
    for message in messages:
        context = message.context
        if not has_content(context, message.raw):
            continue
        if not (before.fits(context) and after.fits(context)):
            tally.unreadable += 1
            continue
        if options.limit and tally.messages >= options.limit:
            break
        found = compare(before.tell(context, message.raw), after.tell(context, message.raw))
        tally.count(found)
        if found:
            print(f"{message.title} ({before.name(context)} → {after.name(context)})")
            _print_differences(found if options.show else map(mask, found))
    _print_summary(tally)
    return 1 if tally.different else 0


def _print_differences(differences: Iterable[Difference]) -> None:
    for each in differences:
        print(f"  {each.path}: {each.before or '-'} → {each.after or '-'}")


def _print_summary(tally: Tally) -> None:
    print(
        f"{tally.messages} messages compared: {tally.different} differ,"
        f" {tally.of_events} of them in events, category or refusal"
    )
    if tally.unreadable:
        print(f"{tally.unreadable} messages of another language than the profiles were left out")
    for keyword, count in tally.keywords.most_common(_MOST_KEYWORDS):
        print(f"  {count:>7}  {keyword}")
