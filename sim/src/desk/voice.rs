//! Calls, what happened in them, and their recordings. Never recorded: these are as documented.
//!
//! A call gets its end, its recording, a summary of that and its ticket one after the other, as [`Call::advance`] says.

use crate::dice::Dice;
use crate::model::Data;
use crate::options::Options;
use crate::small::{FIRST_PERSON, Small, int};
use crate::time::{Maybe, Micros, SECOND, iso};

pub(crate) const CALLS: &str = "phone/voice-calls";
pub(crate) const EVENTS: &str = "phone/voice-call-events";
pub(crate) const RECORDINGS: &str = "phone/voice-call-recordings";

const FIRST_CALL: i64 = 880_001;
const FIRST_EVENT: i64 = 990_001;
const FIRST_RECORDING: i64 = 770_001;
const FIRST_SUMMARY: i64 = 660_001;
/// So many of an account's first calls are not over yet.
const UNDER_WAY: usize = 3;

/// How far a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Step {
    #[default]
    Ringing,
    Talking,
    Ended,
    Recorded,
    Summed,
    Filed,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    id: i64,
    created: Micros,
    updated: Micros,
    step: Step,
    /// Seconds of talk.
    duration: i64,
    ticket: i64,
    customer: i64,
    recording: i64,
    /// When the recording was summed up.
    summed: Option<Micros>,
}

/// What a step of a call leaves in the other two lists.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) event: Option<&'static str>,
    pub(crate) is_recorded: bool,
}

impl Call {
    fn ring(id: i64, at: Micros) -> Call {
        Call { id, created: at, updated: at, ..Call::default() }
    }

    fn is_answered(&self) -> bool {
        self.id % 5 != 4
    }

    /// Every second talk is recorded, and every second caller whom nobody answers leaves a message.
    fn is_recorded(&self) -> bool {
        self.id % 2 == 0
    }

    pub(crate) fn is_over(&self) -> bool {
        self.step == Step::Filed
    }

    /// The next step; none after the last. `about`: a ticket and its customer, if there is one for the call.
    pub(crate) fn advance(&mut self, at: Micros, about: Option<(i64, i64)>) -> Option<Trace> {
        let mut trace = Trace::default();
        self.step = match self.step {
            Step::Ringing if self.is_answered() => {
                trace.event = Some("phone-call-answered");
                Step::Talking
            }
            Step::Ringing => {
                trace.event = Some("missed-phone-call");
                Step::Ended
            }
            Step::Talking => {
                trace.event = Some("completed-phone-call");
                self.duration = ((at - self.updated) / SECOND).clamp(1, 3_600);
                Step::Ended
            }
            Step::Ended if self.is_recorded() => {
                trace.is_recorded = true;
                trace.event = Some(if self.is_answered() { "call-recording" } else { "voicemail-recording" });
                Step::Recorded
            }
            Step::Recorded => {
                self.summed = Some(at);
                Step::Summed
            }
            Step::Ended | Step::Summed => {
                (self.ticket, self.customer) = about.unwrap_or((0, 0));
                Step::Filed
            }
            Step::Filed => return None,
        };
        self.updated = at;
        Some(trace)
    }

