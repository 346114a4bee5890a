package segment

import "fmt"

// FileError says that one of a segment's files cannot be used at all.
type FileError struct {
	Path string
	// Index says that it is the side index, which Reindex mends.
	Index bool
	Err   error
}

func (e *FileError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

func (e *FileError) Unwrap() error { return e.Err }

// DamageError says that a block cannot be read; the others can.
type DamageError struct {
	Path   string
	Block  int
	Column string
	Err    error
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s: block %d, column %s: %v", e.Path, e.Block, e.Column, e.Err)
}

func (e *DamageError) Unwrap() error { return e.Err }
