"""A merge loses nothing, takes the stricter answer, and can be undone."""

import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models import Model
from django.db.models.fields.related import ForeignKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Campaign, Interaction, Message
from compliance import consent, wordings
from compliance.datamap import tables
from compliance.models import Action, Client, ConsentEvent, ConsentState, Preference, State
from personalize import declarations, identity, merging, sources
from personalize.models import Attribute, Declaration, Event, Identity, MergeRequest, Outcome, Profile


@pytest.fixture
def pair(db, at):
    return (
        Client.objects.create(user_id="kept", email="kept@example.com", first_seen_at=at),
        Client.objects.create(user_id="absorbed", email="absorbed@example.com", first_name="Ada", first_seen_at=at),
    )


@pytest.fixture
def campaign(marketer, at):
    return Campaign.objects.create(
        slug="c",
        name="C",
        use_case="onboarding",
        success_metric="x",
        objective={"outcome": 1},
        owner=marketer,
        made_at=at,
    )


def fill(person, campaign, at, *, same=False):
    """One row of every class that holds something about a client; `same`: with keys that the other has too."""
    mark = "same" if same else str(person.pk)
    source = sources.add("web", "Web", write_key="k", at=at)
    Event.objects.create(
        source=source,
        message_id=str(uuid.uuid4()),
        client=person,
        type="track",
        name="x",
        occurred_at=at,
        received_at=at,
    )
    Identity.objects.create(kind="anonymous", value=f"device-{person.pk}", client=person, at=at)
    declarations.declare(person.pk, f"key-{mark}", person.pk, source="portal", at=at)
    Outcome.objects.create(client=person, kind=f"kind-{mark}", value=1, at=at, source="crm")
    Profile.objects.create(client=person, vector=b"", version=1, refreshed_at=at)
    Preference.objects.create(client=person, max_per_week=2, signals_off=[mark], updated_at=at)
    consent.refuse(
        person.pk,
        purpose="profiling",
        channel="any",
        surface="portal",
        mechanism="button",
        by=f"client:{person.pk}",
        at=at,
    )
    message = Message.objects.create(
        campaign=campaign, client=person, channel="web", arm="personalised", state="shown", policy="rules-1",
        decided_at=at, due_at=at,
    )  # fmt: skip
    Interaction.objects.create(message=message, kind="click", is_human=True, actor_class="human", at=at)


def census():
    """How many rows of each class there are, by the client at the end of the merges."""
    root = {one.pk: one.merged_into_id or one.pk for one in Client.objects.all()}
    rows: Counter[tuple[type[Model], int]] = Counter()
    for model, declared in tables():
        path = declared.client
        if path in ("", "self", "client_ids") or declared.stays or model in (Profile, MergeRequest):
            continue
        for client in model._default_manager.values_list(path, flat=True):
            rows[model, root[client]] += 1
    return rows


@pytest.mark.parametrize("same", [False, True])
def test_no_row_class_is_lost(pair, campaign, marketer, at, same):
    kept, absorbed = pair
    for one in pair:
        fill(one, campaign, at, same=same)
    before = Counter()
    for (model, _), count in census().items():
        before[model] += count
    merging.request(kept.pk, absorbed.pk, reason="test", at=at)

    merging.merge(MergeRequest.objects.get().pk, by=marketer, at=at)

    after = census()
    # Every row that anybody had is now found from the kept client; the copied refusals may only add to them.
    assert all(after[model, kept.pk] >= count for model, count in before.items())
    assert {model for model, _ in after} >= set(before)


def test_every_table_with_a_client_is_moved_or_named(db):
    moved = {model for model, _ in merging._movable()}
    direct = {
        model
        for model, declared in tables()
        if declared.client not in ("", "self", "client_ids") and not declared.stays and "__" not in declared.client
        if isinstance(model._meta.get_field(declared.client), ForeignKey)
    }

    assert direct - moved == {ConsentEvent, ConsentState, Preference, Profile, MergeRequest}
    assert moved >= {Event, Attribute, Declaration, Identity, Outcome, Message}


