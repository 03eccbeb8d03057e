"""Every mart once more, row by row in Python, from the raw tables and the definitions in docs/models.md alone.

Nothing here is taken from the SQL: messages go through a state machine where the models use window functions, days are
found with zoneinfo, quantiles are computed from sorted lists.
"""

import json
from collections import defaultdict
from datetime import datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

FOUR = ["tickets", "ticket_messages", "satisfaction_surveys", "customers"]
OPTIONAL = [
    "users", "teams", "tags", "ticket_tags", "custom_fields", "ticket_field_values", "events", "account_settings",
]


def seconds(earlier, later):
    delta = later - earlier
    return (delta.days * 86_400_000_000 + delta.seconds * 1_000_000 + delta.microseconds) / 1e6


def quantile(values, share):
    values = sorted(values)
    if not values:
        return None
    place = share * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


def mean(values):
    return sum(values) / len(values) if values else None


def median(values):
    return quantile(values, 0.5)


def field(text, *keys):
    """What is at a path of JSON text; None where nothing is."""
    value = json.loads(text) if text is not None else None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


class BusinessHours:
    """Seconds of business hours between two instants, counted by walking over the days between them."""

    def __init__(self, setting, default_zone):
        self.intervals = {}
        self.zone = None
        if not setting:
            return
        hours = setting.get("business_hours")
        hours = [hours] if isinstance(hours, dict) else hours or []
        for entry in hours:
            clock = [[int(part) for part in entry[key].split(":")[:2]] for key in ("from_time", "to_time")]
            begin, end = (hour * 60 + minute for hour, minute in clock)
            end = end if end > begin else 1440
            for day in entry["days"].replace(" ", "").split(","):
                known = self.intervals.get(int(day), (begin, end))
                self.intervals[int(day)] = (min(begin, known[0]), max(end, known[1]))
        if self.intervals:
            self.zone = ZoneInfo(setting.get("timezone") or default_zone)

    def between(self, first, last):
        if self.zone is None:
            return None
        day, total = first.astimezone(self.zone).date(), 0.0
        while day <= last.astimezone(self.zone).date():
            if day.isoweekday() in self.intervals:
                midnight = datetime.combine(day, time())
                opens, closes = (
                    (midnight + timedelta(minutes=minute)).replace(tzinfo=self.zone).astimezone(timezone.utc)
                    for minute in self.intervals[day.isoweekday()]
                )
                begin, end = max(opens, first), min(closes, last)
                if begin < end:
                    total += seconds(begin, end)
            day += timedelta(days=1)
        return total


