package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/audit"
)

// recordStatus is the API's answer to how the record stands.
type recordStatus struct {
	Index      audit.Progress `json:"index"`
	Checkpoint string         `json:"checkpoint,omitempty"`
	Key        string         `json:"key,omitempty"`
	Trouble    string         `json:"trouble,omitempty"` // with signing
	Witnesses  []struct {
		Name    string `json:"name"`
		Trouble string `json:"trouble,omitempty"`
	} `json:"witnesses,omitempty"`
}

func newAuditStatusCommand() *cobra.Command {
	var s auditSum
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how the record stands",
		Long:  "Tell how far the index has followed the journal, and what the latest signed checkpoint covers.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.status(cmd.Context(), cmd.OutOrStdout())
		},
	}
	s.auditFlags.register(cmd, "table or json")
	return cmd
}

func (s *auditSum) status(ctx context.Context, out io.Writer) error {
	asJSON, err := s.isJSON()
	if err != nil {
		return err
	}
	var st recordStatus
	if s.journal != "" {
		st.Index, err = s.journalStatus(ctx)
	} else {
		err = s.serverStatus(ctx, &st)
	}
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(out, st)
	}
	keys := []string{"index", "records", "behind", "lag", "trouble", "checkpoint", "key", "not signed"}
	values := []string{
		st.Index.Index, strconv.FormatUint(st.Index.Records, 10), strconv.FormatUint(st.Index.Behind, 10),
		shortDuration(time.Duration(st.Index.Lag)), st.Index.Trouble, checkpointText(st.Checkpoint), st.Key, st.Trouble,
	}
	for _, w := range st.Witnesses {
		keys, values = append(keys, "witness"), append(values, strings.TrimSuffix(w.Name+": "+w.Trouble, ": "))
	}
	return printPairs(out, keys, values)
}

func (s *auditSum) serverStatus(ctx context.Context, st *recordStatus) error {
	c, err := s.api.client()
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodGet, "/audit/status", nil, st)
}

// journalStatus counts the records of a journal that no server has open for us.
func (s *auditSum) journalStatus(ctx context.Context) (audit.Progress, error) {
	record, err := s.searcher()
	if err != nil {
		return audit.Progress{}, err
	}
	index, ok := record.(audit.Index)
	if !ok {
		return audit.Progress{}, errors.New("this journal tells nothing of itself")
	}
	c, err := record.Count(ctx, audit.Query{}, 0)
	p := index.Progress()
	p.Records = uint64(c.Scanned)
	return p, err
}

// checkpointText is what a signed note says first: whose log, and of how many records.
func checkpointText(note string) string {
	lines := strings.Split(note, "\n")
	if note == "" {
		return "none"
	}
	if len(lines) < 2 {
		return "not readable"
	}
	return fmt.Sprintf("%s, %s records", lines[0], lines[1])
}
