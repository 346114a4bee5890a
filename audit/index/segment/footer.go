package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	parquetMagic = "PAR1"
	// formKey says of which form the columns are; formVersion is the one that this package writes.
	formKey     = "sallyport.form"
	formVersion = "2"

	createdBy  = "sallyport"
	maxFooter  = 256 << 20
	footerTail = 4 + len(parquetMagic)
)

// schema is the file's: a flat list of columns, none of them optional, as an event's JSON leaves out what is empty.
func schema() []format.SchemaElement {
	children := int32(columnCount)
	elements := []format.SchemaElement{{Name: "event", NumChildren: &children}}
	for c := range columnCount {
		elements = append(elements, elementOf(c))
	}
	return elements
}

func elementOf(c column) format.SchemaElement {
	repetition, physical := format.Required, format.ByteArray
	e := format.SchemaElement{Name: columnSpecs[c].name}
	utf8, signed := deprecated.UTF8, deprecated.Int64
	text := &format.LogicalType{UTF8: &format.StringType{}}
	switch columnSpecs[c].kind {
	case kindNumber:
		physical = format.Int64
		switch c {
		case colDone:
			physical = format.Boolean
		case colSeq:
			signed = deprecated.Uint64
			e.ConvertedType = &signed
			e.LogicalType = &format.LogicalType{Integer: &format.IntType{BitWidth: 64}}
		case colTime:
			signed = deprecated.TimestampMicros
			e.ConvertedType = &signed
			e.LogicalType = &format.LogicalType{Timestamp: &format.TimestampType{IsAdjustedToUTC: true,
				Unit: format.TimeUnit{Micros: &format.MicroSeconds{}}}}
		}
	case kindList:
		repetition = format.Repeated
		e.ConvertedType, e.LogicalType = &utf8, text
	case kindID:
		physical = format.FixedLenByteArray
		length := int32(16)
		e.TypeLength = &length
		e.LogicalType = &format.LogicalType{UUID: &format.UUIDType{}}
	default:
		e.ConvertedType, e.LogicalType = &utf8, text
	}
	e.Type, e.RepetitionType = &physical, &repetition
	return e
}

func physicalType(c column) format.Type { return *elementOf(c).Type }

// appendFooter writes what stands at a Parquet file's end.
func appendFooter(dst []byte, groups []format.RowGroup, rows int64) ([]byte, error) {
	meta := format.FileMetaData{Version: 2, Schema: schema(), NumRows: rows, RowGroups: groups, CreatedBy: createdBy,
		KeyValueMetadata: []format.KeyValue{{Key: formKey, Value: formVersion}}}
	for range columnCount {
		meta.ColumnOrders = append(meta.ColumnOrders, format.ColumnOrder{TypeOrder: &format.TypeDefinedOrder{}})
	}
	footer, err := thrift.Marshal(&thrift.CompactProtocol{}, &meta)
	if err != nil {
		return nil, fmt.Errorf("encode footer: %w", err)
	}
	dst = append(dst, footer...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(footer)))
	return append(dst, parquetMagic...), nil
}

// readFooter reads and checks the footer of a file of so many bytes.
func readFooter(r io.ReaderAt, size int64) (meta *format.FileMetaData, err error) {
	var head [len(parquetMagic)]byte
	var tail [footerTail]byte
	if size < int64(len(head)+len(tail)) {
		return nil, errors.New("too short for a Parquet file")
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, err
	}
	if _, err := r.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return nil, err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:]))
	if string(head[:]) != parquetMagic || string(tail[4:]) != parquetMagic {
		return nil, errors.New("not a whole Parquet file")
	}
	if length > min(maxFooter, size-int64(len(head)+len(tail))) {
		return nil, errors.New("the footer is longer than the file")
	}
	footer := make([]byte, length)
	if _, err := r.ReadAt(footer, size-int64(len(tail))-length); err != nil {
		return nil, err
	}
	defer func() {
		if cause := recover(); cause != nil { // thrift's decoder indexes what damage may tell it to
			meta, err = nil, fmt.Errorf("the footer is damaged: %v", cause)
		}
	}()
	meta = new(format.FileMetaData)
	if err := thrift.Unmarshal(&thrift.CompactProtocol{}, footer, meta); err != nil {
		return nil, fmt.Errorf("decode footer: %w", err)
	}
	return meta, checkSchema(meta)
}

// checkSchema insists on this package's columns.
func checkSchema(meta *format.FileMetaData) error {
	if len(meta.Schema) != int(columnCount)+1 {
		return fmt.Errorf("%d columns where %d belong", len(meta.Schema)-1, columnCount)
	}
	for c := range columnCount {
		if have := meta.Schema[c+1].Name; have != columnSpecs[c].name {
			return fmt.Errorf("column %d is %q, not %q", c, have, columnSpecs[c].name)
		}
	}
	for i := range meta.RowGroups {
		if len(meta.RowGroups[i].Columns) != int(columnCount) {
			return fmt.Errorf("row group %d has %d columns", i, len(meta.RowGroups[i].Columns))
		}
	}
	return nil
}

// appendHeader writes a page's header.
func appendHeader(dst []byte, h *format.PageHeader) ([]byte, error) {
	var b bytes.Buffer
	if err := thrift.NewEncoder((&thrift.CompactProtocol{}).NewWriter(&b)).Encode(h); err != nil {
		return nil, fmt.Errorf("encode page header: %w", err)
	}
	return append(dst, b.Bytes()...), nil
}

// rangeOf are a chunk's statistics: readers of the archive leave out row groups by them.
func rangeOf(least, most int64) format.Statistics {
	return format.Statistics{MinValue: binary.LittleEndian.AppendUint64(nil, uint64(least)),
		MaxValue: binary.LittleEndian.AppendUint64(nil, uint64(most))}
}
