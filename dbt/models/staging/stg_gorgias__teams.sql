-- depends_on: {{ source('gorgias', 'teams') }}
{% if is_copied('teams') %}
select
    id as team_id,
    name as team_name
from {{ source('gorgias', 'teams') }}
{% else %}
-- The table was not copied: no rows.
select
    cast(null as {{ integer_type() }}) as team_id,
    cast(null as {{ text_type() }}) as team_name
from (select 1 as one) as nothing
where one = 0
{% endif %}
