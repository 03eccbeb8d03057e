{# A part of the answer to the analysis of `ingestr report`: two texts and nine numbers, of which as many as are named. #}
{%- macro report_row(part, key, name, numbers) %}
    select
        '{{ part }}' as part,
        cast({{ key }} as {{ text_type() }}) as row_key,
        cast({{ name }} as {{ text_type() }}) as row_name
    {%- for n in range(9) %},
        cast({{ numbers[n] if n < numbers | length else 'null' }} as {{ float_type() }}) as n{{ n + 1 }}
    {%- endfor %}
{%- endmacro %}
