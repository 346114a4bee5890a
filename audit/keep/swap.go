package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replacedSuffix stands behind the name of a directory while another one takes its place.
const replacedSuffix = ".replaced"

// replaceDir gives the directory work the name to, and removes the one that had it. After a crash one of the two is
// there whole: finishSwap puts it in its place.
func replaceDir(work, to string) error {
	parent, aside := filepath.Dir(to), to+replacedSuffix
	err := os.Rename(to, aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(work, to); err != nil {
		return err
	}
	if err := syncDir(parent); err != nil {
		return err
	}
	if err := os.RemoveAll(aside); err != nil {
		return err
	}
	return syncDir(parent)
}

// finishSwap ends what a crash interrupted.
func finishSwap(to string) error {
	aside := to + replacedSuffix
	if _, err := os.Lstat(aside); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("finish earlier backup: %w", err)
	}
	_, err := os.Lstat(to)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = os.Rename(aside, to)
	case err == nil:
		err = os.RemoveAll(aside)
	}
	if err != nil {
		return fmt.Errorf("finish earlier backup: %w", err)
	}
	return syncDir(filepath.Dir(to))
}
