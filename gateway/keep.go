package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/access"
	"github.com/sallyport/sallyport/link"
)

// keptHeartbeat is what is kept of the lease: the last word, and what time it was.
type keptHeartbeat struct {
	Heartbeat link.Signed `json:"heartbeat"`
	Control   time.Time   `json:"control"` // the control plane's time, at most, when this was written
	Wall      time.Time   `json:"wall"`    // this machine's
}

// keepEvery is the time between two writes of the heartbeat.
const keepEvery = 5 * time.Second

// forget removes what is kept of an earlier control plane.
func forget(dir string) error {
	for _, name := range []string{snapshotFile, heartbeatFile, hostCertificateFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget the former control plane: %w", err)
		}
	}
	return nil
}

func (l *Link) keepSnapshot(s link.Signed) {
	text, err := json.Marshal(s)
	if err == nil {
		err = replaceFile(filepath.Join(l.dir, snapshotFile), text, true)
	}
	if err != nil {
		l.log.Error("snapshot not kept: after a restart this gateway needs its control plane at once", "error", err)
	}
}

// keepHeartbeat keeps what the lease stands at, so that a restart changes nothing. A gateway that does not count any more
// keeps nothing: it must not let anybody in again before a control plane says so.
func (l *Link) keepHeartbeat() {
	l.keeping.Lock()
	defer l.keeping.Unlock()
	if l.revoked.Load() {
		if err := os.Remove(filepath.Join(l.dir, heartbeatFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
			l.log.Error("heartbeat not removed: after a restart this gateway may let people in until it is refused again", "error", err)
		}
		return
	}
	l.mu.Lock()
	word := l.word
	l.mu.Unlock()
	if word == nil {
		return
	}
	text, err := json.Marshal(keptHeartbeat{Heartbeat: *word, Control: l.lease.now(), Wall: l.wall().UTC().Round(0)})
	if err == nil {
		err = replaceFile(filepath.Join(l.dir, heartbeatFile), text, false)
	}
	if err != nil {
		l.log.Error("heartbeat not kept: after a restart this gateway needs its control plane at once", "error", err)
	}
}

// recall takes up what the last run of this program left. Nothing of it counts that is not signed, and nothing is an
// error: without it the gateway waits for its control plane.
func (l *Link) recall() {
	snapshot, err := l.recallSnapshot()
	if err != nil {
		l.log.Info("no snapshot is kept", "reason", err)
		return
	}
	engine, err := access.Compile(snapshot)
	if err != nil {
		l.log.Error("the snapshot that is kept cannot be used", "error", err)
		return
	}
	l.mu.Lock()
	l.engine = engine
	l.mu.Unlock()
	l.directory.hold(engine)
	if err := l.recallHeartbeat(snapshot.Generation); err != nil {
		l.log.Info("no heartbeat counts", "reason", err)
	}
}

func (l *Link) recallSnapshot() (*access.Snapshot, error) {
	text, err := os.ReadFile(filepath.Join(l.dir, snapshotFile))
	if err != nil {
		return nil, err
	}
	var signed link.Signed
	if err := json.Unmarshal(text, &signed); err != nil {
		return nil, err
	}
	snapshot := &access.Snapshot{}
	return snapshot, signed.Open(l.identity.Load().SnapshotKey, link.SnapshotPurpose, snapshot)
}

func (l *Link) recallHeartbeat(generation int64) error {
	text, err := os.ReadFile(filepath.Join(l.dir, heartbeatFile))
	if err != nil {
		return err
	}
	var kept keptHeartbeat
	if err := json.Unmarshal(text, &kept); err != nil {
		return err
	}
	id := l.identity.Load()
	var beat link.Heartbeat
	if err := kept.Heartbeat.Open(id.SnapshotKey, link.HeartbeatPurpose, &beat); err != nil {
		return err
	}
	away := l.wall().Sub(kept.Wall)
	switch {
	case beat.Gateway != id.Gateway || beat.Generation > generation:
		return errors.New("it does not belong to the snapshot")
	case away < 0:
		return errors.New("this machine's clock was set back")
	case kept.Control.Before(beat.Issued):
		return errors.New("it is from later than it was written")
	}
	l.lease.measured(kept.Control.Add(away), l.lease.lived())
	l.lease.renew(beat.Issued, beat.OfflineLimit)
	l.mu.Lock()
	l.word = &kept.Heartbeat
	l.mu.Unlock()
	return nil
}
