package access

import (
	"strings"
	"testing"
	"time"
)

// A pattern of many stars, on a name that almost fits: it must not be tried in every way there is.
func TestHostilePatternsEnd(t *testing.T) {
	pattern := strings.Repeat("*a", 60) + "b"
	name := strings.Repeat("a", 100_000)
	done := make(chan bool, 1)
	go func() { done <- glob(pattern, name) }()
	select {
	case matched := <-done:
		if matched {
			t.Error("a name without b is of a pattern that ends in b")
		}
	case <-time.After(30 * time.Second):
		t.Fatal("still trying after 30 s")
	}
	if !glob(pattern, name+"b") {
		t.Error("the name that fits does not")
	}
}
