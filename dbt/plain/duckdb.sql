-- Made by `make models` from the dbt package in dbt/; change that, not this file. `ingestr models` fills it in.
create schema if not exists "__target__";

create or replace view "__target__"."stg_gorgias__messages" as
select copied.*
from (select cast(null as timestamptz) as _ingestr_deleted_at, cast(null as bigint) as _ingestr_merged_into) as unmarked
cross join lateral (
    select
        id as message_id,
        ticket_id,
        channel,
        via,
        json_extract_string(source, '$.type') as source_type,
        coalesce(public, true) as is_public,
        coalesce(from_agent, false) as is_from_agent,
        rule_id,
        cast(json_extract_string(sender, '$.id') as bigint) as sender_id,
        json_extract_string(sender, '$.name') as sender_name,
        created_datetime as created_at,
        _ingestr_deleted_at as deleted_at
    from "__schema__"."ticket_messages"
) as copied;

create or replace view "__target__"."stg_gorgias__tickets" as
select copied.*
from (select cast(null as timestamptz) as _ingestr_deleted_at, cast(null as bigint) as _ingestr_merged_into) as unmarked
cross join lateral (
    select
        id as ticket_id,
        coalesce(channel, 'unknown') as channel,
        status,
        coalesce(from_agent, false) as is_from_agent,
        coalesce(spam, false) as is_spam,
        cast(json_extract_string(customer, '$.id') as bigint) as customer_id,
        cast(json_extract_string(assignee_user, '$.id') as bigint) as assignee_user_id,
        json_extract_string(assignee_user, '$.name') as assignee_user_name,
        cast(json_extract_string(assignee_team, '$.id') as bigint) as assignee_team_id,
        json_extract_string(assignee_team, '$.name') as assignee_team_name,
        created_datetime as created_at,
        updated_datetime as updated_at,
        closed_datetime as closed_at,
        snooze_datetime as snoozed_until,
        trashed_datetime as trashed_at,
        _ingestr_deleted_at as deleted_at
    from "__schema__"."tickets"
) as copied;

-- if users
create or replace view "__target__"."stg_gorgias__users" as
select
    id as user_id,
    name as user_name,
    email,
    json_extract_string(role, '$.name') as role,
    coalesce(active, true) as is_active
from "__schema__"."users";
-- else
create or replace view "__target__"."stg_gorgias__users" as
-- The table was not copied: no rows.
select
    cast(null as bigint) as user_id,
    cast(null as varchar) as user_name,
    cast(null as varchar) as email,
    cast(null as varchar) as role,
    cast(null as boolean) as is_active
from (select 1 as one) as nothing
where one = 0;
-- end

create or replace view "__target__"."int_gorgias__messages_enriched" as
-- Messages that exist, of tickets that were copied, with who wrote them and what that makes them. A reply of an agent to a
-- customer who was waiting has the time since which they waited: their first message that was not answered yet.
with authors as (
    select
        messages.message_id,
        messages.ticket_id,
        tickets.channel,
        messages.sender_id,
        messages.created_at,
        not messages.is_public
        or coalesce(messages.channel = 'internal-note', false)
        or coalesce(messages.source_type = 'internal-note', false) as is_note,
        case
            when not messages.is_from_agent then 'customer'
            when messages.rule_id is not null or messages.via = 'rule' then 'rule'
            when (coalesce(users.role = 'bot', false)) then 'bot'
            when messages.via = 'email' then 'outside'
            else 'agent'
        end as author
    from "__target__"."stg_gorgias__messages" as messages
    inner join "__target__"."stg_gorgias__tickets" as tickets on messages.ticket_id = tickets.ticket_id
    left join "__target__"."stg_gorgias__users" as users on messages.sender_id = users.user_id
    where messages.deleted_at is null and messages.created_at is not null
),

kinds as (
    select
        message_id,
        ticket_id,
        channel,
        sender_id,
        created_at,
        author,
        case
            when is_note then 'note'
            when author = 'customer' then 'received'
            when author in ('rule', 'bot') then 'automated'
            when author = 'outside' then 'outside'
            else 'sent'
        end as kind
    from authors
),

-- What customers and agents say to each other, in its order; notes and programs say nothing in between.
turns as (
    select
        *,
        lag(kind) over (partition by ticket_id, kind in ('received', 'sent') order by created_at, message_id) as kind_before
    from kinds
),

