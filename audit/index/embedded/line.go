package embedded

import (
	"bytes"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/index/segment"
)

// denied stands in the record of a statement that was refused. Within a JSON string a quote has a backslash before it, so
// that it is not found in a value.
var denied = []byte(`,"verdict":"` + string(audit.Deny) + `"`)

// awaitsResult says that the record is a statement that runs.
func awaitsResult(h segment.Head, record []byte) bool {
	return string(h.Type) == string(audit.StatementBegin) && !bytes.Contains(record, denied)
}
