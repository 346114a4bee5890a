package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/creds"
)

const marker = "S3kr1t-value-of-the-test"

func open(t *testing.T, c Config) *Store {
	t.Helper()
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s *Store, name string, secret creds.Secret) {
	t.Helper()
	if err := s.Put(name, secret); err != nil {
		t.Fatal(err)
	}
}

// plain strips the methods that redact, so that values can be compared.
type plain struct {
	Username, Password string
	Certificate, Key   []byte
}

func fetch(t *testing.T, s *Store, c access.Credential) plain {
	t.Helper()
	lease, err := s.Fetch(t.Context(), creds.Request{Credential: c})
	if err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	return plain(lease.Secret)
}

func TestWhatIsPutIsFetchedAfterReopening(t *testing.T) {
	c := Config{Path: filepath.Join(t.TempDir(), "credentials.age")}
	s := open(t, c)
	put(t, s, "app", creds.Secret{Username: "app", Password: marker})
	put(t, s, "cert", creds.Secret{Username: "app", Certificate: []byte("C"), Key: []byte("K")})
	put(t, s, "key", creds.Secret{Username: "app", Key: []byte("K")})
	put(t, s, "password-only", creds.Secret{Password: "p"})

	s = open(t, c)
	names, err := s.Names()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"app", "cert", "key", "password-only"}, names); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct {
		credential access.Credential
		want       plain
	}{
		{access.Credential{Name: "app", Username: "ignored"}, plain{Username: "app", Password: marker}},
		{access.Credential{Name: "cert"}, plain{Username: "app", Certificate: []byte("C"), Key: []byte("K")}},
		{access.Credential{Name: "key"}, plain{Username: "app", Key: []byte("K")}},
		{access.Credential{Name: "password-only", Username: "orders"}, plain{Username: "orders", Password: "p"}},
	} {
		if diff := cmp.Diff(test.want, fetch(t, s, test.credential)); diff != "" {
			t.Error(test.credential.Name, diff)
		}
	}
	if err := s.Delete("app"); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete("app"); !errors.Is(err, ErrNotFound) {
		t.Errorf("second delete: %v; want ErrNotFound", err)
	}
	_, err = s.Fetch(t.Context(), creds.Request{Credential: access.Credential{Name: "app"}})
	var unavailable *creds.Unavailable
	if !errors.As(err, &unavailable) || !strings.Contains(unavailable.Sentence, "app") || !errors.Is(err, ErrNotFound) {
		t.Errorf("fetch after delete: %v", err)
	}
}

func TestNothingLiesInTheClear(t *testing.T) {
	for _, passphrase := range []string{"", "correct horse"} {
		dir := t.TempDir()
		c := Config{Path: filepath.Join(dir, "credentials.age"), Passphrase: passphrase, scryptWork: 4}
		s := open(t, c)
		put(t, s, "name-of-credential", creds.Secret{Username: "name-of-user", Password: marker})
		put(t, s, "name-of-credential", creds.Secret{Username: "name-of-user", Password: marker + "2"})
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, entry := range entries {
			names = append(names, entry.Name())
			info, err := entry.Info()
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %04o", entry.Name(), info.Mode().Perm())
			}
			b, err := os.ReadFile(filepath.Join(dir, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{marker, "name-of-credential", "name-of-user"} {
				if bytes.Contains(b, []byte(secret)) {
					t.Errorf("%s shows %q", entry.Name(), secret)
				}
			}
			if passphrase != "" && bytes.Contains(b, []byte("AGE-SECRET-KEY")) {
				t.Errorf("%s shows the key in spite of the passphrase", entry.Name())
			}
		}
		want := []string{"credentials.age", "credentials.age.lock", "sealed.key"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error("files left:", diff)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		first  Config
		spoil  func(t *testing.T, dir string)
		second Config
		want   string
	}{
		"key missing": {
			spoil: func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, "sealed.key"))) },
			want:  "is missing; restore it",
		},
		"key of another": {
			spoil: func(t *testing.T, dir string) {
				must(t, os.Remove(filepath.Join(dir, "sealed.key")))
				must(t, makeKey(Config{KeyFile: filepath.Join(dir, "sealed.key")}))
			},
			want: "decrypt sealed store",
		},
		"key open to others": {
			spoil: func(t *testing.T, dir string) { must(t, os.Chmod(filepath.Join(dir, "sealed.key"), 0o644)) },
			want:  "chmod 600",
		},
		"passphrase missing":          {first: Config{Passphrase: "right", scryptWork: 4}, want: "is encrypted; set " + PassphraseEnv},
		"passphrase wrong":            {first: Config{Passphrase: "right", scryptWork: 4}, second: Config{Passphrase: "wrong"}, want: "is " + PassphraseEnv + " right"},
		"passphrase for a clear key":  {second: Config{Passphrase: "right", scryptWork: 4}, want: "is not encrypted"},
		"key file without a key":      {spoil: func(t *testing.T, dir string) { overwrite(t, dir, "sealed.key", "AGE-SECRET-KEY-1NONSENSE") }, want: "holds no age key"},
		"sealed file torn":            {spoil: func(t *testing.T, dir string) { tear(t, filepath.Join(dir, "credentials.age")) }, want: "decrypt sealed store"},
		"sealed file changed by hand": {spoil: func(t *testing.T, dir string) { overwrite(t, dir, "credentials.age", "{}") }, want: "decrypt sealed store"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.first.Path = filepath.Join(dir, "credentials.age")
			test.second.Path = test.first.Path
			put(t, open(t, test.first), "app", creds.Secret{Password: marker})
			if test.spoil != nil {
				test.spoil(t, dir)
			}
			_, err := Open(test.second)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v; want an error with %q", err, test.want)
			}
			for _, secret := range []string{marker, "NONSENSE", "AGE-SECRET-KEY-1N"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("error shows %q: %v", secret, err)
				}
			}
		})
	}
}

