//! Against what really stores and queries: an emulator, which `scripts/emulators` starts, or a real project
//! (`make test-bigquery-live`). Every test has a dataset of its own, and removes it at its end.

use super::*;

/// The dataset of one test.
struct Place {
    api: Api,
    dataset: DatasetRef,
}

impl std::ops::Deref for Place {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl Place {
    fn table(&self, name: &str) -> TableRef {
        let DatasetRef { project, dataset } = self.dataset.clone();
        TableRef { project, dataset, table: name.into() }
    }

    /// As SQL names it.
    fn path(&self, name: &str) -> String {
        format!("`{}`", self.table(name))
    }

    fn spec(&self, id: &str, into: &str, format: Format) -> LoadSpec {
        LoadSpec { into: self.table(into), ..load(id, into, format) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let dataset = self.dataset.clone();
        let sql = format!("DROP SCHEMA IF EXISTS `{dataset}` CASCADE");
        // A test that failed has said why; its dataset goes all the same. On a runtime of its own, with connections of
        // its own: those of the test stand still while this waits.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let id = job(&format!("drop-{}", dataset.dataset));
            let api = opened();
            runtime.block_on(api.query(&id, &sql, &[])).map(|_| ())
        });
        let dropped = dropping.join().expect("dropping does not panic");
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

pub(in crate::dest::bigquery) fn told(name: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "tests are told by the script that starts the emulator")]
    std::env::var(name).unwrap_or_else(|_| panic!("scripts/emulators sets {name}"))
}

fn opened() -> Api {
    let uri = BigQueryUri::parse(&told("BIGQUERY_EMULATOR_URI")).unwrap();
    Api::open(&uri).unwrap().located(uri.location.as_deref().unwrap_or("US"))
}

/// A dataset to be, and a part of names that no other test has.
fn emulator(test: &str) -> (Place, String) {
    let name = format!("{test}_{:08x}", fastrand::u32(..));
    let api = opened();
    let dataset = DatasetRef { project: api.project().to_owned(), dataset: format!("ingestr_test_{name}") };
    (Place { api, dataset }, name)
}

async fn make_table(place: &Place, name: &str, columns: &[Column]) {
    place.create_dataset(&place.dataset, place.location()).await.unwrap();
    let fields =
        columns.iter().map(|column| format!("{} {}", column.name, type_name(staged_type(column.logical))));
    let fields = fields.collect::<Vec<_>>().join(", ");
    make(place, name, &format!("({fields})")).await;
}

async fn make(place: &Place, name: &str, rest: &str) {
    let sql = format!("CREATE TABLE {} {rest}", place.path(name));
    place.query(&job(&format!("make-{name}")), &sql, &[]).await.unwrap();
}

