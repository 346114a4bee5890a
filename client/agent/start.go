package agent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/client"
)

const (
	// logLimit is the size of the log, of which one older part is kept.
	logLimit   = 1 << 20 // bytes
	startLimit = 15 * time.Second
	// The first line that a started agent prints: that it answers, or why it does not run.
	readyLine   = "ready"
	errorPrefix = "error: "
)

// Starter starts agents.
type Starter struct {
	Store   *client.Store
	Program string   // the path of this program
	Args    []string // such as "agent", "run", "--detached"
	Version string
}

// Ensure gives a client of an agent of this version: the one that runs, or a new one. An agent of another version is
// replaced; connections through it go on until they end by themselves.
func (s Starter) Ensure(ctx context.Context) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	place := PlaceOf(s.Store)
	c, err := Find(place)
	if err == nil {
		status, asked := c.Status(ctx)
		switch {
		case asked == nil && status.Version == s.Version:
			return c, nil
		case asked == nil:
			if err := c.Stop(ctx, true); err != nil {
				return nil, fmt.Errorf("replace the agent of version %s: %w", status.Version, err)
			}
		}
		c.Close()
	}
	if err := s.start(ctx, place); err != nil {
		return nil, err
	}
	return Find(place)
}

// start runs the program in the background and waits until it answers. Of two that are started at once one gives way.
func (s Starter) start(ctx context.Context, place Place) error {
	if err := os.MkdirAll(place.dir, 0o700); err != nil {
		return fmt.Errorf("make directory for the agent: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	defer func() { _ = read.Close() }()
	cmd := exec.Command(s.Program, s.Args...) // without a context: it outlives this program
	cmd.Dir = place.dir                       // wherever this program was started may be unmounted one day
	cmd.Stdout = write
	cmd.SysProcAttr = detached()
	cmd.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, "SALLY_TOKEN=") // it would lie about for as long as the agent runs
	})
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return fmt.Errorf("start the agent: %w", err)
	}
	// If it fails, its end is seen here; if it runs, it is nobody's child soon.
	go func() { _ = cmd.Wait() }()
	return waitReady(ctx, read, place)
}

func waitReady(ctx context.Context, read *os.File, place Place) error {
	stop := context.AfterFunc(ctx, func() { _ = read.Close() })
	defer stop()
	first, err := bufio.NewReader(read).ReadString('\n')
	first = strings.TrimSpace(first)
	switch message, failed := strings.CutPrefix(first, errorPrefix); {
	case first == readyLine, failed && message == ErrRunning.Error(): // another was faster
		return nil
	case failed:
		return fmt.Errorf("start the agent: %s", message)
	case ctx.Err() != nil:
		return fmt.Errorf("the agent does not answer within %v; see %s", startLimit, place.LogFile())
	}
	return fmt.Errorf("the agent ended as it began; see %s (%w)", place.LogFile(), err)
}

// RunDetached is Run for an agent that a Starter started: it logs to its file, and says by its first line how it began.
func RunDetached(ctx context.Context, config Config, out io.Writer) error {
	file, err := openLog(PlaceOf(config.Store).LogFile(), logLimit)
	if err != nil {
		_, _ = fmt.Fprintln(out, errorPrefix+err.Error())
		return err
	}
	defer func() { _ = file.Close() }()
	config.Log = slog.New(slog.NewTextHandler(file, nil))
	began := false
	config.Ready = func() {
		began = true
		_, _ = fmt.Fprintln(out, readyLine) // who started it may have gone
	}
	err = Run(ctx, config)
	if err == nil {
		return nil
	}
	config.Log.Error("agent ended", "error", err)
	if !began { // nobody reads more than one line
		_, _ = fmt.Fprintln(out, errorPrefix+strings.ReplaceAll(err.Error(), "\n", " "))
	}
	return err
}
