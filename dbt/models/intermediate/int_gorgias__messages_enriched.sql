-- Messages that exist, of tickets that were copied, with who wrote them and what that makes them.
with authors as (
    select
        messages.message_id,
        messages.ticket_id,
        tickets.channel,
        messages.sender_id,
        messages.created_at,
        not messages.is_public
        or coalesce(messages.channel = 'internal-note', false)
        or coalesce(messages.source_type = 'internal-note', false) as is_note,
        case
            when not messages.is_from_agent then 'customer'
            when messages.rule_id is not null or messages.via = 'rule' then 'rule'
            when {{ is_bot('messages.sender_id', 'users.role') }} then 'bot'
            when messages.via = 'email' then 'outside'
            else 'agent'
        end as author
    from {{ ref('stg_gorgias__messages') }} as messages
    inner join {{ ref('stg_gorgias__tickets') }} as tickets on messages.ticket_id = tickets.ticket_id
    left join {{ ref('stg_gorgias__users') }} as users on messages.sender_id = users.user_id
    where messages.deleted_at is null and messages.created_at is not null
)

select
    message_id,
    ticket_id,
    channel,
    sender_id,
    created_at,
    author,
    case
        when is_note then 'note'
        when author = 'customer' then 'received'
        when author in ('rule', 'bot') then 'automated'
        {%- if not var('gorgias_count_replies_from_outside') %}
        when author = 'outside' then 'outside'
        {%- endif %}
        else 'sent'
    end as kind
from authors
