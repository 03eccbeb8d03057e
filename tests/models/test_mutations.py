"""Deliberate errors in the SQL: recomputation must notice each of them, on the made-up copy with all tables."""

import shutil

import pytest
import recompute
from databases import PLAIN, DuckDb, statements

MUTATIONS = {
    "notes count as replies": ("when is_note then 'note'", "when false then 'note'"),
    "rules count as agents": ("or messages.via = 'rule' then 'rule'", "then 'rule'"),
    "replies from outside count": ("when messages.via = 'email' then 'outside'", "when false then 'outside'"),
    "waiting begins with the last message": ("and coalesce(kind_before, 'sent') = 'sent' then", "then"),
    "messages of one time in any order": ("order by created_at, message_id", "order by created_at, message_id desc"),
    "spam counts": ("not tickets.is_spam and tickets.trashed_at", "tickets.trashed_at"),
    "days are those of UTC": ("(happened_at at time zone '__time_zone__')", "(happened_at at time zone 'UTC')"),
    "scores count on the day of sending": ("'survey_scored', scored_at", "'survey_scored', sent_at"),
    "only 5 is a good score": ("and value >= 4", "and value > 4"),
    "a median is a mean": ("'quantile_cont', 0.5", "'avg'"),
    "tickets that an agent began have a first response": ("case when not tickets.is_from_agent then", "case when true then"),
    "one-touch is fewer than two": ("agent_replies = 1 as is_one_touch", "agent_replies < 2 as is_one_touch"),
    "a reopened ticket stays closed": ("when change = 'closed' then case", "when change <> 'created' then case"),
    "opening hours in UTC": ("coalesce(json_extract_string(data, '$.timezone'), '__time_zone__')", "'UTC'"),
    "deleted messages count": ("where messages.deleted_at is null and", "where"),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_is_noticed(copy, name, tmp_path):
    original, tables, zone = copy("made up, all tables")
    text = (PLAIN / "duckdb.sql").read_text()
    right, wrong = MUTATIONS[name]
    assert right in text, "the models have changed: so must the mutation"
    database = DuckDb(shutil.copy(original, tmp_path / "copy.duckdb"))
    database.run(statements("duckdb", tables, zone=zone, text=text.replace(right, wrong)))
    differing, _ = recompute.differences(recompute.Account(tables, zone).marts(), database.marts())
    assert differing
