"""Copies that several tests compute on, each made once."""

import accounts
import databases
import pytest

HOURS = {"timezone": "Europe/Paris", "business_hours": [
    {"days": "1,2,3,4,5", "from_time": "09:00", "to_time": "18:30"}, {"days": "6, 7", "from_time": "01:30", "to_time": "00:00"}]}
ONE_INTERVAL = {"timezone": "America/New_York", "business_hours": {"days": "1,2,3,4,5", "from_time": "9:00", "to_time": "22:00"}}

# How a copy is made, and the time zone.
COPIES = {
    "simulated": (lambda path: accounts.simulated(path, 1), "UTC"),
    "simulated, with deletions and merges": (lambda path: accounts.simulated(path, 2, "--churn", "0.7"), "America/New_York"),
    "simulated, deletions not marked": (lambda path: accounts.simulated(path, 8, deletes="ignore"), "UTC"),
    "simulated, in a zone with daylight saving": (lambda path: accounts.simulated(path, 3, "--lifelike"), "Europe/Paris"),
    "made up, four tables": (lambda path: accounts.made_up(path, 4, extra=False), "Europe/Paris"),
    "made up, all tables": (lambda path: accounts.made_up(path, 5, hours=HOURS), "Europe/Paris"),
    "made up, one interval": (lambda path: accounts.made_up(path, 6, hours=ONE_INTERVAL), "Asia/Kolkata"),
    "one ticket": (lambda path: accounts.made_up(path, 9, tickets=1), "UTC"),
    "empty": (lambda path: accounts.made_up(path, 7, tickets=0), "UTC"),
}


@pytest.fixture(scope="session")
def copy(tmp_path_factory):
    """The file and the raw tables of a copy, made once."""
    made = {}

    def make(name):
        if name not in made:
            path = tmp_path_factory.mktemp("copy") / "copy.duckdb"
            COPIES[name][0](path)
            made[name] = (path, accounts.raw(path))
        return *made[name], COPIES[name][1]

    return make


@pytest.fixture(scope="session")
def postgres():
    server = databases.Postgres()
    yield server
    server.close()
