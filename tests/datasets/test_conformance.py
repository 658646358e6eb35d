"""Our datasets pass the conformance kit that strangers' datasets pass."""

from __future__ import annotations

from benchkit.testing.dataset import DatasetConformance
from benchkit_plugins.datasets.beauty import Beauty
from benchkit_plugins.datasets.delivery_hero import DeliveryHero
from benchkit_plugins.datasets.steam import Steam


class TestBeauty(DatasetConformance):
    component = Beauty


class TestDeliveryHero(DatasetConformance):
    component = DeliveryHero


class TestSteam(DatasetConformance):
    component = Steam
