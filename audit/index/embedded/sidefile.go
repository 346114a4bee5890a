package embedded

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// maxSideFile bounds what is read of the side files of one event, in bytes.
const maxSideFile = 256 << 20

// sideFiles reads the beginning of a side file, as far as maxSideFile; it is a segment.SideFiles.
func (ix *Index) sideFiles(file *audit.SideFile) ([]byte, error) {
	f, err := journal.OpenSideFile(ix.source.Dir(), file.SHA256)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, max(0, min(file.Size, maxSideFile)))
	if n, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read side file: %d of %d bytes: %w", n, len(b), err)
	}
	return b, nil
}

// makeWhole replaces references to side files by their bytes, as long as they fit into maxSideFile together.
func (ix *Index) makeWhole(e *audit.Event) error {
	left := int64(maxSideFile)
	take := func(file *audit.SideFile) ([]byte, error) {
		if file == nil || file.Size > left {
			return nil, nil
		}
		left -= file.Size
		return ix.sideFiles(file)
	}
	whole, err := take(e.Statement.File)
	if err != nil {
		return err
	}
	if whole != nil {
		e.Statement = audit.Text{Bytes: whole}
	}
	for i := range e.Params {
		whole, err := take(e.Params[i].File)
		if err != nil {
			return err
		}
		if whole == nil {
			continue
		}
		e.Params[i] = audit.Param{Value: whole, Form: audit.ParamHex}
		if utf8.Valid(whole) {
			e.Params[i].Form = audit.ParamText
		}
	}
	return nil
}