-- Both over the same order, so that messages are sorted twice in all: sorting is most of what the models cost.
waits as (
    select
        *,
        kind = 'sent' and coalesce(kind_before = 'received', false) as is_response,
        max(case when kind = 'received' and coalesce(kind_before, 'sent') = 'sent' then created_at end) over (
            partition by ticket_id, kind in ('received', 'sent')
            order by created_at, message_id
            rows between unbounded preceding and current row
        ) as wait_began,
        count(case when kind = 'sent' and kind_before = 'received' then 1 end) over (
            partition by ticket_id, kind in ('received', 'sent')
            order by created_at, message_id
            rows between unbounded preceding and current row
        ) as responses
    from turns
)

select
    message_id,
    ticket_id,
    channel,
    sender_id,
    created_at,
    author,
    kind,
    case when is_response then wait_began end as waiting_since,
    case when is_response then ((epoch_us(created_at) - epoch_us(wait_began)) / 1000000.0::double) end as response_seconds,
    case when is_response then responses end as response_number
from waits;

-- if account_settings
create or replace view "__target__"."stg_gorgias__business_hours" as
-- At most one interval a weekday, in minutes after midnight: the account's settings, or the variable where they hold none.
with settings as (
    select cast('{}' as json) as data, 2 as preference
    union all
    select data, 1 as preference
    from "__schema__"."account_settings"
    where type = 'business-hours'
),

intervals as (
    select
        preference,
        coalesce(json_extract_string(data, '$.timezone'), '__time_zone__') as time_zone,
        ',' || replace(json_extract_string(hours, '$.days'), ' ', '') || ',' as days,
        json_extract_string(hours, '$.from_time') as from_time,
        json_extract_string(hours, '$.to_time') as to_time
    from settings
    cross join unnest(
        case
            when json_type(data, '$.business_hours') = 'ARRAY' then json_extract(data, '$.business_hours[*]')
            else [json_extract(data, '$.business_hours')]
        end
    ) as elements (hours)
),

weekdays as (
    select 1 as weekday, ',1,' as day
    union all select 2, ',2,'
    union all select 3, ',3,'
    union all select 4, ',4,'
    union all select 5, ',5,'
    union all select 6, ',6,'
    union all select 7, ',7,'
),

minutes as (
    select
        weekdays.weekday,
        intervals.time_zone,
        intervals.preference,
        min(intervals.preference) over () as preferred,
        cast(split_part(intervals.from_time, ':', 1) as bigint) * 60 + cast(split_part(intervals.from_time, ':', 2) as bigint) as from_minute,
        cast(split_part(intervals.to_time, ':', 1) as bigint) * 60 + cast(split_part(intervals.to_time, ':', 2) as bigint) as to_minute
    from intervals
    inner join weekdays on intervals.days like '%' || weekdays.day || '%'
)

select
    weekday,
    min(time_zone) as time_zone,
    min(from_minute) as from_minute,
    -- Midnight is the end of the day; hours past it are not known.
    max(case when to_minute > from_minute then to_minute else 1440 end) as to_minute
from minutes
where preference = preferred
group by weekday;
-- else
create or replace view "__target__"."stg_gorgias__business_hours" as
-- At most one interval a weekday, in minutes after midnight: the account's settings, or the variable where they hold none.
with settings as (
    select cast('{}' as json) as data, 2 as preference
),

intervals as (
    select
        preference,
        coalesce(json_extract_string(data, '$.timezone'), '__time_zone__') as time_zone,
        ',' || replace(json_extract_string(hours, '$.days'), ' ', '') || ',' as days,
        json_extract_string(hours, '$.from_time') as from_time,
        json_extract_string(hours, '$.to_time') as to_time
    from settings
    cross join unnest(
        case
            when json_type(data, '$.business_hours') = 'ARRAY' then json_extract(data, '$.business_hours[*]')
            else [json_extract(data, '$.business_hours')]
        end
    ) as elements (hours)
),

weekdays as (
    select 1 as weekday, ',1,' as day
    union all select 2, ',2,'
    union all select 3, ',3,'
    union all select 4, ',4,'
    union all select 5, ',5,'
    union all select 6, ',6,'
    union all select 7, ',7,'
),

minutes as (
    select
        weekdays.weekday,
        intervals.time_zone,
        intervals.preference,
        min(intervals.preference) over () as preferred,
        cast(split_part(intervals.from_time, ':', 1) as bigint) * 60 + cast(split_part(intervals.from_time, ':', 2) as bigint) as from_minute,
        cast(split_part(intervals.to_time, ':', 1) as bigint) * 60 + cast(split_part(intervals.to_time, ':', 2) as bigint) as to_minute
    from intervals
    inner join weekdays on intervals.days like '%' || weekdays.day || '%'
)

select
    weekday,
    min(time_zone) as time_zone,
    min(from_minute) as from_minute,
    -- Midnight is the end of the day; hours past it are not known.
    max(case when to_minute > from_minute then to_minute else 1440 end) as to_minute
from minutes
where preference = preferred
group by weekday;
-- end

