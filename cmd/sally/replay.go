package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// replayFlags say what to replay, and how.
type replayFlags struct {
	api       apiFlags
	speed     float64
	idleLimit time.Duration
	from      string
	find      string
	input     bool
	output    string
}

func newReplayCommand() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay ID|FILE.cast",
		Short: "Replay what a terminal showed",
		Long: `Replays the recording of a statement, or those of a session in their order, or a file that --output wrote (asciicast of version
2 or 3). Where the output is no terminal, all of it is written at once. That somebody replays it is on the record.

While it plays: space pauses and goes on, the right and left arrows go 10 seconds ahead and back, + and - change the speed, n and p go to
the next and the previous place that --find found, q ends it. Long recordings are read piece by piece. What was typed, where that was
recorded, shows with --input. What a recording would make your terminal do besides showing it, such as
answering questions or changing the clipboard, is left out.`,
		Example: `  sally replay 0199b1de-4a3c-7d2e-9c60-3f1b2a5d4e6f --idle-limit 2s
  sally replay 0199b1de-4a3c-7d2e-9c60-3f1b2a5d4e6f --find "rm -rf"
  sally replay 0199b1de-4a3c-7d2e-9c60-3f1b2a5d4e6f --output shell.cast`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.api.register(cmd.Flags())
	cmd.Flags().Float64Var(&f.speed, "speed", 1, "how many times as fast")
	cmd.Flags().DurationVar(&f.idleLimit, "idle-limit", 0, "make pauses no longer than this, such as 2s; 0 keeps them")
	cmd.Flags().StringVar(&f.from, "from", "", "begin here: 1m30s, or 1:30, since the recording's beginning")
	cmd.Flags().StringVar(&f.find, "find", "", "begin where this text was shown first")
	cmd.Flags().BoolVar(&f.input, "input", false, "show what was typed as well, on the last line of the terminal; without a terminal list it alone")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write it to this file as asciicast instead; - is the standard output")
	return cmd
}

