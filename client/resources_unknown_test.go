package client_test

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/client"
)

func TestNotYoursNamesWhatWasMeant(t *testing.T) {
	mine := []client.Resource{{Name: "orders-db"}, {Name: "web-1"}, {Name: "web-prod"}}
	for name, want := range map[string]string{
		"wbe-1":     "(did you mean web-1?)",
		"web1":      "(did you mean web-1?)",
		"ordres-db": "(did you mean orders-db?)",
		"web-porod": "(did you mean web-prod?)",
		"billing":   `"billing" that you may open; sally ls`,
		"we":        `"we" that you may open; sally ls`,
	} {
		got := client.NotYours(name, mine).Error()
		if !strings.Contains(got, want) || !strings.HasSuffix(got, "sally access request "+name+" --reason TEXT asks for it") {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
}
