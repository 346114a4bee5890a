package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/link"
)

const (
	// shipTime bounds one request of a shipment.
	shipTime = 2 * time.Minute
	// binary is the media type of what is shipped.
	binary = "application/octet-stream"
)

// ask makes a request of the shipment.
func (p *shipment) ask(ctx context.Context, method, path string, query map[string]string, in *body, out any) error {
	return call{method: method, path: path, query: query, body: in, within: shipTime}.do(ctx, p.link.client.Load(), p.server, out)
}

// pack compresses a body.
func pack(b []byte) (*body, error) {
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	_, err = z.Write(b)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return &body{content: &packed, length: int64(packed.Len()), kind: binary, encoding: "gzip"}, nil
}

func (p *shipment) sendLines(ctx context.Context, l journal.Lines) error {
	packed, err := pack(l.Bytes)
	if err != nil {
		return err
	}
	return p.ask(ctx, http.MethodPost, link.LinesPath, map[string]string{
		link.SegmentParam: strconv.FormatUint(l.Segment, 10), link.OffsetParam: strconv.FormatInt(l.Offset, 10),
	}, packed, &p.end)
}

// sideFile sends a side file, unless it was sent in this shipment.
func (p *shipment) sideFile(ctx context.Context, sum string) error {
	if p.sent[sum] {
		return nil
	}
	f, err := journal.OpenStoredSideFile(p.record.Dir(), sum)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the side file %s, which a record refers to, is missing here; find out why with: sally audit verify", sum)
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read side file: %w", err)
	}
	if err := p.ask(ctx, http.MethodPut, link.SideFilesPath+"/"+sum, nil, &body{content: io.NopCloser(f), length: info.Size(), kind: binary}, nil); err != nil {
		return err
	}
	const most = 10_000
	if len(p.sent) >= most {
		clear(p.sent)
	}
	p.sent[sum] = true
	return nil
}

func (p *shipment) prove(ctx context.Context, b proof.Bundle) error {
	text, err := json.Marshal(b)
	if err != nil {
		return fmt.Errorf("encode checkpoints: %w", err)
	}
	packed, err := pack(text)
	if err != nil {
		return err
	}
	return p.ask(ctx, http.MethodPost, link.ProofPath, nil, packed, &p.end)
}

// firstTime is when the first record of the lines was made; zero when it does not say.
func firstTime(l journal.Lines) time.Time {
	rest := l.Bytes
	if l.Offset == 0 {
		_, rest, _ = bytes.Cut(rest, []byte("\n"))
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	_, record, _ := bytes.Cut(line, []byte(" "))
	var e struct {
		Time time.Time `json:"time"`
	}
	if json.Unmarshal(record, &e) != nil {
		return time.Time{}
	}
	return e.Time
}
