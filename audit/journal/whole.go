package journal

import (
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
)

// MaxSideFile bounds what is read of the side files of one event, in bytes.
const MaxSideFile = 256 << 20

// ReadSideFile reads the beginning of a side file of the journal in dir, up to limit bytes. A file that is missing, or
// shorter than it says, is an error.
func ReadSideFile(dir string, file *audit.SideFile, limit int64) ([]byte, error) {
	f, err := OpenSideFile(dir, file.SHA256)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := make([]byte, max(0, min(file.Size, limit)))
	if n, err := io.ReadFull(f, b); err != nil {
		return nil, fmt.Errorf("read side file: %d of %d bytes: %w", n, len(b), err)
	}
	return b, nil
}

// MakeWhole replaces an event's references to side files of the journal in dir by their bytes, as long as they fit into
// MaxSideFile together; the others stay. It changes e.Params in place.
func MakeWhole(dir string, e *audit.Event) error {
	left := int64(MaxSideFile)
	take := func(file *audit.SideFile) ([]byte, error) {
		if file == nil || file.Size > left {
			return nil, nil
		}
		left -= file.Size
		return ReadSideFile(dir, file, file.Size)
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
