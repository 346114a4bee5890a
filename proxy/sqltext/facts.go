package sqltext

// Facts is what a statement's text tells. They are shared between all statements of the same shape: read only.
type Facts struct {
	// Fingerprint is the same for statements that differ in constants, white space, comments and the case of key
	// words and unquoted names alone: 16 hex digits.
	Fingerprint string
	// Tables are the tables that the text names, in the order of their first place, qualified as written.
	Tables []string
	// Columns are the columns that it names: "table.column" where an alias or the only table tells which, else "column";
	// "table.*" for all of a table's.
	Columns []string
	// Parsed says that the grammar was understood. Without it Tables and Columns are empty.
	Parsed bool
	// Opaque says that the statement calls something that may touch more than its text names: DO, CALL, EXECUTE, a
	// function that is not known to be harmless.
	Opaque bool
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
