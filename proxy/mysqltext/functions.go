package mysqltext

import (
	"strings"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

// effect is the class that calling a function of the server's own gives to a statement, where that is stronger than read.
func effect(name string) string {
	switch name {
	case "load_file":
		return sqltext.Admin
	case "nextval", "setval":
		return sqltext.Write
	case "sys_exec", "sys_eval": // of a library that many install
		return sqltext.Admin
	}
	return ""
}

// reveals says whether a table of the system's own holds values of other tables or texts of statements: statistics, logs,
// the words of full-text indexes.
func reveals(database, table string) bool {
	switch database {
	case "", "mysql", "information_schema":
		switch table {
		case "column_stats", "column_statistics", "general_log", "slow_log", "processlist", "innodb_ft_index_table",
			"innodb_ft_index_cache", "innodb_trx":
			return true
		}
		return false
	}
	return database == "performance_schema" || database == "sys"
}

// plainEngine says whether a storage engine keeps a table's rows in the server itself, and not in another server, another
// table or a file that the statement names.
func plainEngine(name string) bool {
	switch strings.ToLower(name) {
	case "innodb", "xtradb", "myisam", "aria", "memory", "heap", "archive", "blackhole", "rocksdb", "tokudb", "columnstore", "ndb",
		"ndbcluster":
		return true
	}
	return false
}

// known says whether a function of the server's own reads no table and runs no statement. What is not here may do
// anything, and so may a function of that name in a database.
func known(name string) bool {
	switch name {
	// choice and comparison
	case "coalesce", "greatest", "if", "ifnull", "interval", "isnull", "least", "nullif", "nvl", "nvl2", "strcmp", "decode_oracle",
		"any_value", "name_const", "grouping", "row_count", "values", "charset", "collation", "coercibility":
		return true
	// numbers
	case "abs", "acos", "asin", "atan", "atan2", "ceil", "ceiling", "conv", "cos", "cot", "crc32", "crc32c", "degrees", "exp",
		"floor", "format", "ln", "log", "log10", "log2", "mod", "oct", "pi", "pow", "power", "radians", "rand", "round", "sign", "sin",
		"sqrt", "tan", "truncate", "hex", "unhex", "bin", "bit_count", "to_number", "to_char":
		return true
	// text
	case "ascii", "bit_length", "char", "char_func", "char_length", "character_length", "chr", "concat", "concat_ws", "elt",
		"export_set", "field", "find_in_set", "from_base64", "insert", "insert_func", "instr", "lcase", "left", "length", "lengthb",
		"locate", "lower", "lpad", "ltrim", "make_set", "mid", "natural_sort_key", "octet_length", "ord", "position", "quote",
		"regexp_instr", "regexp_like", "regexp_replace", "regexp_substr", "repeat", "replace", "reverse", "right", "rpad", "rtrim",
		"soundex", "space", "substr", "substring", "substring_index", "to_base64", "trim", "ucase", "upper", "weight_string", "sformat",
		"convert", "translate", "binary":
		return true
	// time
	case "adddate", "addtime", "convert_tz", "curdate", "current_date", "current_time", "current_timestamp", "curtime", "date",
		"date_add", "date_format", "date_sub", "datediff", "day", "dayname", "dayofmonth", "dayofweek", "dayofyear", "extract",
		"from_days", "from_unixtime", "get_format", "hour", "last_day", "localtime", "localtimestamp", "makedate", "maketime",
		"microsecond", "minute", "month", "monthname", "now", "period_add", "period_diff", "quarter", "sec_to_time", "second",
		"str_to_date", "subdate", "subtime", "sysdate", "time", "time_format", "time_to_sec", "timediff", "timestamp", "timestampadd",
		"timestampdiff", "to_days", "to_seconds", "unix_timestamp", "utc_date", "utc_time", "utc_timestamp", "week", "weekday",
		"weekofyear", "year", "yearweek", "add_months", "dateliteral", "timeliteral", "timestampliteral":
		return true
	// ciphers and digests
	case "aes_decrypt", "aes_encrypt", "compress", "uncompress", "uncompressed_length", "decode", "encode", "des_decrypt",
		"des_encrypt", "encrypt", "md5", "old_password", "password", "random_bytes", "sha", "sha1", "sha2", "kdf",
		"validate_password_strength", "statement_digest", "statement_digest_text":
		return true
	// JSON
	case "json_array", "json_array_append", "json_array_insert", "json_arrayagg", "json_compact", "json_contains",
		"json_contains_path", "json_depth", "json_detailed", "json_equals", "json_exists", "json_extract", "json_insert", "json_keys",
		"json_length", "json_loose", "json_merge", "json_merge_patch", "json_merge_preserve", "json_normalize", "json_object",
		"json_objectagg", "json_overlaps", "json_pretty", "json_query", "json_quote", "json_remove", "json_replace",
		"json_schema_valid", "json_search", "json_set", "json_storage_free", "json_storage_size", "json_type", "json_unquote",
		"json_valid", "json_value", "json_memberof":
		return true
	// the server, the session, locks
	case "benchmark", "connection_id", "current_role", "current_user", "database", "found_rows", "get_lock", "is_free_lock",
		"is_used_lock", "last_insert_id", "release_all_locks", "release_lock", "schema", "session_user", "sleep", "system_user", "user",
		"uuid", "uuid_short", "uuid_to_bin", "bin_to_uuid", "is_uuid", "sys_guid", "version", "icu_version", "roles_graphml",
		"lastval", "nextval", "setval", "ps_current_thread_id", "format_bytes", "format_pico_time":
		return true
	// addresses, XML
	case "inet_aton", "inet_ntoa", "inet6_aton", "inet6_ntoa", "is_ipv4", "is_ipv4_compat", "is_ipv4_mapped", "is_ipv6",
		"extractvalue", "updatexml":
		return true
	}
	return strings.HasPrefix(name, "st_") || strings.HasPrefix(name, "mbr") || geometry(name)
}

// geometry says whether a function makes or reads a geometry.
func geometry(name string) bool {
	switch name {
	case "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection",
		"geomfromtext", "astext", "aswkt", "asbinary", "x", "y", "area", "distance", "contains", "within", "intersects":
		return true
	}
	return false
}
