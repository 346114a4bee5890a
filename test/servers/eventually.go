package servers

import (
	"testing"
	"time"
)

// Eventually waits until check says so, and ends the test when it has not within the time.
func Eventually(t testing.TB, within time.Duration, what string, check func() bool) {
	t.Helper()
	const lookAgainIn = 20 * time.Millisecond
	for deadline := time.Now().Add(within); !check(); time.Sleep(lookAgainIn) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}
