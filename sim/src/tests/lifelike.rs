//! The account of people: as many rows as in any other, and numbers that a desk might have.

use serde_json::Value;

use crate::{Account, Options, parse};

fn lifelike(options: Options) -> Account {
    Account::new(Options { lifelike: true, unlimited: true, max_body: 2_000, ..options })
}

fn rows(account: &Account, table: &str) -> Vec<Value> {
    account.expected(table).iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect()
}

fn at(row: &Value, key: &str) -> Option<i64> {
    row[key].as_str().map(|text| parse(text).unwrap())
}

fn desk() -> Account {
    lifelike(Options { tickets: 2_000, messages: 6_000, customers: 700, surveys: 800, ..Options::default() })
}

#[test]
fn there_are_as_many_rows_as_in_any_account() {
    for (tickets, messages, surveys) in
        [(0, 10, 5), (1, 1, 1), (1, 30, 1), (40, 25, 60), (300, 900, 60), (200, 4_000, 200)]
    {
        let options = Options { tickets, messages, surveys, ..Options::default() };
        let (own, any) = (lifelike(options.clone()), Account::new(options));
        for table in ["tickets", "messages", "satisfaction-surveys", "customers", "users"] {
            assert_eq!(own.count(table), any.count(table), "{table} of {tickets}, {messages}, {surveys}");
        }
        let end = own.options().end;
        assert!(rows(&own, "messages").iter().all(|row| at(row, "created_datetime") <= Some(end)));
    }
    let (one, other) = (desk(), desk());
    for table in ["tickets", "messages", "satisfaction-surveys"] {
        assert_eq!(one.expected(table), other.expected(table), "{table}");
    }
}

#[test]
fn the_desk_answers_by_itself_and_at_its_hours() {
    let messages = rows(&desk(), "messages");
    let of = |row: &&Value| row["channel"] == "email" && row["from_agent"] == true;
    let written: Vec<&Value> = messages.iter().filter(of).collect();
    let via = |way: &str| written.iter().filter(|row| row["via"] == way).count() * 100 / written.len();
    assert!(via("helpdesk") > 80 && via("email") > 0 && via("rule") > 0 && via("api") > 0);
    for row in &messages {
        assert_eq!(row["rule_id"].is_null(), row["via"] != "rule", "{}", row["id"]);
    }
    let (nights, all) =
        messages.iter().filter(|row| row["via"] == "helpdesk").fold((0, 0), |(nights, all), row| {
            let hour = at(row, "created_datetime").unwrap() / 3_600_000_000 % 24;
            (nights + usize::from(!(6..19).contains(&hour)), all + 1)
        });
    assert!(all > 1_000 && nights == 0, "{nights} of {all} at night");
}

#[test]
fn numbers_are_those_of_a_desk() {
    let account = desk();
    let (tickets, messages) = (rows(&account, "tickets"), rows(&account, "messages"));
    let mut waits: Vec<(i64, i64)> = Vec::new();
    for ticket in &tickets {
        let of: Vec<&Value> = messages.iter().filter(|row| row["ticket_id"] == ticket["id"]).collect();
        let answer = of.iter().filter(|row| row["via"] == "helpdesk" && row["public"] == true);
        let answer = answer.map(|row| at(row, "created_datetime").unwrap()).min();
        if let (Some(answer), false) = (answer, ticket["from_agent"] == true) {
            let created = at(ticket, "created_datetime").unwrap();
            waits.push((answer - created, ticket["id"].as_i64().unwrap()));
        }
    }
    waits.sort_unstable();
    let minutes = |part: usize| waits[waits.len() * part / 100].0 / 60_000_000;
    assert!((20..240).contains(&minutes(50)), "half within {} minutes", minutes(50));
    assert!((300..4_000).contains(&minutes(90)), "nine of ten within {} minutes", minutes(90));
    assert!(waits.len() * 100 / tickets.len() > 75, "{} answers", waits.len());
    let open = tickets.iter().filter(|row| row["status"] == "open").count();
    assert!((10..120).contains(&open), "{open} open");
    // Whoever waits is less content.
    let surveys = rows(&account, "satisfaction-surveys");
    let score = |of: &[(i64, i64)]| {
        let scores: Vec<u64> = surveys
            .iter()
            .filter(|row| of.iter().any(|(_, id)| row["ticket_id"] == *id))
            .filter_map(|row| row["score"].as_u64())
            .collect();
        scores.iter().sum::<u64>() as f64 / scores.len() as f64
    };
    let half = waits.len() / 2;
    let (soon, late) = (score(&waits[..half]), score(&waits[half..]));
    assert!(soon > late + 0.15 && soon < 4.8 && late > 3.0, "{soon} and {late}");
}
