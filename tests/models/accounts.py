"""Copies to compute on: simulated accounts that ingestr loads, and made-up ones with everything a help desk may hold."""

import json
import os
import random
import re
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone

import duckdb
import recompute

INGESTR = os.environ["INGESTR"]
SIMULATOR = os.environ["GORGIAS_SIM"]

# What ingestr makes of these tables, as docs/tables.md tells: for accounts that are made up here.
EXTRA = {
    "users": "id BIGINT PRIMARY KEY, name VARCHAR, email VARCHAR, role JSON, active BOOLEAN, _ingestr_deleted_at TIMESTAMPTZ",
    "teams": "id BIGINT PRIMARY KEY, name VARCHAR",
    "tags": "id BIGINT PRIMARY KEY, name VARCHAR",
    "ticket_tags": "ticket_id BIGINT, tag_id BIGINT, name VARCHAR, decoration JSON, position BIGINT",
    "custom_fields": "id BIGINT PRIMARY KEY, object_type VARCHAR, label VARCHAR",
    "ticket_field_values": "ticket_id BIGINT, field_id BIGINT, value VARCHAR, value_type VARCHAR",
    "events": "id BIGINT PRIMARY KEY, type VARCHAR, object_type VARCHAR, object_id BIGINT, user_id BIGINT, created_datetime TIMESTAMPTZ",
    "account_settings": "id BIGINT PRIMARY KEY, type VARCHAR, data JSON",
}


