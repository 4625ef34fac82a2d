"""What persons do with studies, over the services on a real database."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bridge.services.compare_study import CompareStudy
from bridge.services.complete_order import Mode
from bridge.services.forward_images import ForwardRule
from bridge.services.order_study import OrderStudy
from bridge.services.preview_study import PreviewStudy, StudyActs
from bridge.services.resolve_study import ResolveStudy
from bridge.services.transaction import Store
from tests.unit.services.core import DESTINATIONS, HOSP, Core

NO_ARCHIVES: Mapping[str, ForwardRule] = MappingProxyType({})


class Desk:
    """The acts, their previews and comparisons."""

    def __init__(self, core: Core, archives: Mapping[str, ForwardRule] = NO_ARCHIVES) -> None:
        self._core = core
        self.acts = self.over(core.store)
        self.preview = PreviewStudy(
            store=core.store,
            acts_over=self.over,
            reconcile=core.reconcile,
            destinations=DESTINATIONS,
            archives=archives,
        )
        self.compare = CompareStudy(store=core.store, reconcile=core.reconcile)

    def over(self, store: Store) -> StudyActs:
        core = self._core
        return StudyActs(
            resolve=ResolveStudy(store=store, reconcile=core.reconcile, clock=core.clock),
            ordering=OrderStudy(
                store=store,
                messages=core.messages,
                reconcile=core.reconcile,
                clock=core.clock,
                site=HOSP,
                mode=Mode.HIS_ONLY,
            ),
        )
