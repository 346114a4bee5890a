package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkSecrets reads every file that Sallyport has written and looks for the database's password and the access tokens.
func (w *world) checkSecrets(context.Context) error {
	secrets := map[string]string{"the password of " + account: w.password}
	for account, password := range w.stores.passwords {
		secrets["the password of "+account] = password
	}
	for person, token := range w.people {
		secrets["the access token of "+person] = token
	}
	key, err := os.ReadFile(w.stores.sshd.KeyFile)
	if err != nil {
		return fmt.Errorf("read the server's key: %w", err)
	}
	secrets["the key of "+webResource] = string(bytes.Split(key, []byte("\n"))[3]) // lines 1 and 2 are much the same in every key
	look := func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("look for secrets: %w", err)
		}
		for name, secret := range secrets {
			if secret != "" && bytes.Contains(content, []byte(secret)) {
				return fmt.Errorf("%s stands in the clear in %s", name, path)
			}
		}
		return nil
	}
	err = filepath.WalkDir(w.sally.DataDir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // a file of the running server's that is gone again
		case err != nil:
			return err
		case !entry.Type().IsRegular():
			return nil
		}
		if err := look(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
	return errors.Join(err, look(w.sally.LogFile))
}
