-- Everything that the page of `ingestr report` shows, in one answer: rows of two texts and nine numbers, which `part` tells
-- the meaning of. The period ends with the last day on which anything happened.
with last_days as (
    select max(day) as last_day from {{ ref('int_gorgias__activity') }}
),

first_days as (
    select
        last_day,
        coalesce(
            cast(nullif('{{ var("gorgias_report_since") }}', '') as date),
            {{ days_before('last_day', var('gorgias_report_days') ~ ' - 1') }}
        ) as first_day
    from last_days
),

periods as (
    select
        last_day,
        first_day,
        {{ days_before('first_day', days_between('first_day', 'last_day') ~ ' + 1') }} as first_day_before
    from first_days
    where first_day <= last_day
),

happened as (
    select
        days.*,
        case when days.day >= periods.first_day then 'current' else 'before' end as period
    from {{ ref('int_gorgias__activity') }} as days
    inner join periods on days.day >= periods.first_day_before and days.day <= periods.last_day
),

figures as (
    select
        period,
        count(case when activity = 'ticket_created' then 1 end) as created,
        count(case when activity = 'ticket_closed' then 1 end) as closed,
        {{ collect("case when activity = 'first_response' then value end") }} as first_responses,
        {{ collect("case when activity = 'ticket_closed' then value end") }} as resolutions,
        count(case when activity = 'survey_scored' then 1 end) as scored,
        count(case when activity = 'survey_scored' and value >= 4 then 1 end) as good,
        count(case when activity = 'survey_sent' then 1 end) as sent
    from happened
    group by period
),

weeks as (
    select
        {{ days_before('day', iso_weekday('day') ~ ' - 1') }} as week,
        {{ collect('value') }} as first_responses
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
        {{ collect("case when activity = 'first_response' then value end") }} as first_responses,
        {{ collect("case when activity = 'response' then value end") }} as responses,
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
        {{ collect("case when activity = 'first_response' then value end") }} as first_responses,
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
    from {{ ref('stg_gorgias__surveys') }}
    where score is not null
    group by ticket_id
),

tags as (
    select
        tags.tag_id,
        tags.tag_name,
        count(*) as created,
        count(case when tickets.is_closed then 1 end) as closed,
        {{ collect('tickets.first_response_seconds') }} as first_responses,
        {{ collect('tickets.resolution_seconds') }} as resolutions,
        sum(scores.scored) as scored,
        sum(scores.good) as good
    from {{ ref('int_gorgias__ticket_metrics') }} as tickets
    inner join happened on tickets.ticket_id = happened.ticket_id
    inner join {{ ref('stg_gorgias__ticket_tags') }} as ticket_tags on tickets.ticket_id = ticket_tags.ticket_id
    inner join {{ ref('int_gorgias__tags') }} as tags on ticket_tags.tag_id = tags.tag_id
    left join scores on tickets.ticket_id = scores.ticket_id
    where happened.period = 'current' and happened.activity = 'ticket_created'
    group by 1, 2
),

hours as (
    select
        {{ iso_weekday('day') }} as weekday,
        {{ local_hour('happened_at', time_zone()) }} as hour,
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
    from {{ ref('gorgias__backlog_daily') }} as backlog
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
    from {{ ref('int_gorgias__ticket_metrics') }}
)
{{ report_row('about', 'periods.first_day', 'periods.last_day', ['tickets', 'not_counted', 'deleted', 'spam', 'trashed']) }}
    from about
    left join periods on true

    union all
{{ report_row('figures', 'period', 'null', [
    'created', 'closed', quantile('first_responses', 0.5), quantile('resolutions', 0.5), 'scored', 'good', 'sent']) }}
    from figures

    union all
{{ report_row('day', 'day', 'null', ['created', 'closed', 'open_tickets']) }}
    from days

    union all
{{ report_row('week', 'week', 'null', [quantile('first_responses', 0.5), quantile('first_responses', 0.9)]) }}
    from weeks

    union all
{{ report_row('hour', 'weekday', 'hour', ['received']) }}
    from hours

    union all
{{ report_row('agent', 'agents.agent_id', 'names.agent_name', [
    'agents.replies', 'agents.tickets_replied', 'agents.closed', quantile('agents.first_responses', 0.5),
    quantile('agents.responses', 0.5), 'agents.scored', 'agents.good']) }}
    from agents
    left join {{ ref('int_gorgias__agents') }} as names on agents.agent_id = names.agent_id

    union all
{{ report_row('tag', 'tag_id', 'tag_name', [
    'created', 'closed', quantile('first_responses', 0.5), quantile('resolutions', 0.5), 'scored', 'good']) }}
    from tags

    union all
{{ report_row('channel', 'channel', 'null', [
    'created', 'closed', 'received', 'sent', quantile('first_responses', 0.5), 'scored', 'good']) }}
    from channels
