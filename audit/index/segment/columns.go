package segment

import (
	"github.com/parquet-go/parquet-go/format"

	"github.com/sallyport/sallyport/audit/query"
)

// column names a column of a block. Their order is that of the Parquet file.
type column uint8

// Names with an equal meaning are the members of an event's JSON.
const (
	colSeq column = iota
	colTime
	colID
	colIDText // an ID that is no UUID in its canonical form; colID is zero then
	colType
	colGateway
	colSession
	colUser
	colGroups
	colRole
	colClientAddr
	colEntrance
	colApplication
	colResource
	colProtocol
	colAccount
	colLogin
	colDatabase
	colCredential
	colStatement
	colStatementForm // the JSON object of a statement that is none or not wholly in colStatement: base64, or a side file
	colCommand
	colPrepared
	colClass
	colTables
	colColumns
	colFingerprint
	colParams // the JSON array
	colRedacted
	colVerdict
	colPolicy
	colReason
	colOf
	colDone
	colRows
	colBytesIn
	colBytesOut
	colDuration
	colFirstRow
	colTag
	colErrorCode
	colErrorMessage
	colRecording // the JSON object
	colStatements
	colAction
	colTarget
	colBefore
	colAfter
	columnCount
)

// kind says how a column's values are held.
type kind uint8

const (
	kindNumber kind = iota // int64
	kindCode               // codes of values in a dictionary
	kindList               // likewise; a value is the list's strings, each after its length
	kindBytes              // bytes one after the other
	kindID                 // 16 bytes
)

// spec says what a column is.
type spec struct {
	name  string
	kind  kind
	codec format.CompressionCodec
}

var columnSpecs = [columnCount]spec{
	colSeq: {"seq", kindNumber, format.Zstd}, colTime: {"time", kindNumber, format.Uncompressed}, colID: {"id", kindID, format.Zstd}, colIDText: {"id_text", kindBytes, format.Zstd},
	colType: {"type", kindCode, format.Uncompressed}, colGateway: {"gateway", kindCode, format.Zstd}, colSession: {"session", kindCode, format.Zstd},
	colUser: {"user", kindCode, format.Uncompressed}, colGroups: {"groups", kindList, format.Zstd}, colRole: {"role", kindCode, format.Uncompressed},
	colClientAddr: {"client_addr", kindCode, format.Zstd}, colEntrance: {"entrance", kindCode, format.Zstd},
	colApplication: {"application", kindCode, format.Zstd}, colResource: {"resource", kindCode, format.Uncompressed}, colProtocol: {"protocol", kindCode, format.Zstd},
	colAccount: {"account", kindCode, format.Zstd}, colLogin: {"login", kindCode, format.Zstd}, colDatabase: {"database", kindCode, format.Zstd},
	colCredential: {"credential", kindCode, format.Zstd}, colStatement: {"statement", kindBytes, format.Zstd},
	colStatementForm: {"statement_form", kindBytes, format.Zstd}, colCommand: {"command", kindCode, format.Zstd},
	colPrepared: {"prepared", kindCode, format.Zstd}, colClass: {"class", kindCode, format.Uncompressed}, colTables: {"tables", kindList, format.Zstd},
	colColumns: {"columns", kindList, format.Zstd}, colFingerprint: {"fingerprint", kindCode, format.Zstd}, colParams: {"params", kindBytes, format.Zstd},
	colRedacted: {"redacted", kindList, format.Zstd}, colVerdict: {"verdict", kindCode, format.Uncompressed}, colPolicy: {"policy", kindCode, format.Zstd},
	colReason: {"reason", kindCode, format.Zstd}, colOf: {"of", kindBytes, format.Zstd}, colDone: {"done", kindNumber, format.Uncompressed},
	colRows: {"rows", kindNumber, format.Zstd}, colBytesIn: {"bytes_in", kindNumber, format.Zstd}, colBytesOut: {"bytes_out", kindNumber, format.Zstd},
	colDuration: {"duration_us", kindNumber, format.Zstd}, colFirstRow: {"first_row_us", kindNumber, format.Zstd}, colTag: {"tag", kindCode, format.Zstd},
	colErrorCode: {"error_code", kindCode, format.Zstd}, colErrorMessage: {"error_message", kindBytes, format.Zstd},
	colRecording: {"recording", kindBytes, format.Zstd}, colStatements: {"statements", kindNumber, format.Zstd}, colAction: {"action", kindCode, format.Zstd}, colTarget: {"target", kindCode, format.Zstd},
	colBefore: {"before", kindBytes, format.Zstd}, colAfter: {"after", kindBytes, format.Zstd},
}

