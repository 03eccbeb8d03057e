//! What tables and columns mean, in catalogues that have a place for it.

use super::{Bench, commit, items, loaded};
use crate::model::{Described, Description, Strategy};

/// A database with such a place.
pub(crate) trait Catalogue: Bench {
    /// What it says of table `items` (an empty name) and its columns, `name: text`, in order of names.
    fn said(&self) -> Vec<String>;
    /// Somebody says something else of a column, or nothing.
    fn say(&self, column: &str, text: Option<&str>);
}

fn texts(version: &str) -> Vec<Description> {
    let of = |column: Option<&str>| Description {
        column: column.map(ToOwned::to_owned),
        text: format!("{}: it's {version}", column.unwrap_or("items")),
    };
    vec![of(None), of(Some("id")), of(Some("name")), of(Some("changed_at")), of(Some("absent"))]
}

/// They are written once and when they change; what others wrote or took away stays, also where the rows are replaced.
pub(crate) async fn descriptions_of_others_stay(bench: &dyn Catalogue) {
    let target = items(Strategy::Merge);
    let write = async |version: &str, described: &Described| {
        let tables = [(target.clone(), texts(version))];
        bench.destination().write_descriptions(&tables, described).await.expect("can be written")
    };
    let mut described = Described::default();
    assert!(!write("one", &described).await, "there is no such table");
    loaded(bench, &target, &[(1, "a", 10)], commit("r1", "p", true)).await;
    for _ in 0..2 {
        assert!(write("one", &described).await);
        assert_eq!(
            bench.said(),
            [
                ": items: it's one",
                "changed_at: changed_at: it's one",
                "id: id: it's one",
                "name: name: it's one"
            ]
        );
    }
    texts("one").iter().for_each(|text| described.note(text));
    bench.say("name", Some("ours"));
    bench.say("changed_at", None);
    assert!(write("one", &described).await);
    assert_eq!(bench.said(), [": items: it's one", "id: id: it's one", "name: ours"]);
    bench.say("name", Some("ours, too"));
    assert!(write("two", &described).await);
    let after =
        [": items: it's two", "changed_at: changed_at: it's two", "id: id: it's two", "name: ours, too"];
    assert_eq!(bench.said(), after);
    let replace = items(Strategy::Replace);
    loaded(bench, &replace, &[(2, "b", 20)], commit("r2", "p", true)).await;
    assert_eq!(bench.said(), after);
    assert_eq!(bench.rows("items", &["id"]).expect("exists"), [["2"]]);
    // And the table is still known to be the one that its state tells of.
    let found = bench.destination().inspect(&target).await.expect("can be looked at");
    assert!(
        found.state.is_some() && found.notes.iter().all(|note| !note.contains("replaced by another")),
        "{:?}",
        found.notes
    );
}
