-- Everything but rows that an attached file holds: its kind, its name, and all that DuckDB knows about it.
SELECT 'schema' AS kind, schema_name AS name, [comment, tags::VARCHAR] AS known
FROM duckdb_schemas() WHERE database_name = $database AND NOT internal
UNION ALL
SELECT 'table', concat_ws('.', schema_name, table_name), [comment, tags::VARCHAR, sql]
FROM duckdb_tables() WHERE database_name = $database AND NOT internal
UNION ALL
SELECT 'column', concat_ws('.', schema_name, table_name, column_name),
    [comment, column_index::VARCHAR, data_type, is_nullable::VARCHAR, column_default]
FROM duckdb_columns() WHERE database_name = $database AND NOT internal
UNION ALL
SELECT 'constraint', concat_ws('.', schema_name, table_name), [constraint_type, constraint_text]
FROM duckdb_constraints() WHERE database_name = $database
UNION ALL
SELECT 'index', concat_ws('.', schema_name, index_name), [comment, tags::VARCHAR, table_name, is_unique::VARCHAR, sql]
FROM duckdb_indexes() WHERE database_name = $database
UNION ALL
SELECT 'view', concat_ws('.', schema_name, view_name), [comment, tags::VARCHAR, column_count::VARCHAR, sql]
FROM duckdb_views() WHERE database_name = $database AND NOT internal
UNION ALL
SELECT 'macro', concat_ws('.', schema_name, function_name),
    [comment, tags::VARCHAR, function_type, parameters::VARCHAR, parameter_types::VARCHAR, macro_definition]
FROM duckdb_functions() WHERE database_name = $database AND NOT internal
UNION ALL
SELECT 'sequence', concat_ws('.', schema_name, sequence_name),
    [comment, tags::VARCHAR, last_value::VARCHAR, start_value::VARCHAR, min_value::VARCHAR, max_value::VARCHAR, increment_by::VARCHAR, cycle::VARCHAR]
FROM duckdb_sequences() WHERE database_name = $database
UNION ALL
SELECT 'type', concat_ws('.', schema_name, type_name), [comment, tags::VARCHAR, logical_type, labels::VARCHAR]
FROM duckdb_types() WHERE database_name = $database AND NOT internal
ORDER BY ALL
