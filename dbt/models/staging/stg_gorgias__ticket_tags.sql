-- depends_on: {{ source('gorgias', 'tickets') }} {{ source('gorgias', 'ticket_tags') }}
{% if is_copied('ticket_tags') %}
select distinct
    ticket_id,
    tag_id,
    name as tag_name
from {{ source('gorgias', 'ticket_tags') }}
{% else %}
-- The table was not copied: the tickets hold the same rows as JSON.
select distinct
    tickets.id as ticket_id,
    cast({{ json_text('tag', 'id') }} as {{ integer_type() }}) as tag_id,
    {{ json_text('tag', 'name') }} as tag_name
from {{ source('gorgias', 'tickets') }} as tickets
{{ join_elements('tickets.tags', 'tag') }}
{% endif %}
