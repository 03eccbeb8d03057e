//! All tables of Gorgias: those that it lists (`tables`, `small` ones, and `activity`), and those whose rows lie in theirs
//! (`children`). First those that `*` means.

use super::activity::{EVENTS, JOBS, VOICE_CALL_EVENTS, VOICE_CALL_RECORDINGS, VOICE_CALLS};
use super::children::{
    CUSTOMER_FIELD_VALUES, MACRO_ACTIONS, MESSAGE_ATTACHMENTS, MESSAGE_INTENTS, MESSAGE_MACROS,
    MESSAGE_RECIPIENTS, TEAM_MEMBERS, TICKET_FIELD_VALUES, TICKET_INTEGRATIONS, TICKET_TAGS,
    VOICE_CALL_SUMMARIES,
};
use super::small::{
    ACCOUNT, ACCOUNT_SETTINGS, CUSTOM_FIELDS, INTEGRATIONS, MACROS, RULES, TAGS, TEAMS, USERS, VIEWS, WIDGETS,
};
use super::tables::{CUSTOMERS, SATISFACTION_SURVEYS, TICKET_MESSAGES, TICKETS};
use crate::source::{Counted, Resource};

/// All tables, in the order help lists them.
pub static TABLES: [Resource; 31] = [
    CUSTOMERS,
    TICKETS,
    TICKET_MESSAGES,
    SATISFACTION_SURVEYS,
    USERS,
    TEAMS,
    TEAM_MEMBERS,
    TAGS,
    TICKET_TAGS,
    CUSTOM_FIELDS,
    TICKET_FIELD_VALUES,
    CUSTOMER_FIELD_VALUES,
    MACROS,
    VIEWS,
    RULES,
    INTEGRATIONS,
    ACCOUNT,
    MESSAGE_ATTACHMENTS,
    VOICE_CALLS,
    VOICE_CALL_RECORDINGS,
    VOICE_CALL_SUMMARIES,
    EVENTS,
    JOBS,
    ACCOUNT_SETTINGS,
    WIDGETS,
    MACRO_ACTIONS,
    MESSAGE_INTENTS,
    MESSAGE_MACROS,
    MESSAGE_RECIPIENTS,
    TICKET_INTEGRATIONS,
    VOICE_CALL_EVENTS,
];

/// What the rows of a list count, if they count rows of another table.
pub(crate) fn counted_by(list: &Resource) -> Option<Counted> {
    TABLES.iter().filter_map(|table| table.counted).find(|counted| counted.by.name == list.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LogicalType::Timestamp;

    /// Field names of the rows that were recorded from the API in August 2026, in their order.
    const RECORDED: [(&str, &str); 6] = [
        (
            "customers",
            "id external_id active email name firstname lastname language timezone created_datetime updated_datetime meta data note custom_fields",
        ),
        (
            "tickets",
            "id uri external_id language status priority channel via from_agent customer assignee_user assignee_team subject summary excerpt integrations meta tags messages_count is_unread spam created_datetime opened_datetime last_received_message_datetime last_message_datetime last_sent_message_not_delivered updated_datetime closed_datetime snooze_datetime trashed_datetime custom_fields",
        ),
        (
            "ticket_messages",
            "id uri message_id ticket_id external_id public channel via source sender auth_customer_identity integration_id intents rule_id from_agent receiver subject body_text body_html stripped_text stripped_html stripped_signature headers attachments actions macros meta created_datetime processed_datetime sent_datetime failed_datetime deleted_datetime opened_datetime last_sending_error is_retriable imported",
        ),
        (
            "satisfaction_surveys",
            "id body_text created_datetime customer_id meta score scored_datetime sent_datetime should_send_datetime ticket_id uri",
        ),
        ("tags", "id decoration description name usage uri created_datetime deleted_datetime"),
        (
            "users",
            "id active bio created_datetime country deactivated_datetime email external_id firstname has_password has_2fa_enabled lastname language meta name role timezone updated_datetime client_id uri",
        ),
    ];

    #[test]
    fn every_recorded_field_is_a_documented_column() {
        for (table, fields) in RECORDED {
            let spec = TABLES.iter().find(|spec| spec.name == table).unwrap();
            for field in fields.split(' ') {
                assert!(spec.columns.iter().any(|(name, ..)| *name == field), "{table}.{field}");
            }
        }
    }

    #[test]
    fn every_table_has_its_keys_and_each_column_once() {
        for spec in &TABLES {
            for key in spec.key.iter().copied().chain(spec.incremental_key) {
                assert_eq!(
                    spec.columns.iter().filter(|(name, ..)| *name == key).count(),
                    1,
                    "{}.{key}",
                    spec.name
                );
            }
            let mut names: Vec<_> = spec.columns.iter().map(|(name, ..)| name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), spec.columns.len(), "{}", spec.name);
            assert!(
                spec.columns
                    .iter()
                    .all(|(name, logical, _)| name.ends_with("_datetime") == (*logical == Timestamp))
            );
        }
    }
}
