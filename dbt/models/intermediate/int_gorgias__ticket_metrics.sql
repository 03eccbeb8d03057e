-- All tickets with their numbers.
with later_responses as (
    select
        responses.ticket_id,
        count(*) as responses,
        avg(case when first_responses.ticket_id is null or responses.response_number > 1 then responses.response_seconds end)
            as later_response_seconds
    from {{ ref('int_gorgias__response_times') }} as responses
    left join {{ ref('int_gorgias__first_responses') }} as first_responses on responses.ticket_id = first_responses.ticket_id
    group by responses.ticket_id
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
        coalesce(later_responses.responses, 0) as responses,
        later_responses.later_response_seconds,
        first_responses.response_seconds as first_response_seconds,
        first_responses.business_seconds as first_response_business_seconds,
        first_responses.responded_at as first_response_at,
        first_responses.agent_id as first_response_agent_id
    from {{ ref('stg_gorgias__tickets') }} as tickets
    left join {{ ref('int_gorgias__ticket_messages') }} as messages on tickets.ticket_id = messages.ticket_id
    left join {{ ref('int_gorgias__first_responses') }} as first_responses on tickets.ticket_id = first_responses.ticket_id
    left join later_responses on tickets.ticket_id = later_responses.ticket_id
)

select
    *,
    case
        when is_closed and closed_at >= first_customer_message_at
            then {{ seconds_between('first_customer_message_at', 'closed_at') }}
    end as resolution_seconds,
    is_closed and agent_replies = 1 as is_one_touch,
    is_closed and agent_replies = 0 as is_zero_touch,
    coalesce(last_customer_message_at > closed_at, false) as customer_wrote_after_close
from joined
