{# What DuckDB, PostgreSQL and BigQuery spell differently. The default is DuckDB's. #}

{# Types. A time is an instant, with its time zone. #}
{% macro timestamp_type() %}{{ return(adapter.dispatch('timestamp_type', 'gorgias')()) }}{% endmacro %}
{% macro default__timestamp_type() %}timestamptz{% endmacro %}
{% macro bigquery__timestamp_type() %}timestamp{% endmacro %}

{% macro text_type() %}{{ return(adapter.dispatch('text_type', 'gorgias')()) }}{% endmacro %}
{% macro default__text_type() %}varchar{% endmacro %}
{# That of the copied columns: PostgreSQL replaces no view by one whose columns have other types. #}
{% macro postgres__text_type() %}text{% endmacro %}
{% macro bigquery__text_type() %}string{% endmacro %}

{% macro integer_type() %}{{ return(adapter.dispatch('integer_type', 'gorgias')()) }}{% endmacro %}
{% macro default__integer_type() %}bigint{% endmacro %}
{% macro bigquery__integer_type() %}int64{% endmacro %}

{% macro float_type() %}{{ return(adapter.dispatch('float_type', 'gorgias')()) }}{% endmacro %}
{% macro default__float_type() %}double precision{% endmacro %}
{% macro bigquery__float_type() %}float64{% endmacro %}

{# The text at one key of a JSON object; NULL where there is none, or JSON's null. #}
{% macro json_text(json, key) %}{{ return(adapter.dispatch('json_text', 'gorgias')(json, key)) }}{% endmacro %}
{% macro default__json_text(json, key) %}json_extract_string({{ json }}, '$.{{ key }}'){% endmacro %}
{% macro postgres__json_text(json, key) %}({{ json }}::json ->> '{{ key }}'){% endmacro %}
{% macro bigquery__json_text(json, key) %}json_value({{ json }}, '$.{{ key }}'){% endmacro %}

{# The same for a value that may be an array or an object, which becomes JSON text. #}
{% macro json_any_text(json, key) %}{{ return(adapter.dispatch('json_any_text', 'gorgias')(json, key)) }}{% endmacro %}
{% macro default__json_any_text(json, key) %}{{ json_text(json, key) }}{% endmacro %}
{% macro bigquery__json_any_text(json, key) -%}
    coalesce(json_value({{ json }}, '$.{{ key }}'), nullif(to_json_string(json_query({{ json }}, '$.{{ key }}')), 'null'))
{%- endmacro %}

{# A join with the elements of a JSON array; anything else has none. #}
{% macro join_elements(json, alias) %}{{ return(adapter.dispatch('join_elements', 'gorgias')(json, alias)) }}{% endmacro %}
{% macro default__join_elements(json, alias) %}cross join unnest(json_extract({{ json }}, '$[*]')) as elements ({{ alias }}){% endmacro %}
{% macro postgres__join_elements(json, alias) -%}
    cross join lateral json_array_elements(
        case when json_typeof({{ json }}::json) = 'array' then {{ json }}::json end
    ) as elements ({{ alias }})
{%- endmacro %}
{% macro bigquery__join_elements(json, alias) %}cross join unnest(json_query_array({{ json }})) as {{ alias }}{% endmacro %}

{# A join with the values of a JSON object; anything else has none. #}
{% macro join_values(json, alias) %}{{ return(adapter.dispatch('join_values', 'gorgias')(json, alias)) }}{% endmacro %}
{% macro default__join_values(json, alias) %}cross join unnest(json_extract({{ json }}, '$.*')) as elements ({{ alias }}){% endmacro %}
{% macro postgres__join_values(json, alias) -%}
    cross join lateral json_each(
        case when json_typeof({{ json }}::json) = 'object' then {{ json }}::json end
    ) as elements (field, {{ alias }})
{%- endmacro %}
{% macro bigquery__join_values(json, alias) -%}
    cross join unnest(array(select {{ json }}[field] from unnest(json_keys({{ json }}, 1)) as field)) as {{ alias }}
{%- endmacro %}

{# A join with the elements at one key, which may hold an array or a single object. #}
{% macro join_one_or_many(json, key, alias) %}{{ return(adapter.dispatch('join_one_or_many', 'gorgias')(json, key, alias)) }}{% endmacro %}
{% macro default__join_one_or_many(json, key, alias) -%}
    cross join unnest(
        case
            when json_type({{ json }}, '$.{{ key }}') = 'ARRAY' then json_extract({{ json }}, '$.{{ key }}[*]')
            else [json_extract({{ json }}, '$.{{ key }}')]
        end
    ) as elements ({{ alias }})
{%- endmacro %}
{% macro postgres__join_one_or_many(json, key, alias) -%}
    cross join lateral json_array_elements(
        case json_typeof({{ json }}::json -> '{{ key }}')
            when 'array' then {{ json }}::json -> '{{ key }}'
            when 'object' then json_build_array({{ json }}::json -> '{{ key }}')
        end
    ) as elements ({{ alias }})
{%- endmacro %}
{% macro bigquery__join_one_or_many(json, key, alias) -%}
    cross join unnest(
        ifnull(json_query_array({{ json }}, '$.{{ key }}'), [json_query({{ json }}, '$.{{ key }}')])
    ) as {{ alias }}
{%- endmacro %}

{# A JSON value that is written here. #}
{% macro json_literal(value) %}{{ return(adapter.dispatch('json_literal', 'gorgias')(tojson(value) | replace("'", "''"))) }}{% endmacro %}
{% macro default__json_literal(text) %}cast('{{ text }}' as json){% endmacro %}
{% macro bigquery__json_literal(text) %}parse_json('{{ text }}'){% endmacro %}

{# From one instant to another, in seconds with microseconds. #}
{% macro seconds_between(earlier, later) %}{{ return(adapter.dispatch('seconds_between', 'gorgias')(earlier, later)) }}{% endmacro %}
{% macro default__seconds_between(earlier, later) %}((epoch_us({{ later }}) - epoch_us({{ earlier }})) / 1000000.0::double){% endmacro %}
{% macro postgres__seconds_between(earlier, later) %}cast(extract(epoch from ({{ later }} - {{ earlier }})) as double precision){% endmacro %}
{% macro bigquery__seconds_between(earlier, later) %}(timestamp_diff({{ later }}, {{ earlier }}, microsecond) / 1000000.0){% endmacro %}

{# What the clock on the wall shows at an instant, and the instant at which it shows a time without fractions. #}
{% macro to_local(instant, zone) %}{{ return(adapter.dispatch('to_local', 'gorgias')(instant, zone)) }}{% endmacro %}
{% macro default__to_local(instant, zone) %}({{ instant }} at time zone {{ zone }}){% endmacro %}
{% macro bigquery__to_local(instant, zone) %}datetime({{ instant }}, {{ zone }}){% endmacro %}

{% macro from_local(local, zone) %}{{ return(adapter.dispatch('from_local', 'gorgias')(local, zone)) }}{% endmacro %}
{% macro default__from_local(local, zone) %}({{ local }} at time zone {{ zone }}){% endmacro %}
{% macro bigquery__from_local(local, zone) %}parse_timestamp('%F %T', cast({{ local }} as string), {{ zone }}){% endmacro %}

{% macro local_day(instant, zone) %}{{ return(adapter.dispatch('local_day', 'gorgias')(instant, zone)) }}{% endmacro %}
{% macro default__local_day(instant, zone) %}cast({{ to_local(instant, zone) }} as date){% endmacro %}
{% macro bigquery__local_day(instant, zone) %}date({{ instant }}, {{ zone }}){% endmacro %}

{% macro local_hour(instant, zone) %}cast(extract(hour from {{ to_local(instant, zone) }}) as {{ integer_type() }}){% endmacro %}

{# So many minutes after the beginning of a day, on the clock. #}
{% macro minute_of(day, minutes) %}{{ return(adapter.dispatch('minute_of', 'gorgias')(day, minutes)) }}{% endmacro %}
{% macro default__minute_of(day, minutes) %}({{ day }} + to_minutes({{ minutes }})){% endmacro %}
{% macro postgres__minute_of(day, minutes) %}({{ day }} + {{ minutes }} * interval '1 minute'){% endmacro %}
{% macro bigquery__minute_of(day, minutes) %}datetime_add(datetime({{ day }}), interval {{ minutes }} minute){% endmacro %}

{# Monday is 1, Sunday is 7. #}
{% macro iso_weekday(day) %}{{ return(adapter.dispatch('iso_weekday', 'gorgias')(day)) }}{% endmacro %}
{% macro default__iso_weekday(day) %}cast(extract(isodow from {{ day }}) as bigint){% endmacro %}
{% macro bigquery__iso_weekday(day) %}(mod(extract(dayofweek from {{ day }}) + 5, 7) + 1){% endmacro %}

{# A join with each day from the first to the last. #}
{% macro join_days(first, last) %}{{ return(adapter.dispatch('join_days', 'gorgias')(first, last)) }}{% endmacro %}
{% macro default__join_days(first, last) -%}
    cross join unnest(cast(generate_series({{ first }}, {{ last }}, interval 1 day) as date[])) as days (day)
{%- endmacro %}
{% macro postgres__join_days(first, last) -%}
    cross join lateral (
        select cast(moment as date) as day
        from generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as moment
    ) as days
{%- endmacro %}
{% macro bigquery__join_days(first, last) %}cross join unnest(generate_date_array({{ first }}, {{ last }})) as day{% endmacro %}

{# Exact, interpolated quantiles in two steps: an aggregate that collects values, and a function of what was collected. #}
{% macro collect(value) %}{{ return(adapter.dispatch('collect', 'gorgias')(value)) }}{% endmacro %}
{% macro default__collect(value) %}list({{ value }}) filter (where {{ value }} is not null){% endmacro %}
{% macro postgres__collect(value) %}array_agg({{ value }}) filter (where {{ value }} is not null){% endmacro %}
{% macro bigquery__collect(value) %}array_agg({{ value }} ignore nulls){% endmacro %}

{% macro quantile(collected, share) %}{{ return(adapter.dispatch('quantile', 'gorgias')(collected, share)) }}{% endmacro %}
{% macro default__quantile(collected, share) %}list_aggregate({{ collected }}, 'quantile_cont', {{ share }}){% endmacro %}
{% macro postgres__quantile(collected, share) -%}
    (select percentile_cont({{ share }}) within group (order by value) from unnest({{ collected }}) as value)
{%- endmacro %}
{% macro bigquery__quantile(collected, share) -%}
    (select percentile_cont(value, {{ share }}) over () from unnest({{ collected }}) as value limit 1)
{%- endmacro %}

{# Texts one after the other, in the order of their code points. #}
{% macro joined_texts(value) %}{{ return(adapter.dispatch('joined_texts', 'gorgias')(value)) }}{% endmacro %}
{% macro default__joined_texts(value) %}string_agg({{ value }}, ', ' order by {{ value }}){% endmacro %}
{% macro postgres__joined_texts(value) %}string_agg({{ value }}, ', ' order by {{ value }} collate "C"){% endmacro %}

{# One part of a text like 09:30, as a number. #}
{% macro clock_part(text, n) %}cast({{ adapter.dispatch('clock_part', 'gorgias')(text, n) }} as {{ integer_type() }}){% endmacro %}
{% macro default__clock_part(text, n) %}split_part({{ text }}, ':', {{ n }}){% endmacro %}
{% macro bigquery__clock_part(text, n) %}split({{ text }}, ':')[safe_offset({{ n - 1 }})]{% endmacro %}

{# So many days before a day, and how many days lie between two. #}
{% macro days_before(day, days) %}{{ return(adapter.dispatch('days_before', 'gorgias')(day, days)) }}{% endmacro %}
{% macro default__days_before(day, days) %}({{ day }} - cast({{ days }} as integer)){% endmacro %}
{% macro bigquery__days_before(day, days) %}date_sub({{ day }}, interval {{ days }} day){% endmacro %}

{% macro days_between(earlier, later) %}{{ return(adapter.dispatch('days_between', 'gorgias')(earlier, later)) }}{% endmacro %}
{% macro default__days_between(earlier, later) %}({{ later }} - {{ earlier }}){% endmacro %}
{% macro bigquery__days_between(earlier, later) %}date_diff({{ later }}, {{ earlier }}, day){% endmacro %}

{# A query of a table that has the columns of deletions only if they are marked (`--deletes soft`). A name that the table
   does not have is looked for in what is around the query, where it is NULL. BigQuery does not look there. #}
{% macro where_deletions_are_marked_or_not() %}{{ return(adapter.dispatch('where_deletions_are_marked_or_not', 'gorgias')(caller())) }}{% endmacro %}
{% macro default__where_deletions_are_marked_or_not(query) -%}
select copied.*
from (select cast(null as timestamptz) as _ingestr_deleted_at, cast(null as bigint) as _ingestr_merged_into) as unmarked
cross join lateral (
{{ query.strip() | indent(4, first=true) }}
) as copied
{%- endmacro %}
{% macro bigquery__where_deletions_are_marked_or_not(query) %}{{ query.strip() }}{% endmacro %}
