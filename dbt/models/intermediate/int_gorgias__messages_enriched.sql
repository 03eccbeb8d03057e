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

rounds as (
    select
        *,
        -- How many replies of agents there were before: messages of one round wait for the same reply.
        count(case when kind = 'sent' then 1 end) over (
            partition by ticket_id
            order by created_at, message_id
            rows between unbounded preceding and current row
        ) - case when kind = 'sent' then 1 else 0 end as replies_before
    from kinds
),

waits as (
    select
        *,
        case
            when kind = 'sent' then min(case when kind = 'received' then created_at end) over (
                partition by ticket_id, replies_before
            )
        end as waiting_since
    from rounds
)

select
    message_id,
    ticket_id,
    channel,
    sender_id,
    created_at,
    author,
    kind,
    waiting_since,
    {{ seconds_between('waiting_since', 'created_at') }} as response_seconds,
    case
        when waiting_since is not null then count(waiting_since) over (
            partition by ticket_id
            order by replies_before
            rows between unbounded preceding and current row
        )
    end as response_number
from waits
