-- Everybody who wrote as an agent or has a ticket assigned. Names come from users where they are copied, else from the
-- newest message or ticket that holds one.
with mentions as (
    select sender_id as agent_id, sender_name as agent_name, max(created_at) as mentioned_at
    from {{ ref('stg_gorgias__messages') }}
    where is_from_agent and sender_id is not null
    group by sender_id, sender_name

    union all

    select assignee_user_id, assignee_user_name, max(updated_at)
    from {{ ref('stg_gorgias__tickets') }}
    where assignee_user_id is not null
    group by assignee_user_id, assignee_user_name

    union all

    select user_id, user_name, cast(null as {{ timestamp_type() }})
    from {{ ref('stg_gorgias__users') }}
),

ranked as (
    select
        agent_id,
        agent_name,
        row_number() over (
            partition by agent_id
            order by
                case when agent_name is null then 1 else 0 end,
                case when mentioned_at is null then 1 else 0 end,
                mentioned_at desc,
                agent_name
        ) as preference
    from mentions
)

select
    ranked.agent_id,
    coalesce(users.user_name, ranked.agent_name) as agent_name,
    users.role,
    {{ is_bot('ranked.agent_id', 'users.role') }} as is_bot
from ranked
left join {{ ref('stg_gorgias__users') }} as users on ranked.agent_id = users.user_id
where ranked.preference = 1
