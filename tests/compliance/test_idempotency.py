"""A repeated POST gets the first answer; the deed is done once."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils.timezone import now
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory, force_authenticate

from compliance.api.base import ApiView
from compliance.models import IdempotentCall, Staff, Topic

pytestmark = pytest.mark.django_db


class Naming(ApiView):
    """Writes one topic for each call it really answers."""

    needs = ("compliance.build_campaigns",)

    def post(self, request):
        Topic.objects.create(code=f"topic-{Topic.objects.count()}", name=request.data["name"], covers="")
        if request.data["name"] == "broken":
            raise RuntimeError("half way")
        return Response({"number": Topic.objects.filter(code__startswith="topic-").count()}, status=201)


@pytest.fixture
def marketer():
    one = Staff.objects.create_user("idem-marketer", role="marketer")
    one.user_permissions.add(Permission.objects.get(codename="build_campaigns"))
    return Staff.objects.get(pk=one.pk)


def call(staff, body, key=None):
    headers = {"HTTP_IDEMPOTENCY_KEY": key} if key is not None else {}
    request = APIRequestFactory().post("/naming", body, format="json", **headers)
    force_authenticate(request, staff)
    response = Naming.as_view()(request)
    return response.render() if hasattr(response, "render") else response


def test_a_repeated_call_gets_the_first_answer_and_does_nothing(marketer):
    first = call(marketer, {"name": "a"}, "k1")

    again = call(marketer, {"name": "a"}, "k1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Idempotency-Replay"] == "true"
    assert Topic.objects.filter(name="a").count() == 1


def test_without_a_key_every_call_counts(marketer):
    call(marketer, {"name": "a"})
    call(marketer, {"name": "a"})

    assert Topic.objects.filter(name="a").count() == 2


def test_the_same_key_with_another_body_is_refused(marketer):
    call(marketer, {"name": "a"}, "k1")

    refused = call(marketer, {"name": "b"}, "k1")

    assert refused.status_code == 422
    assert not Topic.objects.filter(name="b").exists()


def test_a_call_in_flight_is_told_to_wait_and_an_abandoned_one_is_taken_over(marketer):
    call(marketer, {"name": "a"}, "k1")
    IdempotentCall.objects.update(status=None, answer=None)

    waiting = call(marketer, {"name": "a"}, "k1")
    IdempotentCall.objects.update(at=now() - timedelta(minutes=2))
    taken_over = call(marketer, {"name": "a"}, "k1")

    assert (waiting.status_code, waiting["Retry-After"], taken_over.status_code) == (409, "1", 201)


def test_a_key_that_is_too_long_is_refused(marketer):
    assert call(marketer, {"name": "a"}, "x" * 256).status_code == 400
    assert not Topic.objects.filter(name="a").exists()


def test_a_failed_call_writes_nothing_and_gives_the_key_back(marketer):
    with pytest.raises(RuntimeError):
        call(marketer, {"name": "broken"}, "k1")

    assert not Topic.objects.filter(name="broken").exists()
    assert not IdempotentCall.objects.exists()


def test_a_day_later_the_key_is_free(marketer):
    call(marketer, {"name": "a"}, "k1")
    IdempotentCall.objects.update(at=now() - timedelta(hours=25))

    assert call(marketer, {"name": "b"}, "k1").status_code == 201


def test_someone_without_the_permission_is_refused():
    stranger = Staff.objects.create_user("idem-stranger", role="editor")

    assert call(stranger, {"name": "a"}, "k1").status_code == 403
    assert not Topic.objects.filter(name="a").exists()
    assert not IdempotentCall.objects.exists()
