package hosts

import (
	"slices"
	"strings"
)

// relay: a database that no gateway but the private host's reaches is opened through gw-1, to which that host has
// dialled out, and through the control plane's own gateway after that became the relay.
func (w *world) relay(alice *person) {
	url := alice.url(plant)
	if sockets := w.hosts["private"].listening(); sockets != "" {
		w.t.Errorf("these listen on the private host:\n%s", sockets)
	}
	if w.reaches("client", w.hosts["db"].lan+":5432") {
		w.t.Error("the client reaches the database itself")
	}
	conn := alice.mustConnect(url)
	w.wantSession("private")

	out, err := w.hosts["client"].command(w.ctx, "psql", url, "-Atc", "select inet_client_addr()").CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != w.hosts["private"].lan {
		w.t.Errorf("the database sees %q, %v; want the private host's %s", got, err, w.hosts["private"].lan)
	}

	// Large answers and large questions come whole.
	var n int
	if err := conn.QueryRow(w.ctx, "select length($1 || repeat('x', 10000000))", strings.Repeat("y", 5_000_000)).Scan(&n); err != nil || n != 15_000_000 {
		w.t.Errorf("%d, %v", n, err)
	}
	var text string
	if err := conn.QueryRow(w.ctx, "select repeat('x', 20000000)").Scan(&text); err != nil || len(text) != 20_000_000 {
		w.t.Errorf("%d bytes, %v", len(text), err)
	}

	// The relay is another now. What ran through the old one is cut.
	w.admin("", "gateways", "set", "private", "--relay", builtin)
	w.eventually("the session through the former relay ends", func() bool { return works(w.ctx, conn) != nil })
	private := w.gateways["private"]
	if err := private.process.Stop(stopGrace); err != nil {
		w.t.Fatal(err)
	}
	private.process = w.start(private.host, append(private.args, "--relay", w.hosts["control"].wan+":"+tunnelPort)...)
	w.awaitRules()
	w.eventually("alice reaches it through the control plane's gateway", func() bool {
		url = alice.url(plant)
		conn, err := alice.connect(url)
		if err == nil {
			err = works(w.ctx, conn)
			_ = conn.Close(w.ctx)
		}
		return err == nil
	})

	// The gateway behind is killed: its clients read why.
	if err := private.process.Kill(); err != nil {
		w.t.Fatal(err)
	}
	_, err = alice.connect(url)
	w.wantWords(err, "private, which is not connected just now")
	private.process = w.start(private.host, append(private.args, "--relay", w.hosts["control"].wan+":"+tunnelPort)...)
	w.awaitRules()
}

// wantSession wants one session at the private resource, at the gateway, from the client's own address.
func (w *world) wantSession(gateway string) {
	w.t.Helper()
	var there []session
	w.eventually("the session is listed", func() bool {
		there = slices.DeleteFunc(w.sessions(), func(s session) bool { return s.Resource != plant })
		return len(there) > 0
	})
	if len(there) != 1 || there[0].Gateway != gateway || !strings.HasPrefix(there[0].ClientAddr, w.hosts["client"].wan+":") {
		w.t.Errorf("sessions %+v; want one at %s from %s", there, gateway, w.hosts["client"].wan)
	}
}
