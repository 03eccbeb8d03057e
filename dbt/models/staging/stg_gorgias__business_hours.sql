-- depends_on: {{ source('gorgias', 'account_settings') }}
-- At most one interval a weekday, in minutes after midnight: the account's settings, or the variable where they hold none.
with settings as (
    select {{ json_literal(var('gorgias_business_hours')) }} as data, 2 as preference
{%- if is_copied('account_settings') %}
    union all
    select data, 1 as preference
    from {{ source('gorgias', 'account_settings') }}
    where type = 'business-hours'
{%- endif %}
),

intervals as (
    select
        preference,
        coalesce({{ json_text('data', 'timezone') }}, {{ time_zone() }}) as time_zone,
        ',' || replace({{ json_text('hours', 'days') }}, ' ', '') || ',' as days,
        {{ json_text('hours', 'from_time') }} as from_time,
        {{ json_text('hours', 'to_time') }} as to_time
    from settings
    {{ join_one_or_many('data', 'business_hours', 'hours') }}
),

weekdays as (
    select 1 as weekday, ',1,' as day
    union all select 2, ',2,'
    union all select 3, ',3,'
    union all select 4, ',4,'
    union all select 5, ',5,'
    union all select 6, ',6,'
    union all select 7, ',7,'
),

minutes as (
    select
        weekdays.weekday,
        intervals.time_zone,
        intervals.preference,
        min(intervals.preference) over () as preferred,
        {{ clock_part('intervals.from_time', 1) }} * 60 + {{ clock_part('intervals.from_time', 2) }} as from_minute,
        {{ clock_part('intervals.to_time', 1) }} * 60 + {{ clock_part('intervals.to_time', 2) }} as to_minute
    from intervals
    inner join weekdays on intervals.days like '%' || weekdays.day || '%'
)

select
    weekday,
    min(time_zone) as time_zone,
    min(from_minute) as from_minute,
    -- Midnight is the end of the day; hours past it are not known.
    max(case when to_minute > from_minute then to_minute else 1440 end) as to_minute
from minutes
where preference = preferred
group by weekday
