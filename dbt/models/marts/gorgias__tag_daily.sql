with scores as (
    select ticket_id, count(*) as surveys_scored, sum(score) as score
    from {{ ref('stg_gorgias__surveys') }}
    where score is not null
    group by ticket_id
),

collected as (
    select
        {{ local_day('tickets.created_at', time_zone()) }} as day,
        tags.tag_id,
        tags.tag_name,
        count(*) as tickets_created,
        count(case when tickets.is_closed then 1 end) as of_those_closed,
        {{ collect('tickets.first_response_seconds') }} as first_response_seconds,
        {{ collect('tickets.resolution_seconds') }} as resolution_seconds,
        coalesce(sum(scores.surveys_scored), 0) as surveys_scored,
        sum(scores.score) as score
    from {{ ref('int_gorgias__ticket_metrics') }} as tickets
    inner join {{ ref('stg_gorgias__ticket_tags') }} as ticket_tags on tickets.ticket_id = ticket_tags.ticket_id
    inner join {{ ref('int_gorgias__tags') }} as tags on ticket_tags.tag_id = tags.tag_id
    left join scores on tickets.ticket_id = scores.ticket_id
    where tickets.is_counted and tickets.created_at is not null
    group by 1, 2, 3
)

select
    day,
    tag_id,
    tag_name,
    tickets_created,
    of_those_closed,
    {{ quantile('first_response_seconds', 0.5) }} as median_first_response_seconds,
    {{ quantile('resolution_seconds', 0.5) }} as median_resolution_seconds,
    cast(surveys_scored as {{ integer_type() }}) as surveys_scored,
    cast(score as {{ float_type() }}) / nullif(surveys_scored, 0) as average_score
from collected
