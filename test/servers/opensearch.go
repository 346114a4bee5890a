package servers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	openSearchVersion    = "2.19.0"
	elasticsearchVersion = "7.17.28"

	searchScript     = "scripts/opensearch.sh"
	searchStartLimit = 90 * time.Second
	searchStopGrace  = 20 * time.Second
)

// SearchKind is which of the two search servers is wanted.
type SearchKind string

// The search servers.
const (
	OpenSearch SearchKind = "opensearch"
	// Elasticsearch is its smallest distribution: without the field type wildcard, without lifecycle policies.
	Elasticsearch SearchKind = "elasticsearch"
)

// SearchServer is a private node of OpenSearch or Elasticsearch, a cluster of its own, whose data outlives Stop and Start.
type SearchServer struct {
	Kind    SearchKind
	URL     string // http://127.0.0.1:port
	LogFile string

	dir     string
	install string
	port    int
	process *Process
}

// StartOpenSearch starts a private OpenSearch for one test and ends it with the test. Where it is not cached yet, it
// is downloaded first, once a machine. A start takes 10 to 20 s: tests of one package share a node (RunSearchServer).
func StartOpenSearch(t testing.TB) *SearchServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "sally-os-")
	if err != nil {
		t.Fatalf("make directory for OpenSearch: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove OpenSearch's directory: %v", err)
		}
	})
	s, err := RunSearchServer(t.Context(), dir, OpenSearch)
	if errors.Is(err, ErrMissing) {
		t.Log(err)
		MissingSearchServer(t, OpenSearch)
	}
	if err != nil {
		t.Fatalf("start OpenSearch: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stop OpenSearch: %v", err)
		}
	})
	return s
}

// MissingSearchServer is Missing for a server that RunSearchServer could not have.
func MissingSearchServer(t testing.TB, kind SearchKind) {
	t.Helper()
	Missing(t, string(kind)+" "+kind.version(), searchScript+" "+string(kind))
}

// RunSearchServer starts a node whose data lives in dir, which it makes on first use and reuses after. An error that
// wraps ErrMissing says that the server could not be had. The context bounds the start alone; the node runs until
// Stop, Kill or the death of this process.
func RunSearchServer(ctx context.Context, dir string, kind SearchKind) (*SearchServer, error) {
	install, err := searchInstall(ctx, kind)
	if err != nil {
		return nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("find directory for %s: %w", kind, err)
	}
	s := &SearchServer{Kind: kind, LogFile: filepath.Join(dir, "node.log"), dir: dir, install: install}
	if s.port, err = FreePort(); err != nil {
		return nil, err
	}
	s.URL = fmt.Sprintf("http://127.0.0.1:%d", s.port)
	if err := s.reachable(ctx); err != nil {
		return nil, err
	}
	if err := s.configure(); err != nil {
		return nil, fmt.Errorf("configure %s: %w", kind, err)
	}
	return s, s.Start(ctx)
}

// reachable copies the program, 60 MB, to the node's directory when the node runs as somebody else, who need not be able
// to enter the cache: Java's look at a file does not count capabilities.
func (s *SearchServer) reachable(ctx context.Context) error {
	if searchOwner() == "" {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("make directory for %s: %w", s.Kind, err)
	}
	from := s.install
	s.install = filepath.Join(s.dir, "server")
	if _, err := os.Stat(s.install); err == nil {
		return nil
	}
	if out, err := exec.CommandContext(ctx, "cp", "-r", from, s.install).CombinedOutput(); err != nil {
		return fmt.Errorf("copy %s: %w: %s", s.Kind, err, out)
	}
	return nil
}

func (k SearchKind) version() string {
	if k == Elasticsearch {
		return elasticsearchVersion
	}
	return openSearchVersion
}