    fn row(&self) -> Small {
        let Call { id, duration, .. } = self;
        let (created, updated, answered) = (iso(self.created), iso(self.updated), self.is_answered());
        let (status, end) = match (self.step, answered) {
            (Step::Ringing, _) => ("ringing", "null"),
            (Step::Talking, _) => ("in-progress", "null"),
            (_, true) => ("completed", "\"answered\""),
            (_, false) => ("no-answer", if id % 10 == 4 { "\"missed\"" } else { "\"abandoned\"" }),
        };
        let or_null = |id: i64| if id == 0 { "null".to_owned() } else { id.to_string() };
        let talked = answered && self.step != Step::Ringing;
        let agent = or_null(if talked { FIRST_PERSON + 3 + id % 4 } else { 0 });
        let recorded = self.recording != 0;
        let summaries = match self.summed {
            Some(at) => format!(
                r#"[{{"id":{},"recording_id":{},"summary":"The customer asks for \"order\" {id} – été.","created_datetime":"{}"}}]"#,
                FIRST_SUMMARY + id - FIRST_CALL,
                self.recording,
                iso(at)
            ),
            None => "[]".into(),
        };
        // Keys that are newer than some calls.
        let newer = match id % 11 {
            3 => String::new(),
            _ => format!(
                r#","termination_status":{end},"queue_id":{},"status_in_queue":null,"answered_by_external_number":null,"answered_by_external_customer_id":null,"monitoring_status":"none","last_monitoring_agent_id":null"#,
                or_null(if id % 3 == 0 { 41 } else { 0 })
            ),
        };
        let json = format!(
            r#"{{"id":{id},"integration_id":40024,"ticket_id":{},"phone_number_id":12,"external_id":"CA{id:032x}","provider":"twilio","status":"{status}","direction":"{}","phone_number_source":"+1555{id:07}","country_source":"US","phone_number_destination":"+15550199","country_destination":"US","duration":{duration},"started_datetime":"{created}","created_datetime":"{created}","updated_datetime":"{updated}","initiated_by_agent_id":null,"last_answered_by_agent_id":{agent},"customer_id":{},"last_rang_agent_id":{},"has_voicemail":{},"has_call_recording":{},"summaries":{summaries}{newer}}}"#,
            or_null(self.ticket),
            if id % 3 == 0 { "outbound" } else { "inbound" },
            or_null(self.customer),
            FIRST_PERSON + 3 + id % 4,
            recorded && !answered,
            recorded && answered,
        );
        Small {
            id: *id,
            created: self.created,
            updated: self.updated,
            kind: status.into(),
            weight: self.ticket,
            json,
            ..Small::default()
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Recording {
    id: i64,
    call: i64,
    pub(crate) created: Micros,
    deleted: Maybe,
    /// Changes so far: the first one ends the transcription, those that follow give it another address.
    rev: u16,
    is_voicemail: bool,
    duration: i64,
}

impl Recording {
    fn of(id: i64, call: &Call, at: Micros) -> Recording {
        let is_voicemail = !call.is_answered();
        let duration = if is_voicemail { 7 + call.id % 50 } else { call.duration };
        Recording { id, call: call.id, created: at, deleted: Maybe::NONE, rev: 0, is_voicemail, duration }
    }

    pub(crate) fn revise(&mut self) {
        self.rev = self.rev.wrapping_add(1);
    }

    /// It stays in the list.
    pub(crate) fn delete(&mut self, now: Micros) -> bool {
        let was = self.deleted != Maybe::NONE;
        self.deleted = Maybe::some(now);
        !was
    }

    fn row(&self) -> Small {
        let Recording { id, call, rev, duration, .. } = self;
        let deleted = self.deleted.get().map(|at| format!("\"{}\"", iso(at)));
        let is_private = id % 13 == 5;
        let transcription = match (rev, id % 9) {
            (0, _) => "requested",
            (_, 0) => "failed",
            (_, 1) => "recording_too_short",
            (_, 2) => "low_quality_transcription",
            _ => "completed",
        };
        let json = format!(
            r#"{{"id":{id},"call_id":{call},"external_id":"RE{id:032x}","url":{},"duration":{duration},"type":"{}","created_datetime":"{}","deleted_datetime":{},"deleted_by_user_id":{},"error_code":{},"transcription_status":"{transcription}"}}"#,
            if is_private {
                "null".into()
            } else {
                format!("\"https://uploads.example/r/{id}-{}.mp3\"", rev / 2)
            },
            if self.is_voicemail { "voicemail" } else { "call-recording" },
            iso(self.created),
            deleted.as_deref().unwrap_or("null"),
            if deleted.is_some() { (FIRST_PERSON + 2).to_string() } else { "null".into() },
            if is_private { "\"RECORDING_IS_PRIVATE\"" } else { "null" },
        );
        Small { id: *id, created: self.created, weight: *call, json, ..Small::default() }
    }
}

fn event(id: i64, kind: &str, call: i64, at: Micros) -> Small {
    // Both forms are documented.
    let meta = if id % 4 == 1 { "\"{}\"" } else { "{}" };
    let json = format!(
        r#"{{"id":{id},"type":"{kind}","account_id":4242,"call_id":{call},"user_id":null,"customer_id":null,"created_datetime":"{}","meta":{meta}}}"#,
        iso(at)
    );
    Small { id, created: at, weight: call, json, ..Small::default() }
}

/// A ticket for a call, and its customer: for two calls of three.
pub(crate) fn about(data: &Data, options: &Options, call: i64) -> Option<(i64, i64)> {
    let mut dice = Dice::of([options.seed, 901, call.unsigned_abs(), 0]);
    let (first, last) = (*data.tickets.first_key_value()?.0, *data.tickets.last_key_value()?.0);
    let from = first + i64::try_from(dice.below(usize::try_from(last - first).unwrap_or(0))).unwrap_or(0);
    let (id, ticket) = data.tickets.range(from..).next()?;
    (dice.below(3) > 0).then_some((*id, ticket.customer))
}

/// The calls that an account is born with, spread over its life; all but the last are over.
pub(crate) fn build(data: &mut Data, options: &Options) {
    let count = options.calls;
    let step = (options.end - options.start) / (int(count) + 1);
    let (mut events, mut recordings) = (Vec::new(), Vec::new());
    for n in 0..count {
        let id = FIRST_CALL + int(n);
        let mut at = options.start + int(n + 1) * step + int(n % 3) * 104_729;
        let mut call = Call::ring(id, at);
        events.push((at, id, "incoming-phone-call"));
        let about = about(data, options, id);
        let steps = if n + UNDER_WAY < count { usize::MAX } else { count - 1 - n };
        for _ in 0..steps {
            at += (12 + id % 200) * SECOND;
            if at > options.end {
                break;
            }
            let Some(trace) = call.advance(at, about) else { break };
            events.extend(trace.event.map(|event| (at, id, event)));
            if trace.is_recorded {
                recordings.push((at, id));
            }
        }
        data.calls.insert(id, call);
    }
    events.sort_unstable();
    recordings.sort_unstable();
    let rows = events.iter().zip(FIRST_EVENT..).map(|((at, call, kind), id)| event(id, kind, *call, *at));
    data.small.insert(EVENTS, rows.collect());
    data.last.call = FIRST_CALL + int(count) - 1;
    for (at, call) in recordings {
        let id = data.add_recording(call, at);
        // Deleted ones stay, too.
        if let Some(recording) = id.and_then(|id| data.recordings.get_mut(&id)) {
            recording.revise();
            if recording.id % 17 == 6 {
                recording.delete(at + 60 * SECOND);
            }
        }
    }
    let calls = data.calls.values().map(Call::row).collect();
    data.small.insert(CALLS, calls);
    let recordings = data.recordings.values().map(Recording::row).collect();
    data.small.insert(RECORDINGS, recordings);
}

impl Data {
    /// A call more.
    pub(crate) fn add_call(&mut self, at: Micros) -> i64 {
        self.last.call += 1;
        let id = self.last.call;
        self.calls.insert(id, Call::ring(id, at));
        self.add_call_event(id, "incoming-phone-call", at);
        self.show_call(id);
        id
    }

    pub(crate) fn add_call_event(&mut self, call: i64, kind: &str, at: Micros) {
        let rows = self.small.entry(EVENTS).or_default();
        let id = rows.last().map_or(FIRST_EVENT, |row| row.id + 1);
        rows.push(event(id, kind, call, at));
    }

    /// A recording of a call, which is to be shown.
    pub(crate) fn add_recording(&mut self, call: i64, at: Micros) -> Option<i64> {
        let id = self.recordings.last_key_value().map_or(FIRST_RECORDING, |(id, _)| id + 1);
        let call = self.calls.get_mut(&call)?;
        call.recording = id;
        self.recordings.insert(id, Recording::of(id, call, at));
        Some(id)
    }

    /// Lists show the call as it is now.
    pub(crate) fn show_call(&mut self, id: i64) {
        self.show(CALLS, self.calls.get(&id).map(Call::row));
    }

    /// Lists show the recording as it is now.
    pub(crate) fn show_recording(&mut self, id: i64) {
        self.show(RECORDINGS, self.recordings.get(&id).map(Recording::row));
    }

    fn show(&mut self, list: &'static str, row: Option<Small>) {
        let Some(row) = row else { return };
        let rows = self.small.entry(list).or_default();
        match rows.binary_search_by_key(&row.id, |row| row.id) {
            Ok(at) => rows[at] = row,
            Err(at) => rows.insert(at, row),
        }
    }
}
