"""Every answer to "may we?", in a sentence for marketers and in one for the client."""

# For marketers and programs. `consent.Answers.reason` holds positions in REASONS.
SENTENCES = {
    "ok": "The client allows it.",
    "unknown": "The client has not said yes, and no answer means no.",
    "refused": "The client was asked and said no.",
    "withdrawn": "The client withdrew this consent.",
    "objected": "The client objects to all direct marketing.",
    "gpc": "The client's browser asks that their data is not sold or shared.",
    "conflict": "Two records of this person disagreed when they were merged; the stricter answer holds.",
    "pending": "The consent is not proven yet: the client has to confirm it.",
    "expired": "The consent has ended and was not renewed.",
    "listed": "The client's number is on a register of people who want no sales calls.",
    "not_screened": "No register of people who want no sales calls was asked about this client lately.",
    "no_address": "There is no e-mail address for this client.",
    "suppressed": "The address is on the suppression list.",
    "paused": "The client paused these messages.",
    "erased": "The client's record was erased.",
    "restricted": "The client had the use of their data restricted.",
    "merged": "This record was merged into another one of the same person.",
    "no_record": "The purpose has no record that two people approved and that is in date, so it is not used.",
}
REASONS = tuple(SENTENCES)
# The same answers as the client reads them.
CLIENT_SENTENCES = {
    "ok": "You said yes.",
    "unknown": "We have not asked you, so we do not do this.",
    "refused": "You said no.",
    "withdrawn": "You withdrew your consent.",
    "objected": "You objected to all direct marketing.",
    "gpc": "Your browser asks us not to sell or share your data, and we do as it says.",
    "conflict": "Two of our records about you disagreed, so we keep to the stricter one. Please tell us what you want.",
    "pending": "We cannot prove that you said yes, so we do not do this until you confirm.",
    "expired": "Your consent has ended, so we stopped.",
    "listed": "Your number is on a register of people who want no sales calls, so we do not call.",
    "not_screened": "We have not asked the register of people who want no sales calls lately, so we do not call.",
    "no_address": "We have no address for this.",
    "suppressed": "Your address is on our list of addresses nobody here may write to.",
    "paused": "You said yes, and you asked us to pause.",
    "erased": "We erased your record.",
    "restricted": "You had us stop using your data, so we only keep them.",
    "merged": "We now keep one record about you.",
    "no_record": "You said yes. We are looking again at how we do this, and do not do it meanwhile.",
}
