package admin_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/link"
)

// listing is how lists show one recording.
type listing struct {
	Growing, Interrupted, Here bool
	Arrived                    time.Time
}

// listed is what the list of alice's recordings shows; more are further filters.
func (x *terminals) listed(w who, more string) (all []listing) {
	x.t.Helper()
	var l struct{ Items []listing }
	x.must(w, "GET", "/recordings?user=alice"+more, nil, 200).decode(x.t, &l)
	return l.Items
}

// ages has the last of a recording have come a while ago.
func (x *terminals) ages(e *audit.Event, by time.Duration) time.Time {
	x.t.Helper()
	entry, err := x.shipped.Entry(e.ID)
	then := time.Now().Add(-by).Truncate(time.Second).UTC()
	if err == nil {
		err = os.Chtimes(entry.Path, then, then)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	return then
}

// TestRecordingOfAGatewayThatVanished: a recording is interrupted once nothing has come of it, and its gateway has not said that it has the session,
// for longer than gateways are waited for; it grows again as soon as either does.
func TestRecordingOfAGatewayThatVanished(t *testing.T) {
	x := newTerminals(t)
	l := &linkedPlane{plane: x.plane, root: x.start(), url: servePort(t, x.service)}
	mine, other, from := l.join("gw-1"), l.join("gw-2"), x.elsewhere()
	e := x.shell("gw-1")
	w := x.record(from, e)
	x.output(w, "the last that came")
	l.grow(&mine.Certificate, piece(e.ID, 0, x.file(from, e.ID)))
	reports := func(sessions ...access.LiveSession) {
		t.Helper()
		if status, answer := l.ask(&mine.Certificate, "POST", link.ReportPath, link.Report{Sessions: &link.Sessions{Open: sessions}}); status != http.StatusNoContent {
			t.Fatal(status, answer)
		}
	}
	isListed := func(when string, want listing) {
		t.Helper()
		want.Here = true
		for more, want := range map[string][]listing{"": {want}, "&statement=" + e.ID: {want}, "&statement=" + shellSession: nil, "&open=true": only(want, want.Growing), "&interrupted=true": only(want, want.Interrupted)} {
			if got := x.listed(l.root, more); !slices.Equal(got, want) {
				t.Errorf("%s, by %q: %+v, want %+v", when, more, got, want)
			}
		}
	}

	isListed("while it comes", listing{Growing: true})
	x.ages(e, link.ReportPatience/2)
	isListed("before the patience is over", listing{Growing: true})
	last := x.ages(e, time.Hour)
	isListed("when its gateway is not heard of", listing{Interrupted: true, Arrived: last})
	if r := x.must(l.root, "GET", "/recordings/"+e.ID+"/live", nil, 409); !strings.Contains(string(r.body), "from the gateway gw-1 since "+last.Format(time.RFC3339)) {
		t.Errorf("watched: %s", r.body)
	}
	var part struct {
		Last, Over bool
		Arrived    time.Time
	}
	x.must(l.root, "GET", "/recordings/"+e.ID+"/part", nil, 200).decode(t, &part)
	if !part.Last || part.Over || !part.Arrived.Equal(last) {
		t.Errorf("read: %+v", part)
	}

	session := access.LiveSession{ID: e.Session, User: e.User, Resource: e.Resource}
	reports(session)
	isListed("when nothing is shown in a session that is open", listing{Growing: true})
	if got := next(t, x.watch(l.root, e.ID)); !strings.Contains(got, "the last that came") {
		t.Errorf("watched: %q", got)
	}
	reports()
	isListed("when its gateway is back without the session", listing{Interrupted: true, Arrived: last})
	x.output(w, "and on")
	sent := x.file(x.shipped, e.ID)
	l.grow(&mine.Certificate, piece(e.ID, int64(len(sent)), x.file(from, e.ID)[len(sent):]))
	isListed("when more has come", listing{Growing: true})
	x.ages(e, time.Hour)
	x.gatewayEnds(l, &mine.Certificate, &other.Certificate, e, w, from)
	isListed("when all has come", listing{})
}

// only is the listing, if it is chosen.
func only(l listing, chosen bool) []listing {
	if chosen {
		return []listing{l}
	}
	return nil
}

// A gateway that was removed sends nothing more, whatever its last report said.
func TestRecordingOfAGatewayThatWasRemoved(t *testing.T) {
	x := newTerminals(t)
	l := &linkedPlane{plane: x.plane, root: x.start(), url: servePort(t, x.service)}
	mine, from := l.join("gw-1"), x.elsewhere()
	e := x.shell("gw-1")
	x.output(x.record(from, e), "$ ")
	l.grow(&mine.Certificate, piece(e.ID, 0, x.file(from, e.ID)))
	x.must(l.root, "DELETE", "/gateways/gw-1", nil, 204)
	last := x.ages(e, time.Minute)
	if got := x.listed(l.root, ""); len(got) != 1 || !got[0].Interrupted || !got[0].Arrived.Equal(last) {
		t.Errorf("listed: %+v", got)
	}
}