func TestPutRefusesWhatOpensNothing(t *testing.T) {
	s := open(t, Config{Path: filepath.Join(t.TempDir(), "credentials.age")})
	ok := creds.Secret{Password: marker}
	for name, test := range map[string]struct {
		name   string
		secret creds.Secret
	}{
		"no name":                   {"", ok},
		"long name":                 {strings.Repeat("n", maxName+1), ok},
		"control character in name": {"a\x1b[2J", ok},
		"no secret":                 {"app", creds.Secret{Username: "u"}},
		"certificate without key":   {"app", creds.Secret{Password: marker, Certificate: []byte("c")}},
		"not UTF-8":                 {"app", creds.Secret{Password: marker + "\xff"}},
		"too long":                  {"app", creds.Secret{Password: strings.Repeat(marker, maxField)}},
	} {
		err := s.Put(test.name, test.secret)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), marker) {
			t.Errorf("%s: error shows the value: %v", name, err)
		}
	}
}

func TestWritersAndReadersAtOnceLoseNothing(t *testing.T) {
	c := Config{Path: filepath.Join(t.TempDir(), "credentials.age")}
	put(t, open(t, c), "always", creds.Secret{Password: marker})
	var all sync.WaitGroup
	const writers, each = 4, 8
	for w := range writers {
		all.Go(func() {
			s, err := Open(c) // a store of its own, as another process has
			if err != nil {
				t.Error(err)
				return
			}
			for i := range each {
				if err := s.Put(fmt.Sprintf("w%d-%d", w, i), creds.Secret{Password: "p"}); err != nil {
					t.Error(err)
				}
				if _, err := s.Fetch(t.Context(), creds.Request{Credential: access.Credential{Name: "always"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	names, err := open(t, c).Names()
	if err != nil || len(names) != writers*each+1 {
		t.Errorf("%d names, %v; want %d", len(names), err, writers*each+1)
	}
}

// TestKilledWriterLeavesAWholeFile kills a process that writes without pause, and opens what it left.
func TestKilledWriterLeavesAWholeFile(t *testing.T) {
	dir := os.Getenv("SEALED_WRITER")
	if dir != "" {
		s := open(t, Config{Path: filepath.Join(dir, "credentials.age")})
		for i := 0; ; i++ {
			put(t, s, "app", creds.Secret{Username: fmt.Sprint(i), Password: strings.Repeat("p", i%4096+1)})
			if i == 0 {
				fmt.Println("writing")
			}
		}
	}
	dir = t.TempDir()
	for range 5 {
		writer := exec.Command(os.Args[0], "-test.run=^TestKilledWriterLeavesAWholeFile$")
		writer.Env = append(os.Environ(), "SEALED_WRITER="+dir)
		out, err := writer.StdoutPipe()
		must(t, err)
		must(t, writer.Start())
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Errorf("writer did not begin: %v", err)
		}
		must(t, writer.Process.Kill())
		_ = writer.Wait() // killed, as wanted
		s := open(t, Config{Path: filepath.Join(dir, "credentials.age")})
		if got := fetch(t, s, access.Credential{Name: "app"}); got.Password == "" {
			t.Error("value lost")
		}
	}
}

func TestAnyValueComesBack(t *testing.T) {
	s := open(t, Config{Path: filepath.Join(t.TempDir(), "credentials.age")})
	rapid.Check(t, func(rt *rapid.T) {
		want := plain{Username: rapid.String().Draw(rt, "username"), Password: rapid.StringN(1, 50, -1).Draw(rt, "password")}
		put(t, s, "any", creds.Secret(want))
		if diff := cmp.Diff(want, fetch(t, s, access.Credential{Name: "any"})); diff != "" {
			rt.Fatal(diff)
		}
	})
}

func BenchmarkFetch(b *testing.B) {
	s, err := Open(Config{Path: filepath.Join(b.TempDir(), "credentials.age")})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 100 {
		if err := s.Put(fmt.Sprint(i), creds.Secret{Username: "u", Password: marker}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := s.Fetch(b.Context(), creds.Request{Credential: access.Credential{Name: "7"}}); err != nil {
			b.Fatal(err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func overwrite(t *testing.T, dir, name, text string) {
	t.Helper()
	must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func tear(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, b[:len(b)-7], 0o600))
}
