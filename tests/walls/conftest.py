"""One firm and one crawl for all tests of this folder."""

import gc
import logging
from collections.abc import Iterator

import pytest
from django.db import transaction

from tests.walls import crawl as crawls
from tests.walls import site as sites


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: object) -> Iterator[sites.Site]:
    """A firm in which every address leads to something; gone when the module's tests are done."""
    quiet = logging.getLogger("django.request")
    before, quiet.level = quiet.level, logging.ERROR  # a refusal is no news here
    with django_db_blocker.unblock(), transaction.atomic():  # type: ignore[attr-defined]
        yield sites.build()
        transaction.set_rollback(True)
    quiet.level = before


@pytest.fixture(scope="module")
def crawled(site: sites.Site) -> crawls.Crawl:
    """Every address as everybody."""
    gc.disable()  # a thousand pages make millions of short-lived objects; looking through them takes a quarter longer
    try:
        return crawls.crawl(site, crawls.rights())
    finally:
        gc.enable()
