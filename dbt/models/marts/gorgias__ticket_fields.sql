select
    field_values.ticket_id,
    field_values.field_id,
    fields.label,
    field_values.value
from {{ ref('stg_gorgias__ticket_field_values') }} as field_values
left join {{ ref('stg_gorgias__custom_fields') }} as fields on field_values.field_id = fields.field_id