create or replace view "__target__"."int_gorgias__business_days" as
-- Each day on which messages were written, when business opens on it and for how long, and for how many seconds it was open
-- on the days before: business hours between two instants are a difference of two sums.
with hours as (
    select * from "__target__"."stg_gorgias__business_hours"
),

zones as (
    select min(time_zone) as time_zone from hours
),

messages as (
    select min(created_at) as first_at, max(created_at) as last_at
    from "__target__"."stg_gorgias__messages"
),

bounds as (
    select
        zones.time_zone,
        cast((messages.first_at at time zone zones.time_zone) as date) as first_day,
        cast((messages.last_at at time zone zones.time_zone) as date) as last_day
    from messages
    cross join zones
    where zones.time_zone is not null and messages.first_at is not null
),

calendar as (
    select bounds.time_zone, day
    from bounds
    cross join unnest(cast(generate_series(bounds.first_day, bounds.last_day, interval 1 day) as date[])) as days (day)
),

openings as (
    select
        calendar.day,
        calendar.time_zone,
        ((calendar.day + to_minutes(hours.from_minute)) at time zone calendar.time_zone) as opens_at,
        ((calendar.day + to_minutes(hours.to_minute)) at time zone calendar.time_zone) as closes_at
    from calendar
    left join hours on cast(extract(isodow from calendar.day) as bigint) = hours.weekday
),

lengths as (
    select
        *,
        coalesce(((epoch_us(closes_at) - epoch_us(opens_at)) / 1000000.0::double), 0) as open_seconds
    from openings
)

select
    day,
    time_zone,
    opens_at,
    open_seconds,
    sum(open_seconds) over (order by day rows between unbounded preceding and current row) - open_seconds as seconds_before
from lengths;

create or replace view "__target__"."int_gorgias__ticket_messages" as
-- What was written in each ticket, and how long the customer waited.
select
    ticket_id,
    count(case when kind = 'received' then 1 end) as customer_messages,
    count(case when kind = 'sent' then 1 end) as agent_replies,
    count(case when kind = 'automated' then 1 end) as automated_replies,
    count(case when kind = 'note' then 1 end) as internal_notes,
    count(distinct case when kind = 'sent' then sender_id end) as agents_involved,
    min(case when kind = 'received' then created_at end) as first_customer_message_at,
    max(case when kind = 'received' then created_at end) as last_customer_message_at,
    count(response_number) as responses,
    min(case when response_number = 1 then waiting_since end) as first_waiting_since,
    min(case when response_number = 1 then created_at end) as first_responded_at,
    min(case when response_number = 1 then sender_id end) as first_responder_id,
    min(case when response_number = 1 then response_seconds end) as first_response_seconds,
    avg(response_seconds) as mean_response_seconds,
    avg(case when response_number > 1 then response_seconds end) as later_response_seconds
from "__target__"."int_gorgias__messages_enriched"
group by ticket_id;

create or replace view "__target__"."int_gorgias__ticket_metrics" as
-- All tickets with their numbers.
with zones as (
    select min(time_zone) as time_zone from "__target__"."stg_gorgias__business_hours"
),

joined as (
    select
        tickets.*,
        not tickets.is_spam and tickets.trashed_at is null and tickets.deleted_at is null as is_counted,
        coalesce(tickets.status = 'closed', false) as is_closed,
        coalesce(messages.customer_messages, 0) as customer_messages,
        coalesce(messages.agent_replies, 0) as agent_replies,
        coalesce(messages.automated_replies, 0) as automated_replies,
        coalesce(messages.internal_notes, 0) as internal_notes,
        coalesce(messages.agents_involved, 0) as agents_involved,
        messages.first_customer_message_at,
        messages.last_customer_message_at,
        coalesce(messages.responses, 0) as responses,
        -- A ticket that an agent began has no first response: all of them are later ones.
        case when tickets.is_from_agent then messages.mean_response_seconds else messages.later_response_seconds end
            as later_response_seconds,
        case when not tickets.is_from_agent then messages.first_response_seconds end as first_response_seconds,
        case when not tickets.is_from_agent then messages.first_waiting_since end as first_waiting_since,
        case when not tickets.is_from_agent then messages.first_responded_at end as first_response_at,
        case when not tickets.is_from_agent then messages.first_responder_id end as first_response_agent_id
    from "__target__"."stg_gorgias__tickets" as tickets
    left join "__target__"."int_gorgias__ticket_messages" as messages on tickets.ticket_id = messages.ticket_id
),

dated as (
    select
        joined.*,
        cast((joined.first_waiting_since at time zone zones.time_zone) as date) as first_day,
        cast((joined.first_response_at at time zone zones.time_zone) as date) as last_day
    from joined
    cross join zones
)

