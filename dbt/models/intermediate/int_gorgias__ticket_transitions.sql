-- When tickets that count became open and stopped being open, one after the other. A ticket itself tells when it was created
-- and its last close; events tell each close and each reopening since they are kept.
with tickets as (
    select * from {{ ref('int_gorgias__ticket_metrics') }} where is_counted and created_at is not null
),

told as (
    select ticket_id, channel, created_at as changed_at, 'created' as change, 0 as place
    from tickets

    union all

    select ticket_id, channel, closed_at, 'closed', 1
    from tickets
    where is_closed and closed_at is not null

    union all

    -- A snoozed ticket counts as closed. When it was snoozed is not told; it was not changed later than this.
    select ticket_id, channel, updated_at, 'closed', 1
    from tickets
    where not is_closed and snoozed_until > current_timestamp

    union all

    select
        tickets.ticket_id,
        tickets.channel,
        case when events.created_at < tickets.created_at then tickets.created_at else events.created_at end,
        case when events.event_type = 'ticket-closed' then 'closed' else 'reopened' end,
        1
    from {{ ref('stg_gorgias__events') }} as events
    inner join tickets on events.object_id = tickets.ticket_id
    where events.object_type = 'Ticket' and events.event_type in ('ticket-closed', 'ticket-reopened')
),

neighbours as (
    select
        ticket_id,
        channel,
        changed_at,
        change,
        lag(change) over (partition by ticket_id order by place, changed_at, change) as change_before,
        lead(change) over (partition by ticket_id order by place, changed_at, change) as change_after
    from told
)

-- Of two closes in a row the first one counts, of two openings the second one: the close between them was not seen.
-- A created ticket is always told, as what it is; it begins as closed where its first event says that it was reopened.
select
    ticket_id,
    channel,
    changed_at,
    change,
    case
        when change = 'closed' then case when change_before = 'closed' then 0 else -1 end
        when change_after in ('created', 'reopened') then 0
        else 1
    end as open_tickets
from neighbours
