// Package sealed is the embedded credential source: all credentials in one file, encrypted with age
// (https://age-encryption.org/v1). Nothing but the key file, kept beside it or elsewhere, opens it.
package sealed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"filippo.io/age"

	"github.com/sallyport/sallyport/creds"
)

// Bounds of what a store holds.
const (
	maxName  = 200      // bytes of a credential's name
	maxField = 64 << 10 // bytes of each field of a secret
	maxFile  = 64 << 20 // bytes of the sealed file
)

// ErrNotFound is wrapped when no credential of that name is in the store.
var ErrNotFound = errors.New("credential is not in the sealed store")

// Config says where a store is and what opens it.
type Config struct {
	// Path is the sealed file; it is made by the first Put. Its directory must exist.
	Path string
	// KeyFile holds the key; empty means "sealed.key" beside Path. It is made when neither file exists.
	KeyFile string
	// Passphrase encrypts the key file; empty leaves the key file in the clear. See Open.
	Passphrase string
	// scryptWork is the logarithm of the work that a passphrase costs; zero is age's default. Tests lower it.
	scryptWork int
}

// Store is a sealed file. What another process puts in is seen at once: the file is read again whenever it has changed.
// It is safe for concurrent use, by several processes too.
type Store struct {
	path string
	key  *age.X25519Identity
	last atomic.Pointer[opened]
	mu   sync.Mutex // one writer in this process; the lock file is for the others
}

// record is a secret as it stands in the file, before encryption.
type record struct {
	Username    string `json:"username,omitempty"`
	Password    string `json:"password,omitempty"`
	Certificate []byte `json:"certificate,omitempty"`
	Key         []byte `json:"key,omitempty"`
}

// content is the file, before encryption.
type content struct {
	Version     int               `json:"version"`
	Credentials map[string]record `json:"credentials"`
}

const contentVersion = 1

// Open opens a store, and makes its key on first use.
//
// The sealed file alone is worth nothing to a thief: a backup, a copied disk image or a support bundle without
// the key file shows no credential, nor even their names or number. A key file in the clear that lies beside it
// protects against no more than that: whoever may read both as this user, or as root, may open them. Keep the key
// file on another volume or in a secret mount, or give a passphrase: then the key file is encrypted by it
// (scrypt), and both files together are worth what guessing the passphrase costs. Nothing here protects against
// one who reads this process's memory.
//
// Errors: a key file that others may read, a missing key for an existing store, a passphrase that is missing,
// wrong, or given for a key in the clear, and a store that another key has sealed.
func Open(c Config) (*Store, error) {
	if c.KeyFile == "" {
		c.KeyFile = filepath.Join(filepath.Dir(c.Path), "sealed.key")
	}
	_, err := os.Stat(c.Path)
	fresh := errors.Is(err, os.ErrNotExist)
	key, err := openKey(c, fresh)
	if err != nil {
		return nil, err
	}
	s := &Store{path: c.Path, key: key}
	if _, err := s.load(); err != nil {
		return nil, err
	}
	return s, nil
}

// Identity is the key that seals the store; it may seal other secrets of the same server too.
func (s *Store) Identity() *age.X25519Identity { return s.key }

// Fetch implements creds.Source. The lease never ends.
func (s *Store) Fetch(ctx context.Context, r creds.Request) (*creds.Lease, error) {
	name := r.Credential.Name
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("fetch credential %s: %w", name, err)
	}
	all, err := s.current()
	if err != nil {
		return nil, &creds.Unavailable{
			Credential: name, Err: err,
			Sentence: fmt.Sprintf("credential %s cannot be opened: the sealed store cannot be read; ask an operator to look at the gateway's log", name),
		}
	}
	found, ok := all.Credentials[name]
	if !ok {
		return nil, &creds.Unavailable{
			Credential: name, Err: ErrNotFound,
			Sentence: fmt.Sprintf("credential %s has no value yet; ask an operator to set it", name),
		}
	}
	secret := creds.Secret(found)
	if secret.Username == "" {
		secret.Username = r.Credential.Username
	}
	return &creds.Lease{Secret: secret}, nil
}

// Put sets a credential's value, durably: when it returns, the value is on disk.
func (s *Store) Put(name string, secret creds.Secret) error {
	if err := validate(name, secret); err != nil {
		return fmt.Errorf("put credential: %w", err)
	}
	err := s.change(func(all map[string]record) error {
		all[name] = record(secret)
		return nil
	})
	if err != nil {
		return fmt.Errorf("put credential %s: %w", name, err)
	}
	return nil
}