select
    dated.*,
    -- Business hours up to the response, less those up to when the customer began to wait.
    last_days.seconds_before
    + least(greatest(coalesce(((epoch_us(dated.first_response_at) - epoch_us(last_days.opens_at)) / 1000000.0::double), 0), 0), last_days.open_seconds)
    - first_days.seconds_before
    - least(greatest(coalesce(((epoch_us(dated.first_waiting_since) - epoch_us(first_days.opens_at)) / 1000000.0::double), 0), 0), first_days.open_seconds)
        as first_response_business_seconds,
    case
        when dated.is_closed and dated.closed_at >= dated.first_customer_message_at
            then ((epoch_us(dated.closed_at) - epoch_us(dated.first_customer_message_at)) / 1000000.0::double)
    end as resolution_seconds,
    dated.is_closed and dated.agent_replies = 1 as is_one_touch,
    dated.is_closed and dated.agent_replies = 0 as is_zero_touch,
    coalesce(dated.last_customer_message_at > dated.closed_at, false) as customer_wrote_after_close
from dated
left join "__target__"."int_gorgias__business_days" as first_days on dated.first_day = first_days.day
left join "__target__"."int_gorgias__business_days" as last_days on dated.last_day = last_days.day;

create or replace view "__target__"."stg_gorgias__surveys" as
select
    id as survey_id,
    ticket_id,
    customer_id,
    score,
    created_datetime as created_at,
    sent_datetime as sent_at,
    scored_datetime as scored_at
from "__schema__"."satisfaction_surveys";

create or replace view "__target__"."int_gorgias__activity" as
-- One row for each thing that counts, on the day it happened: all that marts by day are made of. Only tickets that count.
with tickets as (
    select * from "__target__"."int_gorgias__ticket_metrics" where is_counted
),

messages as (
    select messages.*
    from "__target__"."int_gorgias__messages_enriched" as messages
    inner join tickets on messages.ticket_id = tickets.ticket_id
),

surveys as (
    select surveys.*, tickets.channel, tickets.assignee_user_id
    from "__target__"."stg_gorgias__surveys" as surveys
    inner join tickets on surveys.ticket_id = tickets.ticket_id
),

happened as (
    select
        ticket_id, channel, 'ticket_created' as activity, created_at as happened_at,
        cast(null as bigint) as agent_id, cast(null as double precision) as value,
        cast(null as double precision) as business_value
    from tickets

    union all

    select ticket_id, channel, 'ticket_closed', closed_at, assignee_user_id, resolution_seconds, null
    from tickets
    where is_closed

    union all

    select
        ticket_id, channel, case when is_one_touch then 'closed_one_touch' else 'closed_zero_touch' end, closed_at,
        assignee_user_id, null, null
    from tickets
    where is_one_touch or is_zero_touch

    union all

    select
        ticket_id, channel, 'first_response', first_response_at, first_response_agent_id,
        first_response_seconds, first_response_business_seconds
    from tickets
    where first_response_at is not null

    union all

    select ticket_id, channel, 'message_' || kind, created_at, sender_id, null, null
    from messages
    where kind in ('received', 'sent', 'automated')

    union all

    select ticket_id, channel, 'response', created_at, sender_id, response_seconds, null
    from messages
    where response_number is not null

    union all

    select ticket_id, channel, 'survey_sent', sent_at, assignee_user_id, null, null
    from surveys

    union all

    select ticket_id, channel, 'survey_scored', scored_at, assignee_user_id, cast(score as double precision), null
    from surveys
    where score is not null
)

select
    ticket_id,
    channel,
    activity,
    happened_at,
    cast((happened_at at time zone '__time_zone__') as date) as day,
    agent_id,
    value,
    business_value
from happened
where happened_at is not null;

create or replace view "__target__"."int_gorgias__agents" as
-- Everybody who wrote as an agent or has a ticket assigned. Names come from users where they are copied, else from the
-- newest message or ticket that holds one.
with mentions as (
    select sender_id as agent_id, sender_name as agent_name, max(created_at) as mentioned_at
    from "__target__"."stg_gorgias__messages"
    where is_from_agent and sender_id is not null
    group by sender_id, sender_name

    union all

    select assignee_user_id, assignee_user_name, max(updated_at)
    from "__target__"."stg_gorgias__tickets"
    where assignee_user_id is not null
    group by assignee_user_id, assignee_user_name

    union all

    select user_id, user_name, cast(null as timestamptz)
    from "__target__"."stg_gorgias__users"
),

