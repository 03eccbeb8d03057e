//! What a user can do about a refusal.

use super::reason::Reason;

pub(super) const CREDENTIALS: &str = "the credentials are wrong or have expired: check that the key of the service account is active, or log in again with `gcloud auth application-default login`";

/// What to do next; `permission` is what the call needs, if the message does not say.
pub(super) fn hint(reason: Reason, message: &str, permission: &str) -> Option<String> {
    let text = match reason {
        Reason::Credentials => CREDENTIALS.to_owned(),
        Reason::Permission if message.contains("has not been used in project") || message.contains("not enabled BigQuery") => {
            "enable the BigQuery API in the project: gcloud services enable bigquery.googleapis.com".to_owned()
        }
        Reason::Permission => {
            let permission = permission_in(message).unwrap_or(permission);
            format!("the permission {permission} is missing; {}", role(permission))
        }
        Reason::Billing => "link a billing account to the project: without one BigQuery refuses MERGE, UPDATE and DELETE".to_owned(),
        Reason::Quota => quota(message),
        Reason::NotFound if message.contains("Project") || message.contains("project") => {
            "check the project id in --dest-uri: it is not the project's name, nor its number".to_owned()
        }
        Reason::NotFound => "check the names in --dest-uri and --dest-table; a dataset in another location than `location` in --dest-uri is not found either".to_owned(),
        Reason::Location => "dataset, staging dataset, staging bucket and `location` in --dest-uri must be in one place".to_owned(),
        Reason::Conflict => "another program writes to the same table; run the command again".to_owned(),
        Reason::StreamingBuffer => "another program streams rows into this table, which cannot be changed for up to 90 minutes; load into a table of its own, or stop the stream and run the command again".to_owned(),
        _ if message.contains("bytes billed") => {
            "it would be paid for more than --max-bytes allows: raise that if it is worth it; of each table that is read, 10 MB are paid for at least"
                .to_owned()
        }
        Reason::Invalid if message.contains("dataset ID") => {
            "names of datasets have only letters, digits and underscores, at most 1024 of them; type --dest-table <dataset>.<table>".to_owned()
        }
        _ => return None,
    };
    Some(text)
}

fn quota(message: &str) -> String {
    let lower = message.to_ascii_lowercase();
    let what = if lower.contains("imports per table")
        || lower.contains("load jobs per table")
        || lower.contains("table modifications")
    {
        "the table has had its 1,500 changes of the day: commit less often with a larger --flush-records and --flush-interval"
    } else if lower.contains("query bytes") || lower.contains("querying") || lower.contains("queryusage") {
        "the day's quota of bytes for queries is used up: raise it in the console, or limit what is scanned with --partition-by"
    } else if lower.contains("update operations") {
        "the table was changed too often in a short time: commit less often with a larger --flush-interval"
    } else {
        "see the project's quotas in the console (IAM & Admin, Quotas)"
    };
    format!("{what}; what was committed stays, and the next run goes on from there")
}

/// The permission that a message names, e.g. `bigquery.tables.create`.
fn permission_in(message: &str) -> Option<&str> {
    message.split(|c: char| !c.is_ascii_alphanumeric() && c != '.').map(|word| word.trim_matches('.')).find(
        |word| {
            let parts: Vec<&str> = word.split('.').collect();
            matches!(parts[0], "bigquery" | "storage" | "serviceusage" | "resourcemanager")
                && parts.len() == 3
                && parts[2] != "com"
                && parts
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphabetic()))
        },
    )
}

/// The role that brings it, narrowest first.
fn role(permission: &str) -> &'static str {
    match permission {
        "bigquery.jobs.create" => "grant roles/bigquery.jobUser on the project",
        "bigquery.datasets.create" => {
            "grant roles/bigquery.user on the project, or make the dataset yourself and name it in --dest-table"
        }
        _ if permission.starts_with("storage.") => "grant roles/storage.objectUser on the staging bucket",
        _ if permission.starts_with("serviceusage.") => {
            "grant roles/serviceusage.serviceUsageConsumer on the project"
        }
        _ => "grant roles/bigquery.dataEditor on the dataset",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permission_that_is_named_is_found() {
        for (message, permission) in [
            (
                "Access Denied: Dataset p:d: Permission bigquery.tables.create denied on dataset p:d (or it may not exist).",
                Some("bigquery.tables.create"),
            ),
            (
                "Access Denied: Project p: User does not have bigquery.jobs.create permission in project p.",
                Some("bigquery.jobs.create"),
            ),
            (
                "a@b.iam.gserviceaccount.com does not have storage.objects.create access to the bucket.",
                Some("storage.objects.create"),
            ),
            ("visit https://bigquery.googleapis.com.", None),
            ("Access Denied", None),
        ] {
            assert_eq!(permission_in(message), permission, "{message}");
        }
    }
}
