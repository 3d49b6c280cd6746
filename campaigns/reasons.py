"""Every state and reason of a message, as a sentence that a marketer understands."""

from campaigns.limits import said
from campaigns.models import Message, MessageState
from compliance import consent

STATES = {
    MessageState.PENDING: "Waiting to be sent.",
    MessageState.HELD: "Held until an editor has read these words.",
    MessageState.CLAIMED: "A worker is handing it over now.",
    MessageState.INTENT: "Handed over to the mail server; its answer is awaited.",
    MessageState.SENT: "The mail server accepted it.",
    MessageState.SHOWN: "Shown on a page.",
    MessageState.SUPPRESSED: "Not sent.",
    MessageState.FAILED: "Could not be sent.",
    MessageState.UNCONFIRMED: (
        "It was handed over, and the connection was lost before the mail server answered. It may have arrived, so it "
        "is never sent again by itself: look at the mail server's log and say what happened."
    ),
}

# Besides these, every reason of `compliance.consent` can be why a message is not sent.
REASONS = {
    "holdout": "Kept back at random, to measure what the campaign changes.",
    "no_address": "There is no e-mail address for this client.",
    "duplicate_address": "Another client of this run has the same address; one address gets one copy.",
    "capped": "The client already had as many messages as they, or we, allow.",
    "capped_for_now": "The client already had as many messages as they, or we, allow; it goes out when there is room.",
    "calm": "Markets are unsettled: words that press, or speak of what calm closes, wait until two people lift it.",
    "pressed_enough": "The client has been pressed as much as the firm's budget of urgency and fear allows.",
    "topic_declined": "The client said that they do not want to hear about this.",
    "too_late": "It was past the latest time that the campaign allows, so it was not sent any more.",
    "run_paused": "The run is paused until a second person lets it go on.",
    "lost": "Another campaign had a better message for this client on this day.",
    "lost_today": "Another campaign has a better message for this client today; this one waits for tomorrow.",
    "not_now": "Of all we could write now nothing is worth this client's attention; the next time may be.",
    "nothing_suitable": "No block is open to this client in one of the places of the message.",
    "uncertified": "A non-mass-market investment, and the client holds no certificate in date for it.",
    "cooling_off": "A restricted investment is not offered before the client's own 24 hours are over.",
    "combination_refused": "A combination rule keeps the blocks chosen apart.",
    "blocks_do_not_fit": "The blocks chosen do not make a whole message together.",
    "missing_value": "The text needs something that we do not know of this client.",
    "value_too_long": "A value is too long for the text it goes into.",
    "bad_address": "The address is not one that a mail server would take.",
    "address_changed": "The client's address changed after the message was made.",
    "kept_for_officers": "What chose the words is for compliance officers, and whoever asked is not one.",
    "rejected_by_editor": "An editor rejected these words, and there was no approved fallback to take their place.",
    "run_stopped": "The run was stopped before this message was handed over.",
    "awaiting_review": "An editor has to read these words first.",
    "approval_gone": "The approval of these words was taken back or ran out, so they wait for an editor again.",
    "stopped": "Somebody threw a kill switch that covers this message; it waits until two people have released it.",
    "fenced": "Sending is not armed for this database, which may be a copy; it waits until a person has confirmed it.",
    "no_record": "No record of its purpose that two people approved is in date; it waits until one is.",
    "quiet_hours": "It is night where the client lives; the message goes out in the morning.",
    "wished_hours": "The client wishes to hear from us at other hours of the day; it goes out then, or not at all.",
    "rate_limited": "Its mail provider takes only so many messages a minute from us; it waits its turn.",
    "try_again": "The mail server asked us to try again later.",
    "mail_server_away": "The mail server could not be reached; we try again.",
    "too_many_tries": "The mail server put us off too often; we stopped trying.",
    "refused_by_server": "The mail server refused this recipient or message for good.",
    "bounced": "The mail server says that this address does not exist.",
    "not_the_approved_words": "The message, made again, was not the one that was approved; it was not sent.",
    "assembly_failed": "The message could not be made; the log has the error.",
    "said_not_delivered": "A person looked at the mail server's log: it never arrived.",
    "said_delivered": "A person looked at the mail server's log: it arrived.",
    "provider_said_so": "The mail provider told us later what became of it, so it was handed over.",
    "log_said_so": "The mail server's log says what became of it.",
    "client_had_it": "The client opened or answered it, so it arrived.",
    "closed_unconfirmed": "Nobody could find out in three days whether it arrived; it is never sent again.",
    "lease_expired": "The worker that handed it over never came back to say how it went.",
    "connection_lost": "The connection broke after the message was handed over.",
}

WORDS = {
    "sent": "Sent",
    "suppressed": "Not sent",
    "held": "Held for an editor",
    "failed": "Failed",
    "pending": "Waiting",
    "unconfirmed": "Unconfirmed",
}


def because(reason: str) -> str:
    """The sentence of a reason code; empty for none."""
    if not reason:
        return ""
    return REASONS.get(reason) or consent.SENTENCES.get(reason) or f"Reason: {reason}."


def sentence(state: str, reason: str = "") -> str:
    """What a message's state means, with its reason: "Not sent. The client withdrew this consent."."""
    return " ".join(part for part in (STATES[MessageState(state)], because(reason)) if part)


def told(message: Message) -> str:
    """What became of one message, with the cap that held it back or the campaign it lost to."""
    return " ".join(part for part in (sentence(message.state, message.reason), said.window(message.window)) if part)


def why(message: Message) -> str:
    """Why a message was kept back: its reason, and the cap or the campaign that stood in its way."""
    return " ".join(part for part in (because(message.reason), said.window(message.window)) if part)
