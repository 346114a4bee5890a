package admin

import (
	"compress/gzip"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/link"
)

const (
	// frameTime bounds how long a gateway may take to receive a frame.
	frameTime = 10 * time.Second
	// followTime bounds a stream: a gateway that begins anew measures its clock against ours, and may come to another
	// control plane.
	followTime = time.Hour
)

// follow streams snapshots, heartbeats and orders to a gateway, until it leaves, is silent for too long or its
// certificate does not count any more.
func (s *Service) follow(w http.ResponseWriter, r *http.Request, g store.Gateway) error {
	have, err := strconv.ParseInt(r.URL.Query().Get(link.HaveParam), 10, 64)
	nonce := r.URL.Query().Get(link.NonceParam)
	if err != nil || len(nonce) > maxText {
		return &refusal{status: http.StatusBadRequest, sentence: "say which generation the gateway has"}
	}
	f := &following{service: s, gateway: g, have: have, nonce: nonce, began: s.now(), killed: map[string]bool{}, out: newFrameWriter(w, r)}
	s.log.Info("gateway connected", "peer", g.Name, "client_addr", r.RemoteAddr)
	defer s.log.Info("gateway disconnected", "peer", g.Name)
	ticker := time.NewTicker(link.HeartbeatEvery)
	defer ticker.Stop()
	end := time.NewTimer(followTime)
	defer end.Stop()
	for {
		kills := s.links.kills()
		snap, err := f.turn(r)
		if err != nil {
			s.log.Debug("gateway not followed any more", "peer", g.Name, "error", err)
			return nil // the stream's end says enough
		}
		var replaced <-chan struct{} // without a snapshot the next turn tries to load one
		if snap != nil {
			replaced = snap.replaced
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-end.C:
			return nil
		case <-replaced:
		case <-kills:
		case <-ticker.C:
		}
	}
}

// following is one gateway's stream.
type following struct {
	service *Service
	gateway store.Gateway
	have    int64           // generation that the gateway has
	nonce   string          // of the first heartbeat; empty once that was sent
	began   time.Time       // of the stream
	killed  map[string]bool // sessions whose end was ordered in this stream
	out     *frameWriter
}

// turn sends what is new, then a heartbeat. It gives the snapshot that the gateway has then; nil when there is none.
func (f *following) turn(r *http.Request) (*snapshot, error) {
	s, ctx := f.service, r.Context()
	issued := s.now() // before the state is looked at, so that the heartbeat never claims too much
	g, err := s.admitGateway(r)
	if err != nil {
		return nil, err
	}
	if last := later(g.LastSeen, f.began); issued.Sub(last) > link.ReportPatience {
		return nil, forbidden("the gateway sends no reports")
	}
	newest, err := s.store.Generation(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.kill(r); err != nil {
		return nil, err
	}
	snap, err := s.snapshot(ctx)
	if err != nil {
		return nil, nil //nolint:nilerr // nothing can be told, a heartbeat least of all; the state may be readable again later
	}
	if f.have != snap.Generation {
		signed, err := s.links.signedSnapshot(snap)
		if err != nil {
			return nil, err
		}
		if err := f.out.send(link.Frame{Snapshot: &signed}); err != nil {
			return nil, err
		}
		f.have = snap.Generation
	}
	if snap.Generation < newest {
		return snap, nil // another control plane has changed something that is not loaded here yet
	}
	return snap, f.beat(issued, snap.Generation)
}

func (f *following) beat(issued time.Time, generation int64) error {
	beat := link.Heartbeat{Gateway: f.gateway.Name, Issued: issued.UTC(), Generation: generation,
		OfflineLimit: f.service.links.offlineLimit, Nonce: f.nonce}
	signed, err := link.Sign(f.service.links.snapshotKey, link.HeartbeatPurpose, beat)
	if err != nil {
		return err
	}
	f.nonce = ""
	return f.out.send(link.Frame{Heartbeat: &signed})
}

// kill passes on the orders that stand, each once.
func (f *following) kill(r *http.Request) error {
	kills, err := f.service.store.Kills(r.Context(), f.gateway.Name)
	if err != nil {
		return err
	}
	for _, k := range kills {
		if f.killed[k.Session] {
			continue
		}
		if err := f.out.send(link.Frame{Kill: &link.Kill{Session: k.Session, Reason: k.Reason}}); err != nil {
			return err
		}
		f.killed[k.Session] = true
	}
	return nil
}

// frameWriter writes frames, compressed where the gateway takes that.
type frameWriter struct {
	control *http.ResponseController
	encoder *json.Encoder
	gzip    *gzip.Writer // nil: plain
}

func newFrameWriter(w http.ResponseWriter, r *http.Request) *frameWriter {
	f := &frameWriter{control: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "application/x-ndjson")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		f.gzip, _ = gzip.NewWriterLevel(w, gzip.BestSpeed) // fails for unknown levels alone
		f.encoder = json.NewEncoder(f.gzip)
	} else {
		f.encoder = json.NewEncoder(w)
	}
	// The server's read timeout is for requests; left in place it would end the stream.
	_ = f.control.SetReadDeadline(time.Time{})
	return f
}

func (f *frameWriter) send(frame link.Frame) error {
	if err := f.control.SetWriteDeadline(time.Now().Add(frameTime)); err != nil {
		return err
	}
	if err := f.encoder.Encode(frame); err != nil {
		return err
	}
	if f.gzip != nil {
		if err := f.gzip.Flush(); err != nil {
			return err
		}
	}
	return f.control.Flush()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
