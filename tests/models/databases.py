"""The three databases that the models run on: the raw tables put into them, SQL run, marts read back."""

import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from datetime import date, datetime, timedelta, timezone

import duckdb
import recompute

PLAIN = pathlib.Path(__file__).resolve().parents[2] / "dbt" / "plain"
DOLLAR = {"BIGINT": "bigint", "VARCHAR": "text", "BOOLEAN": "boolean", "TIMESTAMP WITH TIME ZONE": "timestamptz", "JSON": "json"}
BIGQUERY = {"BIGINT": "INT64", "VARCHAR": "STRING", "BOOLEAN": "BOOL", "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "JSON": "JSON"}


def statements(dialect, tables, schema="gorgias", target="analytics", zone="UTC", text=None):
    """dbt/plain as `ingestr models` fills it in, one statement each; `tables` are those that were copied."""
    lines, keep = [], True
    for line in (text or (PLAIN / f"{dialect}.sql").read_text()).splitlines():
        words = line.split()
        if words[:2] == ["--", "if"]:
            keep, has = words[2] in tables, words[2] in tables
        elif words == ["--", "else"]:
            keep = not has
        elif words == ["--", "end"]:
            keep = True
        elif keep:
            lines.append(line)
    sql = "\n".join(lines).replace("__schema__", schema).replace("__target__", target).replace("__time_zone__", zone)
    return [statement for statement in sql.split(";\n") if statement.strip()]


class DuckDb:
    dialect = "duckdb"

    def __init__(self, path):
        self.path = str(path)

    def run(self, script):
        with duckdb.connect(self.path) as connection:
            for statement in script:
                connection.execute(statement)

    def marts(self, target="analytics"):
        with duckdb.connect(self.path, read_only=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            return {mart: self.rows(connection, f"SELECT * FROM {target}.{mart}") for mart in recompute.KEYS}

    @staticmethod
    def rows(connection, sql):
        result = connection.execute(sql)
        names = [column[0] for column in result.description]
        return [dict(zip(names, row)) for row in result.fetchall()]


def columns_of(path, name):
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE schema_name = 'gorgias' AND table_name = ? "
            "ORDER BY column_index", [name]).fetchall()


class Postgres:
    """A server of its own in a temporary folder, on a socket there, never on the network."""

    dialect = "postgres"

    def __init__(self):
        import psycopg2

        self.folder = tempfile.mkdtemp(prefix="ingestr-models-")
        self.as_user = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.as_user:
            shutil.chown(self.folder, "nobody", "nogroup")
        programs = self.programs()
        data = f"{self.folder}/data"
        command = [f"{programs}/initdb", "-D", data, "-U", "models", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self.as_user)
        options = ["-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}", "-c", "fsync=off"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = f"{self.folder}.log"
        log = open(self.log, "w")
        self.server = subprocess.Popen(
            [f"{programs}/postgres", "-D", data, "-p", str(self.port), *options], stdout=log, stderr=log, cwd=self.folder, **self.as_user)
        for _ in range(200):
            try:
                self.connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="models", dbname="postgres")
                break
            except psycopg2.OperationalError:
                assert self.server.poll() is None, pathlib.Path(self.log).read_text()
                time.sleep(0.1)
        self.connection.autocommit = True

    @staticmethod
    def programs():
        """Where initdb and postgres are, or None."""
        folders = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin")) + [pathlib.Path(shutil.which("initdb") or "/").parent]
        return next((str(folder) for folder in reversed(folders) if (folder / "initdb").exists()), None)

    def close(self):
        self.connection.close()
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.folder)
        os.unlink(self.log)

    def load(self, path, tables):
        cursor = self.connection.cursor()
        cursor.execute("drop schema if exists gorgias cascade; drop schema if exists analytics cascade; create schema gorgias")
        for name, rows in tables.items():
            columns = columns_of(path, name)
            declared = ", ".join(f'"{column}" {DOLLAR[kind]}' for column, kind in columns)
            cursor.execute(f'create table gorgias."{name}" ({declared})')
            text = io.StringIO()
            # A text is quoted, so that an empty one is not NULL.
            for row in rows:
                cells = (row[column] for column, _ in columns)
                text.write(",".join("" if cell is None else '"' + str(cell).replace('"', '""') + '"' for cell in cells) + "\n")
            text.seek(0)
            cursor.copy_expert(f'copy gorgias."{name}" from stdin (format csv)', text)
        cursor.execute("analyze")

    def run(self, script):
        for statement in script:
            self.connection.cursor().execute(statement)

    def marts(self, target="analytics"):
        cursor = self.connection.cursor()
        cursor.execute("set time zone 'UTC'")
        marts = {}
        for mart in recompute.KEYS:
            cursor.execute(f"select * from {target}.{mart}")
            names = [column[0] for column in cursor.description]
            marts[mart] = [dict(zip(names, row)) for row in cursor.fetchall()]
        return marts


