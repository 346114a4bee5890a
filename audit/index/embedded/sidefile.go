package embedded

import (
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/journal"
)

// sideFiles reads the beginning of a side file, as far as journal.MaxSideFile; it is a segment.SideFiles.
func (ix *Index) sideFiles(file *audit.SideFile) ([]byte, error) {
	return journal.ReadSideFile(ix.source.Dir(), file, journal.MaxSideFile)
}
