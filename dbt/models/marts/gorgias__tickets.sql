with tag_names as (
    select ticket_tags.ticket_id, {{ joined_texts('tags.tag_name') }} as tag_names
    from {{ ref('stg_gorgias__ticket_tags') }} as ticket_tags
    inner join {{ ref('int_gorgias__tags') }} as tags on ticket_tags.tag_id = tags.tag_id
    group by ticket_tags.ticket_id
),

surveys as (
    select
        ticket_id,
        score,
        scored_at,
        row_number() over (
            partition by ticket_id
            order by case when score is null then 1 else 0 end, created_at desc, survey_id desc
        ) as preference
    from {{ ref('stg_gorgias__surveys') }}
)

select
    tickets.ticket_id,
    tickets.is_counted,
    tickets.channel,
    tickets.status,
    tickets.customer_id,
    tickets.assignee_user_id,
    agents.agent_name as assignee_user_name,
    tickets.assignee_team_id,
    coalesce(teams.team_name, tickets.assignee_team_name) as assignee_team_name,
    tag_names.tag_names,
    tickets.customer_messages,
    tickets.agent_replies,
    tickets.automated_replies,
    tickets.internal_notes,
    tickets.responses,
    tickets.agents_involved,
    tickets.first_response_seconds,
    tickets.first_response_business_seconds,
    tickets.first_response_at,
    tickets.first_response_agent_id,
    tickets.later_response_seconds,
    tickets.resolution_seconds,
    tickets.is_one_touch,
    tickets.is_zero_touch,
    tickets.customer_wrote_after_close,
    surveys.score as csat_score,
    surveys.scored_at as csat_scored_at,
    tickets.created_at,
    tickets.closed_at
from {{ ref('int_gorgias__ticket_metrics') }} as tickets
left join {{ ref('int_gorgias__agents') }} as agents on tickets.assignee_user_id = agents.agent_id
left join {{ ref('stg_gorgias__teams') }} as teams on tickets.assignee_team_id = teams.team_id
left join tag_names on tickets.ticket_id = tag_names.ticket_id
left join surveys on tickets.ticket_id = surveys.ticket_id and surveys.preference = 1
