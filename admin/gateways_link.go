package admin

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/admin/ca"
	"github.com/sallyport/sallyport/admin/store"
	"github.com/sallyport/sallyport/creds"
	"github.com/sallyport/sallyport/link"
)

const (
	defaultOfflineLimit = 15 * time.Minute
	// maxReport bounds a gateway's report, in bytes: tens of thousands of sessions.
	maxReport = 32 << 20
)

// The authorities that sign documents. Their keys are sealed like the certificate authority's.
const (
	snapshotSigner = "snapshots"
	receiptSigner  = "receipts"
)

// gatewayLinks is what this control plane keeps for the gateways that it serves.
type gatewayLinks struct {
	snapshotKey  ed25519.PrivateKey
	receiptKey   ed25519.PrivateKey
	handout      creds.Source // nil: no credential is given out
	offlineLimit time.Duration

	mu     sync.Mutex
	of     *snapshot     // what signed was made of
	signed link.Signed   // of is signed once for all gateways
	killed chan struct{} // closed and replaced when there are new orders to kill
}

func (s *Service) openGatewayLinks(ctx context.Context, c Config) (*gatewayLinks, error) {
	l := &gatewayLinks{handout: c.Handout, offlineLimit: c.OfflineLimit, killed: make(chan struct{})}
	if l.offlineLimit <= 0 {
		l.offlineLimit = defaultOfflineLimit
	}
	var err error
	if l.snapshotKey, err = s.openSigner(ctx, c.Sealer, snapshotSigner); err != nil {
		return nil, err
	}
	l.receiptKey, err = s.openSigner(ctx, c.Sealer, receiptSigner)
	return l, err
}

// openSigner opens a signing key, and makes it on the first start.
func (s *Service) openSigner(ctx context.Context, sealer ca.Sealer, name string) (ed25519.PrivateKey, error) {
	public, sealed, err := s.keptKey(ctx, name, func() (string, string, error) { return ca.CreateSigner(sealer) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	key, err := ca.LoadSigner(sealer, public, sealed)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return key, nil
}

// signedSnapshot is the snapshot as gateways get it.
func (l *gatewayLinks) signedSnapshot(snap *snapshot) (link.Signed, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == snap {
		return l.signed, nil
	}
	signed, err := link.Sign(l.snapshotKey, link.SnapshotPurpose, snap.Snapshot)
	if err != nil {
		return link.Signed{}, err
	}
	l.of, l.signed = snap, signed
	return signed, nil
}

// kills is closed when there are new orders to kill.
func (l *gatewayLinks) kills() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.killed
}

func (l *gatewayLinks) wakeKillers() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.killed)
	l.killed = make(chan struct{})
}

// GatewayTLS is the configuration of the port for gateways: TLS 1.3, the control plane's own certificate, and the
// gateway's, which alone may be missing for a gateway that joins.
func (s *Service) GatewayTLS() (*tls.Config, error) {
	certificate, err := s.ServerCertificates([]string{link.ControlName})
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, GetCertificate: certificate, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: s.authority.Pool(),
		NextProtos: []string{"http/1.1"}, // a report has a connection of its own, and does not wait behind a snapshot
	}, nil
}

// GatewayServer serves GatewayHandler; the caller gives it a listener with GatewayTLS.
func (s *Service) GatewayServer() *http.Server { return s.server(s.GatewayHandler()) }

// GatewayHandler serves the routes of package link and nothing else. A gateway's certificate opens them for that gateway
// alone; it opens no route of the API.
func (s *Service) GatewayHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+link.JoinPath, func(w http.ResponseWriter, r *http.Request) { s.answerLink(w, r, s.join) })
	for _, route := range s.linkRoutes() {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			s.answerLink(w, r, func(w http.ResponseWriter, r *http.Request) error {
				g, err := s.admitGateway(r)
				if err != nil {
					return err
				}
				ctx := withCaller(r.Context(), &caller{name: "gateway:" + g.Name, addr: r.RemoteAddr})
				return route.serve(w, r.WithContext(ctx), g)
			})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, problem(http.StatusNotFound, fmt.Sprintf("gateways have no %s %s", r.Method, r.URL.Path)))
	})
	return s.secured(mux, func(r *http.Request) int64 {
		if r.URL.Path == link.ReportPath {
			return maxReport
		}
		if bound, ok := recordingBound(r.URL.Path); ok {
			return bound
		}
		if bound, ok := journalBound(r.URL.Path); ok {
			return bound
		}
		return maxBody
	})
}

