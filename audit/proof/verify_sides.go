package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"

	"github.com/sallyport/sallyport/audit"
)

// hasSideFile says whether a record refers to a side file. Within a JSON string the quotation marks would be escaped.
func hasSideFile(record []byte) bool { return bytes.Contains(record, []byte(`{"file":"`)) }

// sideFiles remembers which side files were found right: equal texts share one.
type sideFiles struct{ right map[string]int64 }

const maxRemembered = 1 << 16

// checkSides reads the side files that a record refers to.
func (v *verifier) checkSides(seq uint64, e *audit.Event) error {
	refs := make([]*audit.SideFile, 0, 1+len(e.Params))
	refs = append(refs, e.Statement.File)
	for _, p := range e.Params {
		refs = append(refs, p.File)
	}
	for _, ref := range refs {
		if ref == nil {
			continue
		}
		v.report.SideFiles++
		if size, ok := v.sides.right[ref.SHA256]; ok && size == ref.Size {
			continue
		}
		if err := v.checkSide(seq, ref); err != nil {
			return err
		}
		if v.sides.right == nil || len(v.sides.right) >= maxRemembered {
			v.sides.right = map[string]int64{}
		}
		v.sides.right[ref.SHA256] = ref.Size
	}
	return nil
}

func (v *verifier) checkSide(seq uint64, ref *audit.SideFile) error {
	if raw, err := hex.DecodeString(ref.SHA256); err != nil || len(raw) != sha256.Size {
		return &Fault{Kind: SideFileMissing, Seq: seq, Detail: fmt.Sprintf("the record refers to %.80q, which is no side file", ref.SHA256)}
	}
	name := path.Join("blobs", ref.SHA256[:2], ref.SHA256)
	f, err := v.files.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{Kind: SideFileMissing, Seq: seq, Path: name, Detail: "the record's side file is missing"}
	}
	if err != nil {
		return fmt.Errorf("read side file: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return fmt.Errorf("read side file: %w", err)
	}
	v.report.Bytes += n
	if got := hex.EncodeToString(h.Sum(nil)); got != ref.SHA256 || n != ref.Size {
		return &Fault{Kind: SideFileDamaged, Seq: seq, Path: name, Detail: fmt.Sprintf("the record's side file does not have its content: it has %d bytes, of %d", n, ref.Size)}
	}
	return nil
}
