package files

// SCP is the Decoder of the classic copy protocol, spoken over the standard streams of scp -t and scp -f.
//
// The two sides take turns, so the caller holds one lock from a call of either method until what it returned is written.
type SCP struct{ gate Gate }

var _ Decoder = (*SCP)(nil)

// NewSCP makes the decoder of one channel on which the command was started.
func NewSCP(g Gate, c SCPCommand) *SCP { return &SCP{gate: g} }

// FromClient implements Decoder.
func (s *SCP) FromClient(b []byte) (toServer, toClient []byte, err error) {
	return nil, nil, clientError("is not served yet")
}

// FromServer implements Decoder.
func (s *SCP) FromServer(b []byte) (toServer, toClient []byte, err error) {
	return nil, nil, serverError("is not served yet")
}

// Close implements Decoder.
func (s *SCP) Close() {}
