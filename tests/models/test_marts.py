"""Every value of every mart is what recompute.py makes of the raw tables."""

import pytest
import recompute
from conftest import COPIES
from databases import DuckDb, statements

def check(expected, found, least=1):
    wrong, compared = recompute.differences(expected, found)
    assert not wrong, f"{len(wrong)} of {compared} values differ:\n" + "\n".join(sorted(wrong)[:20])
    assert compared >= least
    return compared


@pytest.mark.parametrize("name", COPIES)
def test_plain_views_hold_what_the_raw_tables_tell(copy, name, record_property):
    path, tables, zone = copy(name)
    database = DuckDb(path)
    database.run(statements("duckdb", tables, zone=zone))
    least = {"empty": 0, "one ticket": 10}.get(name, 5000)
    record_property("values", check(recompute.Account(tables, zone).marts(), database.marts(), least))
