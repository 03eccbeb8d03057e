-- Made by `make models` from dbt/analyses/; change that, not this file. `ingestr report` asks it of the models.
-- Everything that the page of `ingestr report` shows, in one answer: rows of two texts and nine numbers, which `part` tells
-- the meaning of. The period ends with the last day on which anything happened.
with last_days as (
    select max(day) as last_day from "__target__"."int_gorgias__activity"
),

first_days as (
    select
        last_day,
        coalesce(
            cast(nullif('__since__', '') as date),
            (last_day - cast(__days__ - 1 as integer))
        ) as first_day
    from last_days
),

periods as (
    select
        last_day,
        first_day,
        (first_day - cast((last_day - first_day) + 1 as integer)) as first_day_before
    from first_days
    where first_day <= last_day
),

happened as (
    select
        days.*,
        case when days.day >= periods.first_day then 'current' else 'before' end as period
    from "__target__"."int_gorgias__activity" as days
    inner join periods on days.day >= periods.first_day_before and days.day <= periods.last_day
),

figures as (
    select
        period,
        count(case when activity = 'ticket_created' then 1 end) as created,
        count(case when activity = 'ticket_closed' then 1 end) as closed,
        array_agg(case when activity = 'first_response' then value end) filter (where case when activity = 'first_response' then value end is not null) as first_responses,
        array_agg(case when activity = 'ticket_closed' then value end) filter (where case when activity = 'ticket_closed' then value end is not null) as resolutions,
        count(case when activity = 'survey_scored' then 1 end) as scored,
        count(case when activity = 'survey_scored' and value >= 4 then 1 end) as good,
        count(case when activity = 'survey_sent' then 1 end) as sent
    from happened
    group by period
),

weeks as (
    select
        (day - cast(cast(extract(isodow from day) as bigint) - 1 as integer)) as week,
        array_agg(value) filter (where value is not null) as first_responses
    from happened
    where period = 'current' and activity = 'first_response'
    group by 1
),

agents as (
    select
        agent_id,
        count(case when activity = 'message_sent' then 1 end) as replies,
        count(distinct case when activity = 'message_sent' then ticket_id end) as tickets_replied,
        count(case when activity = 'ticket_closed' then 1 end) as closed,
        array_agg(case when activity = 'first_response' then value end) filter (where case when activity = 'first_response' then value end is not null) as first_responses,
        array_agg(case when activity = 'response' then value end) filter (where case when activity = 'response' then value end is not null) as responses,
        count(case when activity = 'survey_scored' then 1 end) as scored,
        count(case when activity = 'survey_scored' and value >= 4 then 1 end) as good
    from happened
    where
        period = 'current'
        and agent_id is not null
        and activity in ('message_sent', 'ticket_closed', 'first_response', 'response', 'survey_scored')
    group by agent_id
),

channels as (
    select
        channel,
        count(case when activity = 'ticket_created' then 1 end) as created,
        count(case when activity = 'ticket_closed' then 1 end) as closed,
        count(case when activity = 'message_received' then 1 end) as received,
        count(case when activity = 'message_sent' then 1 end) as sent,
        array_agg(case when activity = 'first_response' then value end) filter (where case when activity = 'first_response' then value end is not null) as first_responses,
        count(case when activity = 'survey_scored' then 1 end) as scored,
        count(case when activity = 'survey_scored' and value >= 4 then 1 end) as good
    from happened
    where period = 'current'
    group by channel
),

scores as (
    select
        ticket_id,
        count(*) as scored,
        count(case when score >= 4 then 1 end) as good
    from "__target__"."stg_gorgias__surveys"
    where score is not null
    group by ticket_id
),

tags as (
    select
        tags.tag_id,
        tags.tag_name,
        count(*) as created,
        count(case when tickets.is_closed then 1 end) as closed,
        array_agg(tickets.first_response_seconds) filter (where tickets.first_response_seconds is not null) as first_responses,
        array_agg(tickets.resolution_seconds) filter (where tickets.resolution_seconds is not null) as resolutions,
        sum(scores.scored) as scored,
        sum(scores.good) as good
    from "__target__"."int_gorgias__ticket_metrics" as tickets
    inner join happened on tickets.ticket_id = happened.ticket_id
    inner join "__target__"."stg_gorgias__ticket_tags" as ticket_tags on tickets.ticket_id = ticket_tags.ticket_id
    inner join "__target__"."int_gorgias__tags" as tags on ticket_tags.tag_id = tags.tag_id
    left join scores on tickets.ticket_id = scores.ticket_id
    where happened.period = 'current' and happened.activity = 'ticket_created'
    group by 1, 2
),