// searchInstall is the directory of the server's program, downloaded when it is not there yet.
func searchInstall(ctx context.Context, kind SearchKind) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, string(kind)+"-"+kind.version())
	install := filepath.Join(dir, "server")
	if _, err := os.Stat(filepath.Join(install, "bin", string(kind))); err == nil {
		return install, nil
	}
	script, err := repositoryFile(searchScript)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(os.Stderr, "*** getting %s %s once: %s\n", kind, kind.version(), searchScript)
	if out, err := exec.CommandContext(ctx, script, string(kind), dir).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: run %s: %w\n%s", ErrMissing, searchScript, err, out)
	}
	return install, nil
}

// searchOwner is whom the node runs as: it refuses to be root.
func searchOwner() string {
	if os.Geteuid() == 0 {
		return "nobody"
	}
	return ""
}

// configure writes the node's configuration and gives its directory to the one it runs as.
func (s *SearchServer) configure() error {
	config, temp := filepath.Join(s.dir, "config"), filepath.Join(s.dir, "tmp")
	for _, dir := range []string{s.dir, config, filepath.Join(s.dir, "data"), temp} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	transport, err := FreePort()
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("cluster.name: private-test\nnode.name: one\ndiscovery.type: single-node\n"+
		"network.host: 127.0.0.1\nhttp.port: %d\ntransport.port: %d\npath.data: %s\npath.logs: %s\n"+
		"cluster.routing.allocation.disk.threshold_enabled: false\n",
		s.port, transport, filepath.Join(s.dir, "data"), s.dir)
	if s.Kind == Elasticsearch {
		settings += "xpack.security.enabled: false\n"
	}
	files := map[string]string{
		string(s.Kind) + ".yml": settings,
		"jvm.options":           "-Xms512m\n-Xmx512m\n-XX:TieredStopAtLevel=1\n-Djava.io.tmpdir=" + temp + "\n",
		"log4j2.properties": "status = error\nappender.console.type = Console\nappender.console.name = console\n" +
			"appender.console.layout.type = PatternLayout\nappender.console.layout.pattern = [%d][%p][%c{1.}] %m%n\n" +
			"rootLogger.level = warn\nrootLogger.appenderRef.console.ref = console\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(config, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error {
		return errors.Join(err, giveTo(searchOwner(), path))
	})
}

// Start runs the node at the address it had before, and returns when it answers.
func (s *SearchServer) Start(ctx context.Context) error {
	config := filepath.Join(s.dir, "config")
	process, err := Start(Command{
		Path: filepath.Join(s.install, "bin", string(s.Kind)),
		Env: []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8", "JAVA_HOME=" + javaHome(),
			"OPENSEARCH_JAVA_HOME=" + javaHome(), "ES_JAVA_HOME=" + javaHome(), "OPENSEARCH_PATH_CONF=" + config,
			"ES_PATH_CONF=" + config, "OPENSEARCH_TMPDIR=" + filepath.Join(s.dir, "tmp"), "ES_TMPDIR=" + filepath.Join(s.dir, "tmp")},
		Dir: s.dir, LogFile: s.LogFile, User: searchOwner(),
	})
	if err != nil {
		return err
	}
	s.process = process
	ready := func() bool { return s.ready(ctx) }
	if err := process.waitUntil(ready, searchStartLimit); err != nil {
		return errors.Join(err, process.Kill())
	}
	return nil
}

// javaHome is where the program java on the path belongs.
func javaHome() string {
	path, err := exec.LookPath("java")
	if err != nil {
		return ""
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return ""
	}
	return strings.TrimSuffix(path, "/bin/java")
}

func (s *SearchServer) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/_cluster/health?wait_for_status=yellow&timeout=2s", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// PID is the process id of the node.
func (s *SearchServer) PID() int { return s.process.PID() }

// Stop ends the node in order; its data stays.
func (s *SearchServer) Stop() error { return s.process.Stop(searchStopGrace) }

// Kill ends the node at once; what it has acknowledged stays.
func (s *SearchServer) Kill() error { return s.process.Kill() }

// Freeze stops the node's process where it stands, as a machine that hangs, until Thaw.
func (s *SearchServer) Freeze() error { return s.process.Pause() }

// Thaw lets a frozen node go on.
func (s *SearchServer) Thaw() error { return s.process.Resume() }
