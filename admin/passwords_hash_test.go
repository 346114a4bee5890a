package admin

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// quick is what tests can afford where cost is not what they are about.
var quick = hashing{memory: 8 << 10, passes: 1, threads: 1}

func TestHashesArePHC(t *testing.T) {
	text := presentHashing.hashPassword("correct horse battery staple")
	if !strings.HasPrefix(text, "$argon2id$v=19$m=49152,t=2,p=1$") {
		t.Errorf("hash %s", text)
	}
	h, err := parseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	if h.hashing != presentHashing || !h.matches("correct horse battery staple") || h.matches("correct horse battery stapl") {
		t.Errorf("parsed %+v", h)
	}
	if again := presentHashing.hashPassword("correct horse battery staple"); again == text {
		t.Error("two hashes of one password are the same: no salt")
	}
	if _, err := parseHash(presentHashing.decoy()); err != nil {
		t.Errorf("decoy: %v", err)
	}
}

// The same characters are the same password, however a keyboard composes them.
func TestPasswordsAreNormalised(t *testing.T) {
	h, err := parseHash(quick.hashPassword("m\u00fcnchen-leuchtet"))
	if err != nil {
		t.Fatal(err)
	}
	if !h.matches("mu\u0308nchen-leuchtet") {
		t.Error("a decomposed umlaut is another password")
	}
}

func TestHashesThatAreRefused(t *testing.T) {
	good := quick.hashPassword("x")
	for _, text := range []string{
		"", "$", good + "$", good[1:], strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=8192", "m=4194304", 1), strings.Replace(good, "m=8192", "m=08192", 1), strings.Replace(good, "t=1", "t=0", 1),
		strings.Replace(good, "t=1", "t=4000000000", 1), strings.Replace(good, "p=1", "p=0", 1), strings.Replace(good, "p=1", "p=1,x=2", 1),
		good[:len(good)-1], good + "A",
	} {
		if _, err := parseHash(text); !errors.Is(err, errHashForm) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParseHash(f *testing.F) {
	f.Add(quick.hashPassword("x"))
	f.Add("$argon2id$v=19$m=8192,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHash(text)
		if err != nil {
			return
		}
		if h.memory > 256<<10 || h.passes > 10 || h.threads > 4 || h.encode(h.salt, h.key) != text {
			t.Errorf("%q is taken as %+v", text, h)
		}
	})
}

func TestHashesAreMadeTwoAtOnce(t *testing.T) {
	a := accounts{hashes: make(chan struct{}, hashesAtOnce)}
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			done, err := a.turn(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			defer done()
			n := now.Add(1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			quick.hashPassword("x")
			now.Add(-1)
		})
	}
	wg.Wait()
	if most.Load() > hashesAtOnce {
		t.Errorf("%d at once", most.Load())
	}
	for range hashesAtOnce {
		a.hashes <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.turn(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("who goes away waits on: %v", err)
	}
}

func TestLockoutDoubles(t *testing.T) {
	l := newLockout(3, 10*time.Second)
	now := time.Unix(1_000_000, 0)
	var waits []time.Duration
	for range 9 {
		for {
			wait, _ := l.attempt("k", now)
			if wait == 0 {
				break
			}
			waits = append(waits, wait)
			now = now.Add(wait)
		}
	}
	want := []time.Duration{1, 2, 4, 8, 10, 10}
	if len(waits) != len(want) {
		t.Fatalf("waits %v", waits)
	}
	for i, w := range want {
		if waits[i] != w*time.Second {
			t.Errorf("waits %v, want %v s", waits, want)
			break
		}
	}
	l.attempt("k", now)
	if _, turned := l.attempt("k", now); turned != 2 {
		t.Errorf("%d turned away", turned)
	}
	if wait, _ := l.attempt("k", now.Add(25*time.Hour)); wait != 0 {
		t.Errorf("a day later: %s", wait)
	}
	if wait, _ := l.attempt("other", now); wait != 0 {
		t.Errorf("another key: %s", wait)
	}
}

// However attempts come, no more are judged than the waits allow, and memory is bounded.
func TestLockoutBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLockout(5, time.Minute)
		now := time.Unix(1_000_000, 0)
		begin, judged := now, 0
		for _, gap := range rapid.SliceOfN(rapid.Int64Range(0, int64(10*time.Second)), 1, 200).Draw(t, "gaps") {
			now = now.Add(time.Duration(gap))
			if wait, _ := l.attempt("k", now); wait == 0 {
				judged++
			} else if wait > time.Minute {
				t.Fatalf("a wait of %s", wait)
			}
		}
		// After n judged attempts, 2^(n-5)-1 seconds at least have passed (up to the limit's doubling).
		if over := judged - 5; over > 0 {
			least := time.Duration(1<<min(over, 6)-1) * time.Second
			if now.Sub(begin) < min(least, time.Minute) {
				t.Fatalf("%d judged within %s", judged, now.Sub(begin))
			}
		}
	})
	l, now := newLockout(5, time.Minute), time.Unix(1_000_000, 0)
	for range 8 {
		l.attempt("target", now)
		now = now.Add(time.Minute)
	}
	for i := range 3 * maxLockoutKeys {
		l.attempt(strings.Repeat("x", i%7)+string(rune('a'+i%26))+time.Duration(i).String(), now)
	}
	if len(l.keys) > maxLockoutKeys {
		t.Errorf("%d keys", len(l.keys))
	}
	if l.keys["target"].count != 8 {
		t.Error("a flood of names brought a key under attack back to its beginning")
	}
}

func TestNetworks(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.7:1": "192.0.2.7", "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64", "[::ffff:192.0.2.7]:1": "192.0.2.7",
		"[fe80::1%eth0]:1": "fe80::/64", "local": "local",
	} {
		if got := networkOf(addr); got != want {
			t.Errorf("%s: %s, want %s", addr, got, want)
		}
	}
}

// BenchmarkPassword tells what one sign-in by password costs; presentHashing is chosen by it.
func BenchmarkPassword(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		presentHashing.hashPassword("correct horse battery staple")
	}
}
