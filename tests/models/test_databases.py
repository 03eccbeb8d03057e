"""PostgreSQL and BigQuery compute what DuckDB does, and what recompute.py makes of the raw tables."""

import os

import databases
import pytest
import recompute
from databases import statements
from test_marts import check

NAMES = ["made up, all tables", "made up, four tables", "simulated, with deletions and merges", "simulated, deletions not marked", "empty"]
LEAST = {"empty": 0}


@pytest.mark.skipif(databases.Postgres.programs() is None, reason="PostgreSQL's programs are not on this machine")
@pytest.mark.parametrize("name", NAMES)
def test_postgres(copy, postgres, name):
    path, tables, zone = copy(name)
    postgres.load(path, tables)
    postgres.run(statements("postgres", tables, zone=zone))
    check(recompute.Account(tables, zone).marts(), postgres.marts(), LEAST.get(name, 5000))


@pytest.mark.skipif(databases.Postgres.programs() is None, reason="PostgreSQL's programs are not on this machine")
def test_postgres_takes_the_views_again_over_other_tables(copy, postgres):
    """Types of columns must not depend on which tables were copied: a view is replaced only by one of the same types."""
    path, tables, zone = copy("made up, all tables")
    postgres.load(path, tables)
    usual = {name: tables[name] for name in ("tickets", "ticket_messages", "satisfaction_surveys", "customers")}
    more = [{**usual, name: rows} for name, rows in tables.items() if name not in usual]
    for some in (usual, tables, usual, *more):
        postgres.run(statements("postgres", some, zone=zone))


@pytest.mark.skipif("BIGQUERY_EMULATOR_URI" not in os.environ, reason="the emulator of BigQuery needs Python 3.13")
def test_bigquery_emulator(copy):
    path, tables, zone = copy("made up, all tables")
    # Without some of the tables, so that one pass, which takes a minute, meets both the tables and the JSON instead.
    tables = {name: rows for name, rows in tables.items() if name not in ("ticket_tags", "ticket_field_values", "teams")}
    bigquery = databases.BigQuery(os.environ["BIGQUERY_EMULATOR_URI"])
    bigquery.load(path, tables, needed=(databases.PLAIN / "bigquery.sql").read_text())
    bigquery.run(statements("bigquery", tables, zone=zone))
    check(recompute.Account(tables, zone).marts(), bigquery.marts(), 5000)
