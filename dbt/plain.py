"""Compiles the package into one file of plain SQL for each dialect, dbt/plain/: what `ingestr models` prints. And the
analysis behind `ingestr report`, dbt/plain/report/.

Schema, target schema, time zone and, in a report, its period are placeholders. A model that looks different when one of the optional tables was
copied is there twice, between lines that say for which table. With --check nothing is written, and the exit code says
whether the files are as they would be written.
"""

import difflib
import json
import pathlib
import re
import sys
import tempfile

from dbt.cli.main import dbtRunner

HERE = pathlib.Path(__file__).resolve().parent
OPTIONAL = [
    "users", "teams", "tags", "ticket_tags", "custom_fields", "ticket_field_values", "events", "account_settings",
]
# None of them connects to anything: dbt is told not to look.
PROFILE = """
gorgias:
  target: duckdb
  outputs:
    duckdb: {type: duckdb, path: ":memory:", schema: __target__, threads: 1}
    postgres: {type: postgres, host: 127.0.0.1, port: 1, user: none, password: none, dbname: __database__, schema: __target__, threads: 1}
    bigquery: {type: bigquery, method: oauth-secrets, token: none, project: __database__, dataset: __target__, threads: 1}
"""
# How a name below the database is written, which a view does not need.
DATABASE = {"duckdb": '"memory".', "postgres": '"__database__".', "bigquery": "`__database__`."}
HEADER = """\
-- Made by `make models` from the dbt package in dbt/; change that, not this file. `ingestr models` fills it in.
create schema if not exists {target};
"""
REPORT_HEADER = "-- Made by `make models` from dbt/analyses/; change that, not this file. `ingestr report` asks it of the models.\n"


def compiled(dialect, copied, work):
    """Name of each model with its SQL, in an order in which they can be created, and the SQL of the report."""
    variables = {
        "gorgias_schema": "__schema__", "gorgias_time_zone": "__time_zone__",
        "gorgias_report_days": "__days__", "gorgias_report_since": "__since__",
    }
    variables |= {f"gorgias_using_{table}": copied for table in OPTIONAL}
    target = work / f"{dialect}-{copied}"
    run = dbtRunner().invoke([
        "--quiet", "compile", "--no-introspect", "--no-populate-cache", "--no-partial-parse", "--target", dialect,
        "--project-dir", str(HERE), "--profiles-dir", str(work), "--target-path", str(target), "--log-path", str(work / "logs"),
        "--vars", json.dumps(variables),
    ])
    if not run.success:
        sys.exit(f"error: dbt could not compile for {dialect}: {run.exception or 'see above'}")
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    models = {key: node for key, node in nodes.items() if node["resource_type"] == "model"}
    ordered = {}

    def visit(key):
        if key in models and models[key]["name"] not in ordered:
            for before in sorted(models[key]["depends_on"]["nodes"]):
                visit(before)
            ordered[models[key]["name"]] = tidy(models[key]["compiled_code"], dialect)

    for key in sorted(models):
        visit(key)
    [report] = [node["compiled_code"] for node in nodes.values() if node["resource_type"] == "analysis"]
    return ordered, tidy(report, dialect)


def tidy(sql, dialect):
    """Without dbt's hints, blank lines where tags stood, and the database's name."""
    lines = [line.rstrip() for line in sql.replace(DATABASE[dialect], "").splitlines()]
    lines = [line for line in lines if not line.startswith("-- depends_on:")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def statement(dialect, name, sql):
    quote = "`" if dialect == "bigquery" else '"'
    return f"create or replace view {quote}__target__{quote}.{quote}{name}{quote} as\n{sql};\n"


def plain(dialect, work):
    """Path and text of each file."""
    (without, report), (with_all, _) = (compiled(dialect, copied, work) for copied in (False, True))
    quote = "`" if dialect == "bigquery" else '"'
    parts = [HEADER.format(target=f"{quote}__target__{quote}")]
    for name, sql in without.items():
        if sql == with_all[name]:
            parts.append(statement(dialect, name, sql))
            continue
        # Each optional table concerns one model.
        [table] = [table for table in OPTIONAL if re.search(rf"__schema__.\..{table}\b", with_all[name])]
        parts.append(
            f"-- if {table}\n{statement(dialect, name, with_all[name])}-- else\n{statement(dialect, name, sql)}-- end\n"
        )
    return {
        HERE / "plain" / f"{dialect}.sql": "\n".join(parts),
        HERE / "plain" / "report" / f"{dialect}.sql": f"{REPORT_HEADER}{report}\n",
    }


def main():
    check = sys.argv[1:] == ["--check"]
    stale = False
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "profiles.yml").write_text(PROFILE)
        files = {path: text for dialect in DATABASE for path, text in plain(dialect, work).items()}
    for path, new in files.items():
        old = path.read_text() if path.exists() else ""
        if check:
            name = str(path.relative_to(HERE.parent))
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, "a fresh compile"))
            stale = stale or old != new
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(new)
    if stale:
        sys.exit("error: the plain SQL is out of date\n  hint: run `make models` and commit what it changes")


if __name__ == "__main__":
    main()