class Account:
    """The raw tables of one copy, and what the marts must hold."""

    def __init__(self, tables, zone="UTC", bots=(), count_outside=False, hours=None, now=None):
        self.tables = tables
        self.zone = ZoneInfo(zone)
        self.count_outside = count_outside
        self.now = now or datetime.now(timezone.utc)
        users = tables.get("users", [])
        self.user_names = {user["id"]: user["name"] for user in users}
        self.bots = set(bots) | {user["id"] for user in users if field(user["role"], "name") == "bot"}
        settings = [json.loads(row["data"]) for row in tables.get("account_settings", []) if row["type"] == "business-hours"]
        settings = [setting for setting in settings if BusinessHours(setting, zone).intervals]
        self.hours = BusinessHours(settings[0] if settings else hours, zone)
        self.messages = defaultdict(list)
        for row in tables["ticket_messages"]:
            if row.get("_ingestr_deleted_at") is None and row["created_datetime"] is not None:
                self.messages[row["ticket_id"]].append(row)
        for rows in self.messages.values():
            rows.sort(key=lambda row: (row["created_datetime"], row["id"]))
        self.names = self.agent_names()
        self.ticket_tags = self.tags_of_tickets()
        self.tag_names = self.names_of_tags()
        self.tickets = [self.ticket(row) for row in tables["tickets"]]
        self.counted = [ticket for ticket in self.tickets if ticket["is_counted"]]

    def day(self, at):
        return at.astimezone(self.zone).date()

    def agent_names(self):
        newest = {}
        mentions = [
            (field(row["sender"], "id"), field(row["sender"], "name"), row["created_datetime"])
            for row in self.tables["ticket_messages"]
            if row["from_agent"]
        ] + [
            (field(row["assignee_user"], "id"), field(row["assignee_user"], "name"), row["updated_datetime"])
            for row in self.tables["tickets"]
        ]
        oldest = datetime.min.replace(tzinfo=timezone.utc)
        for agent, name, at in mentions:
            if agent is None or name is None:
                continue
            at = at or oldest
            known = newest.get(agent)
            if known is None or at > known[0] or (at == known[0] and name < known[1]):
                newest[agent] = (at, name)
        names = {agent: name for agent, (_, name) in newest.items()}
        names.update({user: name for user, name in self.user_names.items() if name is not None})
        return names

    def tags_of_tickets(self):
        pairs = defaultdict(dict)
        if "ticket_tags" in self.tables:
            for row in self.tables["ticket_tags"]:
                pairs[row["ticket_id"]][row["tag_id"]] = row["name"]
        else:
            for row in self.tables["tickets"]:
                tags = field(row["tags"])
                for tag in tags if isinstance(tags, list) else []:
                    pairs[row["id"]][tag["id"]] = tag["name"]
        return pairs

    def names_of_tags(self):
        names, newest = {}, {}
        for row in self.tables["tickets"]:
            for tag, name in self.ticket_tags[row["id"]].items():
                key = (row["updated_datetime"], row["id"])
                if row["updated_datetime"] is not None and (tag not in newest or key > newest[tag]):
                    newest[tag], names[tag] = key, name
        for row in self.tables.get("tags", []):
            if row["id"] in names and row["name"] is not None:
                names[row["id"]] = row["name"]
        return names

    def kind(self, message):
        if message["public"] is False or "internal-note" in (message["channel"], field(message["source"], "type")):
            return "note"
        if not message["from_agent"]:
            return "received"
        if message["rule_id"] is not None or message["via"] == "rule":
            return "automated"
        if field(message["sender"], "id") in self.bots:
            return "automated"
        if message["via"] == "email" and not self.count_outside:
            return "outside"
        return "sent"

    def ticket(self, row):
        counts = defaultdict(int)
        agents, first_customer, last_customer = set(), None, None
        waiting, responses, told = None, [], []
        for message in self.messages[row["id"]]:
            kind, at = self.kind(message), message["created_datetime"]
            sender = field(message["sender"], "id")
            counts[kind] += 1
            told.append((kind, at, sender))
            if kind == "received":
                first_customer, last_customer = first_customer or at, at
                waiting = waiting or at
            elif kind == "sent":
                if sender is not None:
                    agents.add(sender)
                if waiting is not None:
                    responses.append((waiting, at, sender))
                    waiting = None
        first = responses[0] if responses and not row["from_agent"] else None
        later = responses[1:] if first else responses
        closed = row["closed_datetime"]
        is_closed = row["status"] == "closed"
        rated = [survey for survey in self.tables["satisfaction_surveys"] if survey["ticket_id"] == row["id"]] \
            if row["id"] in self.surveyed else []
        rated.sort(key=lambda survey: (survey["score"] is not None, survey["created_datetime"], survey["id"]))
        tags = [self.tag_names[tag] for tag in self.ticket_tags[row["id"]] if tag in self.tag_names]
        teams = {team["id"]: team["name"] for team in self.tables.get("teams", [])}
        team = field(row["assignee_team"], "id")
        return {
            "ticket_id": row["id"],
            "is_counted": not row["spam"] and row["trashed_datetime"] is None and row.get("_ingestr_deleted_at") is None,
            "channel": row["channel"] or "unknown",
            "status": row["status"],
            "customer_id": field(row["customer"], "id"),
            "assignee_user_id": field(row["assignee_user"], "id"),
            "assignee_user_name": self.names.get(field(row["assignee_user"], "id")),
            "assignee_team_id": team,
            "assignee_team_name": teams.get(team) or field(row["assignee_team"], "name"),
            "tag_names": ", ".join(sorted(tags)) if tags else None,
            "customer_messages": counts["received"],
            "agent_replies": counts["sent"],
            "automated_replies": counts["automated"],
            "internal_notes": counts["note"],
            "responses": len(responses),
            "agents_involved": len(agents),
            "first_response_seconds": seconds(first[0], first[1]) if first else None,
            "first_response_business_seconds": self.hours.between(first[0], first[1]) if first else None,
            "first_response_at": first[1] if first else None,
            "first_response_agent_id": first[2] if first else None,
            "later_response_seconds": mean([seconds(begin, end) for begin, end, _ in later]),
            "resolution_seconds":
                seconds(first_customer, closed) if is_closed and closed and first_customer and closed >= first_customer else None,
            "is_one_touch": is_closed and counts["sent"] == 1,
            "is_zero_touch": is_closed and counts["sent"] == 0,
            "customer_wrote_after_close": bool(closed and last_customer and last_customer > closed),
            "csat_score": rated[-1]["score"] if rated else None,
            "csat_scored_at": rated[-1]["scored_datetime"] if rated else None,
            "created_at": row["created_datetime"],
            "closed_at": closed,
            # Not in the mart.
            "_row": row, "_closed": is_closed, "_responses": responses, "_told": told, "_surveys": rated,
        }

    @property
    def surveyed(self):
        if not hasattr(self, "_surveyed"):
            self._surveyed = {survey["ticket_id"] for survey in self.tables["satisfaction_surveys"]}
        return self._surveyed

    def marts(self):
        """Each mart as {key: row}."""
        tickets = {
            (ticket["ticket_id"],): {name: value for name, value in ticket.items() if not name.startswith("_")}
            for ticket in self.tickets
        }
        return {
            "gorgias__tickets": tickets,
            "gorgias__daily": self.daily(),
            "gorgias__agent_daily": self.agent_daily(),
            "gorgias__tag_daily": self.tag_daily(),
            "gorgias__channel_hourly": self.channel_hourly(),
            "gorgias__backlog_daily": self.backlog_daily(),
            "gorgias__ticket_fields": self.ticket_fields(),
        }

    def daily(self):
        rows = defaultdict(lambda: defaultdict(list))
        for ticket in self.counted:

            def add(at, name, value=1):
                if at is not None:
                    for channel in (None, ticket["channel"]):
                        rows[self.day(at), channel][name].append(value)

            add(ticket["created_at"], "created")
            if ticket["_closed"]:
                add(ticket["closed_at"], "closed", ticket)
            for kind, at, _ in ticket["_told"]:
                if kind in ("received", "sent", "automated"):
                    add(at, kind)
            if ticket["first_response_at"]:
                add(ticket["first_response_at"], "first", ticket)
            for survey in ticket["_surveys"]:
                add(survey["sent_datetime"], "survey")
                if survey["score"] is not None:
                    add(survey["scored_datetime"], "score", survey["score"])
        return {key: self.day_row(key, got) for key, got in rows.items()}

    @staticmethod
    def day_row(key, got):
        def values(rows, name):
            return [row[name] for row in rows if row[name] is not None]

        return {
            "day": key[0],
            "channel": key[1],
            "tickets_created": len(got["created"]),
            "tickets_closed": len(got["closed"]),
            "one_touch_tickets": sum(ticket["is_one_touch"] for ticket in got["closed"]),
            "zero_touch_tickets": sum(ticket["is_zero_touch"] for ticket in got["closed"]),
            "messages_received": len(got["received"]),
            "messages_sent": len(got["sent"]),
            "messages_automated": len(got["automated"]),
            "first_responses": len(got["first"]),
            "median_first_response_seconds": median(values(got["first"], "first_response_seconds")),
            "p90_first_response_seconds": quantile(values(got["first"], "first_response_seconds"), 0.9),
            "median_first_response_business_seconds": median(values(got["first"], "first_response_business_seconds")),
            "median_resolution_seconds": median(values(got["closed"], "resolution_seconds")),
            "surveys_sent": len(got["survey"]),
            "surveys_scored": len(got["score"]),
            "average_score": mean(got["score"]),
            "scores_of_4_or_5": sum(score >= 4 for score in got["score"]),
        }

    def agent_daily(self):
        rows = defaultdict(lambda: defaultdict(list))
        for ticket in self.counted:

            def add(at, agent, name, value):
                if at is not None and agent is not None:
                    rows[self.day(at), agent][name].append(value)

            assignee = ticket["assignee_user_id"]
            for kind, at, sender in ticket["_told"]:
                if kind == "sent":
                    add(at, sender, "sent", ticket["ticket_id"])
            for waiting, at, agent in ticket["_responses"]:
                add(at, agent, "response", seconds(waiting, at))
            add(ticket["first_response_at"], ticket["first_response_agent_id"], "first", ticket["first_response_seconds"])
            if ticket["_closed"]:
                add(ticket["closed_at"], assignee, "closed", ticket)
            for survey in ticket["_surveys"]:
                if survey["score"] is not None:
                    add(survey["scored_datetime"], assignee, "score", survey["score"])
        return {
            (day, agent): {
                "day": day,
                "agent_id": agent,
                "agent_name": self.names.get(agent),
                "messages_sent": len(got["sent"]),
                "tickets_replied": len(set(got["sent"])),
                "tickets_closed": len(got["closed"]),
                "one_touch_tickets": sum(ticket["is_one_touch"] for ticket in got["closed"]),
                "first_responses": len(got["first"]),
                "median_first_response_seconds": median(got["first"]),
                "median_response_seconds": median(got["response"]),
                "median_resolution_seconds": median(
                    [ticket["resolution_seconds"] for ticket in got["closed"] if ticket["resolution_seconds"] is not None]
                ),
                "surveys_scored": len(got["score"]),
                "average_score": mean(got["score"]),
            }
            for (day, agent), got in rows.items()
        }

    def tag_daily(self):
        rows = defaultdict(list)
        for ticket in self.counted:
            for tag in self.ticket_tags[ticket["ticket_id"]]:
                if ticket["created_at"] is not None and tag in self.tag_names:
                    rows[self.day(ticket["created_at"]), tag].append(ticket)
        marts = {}
        for (day, tag), tickets in rows.items():
            scores = [s["score"] for ticket in tickets for s in ticket["_surveys"] if s["score"] is not None]
            marts[day, tag] = {
                "day": day,
                "tag_id": tag,
                "tag_name": self.tag_names[tag],
                "tickets_created": len(tickets),
                "of_those_closed": sum(ticket["_closed"] for ticket in tickets),
                "median_first_response_seconds": median(
                    [t["first_response_seconds"] for t in tickets if t["first_response_seconds"] is not None]
                ),
                "median_resolution_seconds": median(
                    [t["resolution_seconds"] for t in tickets if t["resolution_seconds"] is not None]
                ),
                "surveys_scored": len(scores),
                "average_score": mean(scores),
            }
        return marts

    def channel_hourly(self):
        rows = defaultdict(lambda: defaultdict(int))
        for ticket in self.counted:
            moments = [(at, kind) for kind, at, _ in ticket["_told"] if kind in ("received", "sent")]
            for at, name in [*moments, (ticket["created_at"], "begun")]:
                if at is not None:
                    local = at.astimezone(self.zone)
                    rows[local.date(), local.hour, ticket["channel"]][name] += 1
        return {
            (day, hour, channel): {
                "day": day,
                "weekday": day.isoweekday(),
                "hour": hour,
                "channel": channel,
                "messages_received": got["received"],
                "messages_sent": got["sent"],
                "conversations_begun": got["begun"],
            }
            for (day, hour, channel), got in rows.items()
        }

    def changes_of(self, ticket, events):
        """(when, what, effect on the number of open tickets), as far as ticket and events tell."""
        row, created = ticket["_row"], ticket["created_at"]
        told = [(max(created, event["created_datetime"]), event["type"].removeprefix("ticket-")) for event in events]
        if ticket["_closed"] and ticket["closed_at"]:
            told.append((ticket["closed_at"], "closed"))
        elif not ticket["_closed"] and row["snooze_datetime"] and row["snooze_datetime"] > self.now:
            told.append((row["updated_datetime"], "closed"))
        told.sort()
        changes = []
        is_open = not told or told[0][1] != "reopened"
        changes.append((created, "created", 1 if is_open else 0))
        for place, (at, what) in enumerate(told):
            if what == "closed":
                changes.append((at, what, -1 if is_open else 0))
                is_open = False
            else:
                # One more opening follows: this one was closed before it, at a time that nobody tells.
                again = place + 1 < len(told) and told[place + 1][1] == "reopened"
                changes.append((at, what, 0 if again else 1))
                is_open = not again
        return changes

    def backlog_daily(self):
        events = defaultdict(list)
        for event in self.tables.get("events", []):
            if event["object_type"] == "Ticket" and event["type"] in ("ticket-closed", "ticket-reopened"):
                events[event["object_id"]].append(event)
        days = defaultdict(lambda: defaultdict(int))
        written = [row["created_datetime"] for row in self.tables["ticket_messages"]
                   if row.get("_ingestr_deleted_at") is None and row["created_datetime"] is not None]
        last = self.day(max(written)) if written else datetime.min.date()
        first = {}
        for ticket in self.counted:
            if ticket["created_at"] is None:
                continue
            for at, what, effect in self.changes_of(ticket, events[ticket["ticket_id"]]):
                day = self.day(at)
                last = max(last, day)
                for channel in (None, ticket["channel"]):
                    first[channel] = min(first.get(channel, day), day)
                    days[day, channel]["effect"] += effect
                    if what == "created" or effect:
                        days[day, channel][what] += 1
        marts = {}
        for channel, day in first.items():
            open_tickets = 0
            while day <= last:
                got = days[day, channel]
                open_tickets += got["effect"]
                marts[day, channel] = {
                    "day": day,
                    "channel": channel,
                    "created": got["created"],
                    "closed": got["closed"],
                    "reopened": got["reopened"],
                    "open_tickets": open_tickets,
                }
                day += timedelta(days=1)
        return marts

    def ticket_fields(self):
        labels = {row["id"]: row["label"] for row in self.tables.get("custom_fields", [])}
        if "ticket_field_values" in self.tables:
            values = [(row["ticket_id"], row["field_id"], row["value"]) for row in self.tables["ticket_field_values"]]
        else:
            values = []
            for row in self.tables["tickets"]:
                # Numbers keep their text.
                fields = json.loads(row["custom_fields"], parse_float=str, parse_int=str) if row["custom_fields"] else None
                for entry in fields.values() if isinstance(fields, dict) else []:
                    value = entry["value"]
                    if not isinstance(value, str) and value is not None:
                        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
                    values.append((row["id"], int(entry["id"]), value))
        return {
            (ticket, number): {"ticket_id": ticket, "field_id": number, "label": labels.get(number), "value": value}
            for ticket, number, value in values
        }


