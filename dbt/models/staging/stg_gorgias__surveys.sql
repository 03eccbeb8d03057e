select
    id as survey_id,
    ticket_id,
    customer_id,
    score,
    created_datetime as created_at,
    sent_datetime as sent_at,
    scored_datetime as scored_at
from {{ source('gorgias', 'satisfaction_surveys') }}
