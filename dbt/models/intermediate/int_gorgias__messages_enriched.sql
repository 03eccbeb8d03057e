-- Messages that exist, of tickets that were copied, with who wrote them and what that makes them. A reply of an agent to a
-- customer who was waiting has the time since which they waited: their first message that was not answered yet.
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
),

kinds as (
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
),

-- What customers and agents say to each other, in its order; notes and programs say nothing in between.
turns as (
    select
        *,
        lag(kind) over (partition by ticket_id, kind in ('received', 'sent') order by created_at, message_id) as kind_before
    from kinds
),

-- Both over the same order, so that messages are sorted twice in all: sorting is most of what the models cost.
waits as (
    select
        *,
        kind = 'sent' and coalesce(kind_before = 'received', false) as is_response,
        max(case when kind = 'received' and coalesce(kind_before, 'sent') = 'sent' then created_at end) over (
            partition by ticket_id, kind in ('received', 'sent')
            order by created_at, message_id
            rows between unbounded preceding and current row
        ) as wait_began,
        count(case when kind = 'sent' and kind_before = 'received' then 1 end) over (
            partition by ticket_id, kind in ('received', 'sent')
            order by created_at, message_id
            rows between unbounded preceding and current row
        ) as responses
    from turns
)

select
    message_id,
    ticket_id,
    channel,
    sender_id,
    created_at,
    author,
    kind,
    case when is_response then wait_began end as waiting_since,
    case when is_response then {{ seconds_between('wait_began', 'created_at') }} end as response_seconds,
    case when is_response then responses end as response_number
from waits
