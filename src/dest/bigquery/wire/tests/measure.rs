//! What making a load file costs, for the choice of compression. With optimisation, or it says nothing:
//!
//!     cargo test --release --lib bigquery::wire::tests::measure -- --ignored --nocapture

use std::time::Duration;

use super::super::files::Encoder;
use super::*;

const WORDS: &str = "order refund shipping please help thanks the a my package arrived late broken return label size \
    colour customer support ticket where is it tracking number hello team would like exchange best regards did not \
    receive email discount code today week soon <br> <div class=\"gmail_quote\"> </p> &nbsp; größe naïve 你好 🎁";

/// Columns of messages: the heavy ones, and as many light ones as there are.
fn message_columns() -> Vec<Column> {
    let mut columns =
        vec![Column::new("id", LogicalType::Int64), Column::new("ticket_id", LogicalType::Int64)];
    for name in ["body_text", "body_html", "stripped_text", "channel", "via", "subject", "message_id", "uri"]
    {
        columns.push(Column::new(name, LogicalType::Text));
    }
    for name in ["created_datetime", "sent_datetime", "updated_datetime"] {
        columns.push(Column::new(name, LogicalType::Timestamp));
    }
    for name in ["sender", "source", "receiver", "meta"] {
        columns.push(Column::new(name, LogicalType::Json));
    }
    for name in ["public", "from_agent"] {
        columns.push(Column::new(name, LogicalType::Bool));
    }
    columns
}

/// 100 messages of 3.3 KB.
fn page(rng: &mut fastrand::Rng, from: i64) -> RecordBatch {
    let words: Vec<&str> = WORDS.split(' ').collect();
    let columns = message_columns();
    let arrays = columns.iter().map(|column| -> ArrayRef {
        let text = |rng: &mut fastrand::Rng| match column.name.as_str() {
            "body_text" | "stripped_text" => (0..130).map(|_| words[rng.usize(..words.len())]).collect::<Vec<_>>().join(" "),
            "body_html" => {
                let body = (0..170).map(|_| words[rng.usize(..words.len())]).collect::<Vec<_>>().join(" ");
                format!("<html><body><p>{body}</p></body></html>")
            }
            "message_id" => format!("<{:032x}@mail.example.com>", rng.u128(..)),
            "subject" => (0..6).map(|_| words[rng.usize(..words.len())]).collect::<Vec<_>>().join(" "),
            "uri" => format!("/api/tickets/{}/messages/{}/", rng.u32(..1_000_000), rng.u32(..)),
            _ => ["email", "chat", "instagram"][rng.usize(..3)].to_owned(),
        };
        match column.logical {
            LogicalType::Int64 => Arc::new(Int64Array::from_iter_values(from..from + 100)),
            LogicalType::Text => Arc::new(StringArray::from_iter_values((0..100).map(|_| text(rng)))),
            LogicalType::Json => Arc::new(StringArray::from_iter_values((0..100).map(|_| {
                let id = rng.u64(..) >> 4;
                format!(r#"{{"id": {id}, "email": "customer{id}@example.com", "name": "Customer {id}", "meta": null}}"#)
            }))),
            LogicalType::Timestamp => {
                let at = (0..100).map(|n| 1_700_000_000_000_000 + (from + n) * 1_000_003 + rng.i64(0..999));
                Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC"))
            }
            LogicalType::Bool => Arc::new(BooleanArray::from_iter((0..100).map(|_| Some(rng.bool())))),
            LogicalType::Float64 => Arc::new(Float64Array::from_iter_values((0..100).map(|_| rng.f64()))),
        }
    });
    batch(&columns, arrays.collect())
}

fn cpu() -> Duration {
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let time = |time: nix::sys::time::TimeVal| {
        Duration::new(u64::try_from(time.tv_sec()).unwrap(), u32::try_from(time.tv_usec() * 1000).unwrap())
    };
    time(usage.user_time()) + time(usage.system_time())
}

/// CPU and bytes of a file of all pages, made in commits of 10,000 rows.
fn cost(pages: &[RecordBatch], encoder: impl Fn() -> Encoder) -> (Duration, usize) {
    let before = cpu();
    let mut bytes = 0;
    for commit in pages.chunks(100) {
        let mut encoder = encoder();
        for page in commit {
            encoder.write(page).unwrap();
            if encoder.ready().len() > super::super::api::CHUNK {
                bytes += std::mem::take(encoder.ready()).len();
            }
        }
        bytes += encoder.finish().unwrap().len();
    }
    (cpu() - before, bytes)
}

#[test]
#[ignore = "needs optimisation and minutes: it measures"]
fn load_files_of_60_000_messages() {
    let mut rng = fastrand::Rng::with_seed(1);
    let pages: Vec<RecordBatch> = (0..600).map(|n| page(&mut rng, n * 100)).collect();
    println!("{:<24} {:>7} {:>9}", "60,000 messages", "CPU s", "MB");
    let show = |name: &str, (cpu, bytes): (Duration, usize)| {
        println!("{name:<24} {:>7.2} {:>9.1}", cpu.as_secs_f64(), bytes as f64 / 1e6);
        bytes
    };
    let columns = message_columns();
    let text =
        |name, format, level| show(name, cost(&pages, || Encoder::text(format, columns.clone(), level)));
    let plain = text("jsonl", Format::Jsonl, None);
    let fast = text("jsonl, gzip 1", Format::Jsonl, Some(1));
    let small = text("jsonl, gzip 6", Format::Jsonl, Some(6));
    assert!(small < fast && fast < plain / 2, "{small}, {fast}, {plain}");
    let csv = (text("csv", Format::Csv, None), text("csv, gzip 1", Format::Csv, Some(1)));
    assert!(csv.1 < csv.0 / 2, "{csv:?}");
    for (name, codec) in super::super::files::codecs() {
        let parquet =
            show(&format!("parquet, {name}"), cost(&pages, || Encoder::parquet(columns.clone(), codec)));
        assert!(parquet < plain, "{name}: {parquet}");
    }
}
