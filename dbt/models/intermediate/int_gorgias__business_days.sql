-- Each day on which messages were written, when business opens on it and for how long, and for how many seconds it was open
-- on the days before: business hours between two instants are a difference of two sums.
with hours as (
    select * from {{ ref('stg_gorgias__business_hours') }}
),

zones as (
    select min(time_zone) as time_zone from hours
),

messages as (
    select min(created_at) as first_at, max(created_at) as last_at
    from {{ ref('stg_gorgias__messages') }}
),

bounds as (
    select
        zones.time_zone,
        {{ local_day('messages.first_at', 'zones.time_zone') }} as first_day,
        {{ local_day('messages.last_at', 'zones.time_zone') }} as last_day
    from messages
    cross join zones
    where zones.time_zone is not null and messages.first_at is not null
),

calendar as (
    select bounds.time_zone, day
    from bounds
    {{ join_days('bounds.first_day', 'bounds.last_day') }}
),

openings as (
    select
        calendar.day,
        calendar.time_zone,
        {{ from_local(minute_of('calendar.day', 'hours.from_minute'), 'calendar.time_zone') }} as opens_at,
        {{ from_local(minute_of('calendar.day', 'hours.to_minute'), 'calendar.time_zone') }} as closes_at
    from calendar
    left join hours on {{ iso_weekday('calendar.day') }} = hours.weekday
),

lengths as (
    select
        *,
        coalesce({{ seconds_between('opens_at', 'closes_at') }}, 0) as open_seconds
    from openings
)

select
    day,
    time_zone,
    opens_at,
    open_seconds,
    sum(open_seconds) over (order by day rows between unbounded preceding and current row) - open_seconds as seconds_before
from lengths