def test_the_stricter_answer_holds_and_no_yes_comes_along(pair, marketer, at):
    kept, absorbed = pair
    words = wordings.version("marketing", "email")
    for one in pair:
        consent.grant(
            one.pk, purpose="marketing", channel="email", wording=words, surface="portal", mechanism="button",
            by=f"client:{one.pk}", at=at - timedelta(days=2),
        )  # fmt: skip
    consent.grant(
        absorbed.pk, purpose="measurement", channel="any", wording="portal-measurement-1", surface="portal",
        mechanism="button", by="client", at=at - timedelta(days=2),
    )  # fmt: skip
    consent.withdraw(
        absorbed.pk, purpose="marketing", channel="email", surface="portal", mechanism="button", by="client",
        at=at - timedelta(days=1),
    )  # fmt: skip
    merging.request(kept.pk, absorbed.pk, reason="test", at=at)

    merging.merge(MergeRequest.objects.get().pk, by=marketer, at=at)

    states = dict(ConsentState.objects.filter(client=kept).values_list("purpose", "state"))
    assert states == {"marketing": State.DENIED}
    assert ConsentEvent.objects.filter(client=kept, action=Action.MERGED).count() == 1


def test_an_undone_merge_gives_everything_back_but_no_yes(pair, campaign, marketer, at):
    kept, absorbed = pair
    fill(absorbed, campaign, at)
    before = {model: set(model.objects.filter(client=absorbed).values_list("pk", flat=True))
              for model in (Event, Identity, Declaration, Attribute, Outcome, Message)}  # fmt: skip
    merging.request(kept.pk, absorbed.pk, reason="test", at=at)
    asked = MergeRequest.objects.get()
    merging.merge(asked.pk, by=marketer, at=at)
    assert identity.find("absorbed").pk == kept.pk

    merging.undo(asked.pk, by=marketer, at=at)

    absorbed.refresh_from_db()
    assert (absorbed.user_id, absorbed.email, absorbed.merged_into) == ("absorbed", "absorbed@example.com", None)
    assert before == {
        model: set(model.objects.filter(client=absorbed).values_list("pk", flat=True)) for model in before
    }
    assert identity.find("absorbed").pk == absorbed.pk
    assert ConsentState.objects.get(client=kept, purpose="profiling").state == State.DENIED


def test_a_restriction_comes_along_and_stays_with_both(pair, marketer, at):
    kept, absorbed = pair
    Client.objects.filter(pk=absorbed.pk).update(restricted_at=at)
    merging.request(kept.pk, absorbed.pk, reason="the same e-mail", at=at)
    asked = MergeRequest.objects.get()

    merging.merge(asked.pk, by=marketer, at=at)

    assert Client.objects.get(pk=kept.pk).restricted_at == at
    merging.undo(asked.pk, by=marketer, at=at)
    assert set(Client.objects.values_list("restricted_at", flat=True)) == {at}


def test_a_merge_is_decided_once_and_a_refusal_is_final(pair, marketer, at):
    kept, absorbed = pair
    merging.request(kept.pk, absorbed.pk, reason="test", at=at)
    asked = MergeRequest.objects.get()

    merging.refuse(asked.pk, by=marketer, at=at)
    with pytest.raises(merging.AlreadyDecided):
        merging.merge(asked.pk, by=marketer, at=at)
    merging.request(absorbed.pk, kept.pk, reason="again", at=at)

    assert MergeRequest.objects.count() == 1
    assert not Client.objects.exclude(merged_into=None).exists()


@pytest.mark.django_db
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 5), st.booleans()), max_size=8))
def test_the_later_value_survives_whoever_had_it(pair, marketer, at, values):
    kept, absorbed = pair
    for asked in MergeRequest.objects.filter(state="merged"):
        merging.undo(asked.pk, by=marketer, at=at)
    MergeRequest.objects.all().delete()
    Attribute.objects.all().delete()
    Identity.objects.all().delete()
    newest: dict[str, int] = {}
    for key, day, is_kept in values:
        declarations.declare_all(
            [((kept if is_kept else absorbed).pk, key, day, "portal", at + timedelta(days=day, hours=is_kept))]
        )
        newest[key] = max(newest.get(key, -1), day)
    merging.request(kept.pk, absorbed.pk, reason="test", at=at)

    merging.merge(MergeRequest.objects.get().pk, by=marketer, at=at)

    assert dict(Attribute.objects.filter(client=kept).values_list("key", "value")) == newest
