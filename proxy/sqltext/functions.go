package sqltext

// known says whether a function of PostgreSQL's own reads no table and runs no statement: its arguments mean what
// they say, and a statement that calls it names all that it touches. A function of that name elsewhere than in
// pg_catalog is another. What is not here may do anything.
func known(name string) bool {
	switch name {
	// aggregates and windows
	case "count", "sum", "avg", "min", "max", "array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg",
		"jsonb_object_agg", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor", "stddev", "stddev_pop",
		"stddev_samp", "variance", "var_pop", "var_samp", "corr", "covar_pop", "covar_samp", "mode", "percentile_cont",
		"percentile_disc", "regr_slope", "regr_intercept", "regr_count", "row_number", "rank", "dense_rank", "percent_rank",
		"cume_dist", "ntile", "lag", "lead", "first_value", "last_value", "nth_value", "grouping", "any_value", "xmlagg",
		"range_agg":
		return true
	// text
	case "lower", "upper", "initcap", "length", "char_length", "character_length", "octet_length", "bit_length", "trim",
		"btrim", "ltrim", "rtrim", "substr", "substring", "overlay", "position", "strpos", "replace", "translate", "left",
		"right", "lpad", "rpad", "repeat", "reverse", "concat", "concat_ws", "format", "split_part", "starts_with",
		"regexp_replace", "regexp_match", "regexp_matches", "regexp_split_to_array", "regexp_split_to_table", "regexp_like",
		"regexp_count", "regexp_substr", "regexp_instr", "ascii", "chr", "md5", "sha224", "sha256", "sha384", "sha512",
		"encode", "decode", "quote_literal", "quote_ident", "quote_nullable", "to_hex", "normalize", "unistr",
		"string_to_array", "string_to_table", "convert_from", "convert_to", "unaccent", "similarity", "hashtext":
		return true
	// numbers
	case "abs", "ceil", "ceiling", "floor", "round", "trunc", "mod", "power", "pow", "sqrt", "cbrt", "exp", "ln", "log",
		"log10", "sign", "div", "degrees", "radians", "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "pi", "random",
		"width_bucket", "greatest", "least", "gcd", "lcm", "factorial", "to_number", "scale":
		return true
	// time
	case "now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday", "age", "date_part",
		"date_trunc", "date_bin", "extract", "make_date", "make_time", "make_timestamp", "make_timestamptz", "make_interval",
		"to_char", "to_date", "to_timestamp", "justify_days", "justify_hours", "justify_interval", "isfinite", "timezone":
		return true
	// choice and the like
	case "coalesce", "nullif", "exists", "num_nulls", "num_nonnulls", "gen_random_uuid", "uuid_generate_v4", "pg_typeof",
		"pg_sleep", "version", "pg_backend_pid", "current_database", "row", "cast", "treat", "collation", "xmlelement":
		return true
	// arrays, ranges, sets
	case "unnest", "generate_series", "generate_subscripts", "array_length", "array_append", "array_prepend", "array_cat",
		"array_position", "array_positions", "array_remove", "array_replace", "array_to_string", "array_upper", "array_lower",
		"array_ndims", "array_dims", "array_fill", "cardinality", "int4range", "int8range", "numrange", "tsrange",
		"tstzrange", "daterange", "isempty", "lower_inc", "upper_inc", "lower_inf", "upper_inf":
		return true
	// JSON and text search
	case "to_json", "to_jsonb", "row_to_json", "array_to_json", "json_build_object", "jsonb_build_object", "json_build_array",
		"jsonb_build_array", "json_object", "jsonb_object", "json_array_length", "jsonb_array_length", "json_each",
		"jsonb_each", "json_each_text", "jsonb_each_text", "json_object_keys", "jsonb_object_keys", "json_array_elements",
		"jsonb_array_elements", "json_array_elements_text", "jsonb_array_elements_text", "json_extract_path",
		"jsonb_extract_path", "json_extract_path_text", "jsonb_extract_path_text", "json_typeof", "jsonb_typeof", "jsonb_set",
		"jsonb_insert", "jsonb_pretty", "jsonb_path_query", "jsonb_path_exists", "jsonb_path_match", "jsonb_path_query_array",
		"jsonb_path_query_first", "json_strip_nulls", "jsonb_strip_nulls", "json_populate_record", "jsonb_populate_record",
		"json_to_record", "jsonb_to_record", "json_to_recordset", "jsonb_to_recordset", "to_tsvector", "to_tsquery",
		"plainto_tsquery", "phraseto_tsquery", "websearch_to_tsquery", "ts_rank", "ts_rank_cd", "ts_headline", "setweight":
		return true
	// sequences, and what administration and tools ask
	case "nextval", "currval", "lastval", "setval", "pg_advisory_lock", "pg_advisory_xact_lock", "pg_advisory_unlock",
		"pg_try_advisory_lock", "pg_try_advisory_xact_lock", "pg_table_size", "pg_total_relation_size", "pg_relation_size",
		"pg_size_pretty", "pg_get_userbyid", "pg_table_is_visible", "pg_get_expr", "format_type", "obj_description",
		"col_description", "pg_get_constraintdef", "pg_get_indexdef", "pg_is_in_recovery", "has_table_privilege",
		"has_schema_privilege", "pg_encoding_to_char", "pg_cancel_backend", "pg_terminate_backend", "pg_get_serial_sequence",
		"current_schemas", "to_regclass", "to_regtype", "txid_current", "pg_database_size", "pg_postmaster_start_time",
		"pg_get_viewdef", "pg_get_functiondef", "pg_function_is_visible", "pg_type_is_visible", "array_in":
		return true
	}
	return false
}
