-- What was written in each ticket, and how long the customer waited.
select
    ticket_id,
    count(case when kind = 'received' then 1 end) as customer_messages,
    count(case when kind = 'sent' then 1 end) as agent_replies,
    count(case when kind = 'automated' then 1 end) as automated_replies,
    count(case when kind = 'note' then 1 end) as internal_notes,
    count(distinct case when kind = 'sent' then sender_id end) as agents_involved,
    min(case when kind = 'received' then created_at end) as first_customer_message_at,
    max(case when kind = 'received' then created_at end) as last_customer_message_at,
    count(response_number) as responses,
    min(case when response_number = 1 then waiting_since end) as first_waiting_since,
    min(case when response_number = 1 then created_at end) as first_responded_at,
    min(case when response_number = 1 then sender_id end) as first_responder_id,
    min(case when response_number = 1 then response_seconds end) as first_response_seconds,
    avg(response_seconds) as mean_response_seconds,
    avg(case when response_number > 1 then response_seconds end) as later_response_seconds
from {{ ref('int_gorgias__messages_enriched') }}
group by ticket_id