// Delete forgets a credential; the error wraps ErrNotFound when there is none of that name.
func (s *Store) Delete(name string) error {
	err := s.change(func(all map[string]record) error {
		if _, ok := all[name]; !ok {
			return ErrNotFound
		}
		delete(all, name)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete credential %s: %w", name, err)
	}
	return nil
}

// Names lists the credentials that have a value, sorted.
func (s *Store) Names() ([]string, error) {
	all, err := s.load()
	if err != nil {
		return nil, fmt.Errorf("list credentials: %w", err)
	}
	return slices.Sorted(maps.Keys(all.Credentials)), nil
}

// change applies one change to the file; no other writer comes between its read and its write.
func (s *Store) change(apply func(map[string]record) error) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file, err := os.OpenFile(s.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open lock of sealed store: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := lock(file); err != nil {
		return fmt.Errorf("lock sealed store: %w", err)
	}
	all, err := s.load()
	if err != nil {
		return err
	}
	if err := apply(all.Credentials); err != nil {
		return err
	}
	return s.save(all)
}

// opened is the file's content as it was when the file looked like info.
type opened struct {
	info os.FileInfo
	all  content
}

// current is load, without reading a file again that is still the one that was read: decrypting it costs more than all
// else when a session opens. The content must not be changed.
func (s *Store) current() (content, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return s.load()
	}
	if last := s.last.Load(); last != nil && os.SameFile(last.info, info) && last.info.ModTime().Equal(info.ModTime()) &&
		last.info.Size() == info.Size() {
		return last.all, nil
	}
	all, err := s.load()
	if err == nil {
		s.last.Store(&opened{info: info, all: all})
	}
	return all, err
}

// load reads and decrypts the file; a file that does not exist is empty.
func (s *Store) load() (content, error) {
	empty := content{Version: contentVersion, Credentials: map[string]record{}}
	sealed, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return empty, nil
	}
	if err != nil {
		return empty, fmt.Errorf("read sealed store: %w", err)
	}
	if len(sealed) > maxFile {
		return empty, fmt.Errorf("read sealed store: %s has %d bytes, more than %d", s.path, len(sealed), maxFile)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), s.key)
	if err != nil {
		return empty, fmt.Errorf("decrypt sealed store %s: %w", s.path, err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return empty, fmt.Errorf("decrypt sealed store %s: %w", s.path, err)
	}
	var all content
	// A decoder's error may quote what it read, so it stays inside.
	if err := json.Unmarshal(plain, &all); err != nil {
		return empty, fmt.Errorf("read sealed store %s: its content is not what Sallyport writes", s.path)
	}
	if all.Version != contentVersion {
		return empty, fmt.Errorf("read sealed store %s: version %d is unknown to this release", s.path, all.Version)
	}
	if all.Credentials == nil {
		all.Credentials = map[string]record{}
	}
	return all, nil
}

// save encrypts and writes the file.
func (s *Store) save(all content) error {
	plain, err := json.Marshal(all)
	if err != nil {
		return errors.New("encode sealed store") // without the cause, which may quote a value
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, s.key.Recipient())
	if err != nil {
		return fmt.Errorf("encrypt sealed store: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return fmt.Errorf("encrypt sealed store: %w", err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("encrypt sealed store: %w", err)
	}
	if sealed.Len() > maxFile {
		return fmt.Errorf("write sealed store: it would grow past %d bytes", maxFile)
	}
	return replaceFile(s.path, sealed.Bytes())
}

// validate refuses names that could not be shown and secrets that open nothing.
func validate(name string, secret creds.Secret) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("name must have 1 to %d bytes", maxName)
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return errors.New("name has characters that cannot be shown")
	case secret.Password == "" && len(secret.Key) == 0:
		return errors.New("secret has neither a password nor a key")
	case len(secret.Key) == 0 && len(secret.Certificate) > 0:
		return errors.New("a certificate needs its key")
	case !utf8.ValidString(secret.Username), !utf8.ValidString(secret.Password):
		return errors.New("username and password must be UTF-8")
	case len(secret.Username) > maxField, len(secret.Password) > maxField,
		len(secret.Certificate) > maxField, len(secret.Key) > maxField:
		return fmt.Errorf("a field of the secret has more than %d bytes", maxField)
	}
	return nil
}
