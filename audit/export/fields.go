package export

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit"
)

// A row is an event as CSV and Parquet hold it: a column for each member of the event's JSON, of the same name, in the
// same order. Parquet holds lists as lists. What has a structure of its own in JSON stands as its JSON.
type row struct {
	Seq          uint64    `parquet:"seq"`
	ID           string    `parquet:"id"`
	Time         time.Time `parquet:"time,timestamp(microsecond)"`
	Type         string    `parquet:"type,dict"`
	Gateway      string    `parquet:"gateway,dict"`
	Session      string    `parquet:"session,dict"`
	User         string    `parquet:"user,dict"`
	Groups       []string  `parquet:"groups,list"`
	Role         string    `parquet:"role,dict"`
	ClientAddr   string    `parquet:"client_addr,dict"`
	Entrance     string    `parquet:"entrance,dict"`
	Application  string    `parquet:"application,dict"`
	Resource     string    `parquet:"resource,dict"`
	Protocol     string    `parquet:"protocol,dict"`
	Account      string    `parquet:"account,dict"`
	Login        string    `parquet:"login,dict"`
	Database     string    `parquet:"database,dict"`
	Credential   string    `parquet:"credential,dict"`
	Statement    string    `parquet:"statement"`
	Command      string    `parquet:"command,dict"`
	Prepared     string    `parquet:"prepared,dict"`
	Class        string    `parquet:"class,dict"`
	Tables       []string  `parquet:"tables,list"`
	Columns      []string  `parquet:"columns,list"`
	Fingerprint  string    `parquet:"fingerprint,dict"`
	Params       string    `parquet:"params"`
	Redacted     []string  `parquet:"redacted,list"`
	Verdict      string    `parquet:"verdict,dict"`
	Policy       string    `parquet:"policy,dict"`
	Reason       string    `parquet:"reason,dict"`
	Of           string    `parquet:"of"`
	Done         bool      `parquet:"done"`
	Rows         int64     `parquet:"rows"`
	BytesIn      int64     `parquet:"bytes_in"`
	BytesOut     int64     `parquet:"bytes_out"`
	DurationUS   int64     `parquet:"duration_us"`
	FirstRowUS   int64     `parquet:"first_row_us"`
	Tag          string    `parquet:"tag,dict"`
	ErrorCode    string    `parquet:"error_code,dict"`
	ErrorMessage string    `parquet:"error_message"`
	Recording    string    `parquet:"recording"`
	Statements   int64     `parquet:"statements"`
	Action       string    `parquet:"action,dict"`
	Target       string    `parquet:"target"`
	Before       string    `parquet:"before"`
	After        string    `parquet:"after"`
}

func rowOf(e *audit.Event) (row, error) {
	statement, err := plainText(&e.Statement)
	if err != nil {
		return row{}, err
	}
	params, err := paramsText(e.Params)
	if err != nil {
		return row{}, err
	}
	recording := ""
	if e.Recording != nil {
		b, err := e.Recording.MarshalJSON()
		if err != nil {
			return row{}, fmt.Errorf("encode recording: %w", err)
		}
		recording = string(b)
	}
	return row{
		Seq: e.Seq, ID: e.ID, Time: e.Time.UTC(), Type: string(e.Type), Gateway: e.Gateway, Session: e.Session, User: e.User,
		Groups: e.Groups, Role: e.Role, ClientAddr: e.ClientAddr, Entrance: e.Entrance, Application: e.Application,
		Resource: e.Resource, Protocol: e.Protocol, Account: e.Account, Login: e.Login, Database: e.Database,
		Credential: e.Credential, Statement: statement, Command: e.Command, Prepared: e.Prepared, Class: e.Class,
		Tables: e.Tables, Columns: e.Columns, Fingerprint: e.Fingerprint, Params: params, Redacted: e.Redacted,
		Verdict: string(e.Verdict), Policy: e.Policy, Reason: e.Reason, Of: e.Of, Done: e.Done, Rows: e.Rows,
		BytesIn: e.BytesIn, BytesOut: e.BytesOut, DurationUS: time.Duration(e.Duration).Microseconds(),
		FirstRowUS: time.Duration(e.FirstRow).Microseconds(), Tag: e.Tag, ErrorCode: e.ErrorCode,
		ErrorMessage: e.ErrorMessage, Recording: recording, Statements: e.Statements, Action: e.Action, Target: e.Target, Before: e.Before,
		After: e.After,
	}, nil
}

// plainText is the statement itself when that is valid UTF-8 and stands in the event, else its JSON.
func plainText(t *audit.Text) (string, error) {
	if t.File == nil && utf8.Valid(t.Bytes) {
		return string(t.Bytes), nil
	}
	b, err := t.MarshalJSON()
	if err != nil {
		return "", fmt.Errorf("encode statement: %w", err)
	}
	return string(b), nil
}

// paramsText is the parameters' JSON; empty when there are none.
func paramsText(params []audit.Param) (string, error) {
	if len(params) == 0 {
		return "", nil
	}
	list := []byte{'['}
	for i := range params {
		b, err := params[i].MarshalJSON()
		if err != nil {
			return "", fmt.Errorf("encode parameter: %w", err)
		}
		list = append(append(list, b...), ',')
	}
	list[len(list)-1] = ']'
	return string(list), nil
}
