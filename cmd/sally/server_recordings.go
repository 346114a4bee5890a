package main

import (
	"context"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/audit/recording"
)

// Names of what terminals showed, within the data directory.
const (
	recordingsDir        = recording.OwnDir
	gatewayRecordingsDir = recording.ShippedDir
)

// spareBytes of the disk stay free of what gateways send, for the record itself.
const spareBytes = 256 << 20

// openRecordings goes before the journal, and so is closed after it, which tells to the end how far they go.
func (s *server) openRecordings(context.Context) error {
	if err := s.openOwnRecordings(recording.Config{Recipient: func() string { return s.sealed.Identity().Recipient().String() }}); err != nil {
		return err
	}
	var err error
	if s.shippedRecordings, err = recording.OpenStore(recording.Config{Dir: s.path(gatewayRecordingsDir), Reserve: spareBytes}); err != nil {
		return err
	}
	s.closing = append(s.closing, s.shippedRecordings.Close)
	return nil
}

func (s *server) openOwnRecordings(c recording.Config) (err error) {
	c.Dir = s.path(recordingsDir)
	if s.recordings, err = recording.OpenStore(c); err != nil {
		return err
	}
	s.closing = append(s.closing, s.recordings.Close)
	return nil
}

// readable are the recordings that the control plane lets people read.
func (s *server) readable() admin.Recordings {
	return admin.Recordings{Own: s.recordings, Shipped: s.shippedRecordings, Key: s.sealed.Identity()}
}
