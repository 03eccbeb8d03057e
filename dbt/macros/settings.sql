{# Whether one of the tables that not everybody copies is there: what its variable says, else what the database says. #}
{% macro is_copied(table) %}
    {%- set said = var('gorgias_using_' ~ table, none) -%}
    {%- if said is not none -%}
        {{ return(said | string | lower == 'true') }}
    {%- elif not execute -%}
        {{ return(false) }}
    {%- else -%}
        {{ return(load_relation(source('gorgias', table)) is not none) }}
    {%- endif -%}
{% endmacro %}

{# The time zone of days and hours, as a literal. #}
{% macro time_zone() %}'{{ var('gorgias_time_zone') }}'{% endmacro %}

{# Each row of what follows twice: once with its channel, once for all channels, whose channel is NULL. #}
{% macro each_and_all() %}cross join (select 1 as all_channels union all select 0 as all_channels) as scopes{% endmacro %}

{# Whether a user is a program. #}
{% macro is_bot(user_id, role) -%}
    (coalesce({{ role }} = 'bot', false){% if var('gorgias_bots') %} or {{ user_id }} in ({{ var('gorgias_bots') | join(', ') }}){% endif %})
{%- endmacro %}
