//! Calls and recordings: what a call comes to, one step after the other.

use crate::account::Account;
use crate::desk::voice;
use crate::time::Micros;

impl Account {
    /// The call's next step, with what it leaves in the other lists.
    pub(super) fn advance_call(&mut self, id: i64, now: Micros) -> Option<i64> {
        let about = voice::about(&self.data, &self.options, id);
        let trace = self.data.calls.get_mut(&id)?.advance(now, about)?;
        if let Some(event) = trace.event {
            self.data.add_call_event(id, event, now);
        }
        if trace.is_recorded
            && let Some(recording) = self.data.add_recording(id, now)
        {
            self.data.show_recording(recording);
        }
        self.data.show_call(id);
        Some(id)
    }

    pub(super) fn update_recording(&mut self, id: i64) -> Option<i64> {
        self.data.recordings.get_mut(&id)?.revise();
        self.data.show_recording(id);
        Some(id)
    }

    pub(super) fn delete_recording(&mut self, id: i64, now: Micros) -> Option<i64> {
        self.data.recordings.get_mut(&id)?.delete(now).then_some(())?;
        self.data.show_recording(id);
        Some(id)
    }
}
