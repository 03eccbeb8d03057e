-- All tickets with their numbers.
with zones as (
    select min(time_zone) as time_zone from {{ ref('stg_gorgias__business_hours') }}
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
    from {{ ref('stg_gorgias__tickets') }} as tickets
    left join {{ ref('int_gorgias__ticket_messages') }} as messages on tickets.ticket_id = messages.ticket_id
),

dated as (
    select
        joined.*,
        {{ local_day('joined.first_waiting_since', 'zones.time_zone') }} as first_day,
        {{ local_day('joined.first_response_at', 'zones.time_zone') }} as last_day
    from joined
    cross join zones
)

select
    dated.*,
    -- Business hours up to the response, less those up to when the customer began to wait.
    last_days.seconds_before
    + least(greatest(coalesce({{ seconds_between('last_days.opens_at', 'dated.first_response_at') }}, 0), 0), last_days.open_seconds)
    - first_days.seconds_before
    - least(greatest(coalesce({{ seconds_between('first_days.opens_at', 'dated.first_waiting_since') }}, 0), 0), first_days.open_seconds)
        as first_response_business_seconds,
    case
        when dated.is_closed and dated.closed_at >= dated.first_customer_message_at
            then {{ seconds_between('dated.first_customer_message_at', 'dated.closed_at') }}
    end as resolution_seconds,
    dated.is_closed and dated.agent_replies = 1 as is_one_touch,
    dated.is_closed and dated.agent_replies = 0 as is_zero_touch,
    coalesce(dated.last_customer_message_at > dated.closed_at, false) as customer_wrote_after_close
from dated
left join {{ ref('int_gorgias__business_days') }} as first_days on dated.first_day = first_days.day
left join {{ ref('int_gorgias__business_days') }} as last_days on dated.last_day = last_days.day
