-- Imported tickets may have any date, and one of the year 1 would make a day of each since.
with changes as (
    select
        case
            when {{ local_day('changed_at', time_zone()) }} < date '2000-01-01' then date '2000-01-01'
            else {{ local_day('changed_at', time_zone()) }}
        end as day,
        case when scopes.all_channels = 0 then channel end as channel,
        scopes.all_channels,
        count(case when change = 'created' then 1 end) as created,
        count(case when change = 'closed' and open_tickets <> 0 then 1 end) as closed,
        count(case when change = 'reopened' and open_tickets <> 0 then 1 end) as reopened,
        sum(open_tickets) as more_open
    from {{ ref('int_gorgias__ticket_transitions') }}
    {{ each_and_all() }}
    group by 1, 2, 3
),

-- Up to the last day of which anything is known.
bounds as (
    select max(day) as last_day
    from (
        select day from changes
        union all
        select {{ local_day('max(created_at)', time_zone()) }} as day
        from {{ ref('stg_gorgias__messages') }}
        where deleted_at is null
    ) as known_days
),

channels as (
    select channel, all_channels, min(day) as first_day from changes group by 1, 2
),

calendar as (
    select channels.channel, channels.all_channels, day
    from channels
    cross join bounds
    {{ join_days('channels.first_day', 'bounds.last_day') }}
)

select
    calendar.day,
    calendar.channel,
    coalesce(changes.created, 0) as created,
    coalesce(changes.closed, 0) as closed,
    coalesce(changes.reopened, 0) as reopened,
    cast(sum(coalesce(changes.more_open, 0)) over (
        partition by calendar.all_channels, calendar.channel
        order by calendar.day
        rows between unbounded preceding and current row
    ) as {{ integer_type() }}) as open_tickets
from calendar
left join changes
    on calendar.day = changes.day
    and calendar.all_channels = changes.all_channels
    and coalesce(calendar.channel, '') = coalesce(changes.channel, '')
