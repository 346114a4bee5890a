package mysql

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFilesNamed(t *testing.T) {
	for text, want := range map[string][]string{
		"SELECT 1":                                   nil,
		"LOAD DATA INFILE 'server' INTO TABLE t":     nil,
		"LOAD DATA LOCAL INFILE":                     nil,
		"LOAD DATA LOCAL INFILE 'open":               nil,
		"load data low_priority local infile\n'a' x": {"a", "a"},
		`LOAD DATA LOCAL INFILE "it's" INTO TABLE t`: {"it's", "it's"},
		`LOAD DATA LOCAL INFILE 'a''b\'c' INTO`:      {"a'b'c", `a'b\`},
		`LOAD XML LOCAL INFILE '\\x\n\0' INTO`:       {"\\x\n\x00", `\\x\n\0`},
		"LOAD DATA LOCAL INFILE 'a' INTO TABLE t; LOAD DATA LOCAL INFILE 'b' INTO TABLE t":     {"a", "a", "b", "b"},
		"LOAD DATA LOCAL INFILE 'a' INTO TABLE t; LOAD DATA INFILE '/etc/passwd' INTO TABLE t": {"a", "a"},
	} {
		if diff := cmp.Diff(want, filesNamed([]byte(text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
