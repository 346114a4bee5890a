// Package touch answers who read or wrote a table or a column. It would rather name too many statements than miss one,
// and says of each how it was found.
package touch
