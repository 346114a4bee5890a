package mysql

import (
	"fmt"

	"github.com/sallyport/sallyport/proxy"
)

// decline refuses what the gateway does not serve, whatever policy says. It returns what judge does.
func (r *relay) decline(c framed, s proxy.Statement, why error) error {
	s.BytesIn += int64(c.size)
	if s.Database == "" {
		s.Database = r.database
	}
	if err := r.gate.Refuse(r.ctx, &s, why); err != nil {
		why = err
	}
	return r.refuse(c, why)
}

// declineCommand refuses a command that is not served. What follows its number is not recorded: there may be passwords in it.
func (r *relay) declineCommand(kind byte, c framed) error {
	known, ok := notServed[kind]
	if !ok {
		return r.decline(c, proxy.Statement{Command: "unknown", Class: classOther, Text: fmt.Appendf(nil, "COMMAND %d", kind)},
			&codedError{number: numberUnknownCommand, sentence: fmt.Sprintf("the command %d is not known to Sallyport", kind)})
	}
	return r.decline(c, proxy.Statement{Command: known.name, Class: classAdmin, Text: []byte(known.text)},
		&codedError{number: numberNotSupported, sentence: known.why})
}