// linkRoute is a route for gateways that have joined.
type linkRoute struct {
	pattern string
	serve   func(http.ResponseWriter, *http.Request, store.Gateway) error
}

func (s *Service) linkRoutes() []linkRoute {
	routes := []linkRoute{
		{"POST " + link.RenewPath, s.renewGateway},
		{"GET " + link.FollowPath, s.follow},
		{"POST " + link.ReportPath, s.takeReport},
		{"POST " + link.SecretPath, s.openSecret},
	}
	routes = append(routes, s.sshLinkRoutes()...)
	routes = append(routes, s.recordingLinkRoutes()...)
	if s.journals.records == nil {
		return routes
	}
	return append(routes,
		linkRoute{"GET " + link.JournalPath, s.journalEnd},
		linkRoute{"POST " + link.LinesPath, s.takeLines},
		linkRoute{"PUT " + link.SideFilesPath + "/{sum}", s.takeSideFile},
		linkRoute{"POST " + link.ProofPath, s.takeProof},
		linkRoute{"POST " + link.BeginPath, s.beginJournal},
	)
}

// answerLink answers with serve's error, unless it has answered itself.
func (s *Service) answerLink(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, *http.Request) error) {
	if err := serve(w, r); err != nil {
		writeProblem(w, s.answerable(r.Context(), err))
	}
}

// admitGateway proves which gateway calls: by the one certificate that counts for it. A new certificate takes the old
// one's place when it is first used.
func (s *Service) admitGateway(r *http.Request) (store.Gateway, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return store.Gateway{}, &refusal{status: http.StatusUnauthorized, sentence: "a gateway proves itself by its certificate; join first: sally gateway --join"}
	}
	certificate := r.TLS.VerifiedChains[0][0]
	name, err := access.GatewayOf(certificate)
	if err != nil {
		return store.Gateway{}, forbidden("this certificate is no gateway's")
	}
	g, err := s.store.Gateway(r.Context(), name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Gateway{}, err
	}
	serial := certificate.SerialNumber.Text(16)
	switch {
	case err != nil || s.now().After(certificate.NotAfter):
	case serial == g.Serial:
		return g, nil
	case serial == g.NextSerial:
		if g, err = s.promote(r.Context(), g); !errors.Is(err, store.ErrNotFound) {
			return g, err
		}
	}
	return store.Gateway{}, forbidden(fmt.Sprintf(
		"the certificate of the gateway %s does not count any more; if it should, make a new join token with: sally admin gateways token %s", name, name))
}

// promote lets the gateway's next certificate take the present one's place; store.ErrNotFound when neither counts any
// more. The gateway that it gives is as it is kept.
func (s *Service) promote(ctx context.Context, g store.Gateway) (store.Gateway, error) {
	serial := g.NextSerial
	err := s.store.SetGatewaySerials(ctx, g, serial, "")
	if err == nil {
		g.Serial, g.NextSerial = serial, ""
		return g, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return store.Gateway{}, err
	}
	// Another request of the gateway's was faster, or it was removed or has joined anew.
	if g, err = s.store.Gateway(ctx, g.Name); err == nil && g.Serial != serial {
		err = store.ErrNotFound
	}
	return g, err
}

// readLink decodes a gateway's request.
func readLink(w http.ResponseWriter, r *http.Request, limit int64, into any) error {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(into); err != nil {
		return &refusal{status: http.StatusBadRequest, sentence: "the request does not have the form that this route takes"}
	}
	return nil
}

func writeLink(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the gateway is gone if this fails
	return nil
}
