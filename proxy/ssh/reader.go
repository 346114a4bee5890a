package ssh

import (
	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/proxy/redact"
	"github.com/sallyport/sallyport/proxy/sqltext"
)

// reader is a placeholder replaced below.
type reader struct{}

var _ redact.Reader = reader{}

func (reader) Class([]byte) string               { return access.ClassExec }
func (reader) Facts([]byte) *sqltext.Facts       { return &sqltext.Facts{} }
func (reader) Comments([]byte) [][2]int          { return nil }
func (reader) Credentials([]byte) []sqltext.Span { return nil }
func (reader) MayHoldCredential([]byte) bool     { return false }

func (reader) Marks(_ []byte, marks []sqltext.Mark) (*sqltext.Facts, []sqltext.Mark) {
	return &sqltext.Facts{}, marks
}
