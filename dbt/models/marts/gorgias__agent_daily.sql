with collected as (
    select
        day,
        agent_id,
        count(case when activity = 'message_sent' then 1 end) as messages_sent,
        count(distinct case when activity = 'message_sent' then ticket_id end) as tickets_replied,
        count(case when activity = 'ticket_closed' then 1 end) as tickets_closed,
        count(case when activity = 'closed_one_touch' then 1 end) as one_touch_tickets,
        count(case when activity = 'first_response' then 1 end) as first_responses,
        {{ collect("case when activity = 'first_response' then value end") }} as first_response_seconds,
        {{ collect("case when activity = 'response' then value end") }} as response_seconds,
        {{ collect("case when activity = 'ticket_closed' then value end") }} as resolution_seconds,
        count(case when activity = 'survey_scored' then 1 end) as surveys_scored,
        avg(case when activity = 'survey_scored' then value end) as average_score
    from {{ ref('int_gorgias__activity') }}
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
    {{ quantile('collected.first_response_seconds', 0.5) }} as median_first_response_seconds,
    {{ quantile('collected.response_seconds', 0.5) }} as median_response_seconds,
    {{ quantile('collected.resolution_seconds', 0.5) }} as median_resolution_seconds,
    collected.surveys_scored,
    collected.average_score
from collected
left join {{ ref('int_gorgias__agents') }} as agents on collected.agent_id = agents.agent_id