KEYS = {
    "gorgias__tickets": ("ticket_id",),
    "gorgias__daily": ("day", "channel"),
    "gorgias__agent_daily": ("day", "agent_id"),
    "gorgias__tag_daily": ("day", "tag_id"),
    "gorgias__channel_hourly": ("day", "hour", "channel"),
    "gorgias__backlog_daily": ("day", "channel"),
    "gorgias__ticket_fields": ("ticket_id", "field_id"),
}


def differences(expected, found):
    """Values that differ, as text, and how many were compared. `found` is {mart: [row]}."""
    wrong, compared = [], 0
    for mart, rows in expected.items():
        keyed = {}
        for row in found[mart]:
            key = tuple(row[name] for name in KEYS[mart])
            if key in keyed:
                wrong.append(f"{mart} {key}: twice")
            keyed[key] = row
        wrong += [f"{mart} {key}: missing" for key in rows.keys() - keyed.keys()]
        wrong += [f"{mart} {key}: should not be there" for key in keyed.keys() - rows.keys()]
        for key in rows.keys() & keyed.keys():
            for name, value in rows[key].items():
                compared += 1
                got = keyed[key][name]
                if isinstance(value, float) and got is not None:
                    same = abs(value - float(got)) <= 1e-6 + 1e-9 * abs(value)
                else:
                    same = value == got
                if not same:
                    wrong.append(f"{mart} {key} {name}: {got!r}, should be {value!r}")
    return wrong, compared
