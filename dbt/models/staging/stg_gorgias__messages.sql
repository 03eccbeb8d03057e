{% call where_deletions_are_marked_or_not() %}
select
    id as message_id,
    ticket_id,
    channel,
    via,
    {{ json_text('source', 'type') }} as source_type,
    coalesce(public, true) as is_public,
    coalesce(from_agent, false) as is_from_agent,
    rule_id,
    cast({{ json_text('sender', 'id') }} as {{ integer_type() }}) as sender_id,
    {{ json_text('sender', 'name') }} as sender_name,
    created_datetime as created_at,
    _ingestr_deleted_at as deleted_at
from {{ source('gorgias', 'ticket_messages') }}
{% endcall %}
