-- depends_on: {{ source('gorgias', 'users') }}
{% if is_copied('users') %}
select
    id as user_id,
    name as user_name,
    email,
    {{ json_text('role', 'name') }} as role,
    coalesce(active, true) as is_active
from {{ source('gorgias', 'users') }}
{% else %}
-- The table was not copied: no rows.
select
    cast(null as {{ integer_type() }}) as user_id,
    cast(null as {{ text_type() }}) as user_name,
    cast(null as {{ text_type() }}) as email,
    cast(null as {{ text_type() }}) as role,
    cast(null as boolean) as is_active
from (select 1 as one) as nothing
where one = 0
{% endif %}
