package sqltext

import (
	"strings"
	"testing"
)

func TestMayHoldCredential(t *testing.T) {
	for sql, want := range map[string]bool{
		"": false, "pass": false, "select 1": false, "PASSWORD": true, "xpassword": true, "ppassword 'x'": true, "papassw": true,
		"create Subscription s": true, "user MAPPING": true, "identified": true, "iidentified": true, "a://b": true, "a:b": false,
		`E'\x70'`: true, "select passport, subspace, mapper, idea from t": false, "susubscription": true,
	} {
		if got := MayHoldCredential([]byte(sql)); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

func FuzzMayHoldCredential(f *testing.F) {
	f.Add("alter role x password 'y'")
	f.Fuzz(func(t *testing.T, sql string) {
		lower := strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' {
				return r | 0x20
			}
			return r
		}, sql)
		for _, word := range []string{"passw", "subscription", "mapping", "identified", "://", `\`} {
			if strings.Contains(lower, word) && !MayHoldCredential([]byte(sql)) {
				t.Fatalf("%q holds %s", sql, word)
			}
		}
	})
}
