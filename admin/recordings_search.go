package admin

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/audit/recording"
)

const (
	// recordingsPage is how many recordings a page of them has.
	recordingsPage = 100
	// maxSearched bounds the recordings that one request looks into, and maxHitsEach what it tells of each.
	maxSearched = 500
	maxHitsEach = 20
)

// RecordingFilter chooses recordings; what is left out chooses nothing away.
type RecordingFilter struct {
	Session   string    `query:"session" pattern:"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" doc:"The session's ID"`
	Statement string    `query:"statement" pattern:"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$" doc:"The ID of its statement, which is its own"`
	User      string    `query:"user" maxLength:"128" doc:"Who was recorded; the part before the @ is enough"`
	Resource  string    `query:"resource" maxLength:"128" doc:"At which server"`
	Account   string    `query:"account" maxLength:"128" doc:"As which account"`
	Command   string    `query:"command" enum:"shell,exec" doc:"Shells alone, or single commands alone"`
	Since     time.Time `query:"since" doc:"Begun at this time or later"`
	Until     time.Time `query:"until" doc:"Begun before this time"`
	Longer    int       `query:"longer" minimum:"0" maximum:"31536000" doc:"That took this many seconds or more"`
	Open      bool      `query:"open" doc:"Terminals that are open now alone"`
	Over      bool      `query:"over" doc:"Recordings that are over alone"`

	Interrupted bool `query:"interrupted" doc:"Recordings alone that do not go on although their terminals were not closed, as those of a gateway that vanished"`
}

// query is the search of the record that finds them.
func (f *RecordingFilter) query() audit.Query {
	words := []string{"type:statement", "(recording:yes or done:false)"}
	if f.Open || f.Interrupted {
		words = append(words, "done:false")
	}
	if f.Over {
		words = append(words, "recording:yes")
	}
	words = append(words, "class:"+cmp.Or(f.Command, "shell,exec"))
	for _, term := range []struct{ field, value string }{{"session", f.Session}, {"id", f.Statement}, {"user", f.User}, {"resource", f.Resource}, {"account", f.Account}} {
		if term.value != "" {
			words = append(words, term.field+":"+quoteTerm(term.value))
		}
	}
	if f.Longer > 0 {
		words = append(words, "duration:>="+strconv.Itoa(f.Longer)+"s")
	}
	return audit.Query{Text: strings.Join(words, " "), From: f.Since, To: f.Until, Limit: recordingsPage}
}

// chooses says whether one that the search of the record has found is chosen, by what the record does not know.
func (f *RecordingFilter) chooses(info *recordingInfo) bool {
	return (!f.Open || info.Growing) && (!f.Interrupted || info.Interrupted)
}

// quoteTerm makes one value of a text, whatever stands in it, as a search of the record has it.
func quoteTerm(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

type listRecordings struct {
	RecordingFilter
	Cursor string `query:"cursor" maxLength:"4096" doc:"The previous page's next"`
}

type searchRecordings struct {
	RecordingFilter
	Text   string `query:"q" required:"true" minLength:"1" maxLength:"256" doc:"What to look for on the screen; upper and lower case are the same"`
	Cursor string `query:"cursor" maxLength:"8192" doc:"The previous answer's next"`
}

// recordingsFound is what a search through several recordings gives.
type recordingsFound struct {
	Items    []recordingHits `json:"items"`
	Searched int             `json:"searched" doc:"Recordings that were looked into"`
	Absent   int             `json:"absent" doc:"Recordings that the filter chooses and that are not here, or cannot be read"`
	Partial  bool            `json:"partial" doc:"There are more recordings than the time allowed to look into; next goes on from there"`
	Next     string          `json:"next" doc:"Cursor of the next answer; empty: there is none"`
}

// recordingHits are the lines of one recording that hold a text.
type recordingHits struct {
	Recording recordingInfo `json:"recording"`
	Hits      []hit         `json:"hits"`
	More      bool          `json:"more" doc:"There are more in this recording"`
}

// searchPlace is where a search through several recordings goes on.
type searchPlace struct {
	Until  time.Time     `json:"u"` // recordings that begin later are not part of it
	Cursor string        `json:"c,omitempty"`
	Done   int           `json:"d,omitempty"` // of the cursor's page
	At     time.Duration `json:"a,omitempty"` // within the next one
}

func (s *Service) registerRecordingSearch(a *api) {
	add(a, route{method: http.MethodGet, path: "/recordings", id: "list-recordings", summary: "List recordings", level: reader,
		description: fmt.Sprintf("Newest first, up to %d in a page; those of one session oldest first, and all in one page.", recordingsPage)},
		func(ctx context.Context, in *listRecordings) (*answer[list[recordingInfo]], error) {
			if in.Session != "" {
				items, err := s.recordingsOf(ctx, &in.RecordingFilter)
				return &answer[list[recordingInfo]]{Body: list[recordingInfo]{Items: items}}, err
			}
			l, err := s.listRecordings(ctx, in)
			return &answer[list[recordingInfo]]{Body: l}, err
		})
	add(a, route{method: http.MethodGet, path: "/recordings/search", id: "search-recordings", summary: "Search what terminals showed", level: reader,
		description: fmt.Sprintf("Looks for a text in the recordings that the filter chooses, newest first, for as long as one request may take; next goes on from there. "+
			"Of each recording up to %d lines are told. The search is in the record, and each recording that it shows something of.", maxHitsEach)},
		func(ctx context.Context, in *searchRecordings) (*answer[recordingsFound], error) {
			f, err := s.searchRecordings(ctx, in)
			return &answer[recordingsFound]{Body: f}, err
		})
}

// recordingsOf are all recordings of a session, oldest first.
func (s *Service) recordingsOf(ctx context.Context, f *RecordingFilter) ([]recordingInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	items := []recordingInfo{}
	q, from := f.query(), s.newSenders()
	q.Limit = maxPage
	for seen := 0; seen < maxRecorded; {
		page, err := s.searcher.Search(ctx, q)
		if err != nil {
			return nil, err
		}
		if items, err = s.appendRecordings(ctx, items, page.Rows, f, from); err != nil {
			return nil, err
		}
		seen += len(page.Rows)
		if q.Cursor = page.Next; q.Cursor == "" {
			break
		}
	}
	slices.SortFunc(items, func(a, b recordingInfo) int {
		return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.Statement, b.Statement))
	})
	return items, nil
}

