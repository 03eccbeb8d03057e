{% call where_deletions_are_marked_or_not() %}
select
    id as ticket_id,
    coalesce(channel, 'unknown') as channel,
    status,
    coalesce(from_agent, false) as is_from_agent,
    coalesce(spam, false) as is_spam,
    cast({{ json_text('customer', 'id') }} as {{ integer_type() }}) as customer_id,
    cast({{ json_text('assignee_user', 'id') }} as {{ integer_type() }}) as assignee_user_id,
    {{ json_text('assignee_user', 'name') }} as assignee_user_name,
    cast({{ json_text('assignee_team', 'id') }} as {{ integer_type() }}) as assignee_team_id,
    {{ json_text('assignee_team', 'name') }} as assignee_team_name,
    created_datetime as created_at,
    updated_datetime as updated_at,
    closed_datetime as closed_at,
    snooze_datetime as snoozed_until,
    trashed_datetime as trashed_at,
    _ingestr_deleted_at as deleted_at
from {{ source('gorgias', 'tickets') }}
{% endcall %}
