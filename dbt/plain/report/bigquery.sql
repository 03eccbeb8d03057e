-- Made by `make models` from dbt/analyses/; change that, not this file. `ingestr report` asks it of the models.
-- Everything that the page of `ingestr report` shows, in one answer: rows of two texts and nine numbers, which `part` tells
-- the meaning of. The period ends with the last day on which anything happened.
with last_days as (
    select max(day) as last_day from `__target__`.`int_gorgias__activity`
),

first_days as (
    select
        last_day,
        coalesce(
            cast(nullif('__since__', '') as date),
            date_sub(last_day, interval __days__ - 1 day)
        ) as first_day
    from last_days
),

periods as (
    select
        last_day,
        first_day,
        date_sub(first_day, interval date_diff(last_day, first_day, day) + 1 day) as first_day_before
    from first_days
    where first_day <= last_day
),

happened as (
    select
        days.*,
        case when days.day >= periods.first_day then 'current' else 'before' end as period
    from `__target__`.`int_gorgias__activity` as days
    inner join periods on days.day >= periods.first_day_before and days.day <= periods.last_day
),

figures as (
    select
        period,
        count(case when activity = 'ticket_created' then 1 end) as created,
        count(case when activity = 'ticket_closed' then 1 end) as closed,
        array_agg(case when activity = 'first_response' then value end ignore nulls) as first_responses,
        array_agg(case when activity = 'ticket_closed' then value end ignore nulls) as resolutions,
        count(case when activity = 'survey_scored' then 1 end) as scored,
        count(case when activity = 'survey_scored' and value >= 4 then 1 end) as good,
        count(case when activity = 'survey_sent' then 1 end) as sent
    from happened
    group by period
),

weeks as (
    select
        date_sub(day, interval (mod(extract(dayofweek from day) + 5, 7) + 1) - 1 day) as week,
        array_agg(value ignore nulls) as first_responses
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
        array_agg(case when activity = 'first_response' then value end ignore nulls) as first_responses,
        array_agg(case when activity = 'response' then value end ignore nulls) as responses,
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
        array_agg(case when activity = 'first_response' then value end ignore nulls) as first_responses,
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
    from `__target__`.`stg_gorgias__surveys`
    where score is not null
    group by ticket_id
),

tags as (
    select
        tags.tag_id,
        tags.tag_name,
        count(*) as created,
        count(case when tickets.is_closed then 1 end) as closed,
        array_agg(tickets.first_response_seconds ignore nulls) as first_responses,
        array_agg(tickets.resolution_seconds ignore nulls) as resolutions,
        sum(scores.scored) as scored,
        sum(scores.good) as good
    from `__target__`.`int_gorgias__ticket_metrics` as tickets
    inner join happened on tickets.ticket_id = happened.ticket_id
    inner join `__target__`.`stg_gorgias__ticket_tags` as ticket_tags on tickets.ticket_id = ticket_tags.ticket_id
    inner join `__target__`.`int_gorgias__tags` as tags on ticket_tags.tag_id = tags.tag_id
    left join scores on tickets.ticket_id = scores.ticket_id
    where happened.period = 'current' and happened.activity = 'ticket_created'
    group by 1, 2
),

hours as (
    select
        (mod(extract(dayofweek from day) + 5, 7) + 1) as weekday,
        cast(extract(hour from datetime(happened_at, '__time_zone__')) as int64) as hour,
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
    from `__target__`.`gorgias__backlog_daily` as backlog
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
    from `__target__`.`int_gorgias__ticket_metrics`
)

    select
        'about' as part,
        cast(periods.first_day as string) as row_key,
        cast(periods.last_day as string) as row_name,
        cast(tickets as float64) as n1,
        cast(not_counted as float64) as n2,
        cast(deleted as float64) as n3,
        cast(spam as float64) as n4,
        cast(trashed as float64) as n5,
        cast(null as float64) as n6,
        cast(null as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from about
    left join periods on true

    union all

    select
        'figures' as part,
        cast(period as string) as row_key,
        cast(null as string) as row_name,
        cast(created as float64) as n1,
        cast(closed as float64) as n2,
        cast((select percentile_cont(value, 0.5) over () from unnest(first_responses) as value limit 1) as float64) as n3,
        cast((select percentile_cont(value, 0.5) over () from unnest(resolutions) as value limit 1) as float64) as n4,
        cast(scored as float64) as n5,
        cast(good as float64) as n6,
        cast(sent as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from figures

    union all

    select
        'day' as part,
        cast(day as string) as row_key,
        cast(null as string) as row_name,
        cast(created as float64) as n1,
        cast(closed as float64) as n2,
        cast(open_tickets as float64) as n3,
        cast(null as float64) as n4,
        cast(null as float64) as n5,
        cast(null as float64) as n6,
        cast(null as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from days

    union all

    select
        'week' as part,
        cast(week as string) as row_key,
        cast(null as string) as row_name,
        cast((select percentile_cont(value, 0.5) over () from unnest(first_responses) as value limit 1) as float64) as n1,
        cast((select percentile_cont(value, 0.9) over () from unnest(first_responses) as value limit 1) as float64) as n2,
        cast(null as float64) as n3,
        cast(null as float64) as n4,
        cast(null as float64) as n5,
        cast(null as float64) as n6,
        cast(null as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from weeks

    union all

    select
        'hour' as part,
        cast(weekday as string) as row_key,
        cast(hour as string) as row_name,
        cast(received as float64) as n1,
        cast(null as float64) as n2,
        cast(null as float64) as n3,
        cast(null as float64) as n4,
        cast(null as float64) as n5,
        cast(null as float64) as n6,
        cast(null as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from hours

    union all

    select
        'agent' as part,
        cast(agents.agent_id as string) as row_key,
        cast(names.agent_name as string) as row_name,
        cast(agents.replies as float64) as n1,
        cast(agents.tickets_replied as float64) as n2,
        cast(agents.closed as float64) as n3,
        cast((select percentile_cont(value, 0.5) over () from unnest(agents.first_responses) as value limit 1) as float64) as n4,
        cast((select percentile_cont(value, 0.5) over () from unnest(agents.responses) as value limit 1) as float64) as n5,
        cast(agents.scored as float64) as n6,
        cast(agents.good as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from agents
    left join `__target__`.`int_gorgias__agents` as names on agents.agent_id = names.agent_id

    union all

    select
        'tag' as part,
        cast(tag_id as string) as row_key,
        cast(tag_name as string) as row_name,
        cast(created as float64) as n1,
        cast(closed as float64) as n2,
        cast((select percentile_cont(value, 0.5) over () from unnest(first_responses) as value limit 1) as float64) as n3,
        cast((select percentile_cont(value, 0.5) over () from unnest(resolutions) as value limit 1) as float64) as n4,
        cast(scored as float64) as n5,
        cast(good as float64) as n6,
        cast(null as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from tags

    union all

    select
        'channel' as part,
        cast(channel as string) as row_key,
        cast(null as string) as row_name,
        cast(created as float64) as n1,
        cast(closed as float64) as n2,
        cast(received as float64) as n3,
        cast(sent as float64) as n4,
        cast((select percentile_cont(value, 0.5) over () from unnest(first_responses) as value limit 1) as float64) as n5,
        cast(scored as float64) as n6,
        cast(good as float64) as n7,
        cast(null as float64) as n8,
        cast(null as float64) as n9
    from channels
