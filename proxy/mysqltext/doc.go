// Package mysqltext tells what a statement of MySQL's or MariaDB's says: its class, the tables and columns that it names,
// where its constants stand, and what in it opens a door.
//
// A text alone does not tell everything: sql_mode decides what stands in double quotes and what a backslash means, the
// client's character set where a character ends, the server's version which comments run. Where that matters, the text is
// not understood, and whoever decides by it decides as for the worst.
package mysqltext
