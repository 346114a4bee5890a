package sqltext

// reserved says whether a word cannot be a column's or table's name without quotes: PostgreSQL's reserved key words
// (its manual, appendix C), but for those that read like a value or a function.
func reserved(word string) bool {
	switch word {
	case "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "both", "case", "cast", "check",
		"collate", "column", "constraint", "create", "default", "deferrable", "desc", "distinct", "do", "else", "end",
		"except", "fetch", "for", "foreign", "from", "grant", "group", "having", "in", "initially", "intersect", "into",
		"lateral", "leading", "limit", "not", "offset", "on", "only", "or", "order", "placing", "primary", "references",
		"returning", "select", "some", "symmetric", "table", "then", "to", "trailing", "union", "unique", "using",
		"variadic", "when", "where", "window", "with":
		return true
	}
	return joins(word)
}

// joins says whether a word can stand behind a table and go on with the list of tables.
func joins(word string) bool {
	switch word {
	case "cross", "full", "inner", "join", "left", "natural", "right", "outer", "tablesample":
		return true
	}
	return false
}

// niladic says whether a word is a value that is written without parentheses.
func niladic(word string) bool {
	switch word {
	case "null", "true", "false", "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp",
		"current_user", "session_user", "current_role", "current_catalog", "current_schema", "user", "system_user":
		return true
	}
	return false
}

// typeWords says whether a word begins the name of a type of several words, or of one that takes a constant behind it.
func typeWords(word string) bool {
	switch word {
	case "date", "time", "timestamp", "timestamptz", "timetz", "interval", "bit", "character", "char", "varchar", "double",
		"numeric", "decimal", "dec", "real", "float", "int", "integer", "smallint", "bigint", "boolean", "bool", "text",
		"json", "jsonb", "uuid", "inet", "cidr", "bytea", "national", "nchar", "float4", "float8", "int2", "int4", "int8",
		"point", "box", "circle", "line", "lseg", "path", "polygon", "money", "xml", "macaddr", "regclass", "oid", "name":
		return true
	}
	return false
}
