package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/proxy"
)

// TestSCRAMVector is the example of RFC 7677, section 3.
func TestSCRAMVector(t *testing.T) {
	const (
		serverFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
		clientFinal = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
		serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
	)
	cache := newSCRAMCache()
	for range 2 { // the second time from the cache
		c := &scramClient{mechanism: scramSHA256, password: "pencil", user: "user", nonce: "rOprNGfwEbeRWgbNEkqO", gs2Header: "n,,"}
		if got := string(c.first()); got != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" {
			t.Errorf("first %q", got)
		}
		final, err := c.final([]byte(serverFirst), cache)
		if err != nil || string(final) != clientFinal {
			t.Errorf("final %q, %v", final, err)
		}
		if err := c.verify([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="), cache); err == nil || c.verified {
			t.Error("a wrong signature was accepted")
		}
		if err := c.verify([]byte(serverFinal), cache); err != nil || !c.verified {
			t.Errorf("verify: %v", err)
		}
		if len(cache.entries) != 1 {
			t.Errorf("%d entries in the cache", len(cache.entries))
		}
	}
}

func TestSCRAMCacheIsBoundedAndForgetsTheOldest(t *testing.T) {
	cache := newSCRAMCache()
	first := cache.key("secret", []byte("salt"), 4096)
	cache.put(first, scramKeys{})
	second := cache.key("secret2", []byte("salt"), 4096)
	cache.put(second, scramKeys{})
	for i := range scramCacheSize - 1 {
		if _, ok := cache.get(first); !ok {
			t.Fatal("the entry in use was forgotten")
		}
		cache.put(cache.key("secret", []byte("salt"), 5000+i), scramKeys{})
	}
	if _, ok := cache.get(second); ok || len(cache.entries) != scramCacheSize || cache.recent.Len() != scramCacheSize {
		t.Errorf("%d entries, oldest still there: %v", len(cache.entries), ok)
	}
	if cache.key("ab", []byte("c"), 1) == cache.key("a", []byte("bc"), 1) {
		t.Error("password and salt run into each other")
	}
	if newSCRAMCache().key("secret", []byte("salt"), 4096) == first {
		t.Error("keys do not depend on the process")
	}
	for entry := range cache.entries {
		if strings.Contains(string(entry[:]), "secret") {
			t.Error("the password stands in a key")
		}
	}
}

func TestNewSCRAMChoosesTheMechanism(t *testing.T) {
	both, plain := []string{scramSHA256Plus, scramSHA256}, []string{scramSHA256}
	bound, unbindable := channelBinding{tls: true, data: []byte("x")}, channelBinding{tls: true}
	for _, c := range []struct {
		offered []string
		binding channelBinding
		want    string
	}{
		{both, bound, "SCRAM-SHA-256-PLUS p=tls-server-end-point,,"},
		{plain, bound, "SCRAM-SHA-256 y,,"},
		{plain, channelBinding{}, "SCRAM-SHA-256 n,,"},
		{plain, unbindable, "SCRAM-SHA-256 n,,"},
		{both, unbindable, "SCRAM-SHA-256 n,,"},
		{both, channelBinding{}, "error"},
		{[]string{scramSHA256Plus}, unbindable, "error"},
		{[]string{"SCRAM-SHA-1"}, bound, "error"},
		{nil, bound, "error"},
	} {
		got := "error"
		if client, err := newSCRAM("x", c.offered, c.binding); err == nil {
			got = client.mechanism + " " + client.gs2Header
			if len(client.nonce) != 24 {
				t.Errorf("nonce %q", client.nonce)
			}
		}
		if got != c.want {
			t.Errorf("%v with %+v: %s, want %s", c.offered, c.binding, got, c.want)
		}
	}
}

func TestParseServerFirst(t *testing.T) {
	const salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
	if got, err := parseServerFirst("r=abcd,s="+salt+",i=4096", "abc"); err != nil || got.nonce != "abcd" || got.iterations != 4096 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{
		"", "r=abcd", "r=abcd,s=" + salt, "s=" + salt + ",r=abcd,i=4096", "m=x,r=abcd,s=" + salt + ",i=4096",
		"r=abc,s=" + salt + ",i=4096",                       // nothing of the server's
		"r=xbcd,s=" + salt + ",i=4096",                      // not ours
		"r=abc\x01,s=" + salt + ",i=4096",                   // unprintable
		"r=abcd,s=,i=4096", "r=abcd,s=" + salt + "=,i=4096", // salt
		"r=abcd,s=" + salt + ",i=", "r=abcd,s=" + salt + ",i=-1", "r=abcd,s=" + salt + ",i=0", "r=abcd,s=" + salt + ",i=999",
		"r=abcd,s=" + salt + ",i=1000001", "r=abcd,s=" + salt + ",i=4294971392", "r=abcd,s=" + salt + ",i=4096,x=y",
		"r=abc" + strings.Repeat("d", maxNonceChars) + ",s=" + salt + ",i=4096",
		"r=abcd,s=" + strings.Repeat("AAAA", 400) + ",i=4096",
	} {
		if got, err := parseServerFirst(bad, "abc"); err == nil {
			t.Errorf("%.60q gave %+v", bad, got)
		}
	}
}

func TestParseServerFinal(t *testing.T) {
	for s, refused := range map[string]bool{
		"e=invalid-proof": true, "e=unknown-user": true, "e=other-error": false, "x": false, "v=!": false, "": false,
	} {
		_, err := parseServerFinal(s)
		if err == nil || errors.Is(err, proxy.ErrCredentialRefused) != refused {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func FuzzSCRAMServerMessages(f *testing.F) {
	f.Add("r=abcd,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
	f.Add("r=abc,s=,i=0", "e=invalid-proof")
	f.Fuzz(func(t *testing.T, first, final string) {
		if got, err := parseServerFirst(first, "abc"); err == nil {
			if !strings.HasPrefix(got.nonce, "abc") || len(got.nonce) < 4 || len(got.salt) == 0 ||
				got.iterations < minIterations || got.iterations > maxIterations {
				t.Errorf("%q gave %+v", first, got)
			}
		}
		if signature, err := parseServerFinal(final); err == nil && !strings.HasPrefix(final, "v=") {
			t.Errorf("%q gave %x", final, signature)
		}
	})
}

func BenchmarkSCRAM(b *testing.B) {
	challenge := []byte("r=abcd,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
	for _, cached := range []bool{false, true} {
		b.Run(fmt.Sprintf("cached=%v", cached), func(b *testing.B) {
			var cache *scramCache
			if cached {
				cache = newSCRAMCache()
				keys, err := deriveKeys("pencil", []byte("[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"), 4096)
				if err != nil {
					b.Fatal(err)
				}
				cache.put(cache.key("pencil", []byte("[m\x99h\x9d\x125\x8e\xec\xa0K\x14\x126\xfa\x81"), 4096), keys)
			}
			b.ReportAllocs()
			for b.Loop() {
				c := &scramClient{password: "pencil", nonce: "abc", gs2Header: "n,,"}
				if _, err := c.final(challenge, cache); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
