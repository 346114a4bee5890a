package sealed

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// PassphraseEnv names the environment variable that operators put the passphrase in; whoever starts the process
// reads it into Config.Passphrase.
const PassphraseEnv = "SALLY_SEAL_PASSPHRASE"

const (
	maxKeyFile = 64 << 10 // bytes
	// keyOpenBits are the permissions that a key file must not have: no access for others, no writing by the group.
	// Reading by the group is how secret mounts of orchestrators work.
	keyOpenBits = 0o027
	ageHeader   = "age-encryption.org/v1"
)

// openKey reads the key file; where there is none it makes one, if the store is fresh too.
func openKey(c Config, fresh bool) (*age.X25519Identity, error) {
	key, err := readKey(c.KeyFile, c.Passphrase)
	if !errors.Is(err, os.ErrNotExist) {
		return key, err
	}
	if !fresh {
		return nil, fmt.Errorf("open sealed store: its key %s is missing; restore it from where it was backed up: %w", c.KeyFile, err)
	}
	if err := makeKey(c); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return readKey(c.KeyFile, c.Passphrase) // what is on disk counts, also when another process was faster
}

// makeKey writes a new key, encrypted when there is a passphrase.
func makeKey(c Config) error {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make sealing key: %w", err)
	}
	text := []byte("# Opens Sallyport's sealed credentials. Keep a copy in a safe place, apart from them.\n" + key.String() + "\n")
	if c.Passphrase != "" {
		if text, err = encryptKey(text, c); err != nil {
			return err
		}
	}
	return createFile(c.KeyFile, text)
}

// encryptKey encrypts a key file's text with age's scrypt recipient.
func encryptKey(text []byte, c Config) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(c.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypt sealing key: %w", err)
	}
	if c.scryptWork > 0 {
		recipient.SetWorkFactor(c.scryptWork)
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, recipient)
	if err != nil {
		return nil, fmt.Errorf("encrypt sealing key: %w", err)
	}
	if _, err := w.Write(text); err != nil {
		return nil, fmt.Errorf("encrypt sealing key: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encrypt sealing key: %w", err)
	}
	return out.Bytes(), nil
}

// readKey reads a key file, which must be closed to others.
func readKey(path, passphrase string) (*age.X25519Identity, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open sealing key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open sealing key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&keyOpenBits != 0 {
		return nil, fmt.Errorf("open sealing key: %s has mode %04o and is open to others; run: chmod 600 %s", path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("read sealing key: %w", err)
	}
	encrypted := bytes.HasPrefix(text, []byte(ageHeader))
	switch {
	case encrypted && passphrase == "":
		return nil, fmt.Errorf("open sealing key: %s is encrypted; set %s", path, PassphraseEnv)
	case !encrypted && passphrase != "":
		return nil, fmt.Errorf("open sealing key: %s is set, but %s is not encrypted; unset it, or encrypt the key file with: age -p",
			PassphraseEnv, path)
	case encrypted:
		if text, err = decryptKey(text, passphrase); err != nil {
			return nil, fmt.Errorf("open sealing key %s: %w", path, err)
		}
	}
	return parseKey(path, text)
}

// decryptKey decrypts a key file's text.
func decryptKey(text []byte, passphrase string) ([]byte, error) {
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	r, err := age.Decrypt(bytes.NewReader(text), identity)
	if err != nil {
		return nil, fmt.Errorf("decrypt, is %s right?: %w", PassphraseEnv, err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return plain, nil
}

// parseKey finds the one key in a key file, in the form that age-keygen writes too.
func parseKey(path string, text []byte) (*age.X25519Identity, error) {
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := age.ParseX25519Identity(line)
		if err != nil {
			break // its error may quote the key
		}
		return key, nil
	}
	return nil, fmt.Errorf("read sealing key: %s holds no age key (AGE-SECRET-KEY-1...)", path)
}
