//! What happened in the account, as data: events, jobs, and calls with what belongs to them. Rows are only added; those of
//! some lists change for a while after that without a sign.

use crate::model::LogicalType::{Bool, Int64, Json, Text, Timestamp};
use crate::source::{Changes, Choice, List, Order, Removals, Resource, Secret};

/// What all of them have in common. `days`: how long after its creation a row may change.
const fn activity(name: &'static str, path: &'static str, order: Order, days: u32) -> Resource {
    Resource {
        choice: Choice::Named,
        incremental_key: Some("created_datetime"),
        ..Resource::of(name, List::Keyset { path, order }, Changes::Recent { days }, Removals::Never)
    }
}

pub(super) const EVENTS: Resource = Resource {
    about: "What happened, to what, and by whom, as long as Gorgias keeps it; some tell the IP address of an agent.",
    scope: Some("events:read"),
    columns: &[
        ("id", Int64, "Identifies the event within the account; events are written in its order."),
        ("context", Text, "Shared by the events of one action."),
        ("created_datetime", Timestamp, "When it happened."),
        ("data", Json, "What changed, of some types."),
        ("object_id", Int64, "The row it happened to."),
        ("object_type", Text, "What that is, such as `Ticket`."),
        ("type", Text, "What happened, such as `ticket-closed`."),
        ("user_id", Int64, "Who did it; NULL: nobody, it was automatic."),
        ("uri", Text, "Path of the event in the API."),
    ],
    ..activity("events", "/api/events", Order::Asked, 0)
};

pub(super) const JOBS: Resource = Resource {
    about: "Jobs over many rows: exports, imports, bulk changes.",
    scope: Some("jobs:read"),
    // Links to files of exports.
    secrets: &[
        Secret::Address(&["params", "url"]),
        Secret::Address(&["info", "url"]),
        Secret::Anywhere(&["info", "meta", "params"]),
    ],
    columns: &[
        ("id", Int64, "Identifies the job within the account."),
        ("cancel_requested_datetime", Timestamp, "When somebody wanted it to end."),
        ("cancelled_datetime", Timestamp, "When it was ended before it was done."),
        ("created_datetime", Timestamp, "When it was created."),
        ("ended_datetime", Timestamp, "When it ended."),
        ("failed_datetime", Timestamp, "When it failed."),
        ("info", Json, "What came of it."),
        ("locked_datetime", Timestamp, "When it was locked."),
        ("meta", Json, "Free-form data."),
        ("params", Json, "What it is to do."),
        ("scheduled_datetime", Timestamp, "When it is to start; can be in the future."),
        ("started_datetime", Timestamp, "When it started."),
        ("status", Text, "`pending`, `running`, `done`, or another."),
        ("type", Text, "What it does, such as `exportTicket`."),
        ("user_id", Int64, "Who wanted it."),
        ("uri", Text, "Path of the job in the API."),
    ],
    ..activity("jobs", "/api/jobs", Order::Asked, 7)
};

pub(super) const VOICE_CALLS: Resource = Resource {
    about: "Phone calls.",
    choice: Choice::Offered,
    columns: &[
        ("id", Int64, "Identifies the call within the account."),
        ("integration_id", Int64, "The integration it went through."),
        ("ticket_id", Int64, "The ticket about it."),
        ("phone_number_id", Int64, "The number of the help desk."),
        ("external_id", Text, "The provider's id of it."),
        ("provider", Text, "Who provides the line."),
        ("status", Text, "`answered`, `completed`, `missed`, or another."),
        ("direction", Text, "`inbound` or `outbound`."),
        ("phone_number_source", Text, "Who called."),
        ("country_source", Text, "From which country."),
        ("phone_number_destination", Text, "Who was called."),
        ("country_destination", Text, "In which country."),
        ("duration", Int64, "How long it was, in seconds."),
        ("started_datetime", Timestamp, "When it started."),
        ("created_datetime", Timestamp, "When it was noted."),
        ("updated_datetime", Timestamp, "When it was last changed; the list cannot be sorted by it."),
        ("initiated_by_agent_id", Int64, "The agent who called."),
        ("last_answered_by_agent_id", Int64, "The agent who answered last."),
        ("customer_id", Int64, "The customer."),
        ("last_rang_agent_id", Int64, "The agent whose phone rang last."),
        ("has_voicemail", Bool, "Whether there is a voicemail."),
        ("has_call_recording", Bool, "Whether there is a recording."),
        ("summaries", Json, "Generated summaries."),
        ("termination_status", Text, "How it ended, such as `abandoned`."),
        ("queue_id", Int64, "The queue it waited in."),
        ("status_in_queue", Text, "What became of it there."),
        ("answered_by_external_number", Text, "The number outside that answered."),
        ("answered_by_external_customer_id", Int64, "The customer whose number that is."),
        ("monitoring_status", Text, "`listening`, `whispering` or `none`."),
        ("last_monitoring_agent_id", Int64, "The agent who listened last."),
    ],
    ..activity("voice_calls", "/api/phone/voice-calls", Order::Given, 3)
};

pub(super) const VOICE_CALL_RECORDINGS: Resource = Resource {
    about: "Recordings of calls and voicemails, with the address of the file.",
    choice: Choice::Offered,
    columns: &[
        ("id", Int64, "Identifies the recording within the account."),
        ("call_id", Int64, "The call."),
        ("external_id", Text, "The provider's id of it."),
        ("url", Text, "Where the file is: whoever has it may listen."),
        ("duration", Int64, "How long it is, in seconds."),
        ("type", Text, "`call-recording` or `voicemail`."),
        ("created_datetime", Timestamp, "When it was made."),
        ("deleted_datetime", Timestamp, "When it was deleted."),
        ("deleted_by_user_id", Int64, "Who deleted it."),
        ("error_code", Text, "Why there is no address."),
        ("transcription_status", Text, "`requested`, `completed`, `failed`, or why there is none."),
    ],
    ..activity("voice_call_recordings", "/api/phone/voice-call-recordings", Order::Given, 30)
};

pub(super) const VOICE_CALL_EVENTS: Resource = Resource {
    about: "What happened in phone calls: ringing, answered, forwarded.",
    columns: &[
        ("id", Int64, "Identifies the event within the account."),
        ("type", Text, "What happened, such as `phone-call-answered`."),
        ("account_id", Int64, "The account."),
        ("call_id", Int64, "The call."),
        ("user_id", Int64, "The agent."),
        ("customer_id", Int64, "The customer."),
        ("created_datetime", Timestamp, "When it happened."),
        ("meta", Json, "Free-form data."),
    ],
    ..activity("voice_call_events", "/api/phone/voice-call-events", Order::Given, 0)
};
