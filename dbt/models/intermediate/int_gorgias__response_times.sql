-- A row for each reply of an agent to a customer who was waiting.
select
    message_id,
    ticket_id,
    channel,
    sender_id as agent_id,
    waiting_since,
    created_at as responded_at,
    response_seconds,
    response_number
from {{ ref('int_gorgias__messages_enriched') }}
where waiting_since is not null
