//! What needs an emulator or a real project; the name of this module is how such tests are found.

use super::*;

mod bucket;
mod descriptions;
mod made_by_others;
mod other_project;

mod suite {
    use super::Project;
    crate::dest::conformance::suite!(Project::new(), ignore = "needs a BigQuery emulator");
}
