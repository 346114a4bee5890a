package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit/recording"
)

func newSessionWatch(f *adminFlags) *cobra.Command {
	return &cobra.Command{
		Use: "watch ID", Short: "Watch an open terminal as its user sees it", Args: cobra.ExactArgs(1),
		Long: `Shows the terminal of an open SSH session from its present screen on, until it is closed or you press Ctrl-C; any number of people can
watch. ID is a session's, of which the newest open terminal is shown, or a statement's. Nothing that you type goes there. That you watch
is on the record. End the session with: sally admin sessions kill ID.`,
		Example: `  sally admin sessions list
  sally admin sessions watch 0199b1de-4a3c-7d2e-9c60-3f1b2a5d4e6f`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := f.api.client()
			if err != nil {
				return err
			}
			items, err := sessionRecordings(cmd.Context(), c, args[0])
			if err != nil {
				return err
			}
			statement := args[0]
			if len(items) > 0 {
				if statement, err = newestOpen(items, args[0], cmd.ErrOrStderr()); err != nil {
					return err
				}
			}
			err = watchTerminal(cmd, c, statement)
			if cmd.Context().Err() != nil { // Ctrl-C is how watching ends
				err = nil
			}
			return err
		},
	}
}

// newestOpen is the newest recording of a session whose terminal is open. Where all are interrupted it is one of those: the server says since when.
func newestOpen(items []recordingItem, session string, notes io.Writer) (statement string, err error) {
	open, interrupted := 0, ""
	for _, r := range items {
		switch {
		case r.Growing:
			open++
			statement = r.Statement
		case r.Interrupted:
			interrupted = r.Statement
		}
	}
	switch {
	case open > 0:
		fmt.Fprintf(notes, "watching %s; %d open in this session; Ctrl-C ends\n", statement, open)
		return statement, nil
	case interrupted != "":
		return interrupted, nil
	}
	return "", fmt.Errorf("no terminal is open in this session; replay what there was with: sally replay %s", session)
}

// watchTerminal shows a terminal until it is closed.
func watchTerminal(cmd *cobra.Command, c *apiClient, statement string) error {
	out := cmd.OutOrStdout()
	var harmless recording.Harmless
	show := func(text string) error {
		_, err := out.Write(harmless.Append(nil, []byte(text)))
		return err
	}
	began := false
	err := c.stream(cmd.Context(), "/recordings/"+url.PathEscape(statement)+"/live", func(data []byte) error {
		if !began {
			began = true
			var now struct{ Init string }
			if err := json.Unmarshal(data, &now); err != nil {
				return fmt.Errorf("read screen: %w", err)
			}
			return show(now.Init)
		}
		var event [3]any
		if json.Unmarshal(data, &event) != nil {
			return io.EOF // the terminal was closed
		}
		if text, ok := event[2].(string); ok && event[1] == string(recording.Output) {
			return show(text)
		}
		return nil
	})
	if began {
		fmt.Fprint(out, leaveTerminal)
	}
	var refused *apiError
	if errors.As(err, &refused) && refused.Status == http.StatusUnprocessableEntity {
		return fmt.Errorf("%q is no ID of a session or statement; list what is open with: sally admin sessions list", statement)
	}
	if errors.Is(err, io.EOF) {
		fmt.Fprintln(cmd.ErrOrStderr(), "the terminal was closed")
		return nil
	}
	return err
}