ranked as (
    select
        agent_id,
        agent_name,
        row_number() over (
            partition by agent_id
            order by
                case when agent_name is null then 1 else 0 end,
                case when mentioned_at is null then 1 else 0 end,
                mentioned_at desc,
                agent_name
        ) as preference
    from mentions
)

select
    ranked.agent_id,
    coalesce(users.user_name, ranked.agent_name) as agent_name,
    users.role,
    (coalesce(users.role = 'bot', false)) as is_bot
from ranked
left join "__target__"."stg_gorgias__users" as users on ranked.agent_id = users.user_id
where ranked.preference = 1;

create or replace view "__target__"."gorgias__agent_daily" as
with collected as (
    select
        day,
        agent_id,
        count(case when activity = 'message_sent' then 1 end) as messages_sent,
        count(distinct case when activity = 'message_sent' then ticket_id end) as tickets_replied,
        count(case when activity = 'ticket_closed' then 1 end) as tickets_closed,
        count(case when activity = 'closed_one_touch' then 1 end) as one_touch_tickets,
        count(case when activity = 'first_response' then 1 end) as first_responses,
        list(case when activity = 'first_response' then value end) filter (where case when activity = 'first_response' then value end is not null) as first_response_seconds,
        list(case when activity = 'response' then value end) filter (where case when activity = 'response' then value end is not null) as response_seconds,
        list(case when activity = 'ticket_closed' then value end) filter (where case when activity = 'ticket_closed' then value end is not null) as resolution_seconds,
        count(case when activity = 'survey_scored' then 1 end) as surveys_scored,
        avg(case when activity = 'survey_scored' then value end) as average_score
    from "__target__"."int_gorgias__activity"
    where
        agent_id is not null
        and activity in ('message_sent', 'ticket_closed', 'closed_one_touch', 'first_response', 'response', 'survey_scored')
    group by 1, 2
)

select
    collected.day,
    collected.agent_id,
    agents.agent_name,
    collected.messages_sent,
    collected.tickets_replied,
    collected.tickets_closed,
    collected.one_touch_tickets,
    collected.first_responses,
    list_aggregate(collected.first_response_seconds, 'quantile_cont', 0.5) as median_first_response_seconds,
    list_aggregate(collected.response_seconds, 'quantile_cont', 0.5) as median_response_seconds,
    list_aggregate(collected.resolution_seconds, 'quantile_cont', 0.5) as median_resolution_seconds,
    collected.surveys_scored,
    collected.average_score
from collected
left join "__target__"."int_gorgias__agents" as agents on collected.agent_id = agents.agent_id;

-- if events
create or replace view "__target__"."stg_gorgias__events" as
select
    id as event_id,
    type as event_type,
    object_type,
    object_id,
    user_id,
    created_datetime as created_at
from "__schema__"."events";
-- else
create or replace view "__target__"."stg_gorgias__events" as
-- The table was not copied: no rows.
select
    cast(null as bigint) as event_id,
    cast(null as varchar) as event_type,
    cast(null as varchar) as object_type,
    cast(null as bigint) as object_id,
    cast(null as bigint) as user_id,
    cast(null as timestamptz) as created_at
from (select 1 as one) as nothing
where one = 0;
-- end

create or replace view "__target__"."int_gorgias__ticket_transitions" as
-- When tickets that count became open and stopped being open, one after the other. A ticket itself tells when it was created
-- and its last close; events tell each close and each reopening since they are kept.
with tickets as (
    select * from "__target__"."int_gorgias__ticket_metrics" where is_counted and created_at is not null
),

told as (
    select ticket_id, channel, created_at as changed_at, 'created' as change, 0 as place
    from tickets

    union all

    select ticket_id, channel, closed_at, 'closed', 1
    from tickets
    where is_closed and closed_at is not null

    union all

    -- A snoozed ticket counts as closed. When it was snoozed is not told; it was not changed later than this.
    select ticket_id, channel, updated_at, 'closed', 1
    from tickets
    where not is_closed and snoozed_until > current_timestamp

    union all

    select
        tickets.ticket_id,
        tickets.channel,
        case when events.created_at < tickets.created_at then tickets.created_at else events.created_at end,
        case when events.event_type = 'ticket-closed' then 'closed' else 'reopened' end,
        1
    from "__target__"."stg_gorgias__events" as events
    inner join tickets on events.object_id = tickets.ticket_id
    where events.object_type = 'Ticket' and events.event_type in ('ticket-closed', 'ticket-reopened')
),

neighbours as (
    select
        ticket_id,
        channel,
        changed_at,
        change,
        lag(change) over (partition by ticket_id order by place, changed_at, change) as change_before,
        lead(change) over (partition by ticket_id order by place, changed_at, change) as change_after
    from told
)