func (f *replayFlags) run(cmd *cobra.Command, what string) error {
	if f.speed <= 0 || f.speed > 1000 {
		return errors.New("--speed is above 0, and at most 1000")
	}
	from, err := parseMoment(f.from)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if f.output != "" {
		return f.export(ctx, what, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	if file, err := os.Open(what); err == nil {
		defer file.Close()
		tape, err := newFileTape(file)
		if err != nil {
			return err
		}
		return f.play(ctx, tape, from, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	c, err := f.api.client()
	if err != nil {
		return err
	}
	named, err := recordingsNamed(ctx, c, what)
	if err != nil {
		return err
	}
	for i, r := range named {
		if len(named) > 1 {
			fmt.Fprintf(cmd.ErrOrStderr(), "recording %d of %d: %s\n", i+1, len(named), r.Statement)
		}
		if err := f.playFrom(ctx, c, r.Statement, from, cmd); err != nil {
			if errors.Is(err, errQuit) {
				return nil
			}
			return err
		}
		r.tell(cmd.ErrOrStderr())
	}
	return nil
}

func (f *replayFlags) playFrom(ctx context.Context, c *apiClient, statement string, from time.Duration, cmd *cobra.Command) error {
	parts := apiTape{client: c, statement: statement}
	var t tape = &parts
	if terminalOf(cmd.OutOrStdout()) == nil {
		t = &streamTape{apiTape: parts}
	}
	defer t.close()
	return f.play(ctx, t, from, cmd.OutOrStdout(), cmd.ErrOrStderr())
}

// recordingItem is a recording as the API lists it.
type recordingItem struct {
	Statement string    `json:"statement"`
	Command   string    `json:"command"`
	Text      string    `json:"text"`
	Started   time.Time `json:"started"`
	Growing   bool      `json:"growing"`
	Here      bool      `json:"here"`
	Gateway   string    `json:"gateway"`

	Interrupted bool      `json:"interrupted"`
	Arrived     time.Time `json:"arrived"`
}

// tell says of a recording that it is not whole, if it will not grow for now.
func (r *recordingItem) tell(notes io.Writer) {
	if r.Interrupted {
		fmt.Fprintf(notes, "sally: interrupted: nothing has come from the gateway %s since %s; what it still has comes when it is back\n", r.Gateway, localTime(r.Arrived))
	}
}

// recordingsNamed are the recordings that an ID names: those of a session, or that of a statement.
func recordingsNamed(ctx context.Context, c *apiClient, id string) ([]recordingItem, error) {
	items, err := sessionRecordings(ctx, c, id)
	if err == nil && len(items) == 0 {
		items, err = listRecordings(ctx, c, "statement", id)
	}
	items = slices.DeleteFunc(items, func(r recordingItem) bool { return !r.Here })
	if len(items) == 0 {
		items = []recordingItem{{Statement: id}} // the server says what is wrong when it is none
	}
	return items, err
}

func sessionRecordings(ctx context.Context, c *apiClient, session string) ([]recordingItem, error) {
	return listRecordings(ctx, c, "session", session)
}

func listRecordings(ctx context.Context, c *apiClient, by, id string) ([]recordingItem, error) {
	var list struct {
		Items []recordingItem `json:"items"`
	}
	err := c.do(ctx, http.MethodGet, "/recordings?"+url.Values{by: {id}}.Encode(), nil, &list)
	var refused *apiError
	if errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity {
		return nil, fmt.Errorf("%q is neither a file nor the ID of a session or statement; find IDs with: sally audit search recording:yes -o wide", id)
	}
	return list.Items, err
}

// export writes the recording of one statement as it comes.
func (f *replayFlags) export(ctx context.Context, what string, out, notes io.Writer) error {
	c, err := f.api.client()
	if err != nil {
		return err
	}
	named, err := recordingsNamed(ctx, c, what)
	if err != nil {
		return err
	}
	if len(named) > 1 {
		var statements []string
		for _, r := range named {
			statements = append(statements, r.Statement)
		}
		return fmt.Errorf("this session has %d recordings; name one of them: %s", len(named), strings.Join(statements, ", "))
	}
	write := func(to io.Writer) error {
		body, err := openCast(ctx, c, named[0].Statement)
		if err != nil {
			return err
		}
		defer body.Close()
		if _, err := io.Copy(to, body); err != nil {
			return fmt.Errorf("read recording: %w", err)
		}
		named[0].tell(notes)
		return nil
	}
	if f.output == "-" {
		return write(out)
	}
	return writeWhole(f.output, write)
}

// play shows a recording on the terminal, or writes what it showed where there is none.
func (f *replayFlags) play(ctx context.Context, t tape, from time.Duration, out, notes io.Writer) error {
	p := &player{tape: t, out: out, speed: f.speed, idleLimit: f.idleLimit}
	if f.find != "" {
		var more bool
		var err error
		if p.hits, more, err = t.find(ctx, f.find); err != nil {
			return err
		}
		if more {
			fmt.Fprintf(notes, "%q was shown more than %d times; n and p go to the first %[2]d\n", f.find, maxFinds)
		}
		if len(p.hits) == 0 {
			return fmt.Errorf("%q was not shown in this recording", f.find)
		}
		from = p.hits[0]
	}
	screen := terminalOf(out)
	if screen == nil {
		if f.input {
			return p.listInput(ctx, notes)
		}
		return p.dump(ctx, from)
	}
	if err := p.seek(ctx, from); err != nil {
		return err
	}
	cols, rows, err := term.GetSize(int(screen.Fd()))
	if err == nil && (cols < p.cols || rows < p.rows) {
		fmt.Fprintf(notes, "recorded at %dx%d; this terminal has %dx%d, and lines may break elsewhere\n", p.cols, p.rows, cols, rows)
	}
	if f.input {
		p.status = max(20, cols)
	}
	keys, restore, err := readKeys(os.Stdin)
	if err != nil {
		return err
	}
	defer restore()
	defer fmt.Fprint(out, leaveTerminal)
	return p.run(ctx, keys)
}

// terminalOf is the terminal that is written to; nil: it is none.
func terminalOf(out io.Writer) *os.File {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// parseMoment reads 1m30s, 1:30 or 1:02:03; empty is the beginning.
func parseMoment(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return d, nil
	}
	total := 0.0
	parts := strings.Split(text, ":")
	for _, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || n < 0 || n > 1e9 || len(parts) > 3 {
			return 0, fmt.Errorf("%q is no moment; write 1m30s, 90 or 1:30", text)
		}
		total = total*60 + n
	}
	return time.Duration(total * float64(time.Second)), nil
}
