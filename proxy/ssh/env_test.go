package ssh

import (
	"strings"
	"testing"
)

// A variable is on the record without what is written where secrets are.
func TestVariablesOnTheRecord(t *testing.T) {
	for _, test := range []struct{ name, value, want string }{
		{"LC_TODO", "rm -rf /srv", "LC_TODO=rm -rf /srv"},
		{"LC_TODO", "PGPASSWORD=hunter2 psql; mysql -phunter2 shop", "LC_TODO=PGPASSWORD=[redacted:credential] psql; mysql -p[redacted:credential] shop"},
		{"DB_URL", "postgres://app:hunter2@db/shop", "DB_URL=postgres://app:[redacted:credential]@db/shop"},
		{"DB_PASSWORD", "hunter2 and more", "DB_PASSWORD=[redacted:credential]"},
		{"EMPTY", "", "EMPTY="},
	} {
		var v variables
		if !v.add(test.name, test.value) || string(v.recorded[0].Value) != test.want {
			t.Errorf("%s=%s is recorded as %q", test.name, test.value, v.recorded[0].Value)
		}
	}
}

func TestVariablesAreBounded(t *testing.T) {
	var many, large variables
	for i := range 2 * maxVariables {
		if took := many.add("LC_X", "x"); took != (i < maxVariables) {
			t.Fatalf("variable %d: %v", i, took)
		}
	}
	value := strings.Repeat("x", 20<<10)
	for i := range 5 {
		if took := large.add("LC_X", value); took != (i < 3) {
			t.Errorf("variable %d of %d bytes: %v", i, len(value), took)
		}
	}
}
