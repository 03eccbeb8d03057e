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
        {{ collect("case when activity = 'first_response' then value end") }} as first_responses,
        {{ collect("case when activity = 'first_response' then business_value end") }} as first_business_responses,
        {{ collect("case when activity = 'ticket_closed' then value end") }} as resolutions,
        count(case when activity = 'first_response' then 1 end) as first_response_count,
        count(case when activity = 'survey_sent' then 1 end) as surveys_sent,
        count(case when activity = 'survey_scored' then 1 end) as surveys_scored,
        avg(case when activity = 'survey_scored' then value end) as average_score,
        count(case when activity = 'survey_scored' and value >= 4 then 1 end) as scores_of_4_or_5
    from {{ ref('int_gorgias__activity') }}
    {{ each_and_all() }}
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
    {{ quantile('first_responses', 0.5) }} as median_first_response_seconds,
    {{ quantile('first_responses', 0.9) }} as p90_first_response_seconds,
    {{ quantile('first_business_responses', 0.5) }} as median_first_response_business_seconds,
    {{ quantile('resolutions', 0.5) }} as median_resolution_seconds,
    surveys_sent,
    surveys_scored,
    average_score,
    scores_of_4_or_5
from collected
