-- What was written in each ticket.
select
    ticket_id,
    count(case when kind = 'received' then 1 end) as customer_messages,
    count(case when kind = 'sent' then 1 end) as agent_replies,
    count(case when kind = 'automated' then 1 end) as automated_replies,
    count(case when kind = 'note' then 1 end) as internal_notes,
    count(distinct case when kind = 'sent' then sender_id end) as agents_involved,
    min(case when kind = 'received' then created_at end) as first_customer_message_at,
    max(case when kind = 'received' then created_at end) as last_customer_message_at
from {{ ref('int_gorgias__messages_enriched') }}
group by ticket_id
