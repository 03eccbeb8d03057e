-- The first response to each ticket that a customer began, also in business hours.
with first_responses as (
    select
        responses.ticket_id,
        responses.agent_id,
        responses.waiting_since,
        responses.responded_at,
        responses.response_seconds
    from {{ ref('int_gorgias__response_times') }} as responses
    inner join {{ ref('stg_gorgias__tickets') }} as tickets on responses.ticket_id = tickets.ticket_id
    where responses.response_number = 1 and not tickets.is_from_agent
),

zones as (
    select min(time_zone) as time_zone from {{ ref('stg_gorgias__business_hours') }}
),

dated as (
    select
        first_responses.*,
        {{ local_day('first_responses.waiting_since', 'zones.time_zone') }} as first_day,
        {{ local_day('first_responses.responded_at', 'zones.time_zone') }} as last_day
    from first_responses
    cross join zones
)

select
    dated.ticket_id,
    dated.agent_id,
    dated.waiting_since,
    dated.responded_at,
    dated.response_seconds,
    last_days.seconds_before
    + least(greatest(coalesce({{ seconds_between('last_days.opens_at', 'dated.responded_at') }}, 0), 0), last_days.open_seconds)
    - first_days.seconds_before
    - least(greatest(coalesce({{ seconds_between('first_days.opens_at', 'dated.waiting_since') }}, 0), 0), first_days.open_seconds)
        as business_seconds
from dated
left join {{ ref('int_gorgias__business_days') }} as first_days on dated.first_day = first_days.day
left join {{ ref('int_gorgias__business_days') }} as last_days on dated.last_day = last_days.day
