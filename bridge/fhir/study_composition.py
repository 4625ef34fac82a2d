"""What a server is told of a study: ImagingStudy, DocumentReference, and the ways to the images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bridge.domain.publication import PublishedStudy, Request, WithdrawnStudy
from bridge.domain.study import Study
from bridge.fhir.bundle import Action, Content, Entry, Links, linked
from bridge.fhir.composition import Composer, Manner, Referred, bare
from bridge.fhir.document_reference import document_reference
from bridge.fhir.endpoint import WADO_RS, Access, endpoint_resource, viewer_endpoint
from bridge.fhir.identifiers import Json
from bridge.fhir.imaging_study import Rendering, imaging_study, requests_of, study_identifier
from bridge.mapping.ehr_profiles import Endpoints, Requests

STUDY = "{study_instance_uid}"
"""What stands for the Study Instance UID in the address of a viewer."""

_AVAILABLE, _CANCELLED, _ENTERED_IN_ERROR = "available", "cancelled", "entered-in-error"


class StudyComposer(Composer):
    """Composes what one server is told of studies.

    Raises:
        InvalidResource: the configured access makes no valid Endpoint.
    """

    def __init__(self, manner: Manner) -> None:
        super().__init__(manner)
        self._rendering = Rendering(
            systems=manner.systems,
            zone=manner.zone,
            instance_limit=manner.profile.instance_limit,
        )
        self._endpoints = tuple(self.checked(endpoint_resource(a)) for a in manner.access)

    def study(self, published: PublishedStudy, correlation: str) -> Content:
        """A study. One that will not come is told of only where it was told to come.

        Raises:
            TransportError: what is held makes no valid resource.
        """
        resource = imaging_study(published, self._rendering)
        if resource["status"] == _CANCELLED:
            return self._ended(resource["identifier"][:1], _CANCELLED)
        patient = self.patient(published.patient)
        requests = [self._request(each) for each in requests_of(published)]
        endpoints = self._endpoint_entries(published.study)
        if self.is_own(published.patient.patient_id):
            resource = {**resource, "subject": {"type": "Patient"}}
        links = Links(
            patient=patient.reference,
            endpoints=[each.name for each in endpoints],
            requests=[each.reference for each in requests],
        )
        found = [entry for each in requests for entry in each.entries]
        told = linked(resource, links, self.source(correlation))
        if found:
            told["encounter"] = {"reference": found[0].name_of_encounter}
        return (*patient.entries, *endpoints, *found, *self._about(told, published.study))

    def withdrawn(self, news: WithdrawnStudy) -> Content:
        """A study that is nobody's any more, or rejected (FHIR ImagingStudy.status).

        It should never have been there: entered in error. What was really acquired and is not
        shown any more, for its quality say, was real-world activity: cancelled.
        """
        system, value = study_identifier(news.study_instance_uid)
        took_place = news.rejected is not None and news.rejected.took_place
        status = _CANCELLED if took_place else _ENTERED_IN_ERROR
        return self._ended([{"system": system, "value": value}], status)

    def _ended(self, identifiers: list[Json], status: str) -> Content:
        profile = self.manner.profile
        statuses = {
            **({"ImagingStudy": status} if profile.imaging_study else {}),
            **({"DocumentReference": _ENTERED_IN_ERROR} if profile.document_reference else {}),
        }
        return tuple(
            Entry(resource={**bare(kind, identifiers), "status": said}, action=Action.AMEND)
            for kind, said in statuses.items()
        )

    def _request(self, request: Request) -> Referred:
        own = self.own_request(request.order)
        if own or self.manner.profile.requests is Requests.IGNORE:
            return Referred(own)
        resource = bare("ServiceRequest", self.identifiers(request.order))
        entry = Entry(resource=resource, action=Action.FIND)
        return Referred(entry.name, (entry,))

    def _about(self, told: Json, study: Study) -> Iterator[Entry]:
        profile, uid = self.manner.profile, study.study_instance_uid
        pages = (self.manner.viewer.replace(STUDY, uid),) if self.manner.viewer else ()
        if profile.imaging_study:
            yield self.entry(self._with_contained(told, study, pages), Action.UPDATE)
        if profile.document_reference and told["status"] == _AVAILABLE:
            bases = (a.address for a in self._accesses(study) if a.connection == WADO_RS)
            addresses = tuple(f"{base.rstrip('/')}/studies/{uid}" for base in bases)
            if document := document_reference(told, pages, addresses):
                yield self.entry({**document, "meta": told["meta"]}, Action.UPDATE)

    def _with_contained(self, told: Json, study: Study, pages: Sequence[str]) -> Json:
        """With those endpoints that are no resources of their own."""
        endpoints = self.manner.profile.endpoints
        if endpoints is Endpoints.NONE or told["status"] != _AVAILABLE:
            return told
        inside = [viewer_endpoint(page) for page in pages]
        if endpoints is Endpoints.CONTAINED:
            inside += [endpoint_resource(each) for each in self._accesses(study)]
        if not inside:
            return told
        named = [{**each, "id": f"endpoint-{n}"} for n, each in enumerate(inside, start=1)]
        links = [{"reference": f"#{each['id']}"} for each in named]
        return {**told, "contained": named, "endpoint": [*told.get("endpoint", ()), *links]}

    def _endpoint_entries(self, study: Study) -> Content:
        if self.manner.profile.endpoints is not Endpoints.RESOURCES:
            return ()
        ours = self._endpoints if _is_held_here(study) else ()
        theirs = (self.checked(endpoint_resource(each)) for each in _elsewhere(study))
        return tuple(Entry(resource=each, action=Action.CREATE) for each in (*ours, *theirs))

    def _accesses(self, study: Study) -> tuple[Access, ...]:
        """Our ways to images that we hold, and those of whoever holds others."""
        return (*(self.manner.access if _is_held_here(study) else ()), *_elsewhere(study))


def _is_held_here(study: Study) -> bool:
    return bool(study.series) or study.announced is None


def _elsewhere(study: Study) -> tuple[Access, ...]:
    addresses = study.announced.retrieve_urls if study.announced else ()
    return tuple(Access(identifier=a, address=a, name="Images held elsewhere") for a in addresses)