// Columns is a set of a block's columns.
type Columns uint64

// AllColumns are what Block.Event needs.
const AllColumns Columns = 1<<columnCount - 1

func columnSet(columns ...column) Columns {
	var s Columns
	for _, c := range columns {
		s |= 1 << c
	}
	return s
}

func (s Columns) has(c column) bool { return s>>c&1 != 0 }

// ColumnsOfView are the columns that Block.Select needs to judge v.
func ColumnsOfView(v *query.View) Columns {
	switch v.Kind {
	case query.ViewField, query.ViewNumber:
		return ColumnsOfField(v.Field)
	case query.ViewTime:
		return columnSet(colTime)
	case query.ViewText:
		return columnSet(colStatement, colStatementForm, colParams)
	}
	var s Columns
	for i := range v.Terms {
		s |= ColumnsOfView(&v.Terms[i])
	}
	return s
}

// ColumnsOfField are the columns that a Record's Values, or Number, needs for the field.
func ColumnsOfField(f query.Field) Columns {
	outcome := columnSet(colType, colDone)
	switch f {
	case query.Account:
		return columnSet(colAccount, colLogin)
	case query.Error:
		return columnSet(colErrorCode, colErrorMessage)
	case query.Param:
		return columnSet(colParams)
	case query.ID:
		return columnSet(colID, colIDText)
	case query.Done:
		return outcome
	case query.Recording:
		return columnSet(colRecording)
	case query.Rows:
		return outcome | columnSet(colRows)
	case query.Bytes:
		return outcome | columnSet(colBytesIn, colBytesOut)
	case query.BytesIn:
		return outcome | columnSet(colBytesIn)
	case query.BytesOut:
		return outcome | columnSet(colBytesOut)
	case query.Duration:
		return outcome | columnSet(colDuration)
	case query.FirstRow:
		return outcome | columnSet(colFirstRow)
	case query.Statements:
		return outcome | columnSet(colStatements)
	case query.Seq:
		return columnSet(colSeq)
	}
	return columnSet(columnOf(f))
}

// ColumnsOfTop are the columns that Block.Rank needs for the field; ColumnsOfTime those of Block.Seconds besides a
// field's.
func ColumnsOfTop(f query.Field) Columns {
	return ColumnsOfField(f) | columnSet(colType, colDone, colRows, colBytesIn, colBytesOut, colDuration)
}

// ColumnsOfTime is the column that Block.Seconds and Block.Time need.
const ColumnsOfTime Columns = 1 << colTime

// columnOf is the column of a field that has one of its own.
func columnOf(f query.Field) column {
	switch f {
	case query.User:
		return colUser
	case query.Group:
		return colGroups
	case query.Role:
		return colRole
	case query.Resource:
		return colResource
	case query.Protocol:
		return colProtocol
	case query.Database:
		return colDatabase
	case query.Client:
		return colClientAddr
	case query.Application:
		return colApplication
	case query.Session:
		return colSession
	case query.Gateway:
		return colGateway
	case query.Entrance:
		return colEntrance
	case query.Type:
		return colType
	case query.Class:
		return colClass
	case query.Table:
		return colTables
	case query.Column:
		return colColumns
	case query.Verdict:
		return colVerdict
	case query.Tag:
		return colTag
	case query.Credential:
		return colCredential
	case query.Fingerprint:
		return colFingerprint
	case query.Action:
		return colAction
	case query.Target:
		return colTarget
	case query.Command:
		return colCommand
	case query.Prepared:
		return colPrepared
	case query.Policy:
		return colPolicy
	case query.Reason:
		return colReason
	case query.Redacted:
		return colRedacted
	}
	panic("segment: a field without a column of its own: " + f.String())
}