-- Of two closes in a row the first one counts, of two openings the second one: the close between them was not seen.
-- A created ticket is always told, as what it is; it begins as closed where its first event says that it was reopened.
select
    ticket_id,
    channel,
    changed_at,
    change,
    case
        when change = 'closed' then case when change_before = 'closed' then 0 else -1 end
        when change_after in ('created', 'reopened') then 0
        else 1
    end as open_tickets
from neighbours;

create or replace view "__target__"."gorgias__backlog_daily" as
-- Imported tickets may have any date, and one of the year 1 would make a day of each since.
with changes as (
    select
        case
            when cast((changed_at at time zone '__time_zone__') as date) < date '2000-01-01' then date '2000-01-01'
            else cast((changed_at at time zone '__time_zone__') as date)
        end as day,
        case when scopes.all_channels = 0 then channel end as channel,
        scopes.all_channels,
        count(case when change = 'created' then 1 end) as created,
        count(case when change = 'closed' and open_tickets <> 0 then 1 end) as closed,
        count(case when change = 'reopened' and open_tickets <> 0 then 1 end) as reopened,
        sum(open_tickets) as more_open
    from "__target__"."int_gorgias__ticket_transitions"
    cross join (select 1 as all_channels union all select 0 as all_channels) as scopes
    group by 1, 2, 3
),

-- Up to the last day of which anything is known.
bounds as (
    select max(day) as last_day
    from (
        select day from changes
        union all
        select cast((max(created_at) at time zone '__time_zone__') as date) as day
        from "__target__"."stg_gorgias__messages"
        where deleted_at is null
    ) as known_days
),

channels as (
    select channel, all_channels, min(day) as first_day from changes group by 1, 2
),

calendar as (
    select channels.channel, channels.all_channels, day
    from channels
    cross join bounds
    cross join unnest(cast(generate_series(channels.first_day, bounds.last_day, interval 1 day) as date[])) as days (day)
)

select
    calendar.day,
    calendar.channel,
    coalesce(changes.created, 0) as created,
    coalesce(changes.closed, 0) as closed,
    coalesce(changes.reopened, 0) as reopened,
    cast(sum(coalesce(changes.more_open, 0)) over (
        partition by calendar.all_channels, calendar.channel
        order by calendar.day
        rows between unbounded preceding and current row
    ) as bigint) as open_tickets
from calendar
left join changes
    on calendar.day = changes.day
    and calendar.all_channels = changes.all_channels
    and coalesce(calendar.channel, '') = coalesce(changes.channel, '');

create or replace view "__target__"."gorgias__channel_hourly" as
select
    day,
    cast(extract(isodow from day) as bigint) as weekday,
    cast(extract(hour from (happened_at at time zone '__time_zone__')) as bigint) as hour,
    channel,
    count(case when activity = 'message_received' then 1 end) as messages_received,
    count(case when activity = 'message_sent' then 1 end) as messages_sent,
    count(case when activity = 'ticket_created' then 1 end) as conversations_begun
from "__target__"."int_gorgias__activity"
where activity in ('message_received', 'message_sent', 'ticket_created')
group by 1, 2, 3, 4;

create or replace view "__target__"."gorgias__daily" as
with collected as (
    select
        day,
        case when scopes.all_channels = 0 then channel end as channel,
        count(case when activity = 'ticket_created' then 1 end) as tickets_created,
        count(case when activity = 'ticket_closed' then 1 end) as tickets_closed,
        count(case when activity = 'closed_one_touch' then 1 end) as one_touch_tickets,
        count(case when activity = 'closed_zero_touch' then 1 end) as zero_touch_tickets,
        count(case when activity = 'message_received' then 1 end) as messages_received,
        count(case when activity = 'message_sent' then 1 end) as messages_sent,
        count(case when activity = 'message_automated' then 1 end) as messages_automated,
        list(case when activity = 'first_response' then value end) filter (where case when activity = 'first_response' then value end is not null) as first_responses,
        list(case when activity = 'first_response' then business_value end) filter (where case when activity = 'first_response' then business_value end is not null) as first_business_responses,
        list(case when activity = 'ticket_closed' then value end) filter (where case when activity = 'ticket_closed' then value end is not null) as resolutions,
        count(case when activity = 'first_response' then 1 end) as first_response_count,
        count(case when activity = 'survey_sent' then 1 end) as surveys_sent,
        count(case when activity = 'survey_scored' then 1 end) as surveys_scored,
        avg(case when activity = 'survey_scored' then value end) as average_score,
        count(case when activity = 'survey_scored' and value >= 4 then 1 end) as scores_of_4_or_5
    from "__target__"."int_gorgias__activity"
    cross join (select 1 as all_channels union all select 0 as all_channels) as scopes
    group by 1, 2
)