def ingestr(*arguments, folder=None, **environment):
    program = os.path.abspath(INGESTR)
    run = subprocess.run([program, *arguments], env=os.environ | environment, cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


class Simulator:
    """A simulated account behind a loopback socket, as long as the block lasts."""

    def __init__(self, *arguments):
        self.arguments = arguments

    def __enter__(self):
        command = [SIMULATOR, "--rate", "none", "--max-seconds", "300", *self.arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.uri = self.process.stdout.readline().removeprefix("source-uri: ").strip()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def load(self, path, *arguments):
        destination = {"SOURCE_URI": self.uri, "DESTINATION_URI": f"duckdb:///{path}"}
        ingestr("ingest", "--yes", "--dest-table", "gorgias", *(arguments or ("--source-table", everything())), **destination)


def everything():
    """All tables that this ingestr can copy, with those that have to be named."""
    names = re.findall(r"^(\w+)  ", ingestr("tables"), re.MULTILINE)
    return ",".join(names)


def raw(path, schema="gorgias"):
    """The tables that the models use, as {name: [row]}."""
    with duckdb.connect(str(path), read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        there = {name for (name,) in connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE schema_name = ?", [schema]).fetchall()}
        tables = {}
        for name in recompute.FOUR + recompute.OPTIONAL:
            if name in there:
                result = connection.execute(f'SELECT * FROM "{schema}"."{name}"')
                columns = [column[0] for column in result.description]
                tables[name] = [dict(zip(columns, row)) for row in result.fetchall()]
        return tables


def simulated(path, seed, *arguments, deletes="soft"):
    with Simulator("--tickets", "400", "--messages", "1600", "--customers", "150", "--surveys", "150",
                   "--seed", str(seed), *arguments) as account:
        account.load(path, "--source-table", everything(), "--deletes", deletes)
        # Deletions, merges and changes are found by later runs.
        for _ in range(3 if "--churn" in arguments else 0):
            account.load(path)


def made_up(path, seed, extra=True, tickets=250, hours=None):
    """Rules, bots, notes, replies from outside, equal times, reopened and snoozed tickets, times around the change of
    the clocks, ids beyond 2^53: all that matters to a definition, in random order."""
    dice = random.Random(seed)
    with Simulator("--tickets", "3", "--messages", "9", "--customers", "3", "--surveys", "1") as account:
        account.load(path, "--source-table", "tickets,customers,ticket_messages,satisfaction_surveys")
    with duckdb.connect(str(path)) as connection:
        for name in recompute.FOUR:
            connection.execute(f"DELETE FROM gorgias.{name}")
        for name, columns in EXTRA.items() if extra else ():
            connection.execute(f"CREATE TABLE gorgias.{name} ({columns})")
        for name, rows in Desk(dice, tickets, hours).tables().items():
            if name in recompute.FOUR or extra:
                insert(connection, name, rows)


def insert(connection, table, rows):
    """Through a file, as one statement: rows one by one take ten times as long."""
    if rows:
        names = list(rows[0])
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(rows, file, default=str)
            file.flush()
            texts = ", ".join(f"{name}: 'VARCHAR'" for name in names)
            connection.execute(f"INSERT INTO gorgias.{table} BY NAME SELECT * FROM read_json('{file.name}', columns={{{texts}}})")


class Desk:
    """A made-up help desk. Times crowd around the two nights on which Paris changes its clocks."""

    AGENTS = {11: "Ana", 12: "Åke", 13: "Bo", 14: None, (1 << 53) + 1: "Łukasz"}
    BOT = 99
    TAGS = {501: "refund", 502: "Refund", 503: "été", (1 << 53) + 3: "shipping"}

    def __init__(self, dice, tickets, hours):
        self.dice = dice
        self.rows = {name: [] for name in recompute.FOUR + recompute.OPTIONAL}
        self.hours = hours
        self.number = (1 << 53) + 1000
        for _ in range(tickets):
            self.ticket()
        self.small_tables()

    def tables(self):
        return self.rows

    def id(self):
        self.number += self.dice.randint(1, 3)
        return self.number

    def moment(self):
        nights = [datetime(2026, 3, 28, 20, tzinfo=timezone.utc), datetime(2025, 10, 25, 20, tzinfo=timezone.utc)]
        begin = self.dice.choice([*nights, datetime(2026, 3, 1, tzinfo=timezone.utc)])
        return begin + timedelta(microseconds=self.dice.randrange(86_400_000_000 * self.dice.choice([1, 1, 12])))

    def later(self, at):
        """Often the same instant, mostly minutes, sometimes days later."""
        step = self.dice.choice([0, 0, 1, 60_000_000, 3_600_000_000, 86_400_000_000, 5 * 86_400_000_000])
        return at + timedelta(microseconds=self.dice.randint(0, step) if step > 1 else step)

    def ticket(self):
        dice, number, created = self.dice, self.id(), self.moment()
        assignee = dice.choice([None, *self.AGENTS])
        at, last = created, created
        for _ in range(dice.choice([0, 1, 2, 3, 5, 9])):
            last = at
            self.message(number, at)
            at = self.later(at)
        status = dice.choice(["open", "closed", "closed", "closed"])
        closed = dice.choice([self.later(at), last, created, created - timedelta(hours=1)]) if status == "closed" else None
        if status == "closed" and dice.random() < 0.05:
            closed = None
        snoozed = dice.choice([None, None, datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2100, 1, 1, tzinfo=timezone.utc)])
        tags = dice.sample(list(self.TAGS), dice.choice([0, 1, 2, 3]))
        tags = [{"id": tag, "name": dice.choice([self.TAGS[tag], "old name"]), "decoration": {}} for tag in tags]
        fields = {
            str(field): {"id": field, "value": dice.choice(["Level::Level", 'quo"te', "", True, 12, 1.5, None])}
            for field in dice.sample([31, 32, (1 << 53) + 5], dice.choice([0, 1, 2]))
        }
        gone = dice.random() < 0.06
        self.rows["tickets"].append({
            "id": number, "channel": dice.choice([None, "email", "email", "chat", "it's"]), "status": status,
            "from_agent": dice.choice([True, False, False, False, None]), "spam": dice.choice([True, None] + [False] * 12),
            "customer": dice.choice([None, "null", json.dumps({"id": self.number, "name": "Zoë"})]),
            "assignee_user": json.dumps({"id": assignee, "name": self.AGENTS[assignee]}) if assignee else dice.choice([None, "null"]),
            "assignee_team": dice.choice([None, json.dumps({"id": 7, "name": "old team"}), json.dumps({"id": 8, "name": "gone"})]),
            "tags": json.dumps(tags) if tags else dice.choice([None, "[]", "null", "{}", '"text"']),
            "custom_fields": json.dumps(fields) if fields else dice.choice([None, "{}", "null", "[]"]),
            "created_datetime": created, "updated_datetime": max(at, created), "closed_datetime": closed,
            "snooze_datetime": snoozed, "trashed_datetime": at if dice.random() < 0.06 else None,
            "_ingestr_deleted_at": at if gone else None,
        })
        self.rows["ticket_tags"] += [
            {"ticket_id": number, "tag_id": tag["id"], "name": tag["name"], "position": place} for place, tag in enumerate(tags)]
        self.rows["ticket_field_values"] += [
            {"ticket_id": number, "field_id": entry["id"],
             "value": entry["value"] if isinstance(entry["value"], str | None) else json.dumps(entry["value"])}
            for entry in fields.values()]
        for _ in range(dice.choice([0, 0, 1, 1, 2])):
            self.survey(number, at)
        self.events(number, created, closed)

    def message(self, ticket, at):
        dice = self.dice
        agent = dice.random() < 0.55
        note = dice.choice(["", "", "", "", "private", "channel", "source", "unknown"])
        rule = agent and dice.random() < 0.1
        sender = dice.choice([*self.AGENTS, self.BOT, None]) if agent else 70_000 + dice.randint(0, 20)
        name = self.AGENTS.get(sender) or dice.choice(["A. Gent", None])
        self.rows["ticket_messages"].append({
            "id": self.id(), "ticket_id": ticket if dice.random() < 0.98 else 1, "from_agent": agent if agent else dice.choice([False, None]),
            "public": {"private": False, "unknown": None}.get(note, True),
            "channel": "internal-note" if note == "channel" else dice.choice(["email", "chat", None]),
            "source": {"source": '{"type":"internal-note"}'}.get(note, dice.choice([None, "null", '{"type":"email"}'])),
            "via": dice.choice(["helpdesk", "helpdesk", "helpdesk", "api", "email", "rule", None]),
            "rule_id": 5 if rule else None,
            "sender": json.dumps({"id": sender, "name": name}) if sender else dice.choice([None, "null"]),
            "created_datetime": at if dice.random() < 0.99 else None,
            "_ingestr_deleted_at": at if dice.random() < 0.05 else None,
        })

    def survey(self, ticket, at):
        dice = self.dice
        score = dice.choice([None, 1, 3, 4, 5, 5])
        self.rows["satisfaction_surveys"].append({
            "id": self.id(), "ticket_id": ticket if dice.random() < 0.95 else None, "customer_id": None, "score": score,
            "created_datetime": at, "sent_datetime": dice.choice([None, self.later(at)]),
            "scored_datetime": self.later(at) if score and dice.random() < 0.95 else None,
        })

    def events(self, ticket, created, closed):
        """Closes and reopenings in turn, some of them missing or twice, the last one beside the ticket's own close."""
        at = created
        for change in self.dice.choice([[], ["closed"], ["closed", "reopened"], ["reopened"],
                                        ["closed", "closed", "reopened", "reopened", "closed"], ["updated"]]):
            at = at + timedelta(hours=self.dice.randint(1, 30))
            self.event(ticket, at, f"ticket-{change}")
        if closed and self.dice.random() < 0.7:
            self.event(ticket, closed + timedelta(milliseconds=10), "ticket-closed")
        if self.dice.random() < 0.1:
            self.event(ticket, at, "user-updated", "User")

    def event(self, number, at, kind, object_type="Ticket"):
        self.rows["events"].append(
            {"id": self.id(), "type": kind, "object_type": object_type, "object_id": number, "user_id": None, "created_datetime": at})

    def small_tables(self):
        self.rows["users"] = [
            {"id": 11, "name": "Ana María", "role": '{"name":"admin"}', "active": True},
            {"id": 13, "name": None, "role": None, "active": None},
            {"id": self.BOT, "name": "Bot", "role": '{"name":"bot"}', "active": True},
            {"id": 1, "name": "Nobody", "role": '{"name":"agent"}', "active": False},
        ]
        self.rows["teams"] = [{"id": 7, "name": "First line"}]
        self.rows["tags"] = [{"id": 501, "name": "refund"}, {"id": 503, "name": "été"}, {"id": 599, "name": "unused"}]
        self.rows["custom_fields"] = [{"id": 31, "object_type": "Ticket", "label": "Reason"}]
        settings = [] if self.hours is None else [{"id": 1, "type": "business-hours", "data": json.dumps(self.hours)}]
        self.rows["account_settings"] = [{"id": 2, "type": "access", "data": "{}"}, *settings]
