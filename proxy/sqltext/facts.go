package sqltext

// Facts is what a statement's text tells. They are shared between all statements of the same shape: read only.
type Facts struct {
	// Fingerprint is the same for statements that differ in constants, white space, comments and the case of key
	// words and unquoted names alone: 16 hex digits.
	Fingerprint string
	// Tables are the tables that the text names, in the order of their first place, qualified as written.
	Tables []string
	// Columns are the columns that it names: "table.column" where an alias or the only table in reach tells which, else "column";
	// "table.*" for all of a table's.
	Columns []string
	// Parsed says that the grammar was understood. Without it Tables and Columns are empty.
	Parsed bool
	// Opaque says that values of the statement may end up where its text does not tell: Understood without doubt about
	// strings, and a SET of the client's own parameter as well.
	Opaque bool
	// Understood says that the statement touches no table or column but Tables and Columns by its own text. It does not
	// where the grammar or the end of a string is in doubt, for DO, CALL, EXECUTE, what defines such things, and calls of a
	// function that is not known to be harmless. What views, triggers, rules and defaults of the store's add, no text tells.
	Understood bool
	// WholeTable says that an UPDATE or DELETE has no condition or one that holds for every row by its constants alone
	// (WHERE true OR a = 1) or by comparing a column with itself, a MERGE likewise, or that a table is truncated; and that it is a DO, CALL or
	// EXECUTE, which may do so.
	WholeTable bool
	// Calls is the class that the statement has by the functions of PostgreSQL's own that it calls and by the server's
	// files that it copies, where that is stronger than read: Write, Admin, or empty.
	Calls string
	// Groups tell which columns the constants and parameters belong to. A slot that is in none has no owner.
	Groups []Group
	// Slots is how many constants and parameters the shape holds.
	Slots int
}

// Group is columns and constants that meet in one condition, assignment or expression.
type Group struct {
	Owners []Owner
	Slots  []int
	// Unresolved says that a column of the group comes from a subquery, a function or the like, so that its values may
	// be any table's.
	Unresolved bool
}

// Owner is a column as far as the text tells.
type Owner struct {
	Tables []string // those that it may be of; none when the text names no table for it
	Column string   // "*" for any column
}
