"""The API does what its description says, whatever it is sent: no fault of ours, no answer that is not described."""

import json
from typing import Any

import pytest
import requests
import schemathesis
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.walls.site import Site

pytestmark = pytest.mark.django_db
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip
THRIFTY = settings(
    max_examples=6, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.fixture(scope="module")
def described(site: Site) -> Any:
    text = site.browsers["admin"].get("/api/schema/", headers={"accept": "application/json"}).content
    schema = schemathesis.openapi.from_dict(json.loads(text))
    schema.config.base_url = "http://testserver"
    return schema


def sent(site: Site, case: schemathesis.Case, *, role: str, real: bool) -> schemathesis.Response:
    """The case sent to the site and undone; with something that exists in each place of its address when `real`."""
    if real:
        case.path_parameters |= {name: site.names[name] for name in case.path_parameters if name in site.names}
    wanted = requests.Request(**case.as_transport_kwargs(headers={"Authorization": f"Bearer {site.tokens[role]}"}))
    asked = wanted.prepare()
    body = asked.body.encode() if isinstance(asked.body, str) else asked.body or b""
    headers = {name: value for name, value in asked.headers.items() if name.lower() != "content-length"}
    with transaction.atomic():
        got = site.browsers["stranger"].generic(
            asked.method, asked.path_url, body, headers.pop("Content-Type", "application/json"), headers=headers
        )
        content = b"".join(got.streaming_content) if got.streaming else got.content
        transaction.set_rollback(True)
    return schemathesis.Response(
        status_code=got.status_code, headers={name: [value] for name, value in got.headers.items()}, content=content,
        request=asked, elapsed=0.0, verify=False,
    )  # fmt: skip


def test_every_operation_keeps_to_its_description(site: Site, described: Any) -> None:
    operations = [found.ok() for found in described.get_all_operations()]
    as_whom = st.sampled_from(sorted(site.tokens))

    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @THRIFTY
            @given(case=operation.as_strategy(generation_mode=mode), role=as_whom, real=st.booleans())
            def keeps(case: schemathesis.Case, role: str, real: bool) -> None:
                case.validate_response(sent(site, case, role=role, real=real), checks=CHECKS)

            keeps()

    assert len(operations) > 25
