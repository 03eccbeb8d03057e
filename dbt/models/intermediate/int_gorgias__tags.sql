-- Tags that are on tickets. A ticket shows the name a tag had when the ticket was read, so the newest ticket decides where
-- the tag itself is not known.
with names as (
    select
        ticket_tags.tag_id,
        ticket_tags.tag_name,
        row_number() over (
            partition by ticket_tags.tag_id
            order by tickets.updated_at desc, tickets.ticket_id desc, ticket_tags.tag_name
        ) as preference
    from {{ ref('stg_gorgias__ticket_tags') }} as ticket_tags
    inner join {{ ref('stg_gorgias__tickets') }} as tickets on ticket_tags.ticket_id = tickets.ticket_id
    where ticket_tags.tag_id is not null and tickets.updated_at is not null
)

select
    names.tag_id,
    coalesce(tags.tag_name, names.tag_name) as tag_name
from names
left join {{ ref('stg_gorgias__tags') }} as tags on names.tag_id = tags.tag_id
where names.preference = 1
