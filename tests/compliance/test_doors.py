"""Guessing is slowed without shutting the owner out, and nobody learns which accounts there are."""

import re

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils.timezone import now

from compliance import roles
from compliance.access import doors, people
from compliance.models import LedgerEntry, Role, Staff
from tests.people import PASSWORD
from tests.signing import enter

pytestmark = pytest.mark.django_db
HOME, ELSEWHERE = "192.0.2.1", "198.51.100.{}"


def guess(username: str, address: str, password: str = "wrong, surely") -> int:
    sent = {"username": username, "password": password}
    return Client(REMOTE_ADDR=address).post("/sign-in/", sent).status_code


def test_a_hundred_wrong_tries_are_slowed_and_the_owner_still_comes_in(marketer):
    assert guess("marketer", HOME, PASSWORD) == 302

    before = [
        AccessAttempt(username="marketer", ip_address=ELSEWHERE.format(number), user_agent="", failures_since_start=9,
                      attempt_time=now())
        for number in range(10)
    ]  # fmt: skip
    AccessAttempt.objects.bulk_create(before[:5])
    assert guess("marketer", ELSEWHERE.format(100)) == 200, "45 wrong tries are not enough"
    AccessAttempt.objects.bulk_create(before[5:])

    assert [guess("marketer", ELSEWHERE.format(number)) for number in (3, 101)] == [429, 429]
    assert guess("marketer", ELSEWHERE.format(200), PASSWORD) == 429, "not even the right one, from where nobody knows"
    assert guess("marketer", HOME, PASSWORD) == 302
    assert guess("marketer", ELSEWHERE.format(200), PASSWORD) == 429


def test_one_address_that_tries_many_names_is_slowed_but_not_for_whom_it_knows(marketer, editor):
    assert guess("marketer", HOME, PASSWORD) == 302

    tries = [guess(f"nobody{number}", HOME) for number in range(doors.ADDRESS_NAMES + 5)]

    assert tries[: doors.ADDRESS_NAMES] == [200] * doors.ADDRESS_NAMES
    assert set(tries[doors.ADDRESS_NAMES :]) == {429}
    assert guess("editor", HOME, PASSWORD) == 429
    assert guess("editor", ELSEWHERE.format(1), PASSWORD) == 302
    assert guess("marketer", HOME, PASSWORD) == 302


def test_what_a_stranger_says_of_a_proxy_gives_no_more_tries(marketer):
    assert guess("marketer", HOME, PASSWORD) == 302
    AccessAttempt.objects.create(
        username="editor", ip_address=ELSEWHERE.format(1), user_agent="", failures_since_start=10, attempt_time=now()
    )
    sent = {"username": "editor", "password": "wrong, surely"}
    names = ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Forwarded")
    far, known = Client(REMOTE_ADDR=ELSEWHERE.format(1)), HOME
    tries = [far.post("/sign-in/", sent, headers={name: known}).status_code for name in names]

    assert tries == [429] * len(names)
    assert Client(REMOTE_ADDR=known).post("/sign-in/", sent).status_code == 200


def bare(answer) -> str:
    """The page without what differs between any two answers."""
    text = re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", answer.content.decode())
    return re.sub(r'value="(marketer|nobody|left)"', "", text)


def test_nobody_learns_at_the_door_who_works_here(marketer, settings):
    left = roles.hire("left", Role.EDITOR, PASSWORD)
    Staff.objects.filter(pk=left.pk).update(is_active=False)

    answers = [
        Client(REMOTE_ADDR=ELSEWHERE.format(number)).post("/sign-in/", {"username": name, "password": "wrong, surely"})
        for number, name in enumerate(("marketer", "nobody", "left"))
    ]
    gone = Client(REMOTE_ADDR=ELSEWHERE.format(9)).post("/sign-in/", {"username": "left", "password": PASSWORD})

    assert {one.status_code for one in [*answers, gone]} == {200}
    assert len({bare(one) for one in [*answers, gone]}) == 1
    assert "sessionid" not in answers[0].cookies


def test_an_unknown_name_costs_a_password_check_as_well(marketer, settings):
    """Not measured by the clock: the hasher counts how often it was asked."""
    counted = []

    class Counting(Argon2PasswordHasher):
        def encode(self, password, salt):
            counted.append(password)
            return super().encode(password, salt)

    settings.PASSWORD_HASHERS = [f"{__name__}.Counting"]
    globals()["Counting"] = Counting
    guess("nobody", HOME)

    assert counted == ["wrong, surely"]


def test_nobody_learns_from_a_forgotten_password_who_works_here(
    marketer, client, mailoutbox, django_capture_on_commit_callbacks
):
    Staff.objects.filter(pk=marketer.pk).update(email="maya@firm.example")

    answers = []
    for address in ("maya@firm.example", "nobody@firm.example", "not an address"):
        with django_capture_on_commit_callbacks() as kicked:
            answers.append(client.post("/sign-in/forgotten/", {"email": address}))
        assert len(kicked) == 1, "the same work is asked for"

    assert {one.status_code for one in answers} == {200}
    assert len({bare(one) for one in answers}) == 1


def test_links_for_a_new_password_are_limited(marketer, client, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as kicked:
        codes = [client.post("/sign-in/forgotten/", {"email": "maya@firm.example"}).status_code for _ in range(8)]

    assert (codes, len(kicked)) == ([200] * 8, 5)


@pytest.mark.parametrize("bad", ["", "elevenchars", "password1234", "qwertyuiop12", "the marketer"])
def test_a_weak_password_is_refused_and_nothing_is_kept(marketer, at, bad):
    with pytest.raises(people.BadChange):
        people.set_password(marketer, bad, by=marketer, at=at)

    assert Staff.objects.get(pk=marketer.pk).check_password(PASSWORD)
    assert not LedgerEntry.objects.filter(kind="staff.password_changed").exists()


def test_a_long_one_is_kept_whole(marketer, at, client):
    long = "pass phrase with spaces and ünïcødé, " * 6
    people.set_password(marketer, long, by=marketer, at=at)
    marketer.refresh_from_db()

    assert len(long) > 200
    assert [marketer.check_password(one) for one in (long, long[:-1], long[:72], long + "x")] == [
        True,
        False,
        False,
        False,
    ]
    assert client.post("/sign-in/", {"username": "marketer", "password": long}).status_code == 302


def test_the_installation_keeps_argon2id_and_the_common_ones_are_known():
    kept = Argon2PasswordHasher().encode("a-long-enough-password", "somesaltsomesalt")

    assert kept.startswith("argon2$argon2id$")
    memory_kib, passes = (int(re.search(rf"{name}=(\d+)", kept)[1]) for name in "mt")
    assert memory_kib >= 19_456, "OWASP's least"
    assert passes >= 2
    with pytest.raises(ValidationError):
        validate_password("password1234")


def test_a_name_with_a_null_or_without_end_is_no_fault(client, db):
    for name in ("a\0b", "x" * 10_000):
        assert client.post("/sign-in/", {"username": name, "password": "x"}).status_code in (200, 400)


def test_the_door_closes_to_a_name_from_one_address(marketer, client):
    """Ten wrong tries for a name from one address close the door to that pair alone."""
    assert guess("marketer", HOME) == 200
    AccessAttempt.objects.update(failures_since_start=10)

    assert guess("marketer", HOME, PASSWORD) == 429
    assert guess("marketer", ELSEWHERE.format(1), PASSWORD) == 302
    assert enter(client, Staff.objects.get(username="marketer")).status_code == 302
