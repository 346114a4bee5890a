package export

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/sallyport/sallyport/audit"
)

const (
	// groupRows and groupBytes bound what is held in memory until it is written as a row group.
	groupRows  = 50_000
	groupBytes = 32 << 20
)

// table writes Parquet.
type table struct {
	out  *parquet.GenericWriter[row]
	rows int // in the row group that is being filled
	size int // bytes of its texts
	most int // bytes of texts that end a row group
}

func newTable(w io.Writer) *table {
	return &table{most: groupBytes, out: parquet.NewGenericWriter[row](w, parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}),
		parquet.CreatedBy("sallyport", "1", ""))}
}

func (t *table) Write(e *audit.Event) error {
	r, err := rowOf(e)
	if err != nil {
		return err
	}
	if _, err := t.out.Write([]row{r}); err != nil {
		return fmt.Errorf("write row: %w", err)
	}
	t.rows++
	t.size += len(r.Statement) + len(r.Params) + len(r.Before) + len(r.After)
	if t.rows < groupRows && t.size < t.most {
		return nil
	}
	t.rows, t.size = 0, 0
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write row group: %w", err)
	}
	return nil
}

// Flush implements Writer. A row group for each page would make the file slow to read.
func (t *table) Flush() error { return nil }

func (t *table) Close() error {
	if err := t.out.Close(); err != nil {
		return fmt.Errorf("close table: %w", err)
	}
	return nil
}