async fn rows(place: &Place, unique: &str, name: &str) -> Vec<Vec<Option<String>>> {
    let sql =
        format!("SELECT id, subject, meta, sent_at, score, spam FROM {} ORDER BY id DESC", place.path(name));
    let mut rows = place.query(&job(&format!("{unique}-read")), &sql, &[]).await.unwrap();
    // A double is written in one of several ways.
    for score in rows.iter_mut().filter_map(|row| row[4].as_mut()) {
        *score = format!("{:?}", score.parse::<f64>().unwrap());
    }
    rows
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn datasets_and_tables_come_and_go() {
    let (api, name) = emulator("tables");
    let missing = DatasetRef { dataset: format!("{name}_none"), ..api.dataset.clone() };
    assert_eq!(api.location_of(&missing).await.unwrap(), None);
    assert_eq!(api.tables(&missing).await.unwrap(), None);
    make_table(&api, &name, &columns()).await;
    assert_eq!(api.location_of(&api.dataset).await.unwrap().as_deref(), api.location());
    api.create_dataset(&api.dataset, None).await.unwrap();

    let partitioned = format!("{name}_p");
    let rest =
        "(id INT64 NOT NULL, sent_at TIMESTAMP) PARTITION BY TIMESTAMP_TRUNC(sent_at, DAY) CLUSTER BY id";
    make(&api, &partitioned, rest).await;
    let info = Api::table(&api, &api.table(&partitioned)).await.unwrap().unwrap();
    let field = |name: &str, kind: &str, mode| Field { name: name.into(), kind: kind.into(), mode };
    let expected = TableInfo {
        kind: TableKind::Table,
        fields: vec![field("id", "INT64", Mode::Required), field("sent_at", "TIMESTAMP", Mode::Nullable)],
        clustering: vec!["id".into()],
        partitioning: Some(Partitioning::Time { unit: "DAY".into(), column: Some("sent_at".into()) }),
        require_partition_filter: false,
        streaming_buffer: false,
        made: info.made.clone(),
        held: info.held,
    };
    assert!(info.made.is_some());
    assert_eq!(info, expected);
    assert!(api.tables(&api.dataset).await.unwrap().unwrap().contains(&partitioned));

    for name in [&name, &partitioned] {
        assert!(Api::table(&api, &api.table(name)).await.unwrap().is_some());
        for _ in ["it is there", "it is gone already"] {
            api.delete_table(&api.table(name)).await.unwrap();
        }
        assert_eq!(Api::table(&api, &api.table(name)).await.unwrap(), None);
    }
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn what_is_loaded_is_what_is_read_in_every_format() {
    for format in [Format::Jsonl, Format::Parquet, Format::Csv] {
        let (api, name) = emulator(&format!("load_{format:?}"));
        make_table(&api, &name, &columns()).await;
        let mut upload = api.load(api.spec(&name, &name, format)).unwrap();
        upload.write(&hostile()).await.unwrap();
        upload.finish().await.unwrap();
        let text = |text: &str| Some(text.to_owned());
        let expected = vec![
            vec![
                text("9223372036854775807"),
                text("a \"quoted\", text\nwith \\N, \ttabs, \r\n and ünicode 🦀"),
                text(r#"{"b": 12345678901234567, "a": [1.10, "x\"\n"]}"#),
                text("1718798400123456"),
                text("0.1"),
                text("true"),
            ],
            vec![text("9007199254740993"), text(""), text("[]"), text("0"), text("1e300"), text("false")],
            vec![text("-1"), text("\\N"), text("\"text\""), text("-62135596800000000"), text("-0.5"), None],
            vec![None, None, None, None, None, None],
        ];
        assert_eq!(rows(&api, &name, &name).await, expected, "{format:?}");
        // Again under the same id, as if the answer had been lost: nothing is loaded twice.
        let mut again = api.load(api.spec(&name, &name, format)).unwrap();
        again.write(&hostile()).await.unwrap();
        again.finish().await.unwrap();
        assert_eq!(rows(&api, &format!("{name}-2"), &name).await.len(), 4, "{format:?}");
        api.delete_table(&api.table(&name)).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_file_of_many_chunks_arrives_whole() {
    let (api, name) = emulator("chunks");
    let columns = vec![Column::new("id", LogicalType::Int64), Column::new("subject", LogicalType::Text)];
    make_table(&api, &name, &columns).await;
    let spec = LoadSpec { columns: columns.clone(), ..api.spec(&name, &name, Format::Jsonl) };
    let mut upload = api.load(spec).unwrap();
    // 20 MB: two chunks and a rest.
    for part in 0..20_i64 {
        let ids = Int64Array::from_iter_values(part * 100..(part + 1) * 100);
        let texts = StringArray::from_iter_values((0..100).map(|n| format!("{n} ").repeat(3_500)));
        upload.write(&batch(&columns, vec![Arc::new(ids), Arc::new(texts)])).await.unwrap();
    }
    assert_eq!(upload.resumable.sent(), 16 * 1024 * 1024);
    upload.finish().await.unwrap();
    let sql = format!("SELECT COUNT(DISTINCT id), SUM(LENGTH(subject)) FROM {}", api.path(&name));
    let sums = api.query(&job(&format!("{name}-sum")), &sql, &[]).await.unwrap();
    let length: usize = (0..100).map(|n| (n.to_string().len() + 1) * 3_500).sum();
    assert_eq!(sums, vec![vec![Some("2000".to_owned()), Some((20 * length).to_string())]]);
    api.delete_table(&api.table(&name)).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn parameters_arrive_as_they_are() {
    let (api, name) = emulator("params");
    let text = "it's \\ \"x\" @t `größe`\n🦀";
    let params = [Param { name: "t".into(), value: text.into() }];
    let found = api.query(&job(&name), "SELECT @t AS t, LENGTH(@t) AS n", &params).await.unwrap();
    assert_eq!(found, [[Some(text.to_owned()), Some(text.chars().count().to_string())]]);
    assert_eq!(
        api.query(&job(&name), "SELECT @t AS t, LENGTH(@t) AS n", &params).await.unwrap(),
        found,
        "the same job again"
    );
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn results_of_many_pages_are_read_to_their_end() {
    let (api, name) = emulator("pages");
    let sql = "SELECT n FROM UNNEST(GENERATE_ARRAY(1, 25000)) AS n ORDER BY n";
    let rows = api.query(&job(&name), sql, &[]).await.unwrap();
    assert_eq!(rows.len(), 25_000);
    assert_eq!(rows[24_999], vec![Some("25000".to_owned())]);
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_script_is_one_job_and_its_last_statement_gives_the_rows() {
    let (api, name) = emulator("script");
    make_table(&api, &name, &columns()).await;
    let into = api.path(&name);
    let sql = format!(
        "DECLARE n INT64; BEGIN TRANSACTION; INSERT INTO {into} (id) VALUES (1), (2); SET n = @@row_count; \
         DELETE FROM {into} WHERE id = 2; COMMIT TRANSACTION; SELECT n AS inserted, @@row_count AS deleted;"
    );
    let found = api.query(&job(&name), &sql, &[]).await.unwrap();
    assert_eq!(found[0][0].as_deref(), Some("2"));
    api.query(&job(&name), &sql, &[]).await.unwrap();
    assert_eq!(rows(&api, &name, &name).await.len(), 1, "the same job again does nothing");
    api.delete_table(&api.table(&name)).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn what_is_wrong_is_said_in_words() {
    let (api, name) = emulator("wrong");
    let error = api.query(&job(&name), "SELECT nonsense FROM", &[]).await.unwrap_err();
    assert_eq!(error.reason, Reason::Invalid, "{error}");
    // A failed job has done nothing, so its id may be used again.
    assert_eq!(api.query(&job(&name), "SELECT 1 AS x", &[]).await.unwrap().len(), 1);
    let error = api
        .query(&job(&format!("{name}-2")), &format!("SELECT * FROM {}", api.path("none")), &[])
        .await
        .unwrap_err();
    assert_eq!(error.reason, Reason::NotFound, "{error}");

    make_table(&api, &name, &columns()).await;
    let mut upload = api.load(LoadSpec { ..api.spec(&format!("{name}-3"), "none", Format::Jsonl) }).unwrap();
    upload.write(&hostile()).await.unwrap();
    let error = upload.finish().await.unwrap_err();
    assert_eq!(error.reason, Reason::NotFound, "{error}");
    api.delete_table(&api.table(&name)).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_staging_bucket_is_gone_through_and_left_empty() {
    let bucket = told("STAGING_BUCKET_EMULATOR");
    let bucket = format!("{bucket}/some/prefix");
    for format in [Format::Jsonl, Format::Parquet, Format::Csv] {
        let (api, name) = emulator(&format!("bucket_{format:?}"));
        make_table(&api, &name, &columns()).await;
        let spec =
            |id: &str| LoadSpec { staging_bucket: Some(bucket.clone()), ..api.spec(id, &name, format) };
        let mut upload = api.load(spec(&name)).unwrap();
        upload.write(&hostile()).await.unwrap();
        upload.finish().await.unwrap();
        assert_eq!(rows(&api, &name, &name).await.len(), 4);
        assert_eq!(api.sweep_bucket(&bucket, &name).await.unwrap(), 0, "nothing was left");

        // The table is not empty any more, so the job fails; the object goes all the same.
        let mut upload = api.load(spec(&format!("{name}-full"))).unwrap();
        upload.write(&hostile()).await.unwrap();
        upload.finish().await.unwrap_err();
        assert_eq!(api.sweep_bucket(&bucket, &name).await.unwrap(), 0, "nothing was left");
        api.delete_table(&api.table(&name)).await.unwrap();
    }
}

/// What a run that is killed between upload and load job leaves.
pub(in crate::dest::bigquery) async fn leave_in_bucket(api: &Api, bucket: &str, id: &str) {
    let place = storage::ObjectPlace::new(bucket, &job(id), Format::Jsonl, false).unwrap();
    let mut file = resumable::Resumable::new(place.opening(api));
    file.send(api, &place.doing, &bytes::Bytes::from_static(b"{}\n"), true).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn what_a_killed_run_left_in_the_bucket_is_swept() {
    let bucket = told("STAGING_BUCKET_EMULATOR");
    let (api, name) = emulator("sweep");
    for n in 0..3 {
        leave_in_bucket(&api, &bucket, &format!("{name}-{n}")).await;
    }
    assert_eq!(api.sweep_bucket(&bucket, &format!("{name}-none")).await.unwrap(), 0);
    assert_eq!(api.sweep_bucket(&bucket, &name).await.unwrap(), 3);
    assert_eq!(api.sweep_bucket(&bucket, &name).await.unwrap(), 0);
}
