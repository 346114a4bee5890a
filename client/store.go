package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Store keeps profiles below one directory: profiles/NAME.json, and in the file "active" the name of the one in use.
// Directories have mode 0700 and files 0600; a file is replaced whole or not at all. Where there is a keyring, what
// proves who the person is lies in it and not in the files.
type Store struct {
	dir     string
	keyring Keyring // nil: none
	// chosen overrides the active profile; empty for none.
	chosen string
}

var profileName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// OpenStore gives the store in the person's configuration directory ($XDG_CONFIG_HOME/sallyport on Linux), with
// SALLY_PROFILE as the active profile where it is set, and the system's keyring. It creates nothing.
func OpenStore() (*Store, error) {
	base, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("find configuration directory: %w", err)
	}
	return &Store{dir: filepath.Join(base, "sallyport"), keyring: SystemKeyring(), chosen: os.Getenv("SALLY_PROFILE")}, nil
}

// NewStore gives the store in dir, without a keyring. It creates nothing.
func NewStore(dir string) *Store { return &Store{dir: dir} }

// NewKeyringStore gives the store in dir that keeps secrets in the keyring. It creates nothing.
func NewKeyringStore(dir string, keyring Keyring) *Store { return &Store{dir: dir, keyring: keyring} }

// Dir is the directory that it keeps everything in.
func (s *Store) Dir() string { return s.dir }

// ActiveName is the name of the profile in use, or empty when there is none.
func (s *Store) ActiveName() (string, error) {
	if s.chosen != "" {
		return s.chosen, nil
	}
	name, err := os.ReadFile(filepath.Join(s.dir, "active"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read active profile: %w", err)
	}
	return strings.TrimSpace(string(name)), nil
}

// Active gives the profile in use. Without one, the error wraps ErrSignedOut.
func (s *Store) Active() (*Profile, error) {
	name, err := s.ActiveName()
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, ErrSignedOut
	}
	return s.Load(name)
}

// Load reads a profile. It refuses a file that others on this machine may read, and wraps ErrSignedOut when there is
// no such profile.
func (s *Store) Load(name string) (*Profile, error) {
	path, err := s.path(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no profile %s: %w", name, ErrSignedOut)
	}
	if err != nil {
		return nil, fmt.Errorf("read profile %s: %w", name, err)
	}
	// Windows has no such bits; there the directory is the person's own.
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("profile %s may be read by others (mode %04o); sign in again, or run: chmod 600 %s",
			name, info.Mode().Perm(), path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read profile %s: %w", name, err)
	}
	var k kept
	if err := json.Unmarshal(content, &k); err != nil {
		return nil, fmt.Errorf("read profile %s: %w", name, err)
	}
	k.Name, k.store = name, s
	return s.reveal(k)
}

// ForServer gives the profile of that name if it is for server or, without a name, the first for server; nil when there
// is none.
func (s *Store) ForServer(server, name string) (*Profile, error) {
	base, err := parseServer(server)
	if err != nil {
		return nil, err
	}
	names := []string{name}
	if name == "" {
		if names, err = s.Names(); err != nil {
			return nil, err
		}
	}
	for _, candidate := range names {
		p, err := s.Load(candidate)
		if err == nil && p.Server == base.String() {
			return p, nil
		}
	}
	return nil, nil //nolint:nilnil // none is an answer; what cannot be read is about to be replaced
}

// Save writes p and makes it the active profile.
func (s *Store) Save(p *Profile) error {
	if err := s.put(p); err != nil {
		return err
	}
	if err := ReplaceFile(filepath.Join(s.dir, "active"), []byte(p.Name+"\n")); err != nil {
		return fmt.Errorf("activate profile %s: %w", p.Name, err)
	}
	return nil
}

// put writes p.
func (s *Store) put(p *Profile) error {
	path, err := s.path(p.Name)
	if err != nil {
		return err
	}
	for _, dir := range []string{s.dir, filepath.Dir(path)} {
		if err := privateDir(dir); err != nil {
			return fmt.Errorf("save profile %s: %w", p.Name, err)
		}
	}
	hidden := s.hide(p)
	content, err := json.MarshalIndent(hidden, "", "  ")
	if err != nil {
		return fmt.Errorf("save profile %s: %w", p.Name, err)
	}
	if err := ReplaceFile(path, append(content, '\n')); err != nil {
		return fmt.Errorf("save profile %s: %w", p.Name, err)
	}
	return nil
}

// Remove deletes a profile, from the keyring too. If it was active, none is afterwards. Removing what is not there is no
// error.
func (s *Store) Remove(name string) error {
	path, err := s.path(name)
	if err != nil {
		return err
	}
	if err := s.forget(name, path); err != nil {
		return err
	}
	for _, copied := range []string{s.resourcesPath(name), s.sshPath(name + ".known_hosts"), s.SSHConfig(name)} {
		_ = os.Remove(copied) // only what the server says
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove profile %s: %w", name, err)
	}
	active, err := os.ReadFile(filepath.Join(s.dir, "active"))
	if err != nil || strings.TrimSpace(string(active)) != name {
		return nil //nolint:nilerr // without a readable "active" file there is nothing to take back
	}
	if err := os.Remove(filepath.Join(s.dir, "active")); err != nil {
		return fmt.Errorf("deactivate profile %s: %w", name, err)
	}
	return nil
}

// Names lists the profiles of this machine, sorted.
func (s *Store) Names() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, "profiles"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list profiles: %w", err)
	}
	var names []string
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".json"); ok && profileName.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (s *Store) path(name string) (string, error) {
	if !profileName.MatchString(name) {
		return "", fmt.Errorf("profile name %q: use lower-case letters, digits, dots, dashes and underscores", name)
	}
	return filepath.Join(s.dir, "profiles", name+".json"), nil
}

// privateDir makes dir, or takes others' rights from it if it exists.
func privateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.Chmod(dir, 0o700)
}

// ReplaceFile puts content at path with mode 0600: readers see the old file or the new one, also after a power cut.
func ReplaceFile(path string, content []byte) error {
	// CreateTemp makes files of mode 0600; the name begins with a dot so that it is never listed as a profile.
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already once it was renamed
	_, err = file.Write(content)
	if err == nil {
		err = file.Sync()
	}
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