class BigQuery:
    """An emulator: DuckDB behind BigQuery's SQL. What it accepts is no proof that BigQuery does, what it computes is."""

    dialect = "bigquery"

    def __init__(self, uri):
        query = urllib.parse.parse_qs(urllib.parse.urlparse(uri).query)
        self.base = f"{query['base_url'][0]}/bigquery/v2/projects/testproj"

    def query(self, sql):
        body = json.dumps({"query": sql, "useLegacySql": False, "timeoutMs": 100_000, "formatOptions": {"useInt64Timestamp": True}})
        request = urllib.request.Request(f"{self.base}/queries", body.encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                answer = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.read().decode()[:3000]}\n{sql[:3000]}") from None
        fields = answer.get("schema", {}).get("fields", [])
        return [
            {field["name"]: self.value(field["type"], cell["v"]) for field, cell in zip(fields, row["f"])}
            for row in answer.get("rows", [])
        ]

    @staticmethod
    def value(kind, text):
        if text is None:
            return None
        if kind in ("INTEGER", "INT64"):
            return int(text)
        if kind in ("FLOAT", "FLOAT64"):
            return float(text)
        if kind in ("BOOLEAN", "BOOL"):
            return text in (True, "true")
        if kind == "DATE":
            return date.fromisoformat(text)
        if kind == "TIMESTAMP":
            return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=int(text))
        return text

    @staticmethod
    def literal(value, kind):
        if value is None:
            return "NULL"
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"TIMESTAMP '{value.isoformat(sep=' ')}'"
        if kind == "JSON":
            # Without escapes of code units, which the emulator does not put together.
            value = json.dumps(json.loads(value), ensure_ascii=False)
        if kind in ("VARCHAR", "JSON"):
            text = "'" + value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r") + "'"
            return f"PARSE_JSON({text})" if kind == "JSON" else text
        return str(value)

    def load(self, path, tables, needed):
        self.query("DROP SCHEMA IF EXISTS gorgias CASCADE")
        self.query("DROP SCHEMA IF EXISTS analytics CASCADE")
        self.query("CREATE SCHEMA gorgias")
        for name, rows in tables.items():
            if name == "tickets":
                # For anything but an array its json_query_array has an error instead of NULL.
                rows = [row | {"tags": row["tags"] if str(row["tags"]).startswith("[") else None} for row in rows]
            columns = [(column, kind) for column, kind in columns_of(path, name) if column in needed]
            declared = ", ".join(f"`{column}` {BIGQUERY[kind]}" for column, kind in columns)
            self.query(f"CREATE TABLE gorgias.{name} ({declared})")
            for begin in range(0, len(rows), 100):
                values = ", ".join(
                    "(" + ", ".join(self.literal(row[column], kind) for column, kind in columns) + ")" for row in rows[begin:begin + 100])
                self.query(f"INSERT INTO gorgias.{name} ({', '.join(f'`{c}`' for c, _ in columns)}) VALUES {values}")

    def run(self, script):
        for statement in script:
            self.query(statement)

    def marts(self, target="analytics"):
        return {mart: self.query(f"SELECT * FROM {target}.{mart}") for mart in recompute.KEYS}
