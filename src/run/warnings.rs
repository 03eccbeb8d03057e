//! Which warnings are news: those that the run before this one did not have. It left them in the ledger.

use super::Run;

impl Run<'_, '_> {
    /// Finds out what was known before, where somebody asks for it. A destination that cannot tell makes all of it news.
    pub(super) async fn compare_warnings(&mut self) {
        if self.done.warnings.is_empty() || !self.job.reporter.wants_news_only() {
            return;
        }
        let Ok(all) = self.job.dest.remembered_in(&self.target.schema).await else { return };
        let target = &self.target;
        let mut of_source = all.iter().filter(|one| one.is_of(&target.account, &target.source_table));
        let own = of_source.find(|one| one.is_in(&target.schema, &target.table));
        let Some(before) = own.and_then(|own| own.runs.iter().find(|run| run.id != self.id)) else { return };
        let known: Vec<String> = before.warnings.iter().map(|warning| without_numbers(warning)).collect();
        let repeated = self.done.warnings.iter().filter(|warning| known.contains(&without_numbers(warning)));
        self.done.known = repeated.cloned().collect();
    }
}

/// Two warnings that differ in how many rows they are about are one to somebody who reads them each night.
fn without_numbers(warning: &str) -> String {
    warning.chars().filter(|c| !c.is_ascii_digit() && *c != '\n').collect()
}

#[cfg(test)]
mod tests {
    use super::without_numbers;

    #[test]
    fn how_many_makes_no_difference() {
        assert_eq!(without_numbers("12 rows are odd"), without_numbers("7 rows are odd"));
        assert_ne!(without_numbers("12 rows are odd"), without_numbers("12 rows are even"));
    }
}
