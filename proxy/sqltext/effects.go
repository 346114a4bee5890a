package sqltext

import "strings"

// effect is the class that calling a function of PostgreSQL's own gives to a statement: what changes data, runs
// statements that it is given as text or writes large objects is a write; what reads or writes the server's files, ends
// other sessions or steers the server is admin. A function of that name elsewhere counts the same. Most give none.
func effect(name string) rank {
	switch name {
	case "nextval", "setval", "query_to_xml", "query_to_xmlschema", "query_to_xml_and_xmlschema", "cursor_to_xml", "table_to_xml",
		"table_to_xml_and_xmlschema", "schema_to_xml", "schema_to_xml_and_xmlschema", "database_to_xml",
		"database_to_xml_and_xmlschema", "ts_stat", "ts_rewrite", "crosstab", "crosstab2", "crosstab3", "crosstab4", "connectby",
		"lowrite", "lo_write", "xpath_table", "pg_notify", "pg_logical_emit_message":
		return write
	case "set_config":
		return other
	case "pg_cancel_backend", "pg_terminate_backend", "pg_reload_conf", "pg_rotate_logfile", "pg_switch_wal", "pg_promote",
		"pg_create_restore_point", "pg_backup_start", "pg_backup_stop", "pg_start_backup", "pg_stop_backup", "pg_stat_file",
		"pg_stat_reset", "pg_wal_replay_pause", "pg_wal_replay_resume", "pg_replication_slot_advance", "pg_drop_replication_slot",
		"pg_create_physical_replication_slot", "pg_create_logical_replication_slot", "pg_copy_logical_replication_slot",
		"pg_copy_physical_replication_slot", "lo_import", "lo_export", "pg_current_logfile":
		return admin
	}
	for _, prefix := range []string{"pg_read_", "pg_ls_", "pg_file_", "pg_logical_slot_", "pg_replication_origin_", "pg_stat_reset_"} {
		if strings.HasPrefix(name, prefix) {
			return admin
		}
	}
	if strings.HasPrefix(name, "dblink") || strings.HasPrefix(name, "lo_") {
		return write
	}
	return none
}

// takesRow says whether a function of PostgreSQL's own gives a whole row's values when it is called as if it were a
// column of it: t.row_to_json stands for row_to_json(t).
func takesRow(name string) bool {
	switch name {
	case "row_to_json", "to_json", "to_jsonb", "json_agg", "jsonb_agg", "array_agg", "concat", "json_build_array",
		"jsonb_build_array", "quote_literal", "quote_nullable", "record_out", "record_send", "any_value", "min", "max",
		"json_agg_strict", "jsonb_agg_strict":
		return true
	}
	return false
}

// reveals says whether a table of the system's own holds values of other tables: the planner's samples, and what a
// table has put aside.
func reveals(table string) bool {
	name := table[strings.LastIndexByte(table, '.')+1:]
	switch name {
	case "pg_stats", "pg_statistic", "pg_stats_ext", "pg_stats_ext_exprs", "pg_statistic_ext_data", "pg_largeobject":
		return true
	}
	return strings.HasPrefix(table, "pg_toast.") || strings.HasPrefix(name, "pg_toast_")
}

// beforeParens says whether a word may stand before a parenthesis in a definition without being called.
func beforeParens(word string) bool {
	switch word {
	case "key", "values", "include", "range", "list", "hash", "identity", "like", "inherits", "options", "set", "reset", "by",
		"exists", "btree", "gist", "gin", "brin", "spgist", "between", "is", "ilike", "similar", "escape", "type", "move", "only",
		"filter", "over", "within", "of", "add", "distinct", "row", "rows", "partition", "always", "stored", "generated", "null":
		return true
	}
	return reserved(word) && word != "left" && word != "right" || niladic(word) || known(word)
}

// Stronger is the class, of the two, that matters more to a reader of the record; see Class for their order. What is no
// class is weaker than all.
func Stronger(a, b string) string {
	if rankOf(b) > rankOf(a) {
		return b
	}
	return a
}

func rankOf(class string) rank {
	for r := transaction; r <= admin; r++ {
		if r.String() == class {
			return r
		}
	}
	return none
}
