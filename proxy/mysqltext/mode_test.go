package mysqltext

import "testing"

// What a backslash before a quote leaves in doubt is told by the mode, for the first statement of a text.
func TestModes(t *testing.T) {
	type understood struct{ unknown, escapes, literal bool }
	c := NewCache()
	for text, want := range map[string]understood{
		`SELECT a FROM t WHERE b = 'x\y'`:                      {true, true, true},
		`SELECT a FROM t WHERE b = 'it\'s'`:                    {false, true, false}, // not closed
		`SELECT a FROM t WHERE b = '\'; DELETE FROM u; -- '`:   {false, true, true},
		`SELECT a FROM t WHERE b = 'x\\\'y'`:                   {false, true, false},
		`SELECT a FROM t WHERE b = 'x\''`:                      {false, true, false},
		`SELECT a FROM t WHERE b = 'x\'`:                       {false, false, true},
		`SELECT a FROM t WHERE b = 'it\'s';`:                   {false, true, false},
		`SET sql_mode = ''; SELECT a FROM t WHERE b = 'it\'s'`: {false, false, false},
		`UPDATE t SET a = 1; SELECT a FROM t WHERE b = 'i\'s'`: {false, false, false},
		"SELECT a FROM t WHERE b = 'x\xbf\\'s'":                {false, false, false}, // half a character, in GBK
		"SELECT a FROM t WHERE b = 'x\xbf\\'":                  {false, false, true},
	} {
		got := understood{c.Facts([]byte(text)).Understood, c.In(ModeEscapes).Facts([]byte(text)).Understood, c.In(ModeLiteral).Facts([]byte(text)).Understood}
		if got != want {
			t.Errorf("%s: understood %v, want %v", text, got, want)
		}
	}
	const two = `SELECT '\'; DELETE FROM orders; -- '`
	if escapes, literal := c.In(ModeEscapes).Class([]byte(two)), c.In(ModeLiteral).Class([]byte(two)); escapes != "read" || literal != "write" {
		t.Errorf("%s: %s and %s", two, escapes, literal)
	}
	const both = `SELECT a FROM t WHERE b = '\' -- '`
	for mode, comments := range map[Mode]int{ModeEscapes: 0, ModeLiteral: 1} {
		if n := len(c.In(mode).Comments([]byte(both))); n != comments {
			t.Errorf("%s: %d comments in mode %d", both, n, mode)
		}
		_, marks := c.In(mode).Marks([]byte(both), nil)
		if len(marks) != 1 || marks[0].Doubtful || (marks[0].End == len(both)) != (mode == ModeEscapes) {
			t.Errorf("%s: marks %+v in mode %d", both, marks, mode)
		}
	}
	if got := string(c.In(ModeEscapes).Value([]byte(`'a\nb'`))) + string(c.In(ModeLiteral).Value([]byte(`'a\nb'`))); got != "a\nb"+`a\nb` {
		t.Errorf("values %q", got)
	}
	const password = `SET PASSWORD = 'it\'s', @a = 1`
	if spans := c.In(ModeEscapes).Credentials([]byte(password)); len(spans) != 1 || password[spans[0].Start:spans[0].End] != `'it\'s'` {
		t.Errorf("credentials %+v", spans)
	}
}

func TestSetsMode(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "SET": false, "SELECT 1": false, "SET sql_mode = ''": true, "set /* x */ SESSION SQL_MODE := concat(@@sql_mode, ',ANSI');": true,
		"SET @@sql_mode = ''": true, "SET @@Session.sql_mode='', @a = 1": true, "SET LOCAL sql_mode = DEFAULT": true, "SET GLOBAL sql_mode = ''": false,
		"SET @a = @@sql_mode = ''": false, "SET @sql_mode = ''": false, "SET @@global.sql_mode = ''": false, "SET autocommit = 1, sql_mode = ''": false,
		"SET STATEMENT sql_mode = '' FOR SET sql_mode = ''": false, "SET sql_mode = ''; SET STATEMENT sql_mode = '' FOR DO 1": false,
		"SET sql_mode = ''; EXECUTE s": false, "SET sql_mode": false,
	} {
		if got := SetsMode([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
