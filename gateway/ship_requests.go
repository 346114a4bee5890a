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
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit/journal"
	"github.com/sallyport/sallyport/audit/proof"
	"github.com/sallyport/sallyport/link"
)

// shipTime bounds one request of a shipment.
const shipTime = 2 * time.Minute

// body is what a request brings.
type body struct {
	content io.Reader
	length  int64
	packed  bool // by gzip
}

// ask makes a request and decodes its answer into out, unless that is nil. An error answer is *refused.
func (p *shipment) ask(ctx context.Context, method, path string, query map[string]string, in *body, out any) error {
	ctx, cancel := context.WithTimeout(ctx, shipTime)
	defer cancel()
	values := url.Values{}
	for name, value := range query {
		values.Set(name, value)
	}
	var content io.Reader
	if in != nil {
		content = in.content
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.server, "/")+path+"?"+values.Encode(), content)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	if in != nil {
		req.ContentLength = in.length
		req.Header.Set("Content-Type", "application/octet-stream")
		if in.packed {
			req.Header.Set("Content-Encoding", "gzip")
		}
	}
	res, err := p.link.client.Load().Do(req)
	if err != nil {
		return fmt.Errorf("ship the record: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusMultipleChoices {
		return refusalOf(res)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return errors.New("the control plane's answer cannot be read")
	}
	return nil
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
	return &body{content: &packed, length: int64(packed.Len()), packed: true}, nil
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
	if err := p.ask(ctx, http.MethodPut, link.SideFilesPath+"/"+sum, nil, &body{content: io.NopCloser(f), length: info.Size()}, nil); err != nil {
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
