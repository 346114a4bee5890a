package proof

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"golang.org/x/mod/sumdb/note"
)

// Sealer keeps the signing key secret at rest.
type Sealer interface {
	Seal(plain []byte) ([]byte, error)
	Open(sealed []byte) ([]byte, error)
}

// keyPair is one Ed25519 key in the encodings of sumdb/note.
type keyPair struct {
	Private string `json:"private"`
	Public  string `json:"public"`
}

func newKeyPair(origin string) (keyPair, error) {
	private, public, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return keyPair{}, fmt.Errorf("make signing key: %w", err)
	}
	return keyPair{private, public}, nil
}

// secretKeys are what the sealed file holds.
type secretKeys struct {
	Current keyPair `json:"current"`
	// Next signs from the checkpoint on that covers the record of the change; nil while no change is under way.
	Next *keyPair `json:"next,omitempty"`
}

func readSecretKeys(path string, sealer Sealer) (s secretKeys, err error) {
	sealed, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	plain, err := sealer.Open(sealed)
	if err != nil {
		return s, err
	}
	err = json.Unmarshal(plain, &s)
	return s, err
}

func (s secretKeys) write(path string, sealer Sealer) error {
	plain, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write signing key: %w", err)
	}
	sealed, err := sealer.Seal(plain)
	if err != nil {
		return fmt.Errorf("seal signing key: %w", err)
	}
	if err := replaceFile(path, sealed); err != nil {
		return fmt.Errorf("write signing key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// originOf is the log's name for a gateway: what a key's name may hold.
func originOf(gateway string) string {
	name := strings.Map(func(r rune) rune {
		if r == '+' || r == unicode.ReplacementChar || unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return '-'
		}
		return r
	}, gateway)
	if name == "" {
		name = "gateway"
	}
	return "sallyport/" + name
}

// openKeys reads the log's keys, or makes them when the proof has none yet. It finishes a change of keys that is
// signed already.
func (l *Log) openKeys() error {
	public, err := readKeyChain(os.DirFS(l.dir), keysFile)
	if errors.Is(err, fs.ErrNotExist) {
		return l.makeKeys()
	}
	if err != nil {
		return err
	}
	if l.chain, err = public.resolve(); err != nil {
		return fmt.Errorf("read %s: %w", keysFile, err)
	}
	l.public = public
	if l.secret, err = readSecretKeys(l.o.KeyFile, l.o.Sealer); err != nil {
		return fmt.Errorf("read the key that signs checkpoints: %w; put %s back from a backup of the data directory, or move %s "+
			"elsewhere to begin anew with another key", err, l.o.KeyFile, l.dir)
	}
	if next := l.secret.Next; next != nil && next.Public == l.chain.current() {
		return l.promote()
	}
	if l.secret.Current.Public != l.chain.current() {
		return fmt.Errorf("%s holds another key than %s says; put the right one back from a backup of the data directory, or move "+
			"%s elsewhere to begin anew with another key", l.o.KeyFile, keysFile, l.dir)
	}
	return nil
}

// makeKeys begins a log with a new key. A sealed key of another log is kept.
func (l *Log) makeKeys() error {
	if _, err := os.Stat(l.o.KeyFile); err == nil {
		kept := fmt.Sprintf("%s.before-%d", l.o.KeyFile, time.Now().Unix())
		if err := os.Rename(l.o.KeyFile, kept); err != nil {
			return fmt.Errorf("keep the former signing key: %w", err)
		}
		l.log.Warn("the record has no checkpoints, but there was a key for them; a new one is made", "former_key", kept)
	}
	pair, err := newKeyPair(originOf(l.o.Gateway))
	if err != nil {
		return err
	}
	l.secret = secretKeys{Current: pair}
	if err := l.secret.write(l.o.KeyFile, l.o.Sealer); err != nil {
		return err
	}
	l.public = keyChain{Format: keysFormat, First: pair.Public}
	if l.chain, err = l.public.resolve(); err != nil {
		return err
	}
	l.log.Info("a key to sign checkpoints was made; give it to those who verify", "key", pair.Public)
	return errors.Join(l.public.write(l.dir), l.writeKeyFile())
}

// promote makes the next key the current one, once a checkpoint signed by both is stored with the keys.
func (l *Log) promote() error {
	l.secret = secretKeys{Current: *l.secret.Next}
	return errors.Join(l.secret.write(l.o.KeyFile, l.o.Sealer), l.writeKeyFile())
}

func (l *Log) writeKeyFile() error {
	want := []byte(l.secret.Current.Public + "\n")
	path := filepath.Join(l.dir, keyFile)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
		return nil
	}
	if err := replaceFile(path, want); err != nil {
		return fmt.Errorf("write %s: %w", keyFile, err)
	}
	return syncDir(l.dir)
}
