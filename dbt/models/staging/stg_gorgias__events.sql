-- depends_on: {{ source('gorgias', 'events') }}
{% if is_copied('events') %}
select
    id as event_id,
    type as event_type,
    object_type,
    object_id,
    user_id,
    created_datetime as created_at
from {{ source('gorgias', 'events') }}
{% else %}
-- The table was not copied: no rows.
select
    cast(null as {{ integer_type() }}) as event_id,
    cast(null as {{ text_type() }}) as event_type,
    cast(null as {{ text_type() }}) as object_type,
    cast(null as {{ integer_type() }}) as object_id,
    cast(null as {{ integer_type() }}) as user_id,
    cast(null as {{ timestamp_type() }}) as created_at
from (select 1 as one) as nothing
where one = 0
{% endif %}
