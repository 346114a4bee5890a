package files

import "fmt"

// Op is one operation on files, as policy and the record see it.
type Op struct {
	Command string // "sftp" or "scp"
	Class   string // "read" or "write"
	// Text is the operation in one line, such as "get /etc/hosts". A path with a space, a quote, a control character or bytes that are
	// not UTF-8 stands in it quoted, as Go writes strings.
	Text string
	// Paths are the absolute, clean names that the operation touches; none where it is about no file (limits, names of users).
	Paths []string
	// Understood is false where what is touched cannot be told: a relative path while nobody knows what it is relative to, or a
	// request that does not follow the protocol.
	Understood bool
}

// Gate judges and records operations. The error of Begin and Check is what the client reads: its text is a whole sentence for people.
// The decoders call Begin, Still, Check and Refuse from where they are called themselves, and End as well: a Gate is safe for concurrent use.
type Gate interface {
	// Begin judges and records op. Only when it returns nil does anything of op reach the server; End then tells of it what became
	// of it, once, with the same handle, which is never nil.
	Begin(op *Op) (handle any, err error)
	// Still judges an operation again that Begin let pass and that goes on: a file that is open. Its error is what the client reads instead of
	// what it asked for.
	Still(handle any) error
	// Check judges op and records it only when it is denied: for look-ups (stat and the like), of which one transfer makes many.
	Check(op *Op) error
	// Refuse records op as denied whatever policy says, since it is not served, and why: a sentence that the client reads, too.
	Refuse(op *Op, why string)
	// End records what became of an operation that Begin let pass.
	End(handle any, r Result)
}

// Result is what became of an operation.
type Result struct {
	BytesIn  int64 // of a file's content that went to the server
	BytesOut int64 // of a file's content, or of a directory's listing, that came from the server
	// Whole says that a file's content was transferred from its first byte to its last, in the order of the bytes, and without an
	// error. SHA256 is the digest of these bytes in hexadecimal; it is empty unless Whole.
	Whole  bool
	SHA256 string
	// Code and Message are the server's own error, both empty when all went well: SSH_FX_FAILURE and the like for SFTP, SCP_ERROR (this
	// file failed) and SCP_FATAL (it gives up) for SCP, and CUT_OFF where the server's answer never came.
	Code, Message string
}

// Decoder stands between a client and a server that speak one of the protocols.
//
// FromClient and FromServer take what came from one side, in pieces of any size, and give what goes to the server and to the client by
// it; either may be empty. These slices, which may be parts of b, are the caller's until its next call of the same method; b may have
// been changed. An error is a *ProtocolError: what was returned with it is still to be delivered, and then the channel must end. Each method is called by one
// goroutine at a time.
//
// How the two methods go together, and what they return is written, hangs on the protocol: see SFTP and SCP.
//
// Close ends all operations that are still open. It is called once, when neither method will be called any more.
type Decoder interface {
	FromClient(b []byte) (toServer, toClient []byte, err error)
	FromServer(b []byte) (toServer, toClient []byte, err error)
	Close()
}

// ProtocolError is why a channel cannot go on: one side does not follow the protocol.
type ProtocolError struct {
	Server   bool   // it is the server that does not; else the client
	Sentence string // for people
}

func (e *ProtocolError) Error() string { return e.Sentence }

func clientError(format string, args ...any) error {
	return &ProtocolError{Sentence: fmt.Sprintf("the client "+format, args...)}
}

func serverError(format string, args ...any) error {
	return &ProtocolError{Server: true, Sentence: fmt.Sprintf("the server "+format, args...)}
}
