package audit

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// MarshalJSON writes whole microseconds.
func (m Micros) MarshalJSON() ([]byte, error) {
	return json.Marshal(time.Duration(m).Microseconds())
}

// UnmarshalJSON reads whole microseconds.
func (m *Micros) UnmarshalJSON(b []byte) error {
	var us int64
	if err := json.Unmarshal(b, &us); err != nil {
		return fmt.Errorf("microseconds: %w", err)
	}
	*m = Micros(time.Duration(us) * time.Microsecond)
	return nil
}

// encodedBytes are the forms, other than a plain string, in which bytes stand in a record.
type encodedBytes struct {
	Base64 []byte  `json:"base64"`
	Hex    *string `json:"hex"`
	File   string  `json:"file"`
	Size   int64   `json:"size"`
	Head   string  `json:"head"`
}

// MarshalJSON writes the form that Text describes.
func (t Text) MarshalJSON() ([]byte, error) { return t.appendJSON(nil), nil }

// UnmarshalJSON reads the form that Text describes.
func (t *Text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("text: %w", err)
		}
		*t = Text{Bytes: []byte(s)}
		return nil
	}
	var o encodedBytes
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("text: %w", err)
	}
	if o.File != "" {
		*t = Text{Bytes: []byte(o.Head), File: &SideFile{SHA256: o.File, Size: o.Size}}
		return nil
	}
	*t = Text{Bytes: o.Base64}
	return nil
}

// MarshalJSON writes the form that Param describes.
func (p Param) MarshalJSON() ([]byte, error) { return p.appendJSON(nil), nil }

// UnmarshalJSON reads the form that Param describes.
func (p *Param) UnmarshalJSON(b []byte) error {
	switch {
	case string(b) == "null":
		*p = Param{Form: ParamNull}
		return nil
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return fmt.Errorf("parameter: %w", err)
		}
		*p = Param{Value: []byte(s), Form: ParamText}
		return nil
	}
	var o encodedBytes
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("parameter: %w", err)
	}
	if o.File != "" {
		*p = Param{Form: ParamHex, File: &SideFile{SHA256: o.File, Size: o.Size}}
		return nil
	}
	if o.Hex == nil {
		return fmt.Errorf("parameter: neither a string, null, hex nor a file: %.40s", b)
	}
	raw, err := hex.DecodeString(*o.Hex)
	if err != nil {
		return fmt.Errorf("parameter: %w", err)
	}
	*p = Param{Value: raw, Form: ParamHex}
	return nil
}

// String is the text as far as the event itself holds it, with invalid UTF-8 replaced.
func (t Text) String() string { return string(t.Bytes) }
