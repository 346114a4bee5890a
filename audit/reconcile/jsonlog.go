package reconcile

import (
	"encoding/json"
	"errors"
	"time"
)

// jsonReader reads a jsonlog (PostgreSQL's documentation, "Using JSON-Format Log Output"): an object a line.
type jsonReader struct {
	lines      *buffer
	file       string
	zone       *time.Location
	unreadable int64
}

type jsonLine struct {
	Timestamp   string `json:"timestamp"`
	User        string `json:"user"`
	Database    string `json:"dbname"`
	Host        string `json:"remote_host"`
	Session     string `json:"session_id"`
	Severity    string `json:"error_severity"`
	Message     string `json:"message"`
	Detail      string `json:"detail"`
	Statement   string `json:"statement"`
	Application string `json:"application_name"`
	Backend     string `json:"backend_type"`
}

func (j *jsonReader) next() (Line, error) {
	for {
		end, err := j.lines.line(0)
		if err != nil {
			return Line{}, err
		}
		var l jsonLine
		at, ok := time.Time{}, json.Unmarshal(j.lines.b[:end], &l) == nil && l.Severity != ""
		if ok {
			at, err = parsePostgresTime(l.Timestamp, j.zone)
			if errors.Is(err, errZone) {
				return Line{}, err
			}
			ok = err == nil
		}
		place := Place{j.file, j.lines.number}
		j.lines.consume(end)
		if !ok {
			j.unreadable++
			continue
		}
		return Line{
			Place: place, Time: at, User: l.User, DB: l.Database, Host: l.Host, Session: l.Session, Severity: l.Severity,
			Message: l.Message, Detail: l.Detail, Query: l.Statement, App: l.Application, Backend: l.Backend,
		}, nil
	}
}