select
    day,
    channel,
    tickets_created,
    tickets_closed,
    one_touch_tickets,
    zero_touch_tickets,
    messages_received,
    messages_sent,
    messages_automated,
    first_response_count as first_responses,
    list_aggregate(first_responses, 'quantile_cont', 0.5) as median_first_response_seconds,
    list_aggregate(first_responses, 'quantile_cont', 0.9) as p90_first_response_seconds,
    list_aggregate(first_business_responses, 'quantile_cont', 0.5) as median_first_response_business_seconds,
    list_aggregate(resolutions, 'quantile_cont', 0.5) as median_resolution_seconds,
    surveys_sent,
    surveys_scored,
    average_score,
    scores_of_4_or_5
from collected;

-- if tags
create or replace view "__target__"."stg_gorgias__tags" as
select
    id as tag_id,
    name as tag_name
from "__schema__"."tags";
-- else
create or replace view "__target__"."stg_gorgias__tags" as
-- The table was not copied: no rows.
select
    cast(null as bigint) as tag_id,
    cast(null as varchar) as tag_name
from (select 1 as one) as nothing
where one = 0;
-- end

-- if ticket_tags
create or replace view "__target__"."stg_gorgias__ticket_tags" as
select distinct
    ticket_id,
    tag_id,
    name as tag_name
from "__schema__"."ticket_tags";
-- else
create or replace view "__target__"."stg_gorgias__ticket_tags" as
-- The table was not copied: the tickets hold the same rows as JSON.
select distinct
    tickets.id as ticket_id,
    cast(json_extract_string(tag, '$.id') as bigint) as tag_id,
    json_extract_string(tag, '$.name') as tag_name
from "__schema__"."tickets" as tickets
cross join unnest(json_extract(tickets.tags, '$[*]')) as elements (tag);
-- end

create or replace view "__target__"."int_gorgias__tags" as
-- Tags that are on tickets. A ticket shows the name a tag had when the ticket was read, so the newest ticket decides where
-- the tag itself is not known.
with names as (
    select
        ticket_tags.tag_id,
        ticket_tags.tag_name,
        row_number() over (
            partition by ticket_tags.tag_id
            order by tickets.updated_at desc, tickets.ticket_id desc, ticket_tags.tag_name
        ) as preference
    from "__target__"."stg_gorgias__ticket_tags" as ticket_tags
    inner join "__target__"."stg_gorgias__tickets" as tickets on ticket_tags.ticket_id = tickets.ticket_id
    where ticket_tags.tag_id is not null and tickets.updated_at is not null
)

select
    names.tag_id,
    coalesce(tags.tag_name, names.tag_name) as tag_name
from names
left join "__target__"."stg_gorgias__tags" as tags on names.tag_id = tags.tag_id
where names.preference = 1;

create or replace view "__target__"."gorgias__tag_daily" as
with scores as (
    select ticket_id, count(*) as surveys_scored, sum(score) as score
    from "__target__"."stg_gorgias__surveys"
    where score is not null
    group by ticket_id
),

collected as (
    select
        cast((tickets.created_at at time zone '__time_zone__') as date) as day,
        tags.tag_id,
        tags.tag_name,
        count(*) as tickets_created,
        count(case when tickets.is_closed then 1 end) as of_those_closed,
        list(tickets.first_response_seconds) filter (where tickets.first_response_seconds is not null) as first_response_seconds,
        list(tickets.resolution_seconds) filter (where tickets.resolution_seconds is not null) as resolution_seconds,
        coalesce(sum(scores.surveys_scored), 0) as surveys_scored,
        sum(scores.score) as score
    from "__target__"."int_gorgias__ticket_metrics" as tickets
    inner join "__target__"."stg_gorgias__ticket_tags" as ticket_tags on tickets.ticket_id = ticket_tags.ticket_id
    inner join "__target__"."int_gorgias__tags" as tags on ticket_tags.tag_id = tags.tag_id
    left join scores on tickets.ticket_id = scores.ticket_id
    where tickets.is_counted and tickets.created_at is not null
    group by 1, 2, 3
)

select
    day,
    tag_id,
    tag_name,
    tickets_created,
    of_those_closed,
    list_aggregate(first_response_seconds, 'quantile_cont', 0.5) as median_first_response_seconds,
    list_aggregate(resolution_seconds, 'quantile_cont', 0.5) as median_resolution_seconds,
    cast(surveys_scored as bigint) as surveys_scored,
    cast(score as double precision) / nullif(surveys_scored, 0) as average_score
from collected;

-- if custom_fields
create or replace view "__target__"."stg_gorgias__custom_fields" as
select
    id as field_id,
    object_type,
    label
