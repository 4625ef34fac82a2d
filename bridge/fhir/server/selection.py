"""The criteria of a search as selections of records: rows of the domain, and received resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bridge.fhir.identifiers import ACCESSION
from bridge.fhir.server.library import Library, derived_id
from bridge.fhir.server.parameters import Meaning, Parameter, ParameterType
from bridge.fhir.server.query import Asked, Query, parameter_of
from bridge.fhir.server.refusals import FhirRefusal
from bridge.fhir.server.resource_types import TYPES
from bridge.fhir.server.terms import reference_parts
from bridge.fhir.server.values import (
    Token,
    coding_tests,
    field_tests,
    missing_test,
    negated,
    read_token,
    term_tests,
    unescape,
)
from bridge.services.find_records import (
    Criterion,
    Exactly,
    RecordKind,
    Selection,
    Test,
    Window,
)

MOST_TARGETS = 500
"""A chain that leads to more resources than these is too costly to follow."""

Target = tuple[str, str]
"""Type and id that a reference is searched by."""


class Selector:
    """Turns what was asked into criteria, looking up what identifiers and references mean."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._site = library.house.site

    def selections(self, query: Query) -> tuple[Selection | None, Selection]:
        """The rows of the domain, if the type has any, and the received resources."""
        resources = Selection(
            kind=RecordKind.RESOURCE,
            criteria=(
                Criterion("type", (Exactly(query.type.name),)),
                *(c for asked in query.asked for c in self._of_resources(asked, query)),
            ),
        )
        kind = query.type.kind
        if kind is None:
            return None, resources
        criteria = tuple(c for asked in query.asked for c in self._of_rows(asked, kind, query))
        return Selection(kind=kind, criteria=criteria), resources

    # --- received resources that stand for no row

    def _of_resources(self, asked: Asked, query: Query) -> Iterable[Criterion]:
        parameter = asked.parameter
        if parameter.name == "_id":
            return _criteria("id", [Exactly(unescape(v)) for v in asked.values], asked)
        if parameter.name == "_lastUpdated":
            tests = self._tests(asked, in_field=True)
            return [Criterion("updated_at", tuple(tests))]
        field = f"term:{parameter.name}"
        if asked.modifier == "missing":
            return [Criterion(field, (missing_test(asked.values, parameter.name),))]
        if parameter.type is ParameterType.REFERENCE:
            return [Criterion(field, self._reference_terms(asked))]
        return _criteria(field, self._tests(asked, in_field=False), asked)

    # --- rows of the domain

    def _of_rows(self, asked: Asked, kind: RecordKind, query: Query) -> Iterable[Criterion]:
        parameter = asked.parameter
        if parameter.name == "_id":
            found = (self._library.record_of(query.type.name, unescape(v)) for v in asked.values)
            tests: list[Test] = [Exactly(pk) for each in found if each for pk in each[1:]]
            return _criteria("pk", tests, asked)
        if asked.modifier == "missing":
            return self._missing(asked)
        if parameter.meaning is Meaning.IDENTIFIER:
            return self._identified(asked, kind, query.type.name)
        if parameter.type is ParameterType.REFERENCE:
            return [self._referring(asked)]
        return self._valued(asked)

    def _valued(self, asked: Asked) -> Iterable[Criterion]:
        if not asked.parameter.field:
            return self._only_received(asked)
        if asked.parameter.meaning is Meaning.CODE:
            return self._coded(asked)
        return _criteria(asked.parameter.field, self._tests(asked, in_field=True), asked)

    def _coded(self, asked: Asked) -> Iterable[Criterion]:
        """A code with its system is compared with code value and scheme, else the value alone."""
        name = asked.parameter.name
        with_scheme = [coding_tests(v, name, self._site.systems) for v in asked.values]
        if all(tests is None for tests in with_scheme):
            return _criteria(asked.parameter.field, self._tests(asked, in_field=True), asked)
        return _criteria("coding", [test for tests in with_scheme for test in tests or ()], asked)

    def _tests(self, asked: Asked, *, in_field: bool) -> list[Test]:
        read = field_tests if in_field else term_tests
        zone = self._site.zone
        return [
            test
            for value in asked.values
            for test in read(asked.parameter, value, asked.modifier, zone)
        ]

    def _missing(self, asked: Asked) -> Iterable[Criterion]:
        parameter = asked.parameter
        test = missing_test(asked.values, parameter.name)
        if parameter.always or parameter.meaning is Meaning.IDENTIFIER:
            return [] if test.present else [Criterion("pk", ())]
        return [Criterion(parameter.field or f"term:{parameter.name}", (test,))]

    def _only_received(self, asked: Asked) -> Iterable[Criterion]:
        """What the domain has no field for: only what was received for a row can tell."""
        tests = self._tests(asked, in_field=False)
        always = asked.parameter.always
        if always and any(read_token(v, asked.parameter.name).code in always for v in asked.values):
            return [Criterion("pk", ())] if asked.modifier == "not" else []
        return _criteria(f"term:{asked.parameter.name}", tests, asked)

    # --- identifiers

    def _identified(self, asked: Asked, kind: RecordKind, type_: str) -> Iterable[Criterion]:
        """Numbers are looked up first: few rows have one, and each index is asked for itself."""
        parameter = asked.parameter
        tokens = [read_token(value, parameter.name) for value in asked.values]
        type_code = ACCESSION if parameter.name == "accession" else ""
        own = [pk for token in tokens for pk in self.numbered(kind, token, type_code)]
        for token in tokens:
            own += self._library.rows_with_term(type_, parameter.name, token.term)
        if kind is RecordKind.STUDY or (kind is RecordKind.STEP and type_code):
            orders = [
                pk for token in tokens for pk in self.numbered(RecordKind.ORDER, token, ACCESSION)
            ]
            own += self._pks(kind, [Criterion("order", tuple(Exactly(pk) for pk in orders))])
        elif kind is RecordKind.STEP:
            steps = tuple(Exactly(token.code) for token in tokens if not token.system)
            own += self._pks(kind, [Criterion("sps_id", steps)])
        if asked.modifier == "not":
            return [Criterion("pk", (Exactly(pk, other=True),)) for pk in dict.fromkeys(own)]
        return [Criterion("pk", (), tuple(dict.fromkeys(own)))]

    def numbered(self, kind: RecordKind, token: Token, type_code: str = "") -> list[int]:
        """The rows that are known by an identifier."""
        if kind is RecordKind.STUDY and type_code:
            return []
        return [
            pk
            for pk, known in self._library.tx.records.numbered(kind, token.code)
            if token.system in (None, self._site.systems.system(known.authority))
            and type_code in ("", known.type_code)
        ]

    def _pks(self, kind: RecordKind, criteria: Sequence[Criterion]) -> list[int]:
        if not all(criterion.tests for criterion in criteria):
            return []
        selection = Selection(kind=kind, criteria=tuple(criteria))
        found = self._library.tx.records.find(selection, Window(limit=MOST_TARGETS))
        return [each.pk for each in found]

    # --- references

    def _referring(self, asked: Asked) -> Criterion:
        parameter = asked.parameter
        received = self._reference_terms(asked)
        if not parameter.field:
            return Criterion(f"term:{parameter.name}", received)
        records = (self._library.record_of(*each) for each in self._targets(asked))
        pks = dict.fromkeys(
            record[1] for record in records if record and _is_of(record[0], parameter)
        )
        return Criterion(parameter.field, tuple(Exactly(pk) for pk in pks))

    def _reference_terms(self, asked: Asked) -> tuple[Test, ...]:
        names = [name for target in self._targets(asked) for name in self._names(target)]
        if asked.modifier == "identifier":
            tokens = (read_token(value, asked.parameter.name) for value in asked.values)
            names += [f":identifier {token.term}" for token in tokens]
        return tuple(Exactly(name) for name in dict.fromkeys(names))

    def _targets(self, asked: Asked) -> list[Target]:
        """What a reference parameter's values mean."""
        parameter, modifier = asked.parameter, asked.modifier
        targets = (modifier,) if modifier in TYPES else parameter.targets
        if asked.chain or modifier == "identifier":
            return self._chained(targets, asked.chain or "identifier", asked)
        found: list[Target] = []
        for value in map(unescape, asked.values):
            parts = reference_parts(value, self._library.house.base)
            found += [parts] if parts else [(each, value) for each in targets]
        return found

    def _chained(self, targets: Sequence[str], chain: str, asked: Asked) -> list[Target]:
        """The resources of the targets' types that the chained parameter finds."""
        head, _, rest = chain.partition(".")
        name, _, modifier = head.partition(":")
        found: list[Target] = []
        known = False
        for each in targets:
            parameter = parameter_of(TYPES[each], name) if each in TYPES else None
            if parameter is None or (rest and not parameter.targets):
                continue
            known = True
            inner = Asked(parameter, asked.values, modifier, rest)
            found += self._found(Query(type=TYPES[each], asked=(inner,)))
        if not known:
            raise FhirRefusal(
                400,
                f"{asked.parameter.name} cannot be followed to {chain[:64]}",
                code="not-supported",
                expression=f"http.{asked.parameter.name}",
            )
        return found

    def _found(self, query: Query) -> list[Target]:
        found: list[Target] = []
        for selection in self.selections(query):
            if selection is None:
                continue
            window = Window(limit=MOST_TARGETS + 1)
            records = self._library.tx.records.find(selection, window)
            if len(records) > MOST_TARGETS:
                raise FhirRefusal(400, "the chain leads to too many resources", code="too-costly")
            for each in records:
                if selection.kind is RecordKind.RESOURCE:
                    name = self._library.tx.resources.by_pk(each.pk).id
                else:
                    reference = self._library.name_of(selection.kind, each.pk)
                    name = reference.partition("/")[2]
                found.append((query.type.name, name))
        return found

    def _names(self, target: Target) -> list[str]:
        """Every `Type/id` that a received resource may refer to this by."""
        record = self._library.record_of(*target)
        names = ["/".join(target)]
        if record is not None:
            kind, pk = record
            kept = self._library.tx.resources.standing_for(kind, pk)
            names += [f"{each.type}/{each.id}" for each in kept]
            names += [f"{target[0]}/{derived_id(kind, pk)}"]
        return names


def _is_of(kind: RecordKind, parameter: Parameter) -> bool:
    """A field names rows of one kind: a reference to something else finds none of them."""
    return kind.value == parameter.field


def _criteria(field: str, tests: Sequence[Test], asked: Asked) -> list[Criterion]:
    """Any of the tests, or none of them with the modifier `:not`."""
    if asked.modifier == "not":
        return [Criterion(field, (test,)) for test in negated(tests)]
    return [Criterion(field, tuple(tests))]
