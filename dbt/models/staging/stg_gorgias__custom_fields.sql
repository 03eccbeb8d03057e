-- depends_on: {{ source('gorgias', 'custom_fields') }}
{% if is_copied('custom_fields') %}
select
    id as field_id,
    object_type,
    label
from {{ source('gorgias', 'custom_fields') }}
{% else %}
-- The table was not copied: no rows.
select
    cast(null as {{ integer_type() }}) as field_id,
    cast(null as {{ text_type() }}) as object_type,
    cast(null as {{ text_type() }}) as label
from (select 1 as one) as nothing
where one = 0
{% endif %}
