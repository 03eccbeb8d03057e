"""The measurement behind benches/models.sh."""

import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "models"))
import accounts  # noqa: E402
import duckdb  # noqa: E402

TICKETS, MESSAGES = 500_000, 1_700_000
TABLES = "tickets,ticket_messages,satisfaction_surveys,customers,users,teams,tags,ticket_tags"
# Limits: seconds of CPU, MiB, seconds.
PACKAGE_CPU, PACKAGE_MIB, PAGE_SECONDS = 40, 2048, 5

# Three years of tickets, each with the messages of its number modulo ten: one to nine, 3.4 on average. The first is of the
# customer, then mostly in turn; times are spread by hashes, so that they follow from the number of the row alone.
ROWS = f"""
CREATE TEMP MACRO draw(n, salt, below) AS CAST(hash(n * 31 + salt) % below AS BIGINT);
CREATE TEMP TABLE made AS
    SELECT n AS id, TIMESTAMPTZ '2023-09-01 00:00:00+00' + INTERVAL (n * 189) SECOND AS moment,
           [1, 1, 2, 2, 3, 3, 4, 4, 5, 9][1 + draw(n, 1, 10)] AS messages, draw(n, 2, 12) AS agent
    FROM range({TICKETS}) AS numbers(n);
CREATE TEMP TABLE talk AS
    SELECT id AS ticket_id, k, moment + INTERVAL (k * k * 2400 + draw(id * 16 + k, 3, 3600 * (k + 1))) SECOND AS moment, agent,
           k > 0 AND draw(id * 16 + k, 4, 10) < 6 AS from_agent
    FROM made, range(messages) AS places(k) LIMIT {MESSAGES};
INSERT INTO gorgias.tickets BY NAME
    SELECT id, ['email', 'chat', 'contact_form', 'sms'][1 + draw(id, 5, 4)] AS channel,
           CASE WHEN draw(id, 6, 20) > 0 THEN 'closed' ELSE 'open' END AS status, draw(id, 7, 25) = 0 AS from_agent,
           draw(id, 8, 40) = 0 AS spam, CAST(json_object('id', draw(id, 9, 150000) + 1000000, 'name', 'A Customer') AS JSON) AS customer,
           CAST(json_object('id', agent + 1, 'name', 'Agent ' || agent) AS JSON) AS assignee_user,
           CAST(json_array(json_object('id', draw(id, 10, 40), 'name', 'tag ' || draw(id, 10, 40))) AS JSON) AS tags,
           messages AS messages_count, moment AS created_datetime, moment + INTERVAL 3 DAY AS updated_datetime,
           CASE WHEN draw(id, 6, 20) > 0 THEN moment + INTERVAL (86400 + draw(id, 11, 172800)) SECOND END AS closed_datetime
    FROM made;
INSERT INTO gorgias.ticket_tags BY NAME
    SELECT id AS ticket_id, draw(id, 10, 40) AS tag_id, 'tag ' || draw(id, 10, 40) AS name, 0 AS position FROM made;
INSERT INTO gorgias.ticket_messages BY NAME
    SELECT ticket_id * 16 + k AS id, ticket_id, from_agent, draw(ticket_id * 16 + k, 12, 12) > 0 AS public, 'email' AS channel,
           CASE WHEN from_agent THEN 'helpdesk' ELSE 'email' END AS via,
           CASE WHEN from_agent AND draw(ticket_id * 16 + k, 13, 20) = 0 THEN 9001 END AS rule_id,
           CAST(json_object('type', 'email') AS JSON) AS source,
           CAST(json_object('id', CASE WHEN from_agent THEN agent + 1 ELSE 1000000 + ticket_id END, 'name', 'Agent ' || agent) AS JSON) AS sender,
           repeat('text of a message that is there so that the table has its size ', 8) AS body_text, moment AS created_datetime
    FROM talk;
INSERT INTO gorgias.satisfaction_surveys BY NAME
    SELECT id, id AS ticket_id, moment + INTERVAL 4 DAY AS created_datetime, moment + INTERVAL 4 DAY AS sent_datetime,
           CASE WHEN draw(id, 14, 3) = 0 THEN moment + INTERVAL 5 DAY END AS scored_datetime,
           CASE WHEN draw(id, 14, 3) = 0 THEN 5 - draw(id, 15, 5) * draw(id, 16, 2) END AS score
    FROM made WHERE draw(id, 17, 3) = 0;
"""


def fill(path):
    """The file with its rows; how many tickets and messages there are."""
    with accounts.Simulator("--tickets", "1", "--messages", "1", "--customers", "1", "--surveys", "1", "--calls", "0") as account:
        account.load(path, "--source-table", TABLES)
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table in ("tickets", "ticket_messages", "satisfaction_surveys", "ticket_tags"):
            connection.execute(f"DELETE FROM gorgias.{table}")
        connection.execute(ROWS)
        return connection.execute(
            "SELECT (SELECT count(*) FROM gorgias.tickets), (SELECT count(*) FROM gorgias.ticket_messages)").fetchone()


def measured(command, **more):
    """Seconds, seconds of CPU and the peak in MiB of a program."""
    begin = time.monotonic()
    with open(os.devnull, "w") as nothing:
        process = subprocess.Popen(command, stdout=nothing, **more)
        _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"error: {command[0]} failed")
    return time.monotonic() - begin, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    work = pathlib.Path(tempfile.mkdtemp(prefix="ingestr-bench-models-"))
    path = work / "desk.duckdb"
    try:
        tickets, messages = fill(path)
        print(f"{tickets} tickets, {messages} messages, a file of {path.stat().st_size / 2**20:.0f} MiB")
        profile = {"type": "duckdb", "path": str(path), "schema": "analytics", "threads": 1, "settings": {"memory_limit": "1200MB", "threads": 2}}
        (work / "profiles.yml").write_text(f"gorgias:\n  target: bench\n  outputs:\n    bench: {json.dumps(profile)}\n")
        package = measured(
            ["dbt", "--quiet", "run", "--project-dir", ROOT / "dbt", "--profiles-dir", work, "--target-path", work / "target", "--log-path", work])
        page = measured([accounts.INGESTR, "report", "--dest-uri", f"duckdb:///{path}", "--tz", "Europe/Paris", "-o", work / "page.html"])
        print("what               wall s   CPU s   peak MiB")
        for name, (wall, cpu, peak) in {"the package (dbt)": package, "the page": page}.items():
            print(f"{name:17} {wall:7.1f} {cpu:7.1f} {peak:10.0f}")
        kept = package[1] <= PACKAGE_CPU and package[2] <= PACKAGE_MIB and page[0] <= PAGE_SECONDS
        print(f"limits: {PACKAGE_CPU} s of CPU and {PACKAGE_MIB} MiB, {PAGE_SECONDS} s: {'kept' if kept else 'NOT KEPT'}")
    finally:
        subprocess.run(["rm", "-r", work], check=True)
    sys.exit(not kept)


if __name__ == "__main__":
    main()
