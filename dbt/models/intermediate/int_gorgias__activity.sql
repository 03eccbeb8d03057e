-- One row for each thing that counts, on the day it happened: all that marts by day are made of. Only tickets that count.
with tickets as (
    select * from {{ ref('int_gorgias__ticket_metrics') }} where is_counted
),

messages as (
    select messages.*
    from {{ ref('int_gorgias__messages_enriched') }} as messages
    inner join tickets on messages.ticket_id = tickets.ticket_id
),

surveys as (
    select surveys.*, tickets.channel, tickets.assignee_user_id
    from {{ ref('stg_gorgias__surveys') }} as surveys
    inner join tickets on surveys.ticket_id = tickets.ticket_id
),

happened as (
    select
        ticket_id, channel, 'ticket_created' as activity, created_at as happened_at,
        cast(null as {{ integer_type() }}) as agent_id, cast(null as {{ float_type() }}) as value,
        cast(null as {{ float_type() }}) as business_value
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

    select ticket_id, channel, 'survey_scored', scored_at, assignee_user_id, cast(score as {{ float_type() }}), null
    from surveys
    where score is not null
)

select
    ticket_id,
    channel,
    activity,
    happened_at,
    {{ local_day('happened_at', time_zone()) }} as day,
    agent_id,
    value,
    business_value
from happened
where happened_at is not null