func (s *Service) listRecordings(ctx context.Context, in *listRecordings) (list[recordingInfo], error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	q, from := in.query(), s.newSenders()
	q.Cursor = in.Cursor
	l := list[recordingInfo]{Items: []recordingInfo{}}
	for { // statements that are not over may have no recording, so that a page may hold none
		page, err := s.searcher.Search(ctx, q)
		if err != nil {
			return l, err
		}
		if l.Items, err = s.appendRecordings(ctx, l.Items, page.Rows, &in.RecordingFilter, from); err != nil {
			return l, err
		}
		l.Next, q.Cursor = page.Next, page.Next
		if len(l.Items) > 0 || page.Next == "" {
			return l, nil
		}
	}
}

func (s *Service) appendRecordings(ctx context.Context, items []recordingInfo, rows []audit.Event, f *RecordingFilter, from *senders) ([]recordingInfo, error) {
	for i := range rows {
		info, ok, err := s.recordingInfo(ctx, &rows[i], from)
		if err != nil {
			return items, err
		}
		if ok && f.chooses(&info) {
			items = append(items, info)
		}
	}
	return items, nil
}

// searchRecordings looks into one recording after the other until the time is over.
func (s *Service) searchRecordings(ctx context.Context, in *searchRecordings) (recordingsFound, error) {
	all := recordingsFound{Items: []recordingHits{}}
	place := searchPlace{Until: s.now()}
	if in.Cursor != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.Cursor)
		if err != nil || json.Unmarshal(text, &place) != nil || place.Done < 0 || place.At < 0 {
			return all, &refusal{status: http.StatusBadRequest, sentence: "this cursor does not belong to this search; begin again without one"}
		}
	}
	if err := s.record(ctx, act{action: "recordings.search", target: "*", after: in.told()}); err != nil {
		return all, err
	}
	limited, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	q := in.query()
	if q.To.IsZero() || place.Until.Before(q.To) {
		q.To = place.Until
	}
	for {
		q.Cursor = place.Cursor
		page, err := s.searcher.Search(limited, q)
		if err != nil {
			return all, err
		}
		for place.Done < len(page.Rows) {
			if all.Searched >= maxSearched || limited.Err() != nil {
				return all.goOn(ctx, place)
			}
			at, err := s.searchOne(ctx, limited, &all, &page.Rows[place.Done], in, place.At)
			if err != nil {
				return all, err
			}
			if place.At = at; at > 0 {
				return all.goOn(ctx, place)
			}
			place.Done++
		}
		if page.Next == "" {
			return all, nil
		}
		place.Cursor, place.Done = page.Next, 0
	}
}

// told is what the record says of a search.
func (in *searchRecordings) told() map[string]string {
	q := in.query()
	told := map[string]string{"q": in.Text, "search": q.Text}
	for name, at := range map[string]time.Time{"since": q.From, "until": q.To} {
		if !at.IsZero() {
			told[name] = at.UTC().Format(time.RFC3339)
		}
	}
	return told
}

// goOn says that there is more behind a place.
func (f *recordingsFound) goOn(ctx context.Context, place searchPlace) (recordingsFound, error) {
	if err := ctx.Err(); err != nil {
		return *f, err
	}
	text, err := json.Marshal(place)
	if err != nil {
		return *f, fmt.Errorf("encode cursor: %w", err)
	}
	f.Partial, f.Next = true, base64.RawURLEncoding.EncodeToString(text)
	return *f, nil
}

// searchOne looks into the recording of a statement. at is how far it came when the time was over; 0 when it is done with it.
func (s *Service) searchOne(ctx, limited context.Context, all *recordingsFound, e *audit.Event, in *searchRecordings, from time.Duration) (at time.Duration, err error) {
	info, ok, err := s.recordingInfo(ctx, e, s.newSenders())
	if err != nil || !ok || !in.chooses(&info) {
		return 0, err
	}
	r, err := s.recordings.open(e.ID)
	if err != nil {
		if !errors.Is(err, recording.ErrNotFound) {
			s.log.Warn("recording not searched", "statement", e.ID, "error", err)
		}
		all.Absent++
		return 0, nil
	}
	defer r.Close()
	if from == 0 {
		all.Searched++
	}
	f := found{Items: []hit{}, most: maxHitsEach}
	if from > 0 {
		if _, err := r.Seek(limited, from); err != nil {
			return from, ctx.Err()
		}
	}
	if err := f.find(limited, r, in.Text, from); err != nil {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		s.log.Warn("recording not searched", "statement", e.ID, "error", err)
		all.Absent++
	}
	if len(f.Items) > 0 {
		of := map[string]string{"session": info.Session, "user": info.User, "resource": info.Resource, "account": info.Account, "q": in.Text}
		if err := s.record(ctx, act{action: "recordings.search", target: e.ID, after: of}); err != nil {
			return 0, err
		}
		all.Items = append(all.Items, recordingHits{Recording: info, Hits: f.Items, More: f.More || f.Partial})
	}
	if f.Partial && len(f.Items) == 0 {
		return max(moment(f.To), from, time.Microsecond), nil
	}
	return 0, nil
}