hours as (
    select
        cast(extract(isodow from day) as bigint) as weekday,
        cast(extract(hour from (happened_at at time zone '__time_zone__')) as bigint) as hour,
        count(*) as received
    from happened
    where period = 'current' and activity = 'message_received'
    group by 1, 2
),

work as (
    select
        day,
        count(case when activity = 'ticket_created' then 1 end) as created,
        count(case when activity = 'ticket_closed' then 1 end) as closed
    from happened
    group by day
),

days as (
    select backlog.day, work.created, work.closed, backlog.open_tickets
    from "__target__"."gorgias__backlog_daily" as backlog
    inner join periods on backlog.day >= periods.first_day_before and backlog.day <= periods.last_day
    left join work on backlog.day = work.day
    where backlog.channel is null
),

about as (
    select
        count(*) as tickets,
        count(case when not is_counted then 1 end) as not_counted,
        count(case when deleted_at is not null then 1 end) as deleted,
        count(case when deleted_at is null and is_spam then 1 end) as spam,
        count(case when deleted_at is null and not is_spam and trashed_at is not null then 1 end) as trashed
    from "__target__"."int_gorgias__ticket_metrics"
)

    select
        'about' as part,
        cast(periods.first_day as text) as row_key,
        cast(periods.last_day as text) as row_name,
        cast(tickets as double precision) as n1,
        cast(not_counted as double precision) as n2,
        cast(deleted as double precision) as n3,
        cast(spam as double precision) as n4,
        cast(trashed as double precision) as n5,
        cast(null as double precision) as n6,
        cast(null as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from about
    left join periods on true

    union all

    select
        'figures' as part,
        cast(period as text) as row_key,
        cast(null as text) as row_name,
        cast(created as double precision) as n1,
        cast(closed as double precision) as n2,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(first_responses) as value) as double precision) as n3,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(resolutions) as value) as double precision) as n4,
        cast(scored as double precision) as n5,
        cast(good as double precision) as n6,
        cast(sent as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from figures

    union all

    select
        'day' as part,
        cast(day as text) as row_key,
        cast(null as text) as row_name,
        cast(created as double precision) as n1,
        cast(closed as double precision) as n2,
        cast(open_tickets as double precision) as n3,
        cast(null as double precision) as n4,
        cast(null as double precision) as n5,
        cast(null as double precision) as n6,
        cast(null as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from days

    union all

    select
        'week' as part,
        cast(week as text) as row_key,
        cast(null as text) as row_name,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(first_responses) as value) as double precision) as n1,
        cast((select percentile_cont(0.9) within group (order by value) from unnest(first_responses) as value) as double precision) as n2,
        cast(null as double precision) as n3,
        cast(null as double precision) as n4,
        cast(null as double precision) as n5,
        cast(null as double precision) as n6,
        cast(null as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from weeks

    union all

    select
        'hour' as part,
        cast(weekday as text) as row_key,
        cast(hour as text) as row_name,
        cast(received as double precision) as n1,
        cast(null as double precision) as n2,
        cast(null as double precision) as n3,
        cast(null as double precision) as n4,
        cast(null as double precision) as n5,
        cast(null as double precision) as n6,
        cast(null as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from hours

    union all

    select
        'agent' as part,
        cast(agents.agent_id as text) as row_key,
        cast(names.agent_name as text) as row_name,
        cast(agents.replies as double precision) as n1,
        cast(agents.tickets_replied as double precision) as n2,
        cast(agents.closed as double precision) as n3,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(agents.first_responses) as value) as double precision) as n4,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(agents.responses) as value) as double precision) as n5,
        cast(agents.scored as double precision) as n6,
        cast(agents.good as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from agents
    left join "__target__"."int_gorgias__agents" as names on agents.agent_id = names.agent_id

    union all

    select
        'tag' as part,
        cast(tag_id as text) as row_key,
        cast(tag_name as text) as row_name,
        cast(created as double precision) as n1,
        cast(closed as double precision) as n2,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(first_responses) as value) as double precision) as n3,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(resolutions) as value) as double precision) as n4,
        cast(scored as double precision) as n5,
        cast(good as double precision) as n6,
        cast(null as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from tags

    union all

    select
        'channel' as part,
        cast(channel as text) as row_key,
        cast(null as text) as row_name,
        cast(created as double precision) as n1,
        cast(closed as double precision) as n2,
        cast(received as double precision) as n3,
        cast(sent as double precision) as n4,
        cast((select percentile_cont(0.5) within group (order by value) from unnest(first_responses) as value) as double precision) as n5,
        cast(scored as double precision) as n6,
        cast(good as double precision) as n7,
        cast(null as double precision) as n8,
        cast(null as double precision) as n9
    from channels
