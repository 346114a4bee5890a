package files

// SFTP is the Decoder of SFTP's version 3, which is what OpenSSH speaks.
//
// FromClient and FromServer may be called at the same time. What goes to the client is always of whole packets: the caller writes each
// slice without another's bytes in between (one lock for writing to the client).
type SFTP struct{ gate Gate }

var _ Decoder = (*SFTP)(nil)

// NewSFTP makes the decoder of one channel on which the subsystem sftp was started.
func NewSFTP(g Gate) *SFTP { return &SFTP{gate: g} }

// FromClient implements Decoder.
func (s *SFTP) FromClient(b []byte) (toServer, toClient []byte, err error) {
	return nil, nil, clientError("is not served yet")
}

// FromServer implements Decoder.
func (s *SFTP) FromServer(b []byte) (toServer, toClient []byte, err error) {
	return nil, nil, serverError("is not served yet")
}

// Close implements Decoder.
func (s *SFTP) Close() {}
