{#-
    Every value is what the contract of the model allows, and every rule holds. Written apart from the
    typing macros, so that a mistake in those is seen here. `dataset` is the mart with the contract
    where the model is another one.
-#}
{% test follows_contract(model, dataset=none) %}
    {%- set dataset = dataset or model.identifier -%}
    {%- set faults = [] -%}
    {%- set columns = contract_columns(dataset) -%}
    {%- for column in columns -%}
        {%- if not column.get('nullable') -%}
            {%- do faults.append((column.name, column.name ~ ' is null')) -%}
        {%- endif -%}
        {%- if column.kind == 'categorical' -%}
            {%- set values = [] -%}
            {%- for value in column.accepted_values -%}{%- do values.append(sql_text(value)) -%}{%- endfor -%}
            {%- do faults.append((column.name, column.name ~ ' not in (' ~ values | join(', ') ~ ')')) -%}
        {%- endif -%}
        {%- if column.get('min') is not none -%}
            {%- do faults.append((column.name, column.name ~ ' < ' ~ bound(column, column.min))) -%}
        {%- endif -%}
        {%- if column.get('max') is not none -%}
            {%- do faults.append((column.name, column.name ~ ' > ' ~ bound(column, column.max))) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for rule in contract_rules(dataset) -%}
        {%- do faults.append((rule.name, 'not (' ~ rule.holds ~ ')')) -%}
    {%- endfor %}

    {% for name, fault in faults %}
    select
        {{ sql_text(name) }} as broken,
        count(*) as row_count,
    from {{ model }}
    where {{ fault }}
    having count(*) > 0
    {{ 'union all' if not loop.last }}
    {% else %}
    select 'no contract' as broken, 0 as row_count
    where {{ columns | length == 0 }}
    {% endfor %}
    {%- if dataset == model.identifier %}
    {#- In each run, keys that are not a row's own, and rows whose key leads to nothing. -#}
    {%- set key = contract_key(model.identifier) %}
    {%- if key %}
    union all
    select 'a key of its own' as broken, count(*) - count(distinct (run_id, {{ key | join(', ') }})) as row_count,
    from {{ model }}
    having row_count > 0
    {%- endif %}
    {%- set parent = contract_parent(model.identifier) %}
    {%- for rule in contract_children(model.identifier).get('rules', []) %}
    union all
    select {{ sql_text(rule.name) }} as broken, count(*) as row_count,
    from {{ model }} as children
    inner join (
        select
            parent,
            parent.run_id as _run_id,
            {%- for column in parent.to_columns %}
            parent.{{ column }} as _key_{{ loop.index }},
            {%- endfor %}
        from {{ graph.nodes['model.' ~ project_name ~ '.' ~ parent.to].relation_name }} as parent
    )
        on
            run_id = _run_id
            {%- for column in parent['columns'] %}
            and children.{{ column }} = _key_{{ loop.index }}
            {%- endfor %}
    where not ({{ rule.holds }})
    having count(*) > 0
    {%- endfor %}
    {%- for foreign in contract_constraints(model.identifier, 'foreign_key') %}
    union all
    select {{ sql_text('the key of ' ~ foreign.to) }} as broken, count(*) as row_count,
    from {{ model }} as children
    where
        {{ foreign['columns'][0] }} is not null
        and (run_id, {{ foreign['columns'] | join(', ') }}) not in (
            select (run_id, {{ foreign.to_columns | join(', ') }}) from {{ graph.nodes['model.' ~ project_name ~ '.' ~ foreign.to].relation_name }}
        )
    having count(*) > 0
    {%- endfor %}
    {%- endif %}
{% endtest %}
