-- A row for each reply of an agent to a customer who was waiting: since the first message that was not answered yet.
with turns as (
    select
        message_id,
        ticket_id,
        channel,
        sender_id,
        created_at,
        kind,
        lag(kind) over (partition by ticket_id order by created_at, message_id) as kind_before
    from {{ ref('int_gorgias__messages_enriched') }}
    where kind in ('received', 'sent')
),

waits as (
    select
        *,
        max(case when kind = 'received' and coalesce(kind_before, 'sent') = 'sent' then created_at end) over (
            partition by ticket_id
            order by created_at, message_id
            rows between unbounded preceding and current row
        ) as waiting_since
    from turns
)

select
    message_id,
    ticket_id,
    channel,
    sender_id as agent_id,
    waiting_since,
    created_at as responded_at,
    {{ seconds_between('waiting_since', 'created_at') }} as response_seconds,
    row_number() over (partition by ticket_id order by created_at, message_id) as response_number
from waits
where kind = 'sent' and kind_before = 'received'
