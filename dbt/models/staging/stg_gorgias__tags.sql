-- depends_on: {{ source('gorgias', 'tags') }}
{% if is_copied('tags') %}
select
    id as tag_id,
    name as tag_name
from {{ source('gorgias', 'tags') }}
{% else %}
-- The table was not copied: no rows.
select
    cast(null as {{ integer_type() }}) as tag_id,
    cast(null as {{ text_type() }}) as tag_name
from (select 1 as one) as nothing
where one = 0
{% endif %}
