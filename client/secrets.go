package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// secrets are a profile's members that prove who the person is. They live in the keyring where there is one.
type secrets struct {
	Token       string `json:"token,omitempty"`
	Refresh     string `json:"refresh,omitempty"`
	NextRefresh string `json:"next_refresh,omitempty"`
	Key         string `json:"key"`
}

// kept is a profile as its file holds it.
type kept struct {
	Profile
	// InKeyring says that the secrets are in the keyring and not in the file.
	InKeyring bool `json:"in_keyring,omitempty"`
}

func (p *Profile) secrets() secrets { return secrets{p.Token, p.Refresh, p.NextRefresh, p.Key} }

func (p *Profile) setSecrets(s secrets) {
	p.Token, p.Refresh, p.NextRefresh, p.Key = s.Token, s.Refresh, s.NextRefresh, s.Key
}

// hide puts the secrets of p into the keyring and gives what the file is to hold. Where the keyring does not take them,
// the file holds them itself: a person without a working keyring must be able to sign in.
func (s *Store) hide(p *Profile) kept {
	k := kept{Profile: *p}
	if s.keyring == nil {
		return k
	}
	content, err := json.Marshal(p.secrets())
	if err != nil || s.keyring.Set(s.keyringName(p.Name), string(content)) != nil {
		return k
	}
	k.setSecrets(secrets{})
	k.InKeyring = true
	return k
}

// reveal gives the profile that a file stands for.
func (s *Store) reveal(k kept) (*Profile, error) {
	p := k.Profile
	if !k.InKeyring {
		return &p, nil
	}
	ring := s.keyring
	if ring == nil {
		// Turned off since the profile was kept, or not reachable from here, such as by ssh.
		return nil, fmt.Errorf("the keys of profile %s are in the keyring, which cannot be reached here (SALLY_KEYRING, D-Bus); "+
			"where it should not be used, sign in again: SALLY_KEYRING=off sally login", p.Name)
	}
	content, err := ring.Get(s.keyringName(p.Name))
	if errors.Is(err, ErrNotInKeyring) {
		return nil, fmt.Errorf("the keys of profile %s are gone from the keyring: %w", p.Name, ErrSignedOut)
	}
	if err != nil {
		return nil, fmt.Errorf("read the keys of profile %s from the keyring: %w", p.Name, err)
	}
	var found secrets
	if err := json.Unmarshal([]byte(content), &found); err != nil {
		return nil, fmt.Errorf("read the keys of profile %s from the keyring: %w", p.Name, err)
	}
	p.setSecrets(found)
	return &p, nil
}

// forget removes the secrets from the keyring; that there are none is no error. The file at path stays for as long as they
// cannot be removed, or nobody would know of them any more.
func (s *Store) forget(name, path string) error {
	if s.keyring == nil {
		var k kept
		if content, err := os.ReadFile(path); err == nil && json.Unmarshal(content, &k) == nil && k.InKeyring {
			return fmt.Errorf("the keys of profile %s are in the keyring, which cannot be reached here (SALLY_KEYRING, D-Bus); "+
				"sign out where it can be, or delete its entry %q there and then %s", name, s.keyringName(name), path)
		}
		return nil
	}
	if err := s.keyring.Delete(s.keyringName(name)); err != nil && !errors.Is(err, ErrNotInKeyring) {
		return fmt.Errorf("remove the keys of profile %s from the keyring: %w", name, err)
	}
	return nil
}

// keyringName keeps profiles of the same name in different configuration directories apart.
func (s *Store) keyringName(profile string) string { return profile + " in " + s.dir }
