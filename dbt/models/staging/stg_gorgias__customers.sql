{% call where_deletions_are_marked_or_not() %}
select
    id as customer_id,
    name as customer_name,
    email,
    language,
    created_datetime as created_at,
    updated_datetime as updated_at,
    _ingestr_deleted_at as deleted_at,
    _ingestr_merged_into as merged_into_customer_id
from {{ source('gorgias', 'customers') }}
{% endcall %}
