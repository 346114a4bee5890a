package client

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/zalando/go-keyring"
)

// Keyring keeps small secrets by name. The operating system's own is what OpenStore uses; a Store without one keeps
// secrets in its files.
type Keyring interface {
	Set(name, secret string) error
	// Get gives an error wrapping ErrNotInKeyring when there is no such secret.
	Get(name string) (string, error)
	Delete(name string) error
}

// ErrNotInKeyring says that a keyring answers, and holds no secret of that name.
var ErrNotInKeyring = errors.New("the keyring holds no such secret")

const (
	keyringService = "sallyport"
	// keyringPatience bounds each call: a locked keyring asks the person, who may not be there.
	keyringPatience = 5 * time.Second
)

// SystemKeyring gives the operating system's keyring, or nil where there is none to speak to and with SALLY_KEYRING=off.
func SystemKeyring() Keyring {
	if os.Getenv("SALLY_KEYRING") == "off" || !sessionBusExpected() {
		return nil
	}
	return systemKeyring{patience: keyringPatience}
}

// sessionBusExpected says whether a D-Bus session bus is announced, where keyrings are reached by it. Without the
// question the D-Bus library would start a bus of its own, on which no keyring is.
func sessionBusExpected() bool {
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	_, err := os.Stat(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus"))
	return os.Getenv("XDG_RUNTIME_DIR") != "" && err == nil
}

// systemKeyring is the Secret Service, the macOS Keychain or the Windows Credential Manager.
type systemKeyring struct{ patience time.Duration }

func (k systemKeyring) Set(name, secret string) error {
	_, err := k.wait(func() (string, error) { return "", keyring.Set(keyringService, name, secret) })
	return err
}

func (k systemKeyring) Get(name string) (string, error) {
	return k.wait(func() (string, error) { return keyring.Get(keyringService, name) })
}

func (k systemKeyring) Delete(name string) error {
	_, err := k.wait(func() (string, error) { return "", keyring.Delete(keyringService, name) })
	return err
}

// wait gives the call's answer, or an error when none comes in time. The library takes no context, so a call that
// hangs is left behind.
func (k systemKeyring) wait(call func() (string, error)) (string, error) {
	type answer struct {
		secret string
		err    error
	}
	answered := make(chan answer, 1)
	go func() {
		secret, err := call()
		answered <- answer{secret, err}
	}()
	timer := time.NewTimer(k.patience)
	defer timer.Stop()
	select {
	case a := <-answered:
		if errors.Is(a.err, keyring.ErrNotFound) {
			return "", ErrNotInKeyring
		}
		return a.secret, a.err
	case <-timer.C:
		return "", fmt.Errorf("the keyring did not answer within %v: is it locked?", k.patience)
	}
}

// CheckKeyring says whether a secret that is put into the keyring comes out of it.
func CheckKeyring(k Keyring) error {
	const name, secret = "sally doctor", "is there"
	if err := k.Set(name, secret); err != nil {
		return err
	}
	got, err := k.Get(name)
	if err == nil && got != secret {
		err = errors.New("it gives back something else than what was put in")
	}
	return errors.Join(err, k.Delete(name))
}
