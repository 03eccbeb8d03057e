"""The package as dbt users run it: models, data tests and unit tests, on DuckDB and PostgreSQL."""

import json
import pathlib
import shutil
import subprocess

import databases
import pytest
import recompute
from test_marts import check

PACKAGE = pathlib.Path(databases.PLAIN).parent


def dbt(work, profile, *arguments, **variables):
    """Kinds and names of what was done, as {name: kind}. A process of its own: dbt does not let go of a DuckDB file."""
    (work / "profiles.yml").write_text(f"gorgias:\n  target: test\n  outputs:\n    test: {json.dumps(profile)}\n")
    run = subprocess.run(
        ["dbt", "--quiet", *arguments, "--project-dir", PACKAGE, "--profiles-dir", work, "--target-path", work / "target",
         "--log-path", work, "--vars", json.dumps(variables)],
        capture_output=True, text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    file = "sources.json" if arguments[0] == "source" else "run_results.json"
    done = json.loads((work / "target" / file).read_text())["results"]
    return [result["unique_id"] for result in done]


def unit_tests(done):
    return sum(name.startswith("unit_test.") for name in done)


@pytest.mark.parametrize("name", ["made up, all tables", "made up, four tables"])
def test_build_on_duckdb(copy, tmp_path, name):
    original, tables, zone = copy(name)
    path = str(shutil.copy(original, tmp_path / "copy.duckdb"))
    results = dbt(tmp_path, {"type": "duckdb", "path": path, "schema": "analytics"}, "build", gorgias_time_zone=zone)
    assert unit_tests(results) >= 6
    check(recompute.Account(tables, zone).marts(), databases.DuckDb(path).marts(), 5000)


@pytest.mark.skipif(databases.Postgres.programs() is None, reason="PostgreSQL's programs are not on this machine")
def test_build_on_postgres(copy, postgres, tmp_path):
    path, tables, zone = copy("made up, all tables")
    postgres.load(path, tables)
    profile = {"type": "postgres", "host": "127.0.0.1", "port": postgres.port, "user": "models", "password": "none",
               "dbname": "postgres", "schema": "analytics", "threads": 1}
    results = dbt(tmp_path, profile, "build", gorgias_time_zone=zone)
    assert unit_tests(results) >= 6
    check(recompute.Account(tables, zone).marts(), postgres.marts(), 5000)


def test_variables(copy, tmp_path):
    """Bots by id, replies from outside, and business hours where settings are not copied."""
    original, tables, zone = copy("made up, four tables")
    path = str(shutil.copy(original, tmp_path / "copy.duckdb"))
    hours = {"timezone": "Asia/Tokyo", "business_hours": [{"days": "2,3,4", "from_time": "08:15", "to_time": "24:00"}]}
    dbt(tmp_path, {"type": "duckdb", "path": path, "schema": "elsewhere"}, "run", gorgias_time_zone=zone, gorgias_bots=[11, 12],
        gorgias_count_replies_from_outside=True, gorgias_business_hours=hours)
    expected = recompute.Account(tables, zone, bots=[11, 12], count_outside=True, hours=hours).marts()
    check(expected, databases.DuckDb(path).marts("elsewhere"), 5000)


def test_freshness(copy, tmp_path):
    """`dbt source freshness` works on tables as they are; the copy was made a moment ago."""
    path, _, _ = copy("simulated")
    results = dbt(tmp_path, {"type": "duckdb", "path": str(path), "schema": "analytics"}, "source", "freshness")
    assert "source.gorgias.gorgias._ingestr_runs" in results