from "__schema__"."custom_fields";
-- else
create or replace view "__target__"."stg_gorgias__custom_fields" as
-- The table was not copied: no rows.
select
    cast(null as bigint) as field_id,
    cast(null as varchar) as object_type,
    cast(null as varchar) as label
from (select 1 as one) as nothing
where one = 0;
-- end

-- if ticket_field_values
create or replace view "__target__"."stg_gorgias__ticket_field_values" as
select
    ticket_id,
    field_id,
    value
from "__schema__"."ticket_field_values";
-- else
create or replace view "__target__"."stg_gorgias__ticket_field_values" as
-- The table was not copied: the tickets hold the same rows as JSON.
select
    tickets.id as ticket_id,
    cast(json_extract_string(field_value, '$.id') as bigint) as field_id,
    json_extract_string(field_value, '$.value') as value
from "__schema__"."tickets" as tickets
cross join unnest(json_extract(tickets.custom_fields, '$.*')) as elements (field_value);
-- end

create or replace view "__target__"."gorgias__ticket_fields" as
select
    field_values.ticket_id,
    field_values.field_id,
    fields.label,
    field_values.value
from "__target__"."stg_gorgias__ticket_field_values" as field_values
left join "__target__"."stg_gorgias__custom_fields" as fields on field_values.field_id = fields.field_id;

-- if teams
create or replace view "__target__"."stg_gorgias__teams" as
select
    id as team_id,
    name as team_name
from "__schema__"."teams";
-- else
create or replace view "__target__"."stg_gorgias__teams" as
-- The table was not copied: no rows.
select
    cast(null as bigint) as team_id,
    cast(null as varchar) as team_name
from (select 1 as one) as nothing
where one = 0;
-- end

create or replace view "__target__"."gorgias__tickets" as
with tag_names as (
    select ticket_tags.ticket_id, string_agg(tags.tag_name, ', ' order by tags.tag_name) as tag_names
    from "__target__"."stg_gorgias__ticket_tags" as ticket_tags
    inner join "__target__"."int_gorgias__tags" as tags on ticket_tags.tag_id = tags.tag_id
    group by ticket_tags.ticket_id
),

surveys as (
    select
        ticket_id,
        score,
        scored_at,
        row_number() over (
            partition by ticket_id
            order by case when score is null then 1 else 0 end, created_at desc, survey_id desc
        ) as preference
    from "__target__"."stg_gorgias__surveys"
)

select
    tickets.ticket_id,
    tickets.is_counted,
    tickets.channel,
    tickets.status,
    tickets.customer_id,
    tickets.assignee_user_id,
    agents.agent_name as assignee_user_name,
    tickets.assignee_team_id,
    coalesce(teams.team_name, tickets.assignee_team_name) as assignee_team_name,
    tag_names.tag_names,
    tickets.customer_messages,
    tickets.agent_replies,
    tickets.automated_replies,
    tickets.internal_notes,
    tickets.responses,
    tickets.agents_involved,
    tickets.first_response_seconds,
    tickets.first_response_business_seconds,
    tickets.first_response_at,
    tickets.first_response_agent_id,
    tickets.later_response_seconds,
    tickets.resolution_seconds,
    tickets.is_one_touch,
    tickets.is_zero_touch,
    tickets.customer_wrote_after_close,
    surveys.score as csat_score,
    surveys.scored_at as csat_scored_at,
    tickets.created_at,
    tickets.closed_at
from "__target__"."int_gorgias__ticket_metrics" as tickets
left join "__target__"."int_gorgias__agents" as agents on tickets.assignee_user_id = agents.agent_id
left join "__target__"."stg_gorgias__teams" as teams on tickets.assignee_team_id = teams.team_id
left join tag_names on tickets.ticket_id = tag_names.ticket_id
left join surveys on tickets.ticket_id = surveys.ticket_id and surveys.preference = 1;

create or replace view "__target__"."int_gorgias__response_times" as
-- A row for each reply of an agent to a customer who was waiting.
select
    message_id,
    ticket_id,
    channel,
    sender_id as agent_id,
    waiting_since,
    created_at as responded_at,
    response_seconds,
    response_number
from "__target__"."int_gorgias__messages_enriched"
where waiting_since is not null;

create or replace view "__target__"."stg_gorgias__customers" as
select copied.*
from (select cast(null as timestamptz) as _ingestr_deleted_at, cast(null as bigint) as _ingestr_merged_into) as unmarked
cross join lateral (
    select
        id as customer_id,
        name as customer_name,
        email,
        language,
        created_datetime as created_at,
        updated_datetime as updated_at,
        _ingestr_deleted_at as deleted_at,
        _ingestr_merged_into as merged_into_customer_id
    from "__schema__"."customers"
) as copied;
