-- depends_on: {{ source('gorgias', 'tickets') }} {{ source('gorgias', 'ticket_field_values') }}
{% if is_copied('ticket_field_values') %}
select
    ticket_id,
    field_id,
    value
from {{ source('gorgias', 'ticket_field_values') }}
{% else %}
-- The table was not copied: the tickets hold the same rows as JSON.
select
    tickets.id as ticket_id,
    cast({{ json_text('field_value', 'id') }} as {{ integer_type() }}) as field_id,
    {{ json_any_text('field_value', 'value') }} as value
from {{ source('gorgias', 'tickets') }} as tickets
{{ join_values('tickets.custom_fields', 'field_value') }}
{% endif %}
