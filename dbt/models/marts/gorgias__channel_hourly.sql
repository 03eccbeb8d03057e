select
    day,
    {{ iso_weekday('day') }} as weekday,
    {{ local_hour('happened_at', time_zone()) }} as hour,
    channel,
    count(case when activity = 'message_received' then 1 end) as messages_received,
    count(case when activity = 'message_sent' then 1 end) as messages_sent,
    count(case when activity = 'ticket_created' then 1 end) as conversations_begun
from {{ ref('int_gorgias__activity') }}
where activity in ('message_received', 'message_sent', 'ticket_created')
group by 1, 2, 3, 4
